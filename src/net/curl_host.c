#include "net/curl_transport.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#define HOSTS_MAX 256
#define HOST_EXCHANGES 64
/* Renewed after a minute or when a connection fails, not more often than every five seconds; served
 * for ten minutes while renewal fails. */
#define NAME_FRESH_NS 60000000000u
#define NAME_STALE_NS 600000000000u
#define NAME_RETRY_NS 5000000000u
/* One lookup at a time, unless it takes this long: then up to eight. */
#define LOOKUP_SLOW_NS 300000000u
#define LOOKUPS_MAX 8

/* --- names --- */

static struct ath__name *name_of(struct ath__node *node) {
    return ATH__CONTAINER(node, struct ath__name, node);
}

static struct ath__host *host_of(struct ath__node *node) {
    return ATH__CONTAINER(node, struct ath__host, node);
}

static struct ath__name *find_name(struct ath__transport *t, const char *text) {
    for (struct ath__node *node = t->names.next; node != &t->names; node = node->next)
        if (strcasecmp(name_of(node)->text, text) == 0)
            return name_of(node);
    return NULL;
}

static void free_name(struct ath__name *name) {
    ath__list_remove(&name->node);
    ath__list_remove(&name->queue);
    ath__free(name->text);
    ath__free(name->addresses);
    ath__free(name);
}

static int use_name(struct ath__transport *t, const char *text, struct ath__name **out_name) {
    struct ath__name *name = find_name(t, text);
    if (!name) {
        name = ath__alloc_zero(sizeof *name);
        if (!name)
            return ATH_ERR_NOMEM;
        name->text = ath__strdup(text);
        if (!name->text) {
            ath__free(name);
            return ATH_ERR_NOMEM;
        }
        ath__list_add(&t->names, &name->node);
    }
    name->users++;
    *out_name = name;
    return 0;
}

/* libcurl knows these itself. */
static bool needs_no_lookup(const char *name) {
    struct ath_slice text = ath__slice_str(name);
    unsigned char address[16];
    size_t tail = sizeof ".localhost" - 1;
    if (strchr(name, ':') || inet_pton(AF_INET, name, address) == 1)
        return true;
    return ath__slice_eq_nocase(text, ATH__SLICE_LIT("localhost")) ||
           (text.len > tail &&
            ath__slice_eq_nocase(
                ath__slice(name + text.len - tail, tail), ATH__SLICE_LIT(".localhost")));
}

static void queue_lookup(struct ath__transport *t, struct ath__name *name) {
    if (name->state != ATH__NAME_IDLE)
        return;
    name->state = ATH__NAME_QUEUED;
    ath__list_add(&t->lookups, &name->queue);
}

/* Ends everything that waits for a name that has no addresses. */
static void
fail_waiting(struct ath__transport *t, const struct ath__name *name, int result, const char *why) {
    for (struct ath__node *node = t->hosts.next; node != &t->hosts; node = node->next) {
        struct ath__host *host = host_of(node);
        if (host->name != name)
            continue;
        while (!ath__list_is_empty(&host->waiting)) {
            struct ath__exchange *x =
                ATH__CONTAINER(host->waiting.next, struct ath__exchange, net.node);
            bool by_proxy = host->proxy && result == ATH_ERR_DNS;
            ath__exchange_say(
                x,
                "cannot resolve %shost %.120s: %s",
                host->proxy ? "proxy " : "",
                name->text,
                why);
            ath__transport_finish(t, x, by_proxy ? ATH_ERR_PROXY : result);
        }
        ath__host_update(t, host);
    }
}

static void update_hosts(struct ath__transport *t, const struct ath__name *name) {
    for (struct ath__node *node = t->hosts.next; node != &t->hosts; node = node->next)
        if (host_of(node)->name == name)
            ath__host_update(t, host_of(node));
}

static void take_lookup(struct ath__transport *t, struct ath__lookup *lookup) {
    struct ath__name *name = find_name(t, lookup->name);
    t->lookups_running--;
    if (!name)
        return;
    name->state = ATH__NAME_IDLE;
    if (name->users == 0) { /* its hosts went meanwhile */
        free_name(name);
        return;
    }
    if (lookup->result == 0) {
        bool same = name->addresses && strcmp(name->addresses, lookup->addresses) == 0;
        name->fetched_ns = t->now_ns;
        if (!same) {
            ath__free(name->addresses);
            name->addresses = lookup->addresses;
            lookup->addresses = NULL;
            name->generation++;
        }
        update_hosts(t, name);
    } else if (name->addresses && t->now_ns - name->fetched_ns < NAME_STALE_NS) {
        update_hosts(t, name);
    } else {
        ath__free(name->addresses);
        name->addresses = NULL;
        fail_waiting(t, name, lookup->result, lookup->message);
    }
}

static bool may_look_up(const struct ath__transport *t) {
    return t->lookups_running == 0 ||
           (t->lookups_running < LOOKUPS_MAX && t->now_ns - t->lookup_started_ns >= LOOKUP_SLOW_NS);
}

void ath__hosts_resolve(struct ath__transport *t) {
    bool finished = t->lookup_finished;
    t->lookup_finished = false;
    for (struct ath__lookup *lookup; finished && (lookup = ath__resolver_next(t->resolver));) {
        take_lookup(t, lookup);
        ath__lookup_free(lookup);
    }
    while (!ath__list_is_empty(&t->lookups) && may_look_up(t)) {
        struct ath__name *name = ATH__CONTAINER(t->lookups.next, struct ath__name, queue);
        ath__list_remove(&name->queue);
        int rc = ath__resolver_start(t->resolver, name->text);
        name->state = rc ? ATH__NAME_IDLE : ATH__NAME_RUNNING;
        t->lookup_started_ns = name->tried_ns = t->now_ns;
        if (!rc)
            t->lookups_running++;
        else if (!name->addresses)
            fail_waiting(t, name, rc, "no thread for it");
    }
}

uint64_t ath__hosts_due(const struct ath__transport *t) {
    if (ath__list_is_empty(&t->lookups) || t->lookups_running >= LOOKUPS_MAX)
        return UINT64_MAX;
    return t->lookups_running ? t->lookup_started_ns + LOOKUP_SLOW_NS : t->now_ns;
}

/* --- hosts --- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_for(const struct ath__host *host, const struct ath__http_route *route) {
    return host->port == route->port && host->https == route->https &&
           host->verify_off == route->verify_off && same_text(host->host, route->host) &&
           same_text(host->proxy, route->proxy) && same_text(host->ca_file, route->ca_file) &&
           same_text(host->client_cert, route->client_cert) &&
           same_text(host->client_key, route->client_key);
}

/* True when libcurl could take one's connection for the other's: not all versions look at who asked
 * a proxy for a tunnel, none at the client's key. */
static bool is_alike(const struct ath__host *a, const struct ath__host *b) {
    return a != b && a->https == b->https && a->port == b->port &&
           strcasecmp(a->host, b->host) == 0 &&
           (!same_text(a->proxy_url, b->proxy_url) || !same_text(a->client_key, b->client_key));
}

static bool has_credentials(const struct ath__host *host) {
    return host->proxy_url || host->client_cert;
}

/* The first of several alike keeps its connections, later ones use each of theirs once. */
static bool must_be_lone(const struct ath__transport *t, const struct ath__host *host) {
    if (t->forgot_credentials && has_credentials(host))
        return true;
    for (struct ath__node *node = t->hosts.next; node != &t->hosts; node = node->next)
        if (is_alike(host_of(node), host))
            return true;
    return false;
}

static void free_host(struct ath__transport *t, struct ath__host *host) {
    for (struct ath__node *node; (node = ath__list_pop(&host->idle));)
        ATH__CONTAINER(node, struct ath__slot, host_idle)->host = NULL;
    ath__list_remove(&host->node);
    ath__list_remove(&host->ready);
    if (host->name && --host->name->users == 0 && host->name->state != ATH__NAME_RUNNING)
        free_name(host->name);
    ath__free(host->host);
    ath__free_secret(host->proxy);
    ath__free_secret(host->proxy_url);
    ath__free(host->ca_file);
    ath__free(host->client_cert);
    ath__free(host->client_key);
    ath__free(host->url);
    ath__free(host->connect_name);
    ath__free(host);
    t->hosts_count--;
}

/* A program that visits ever new hosts keeps the latest. */
static void make_room(struct ath__transport *t) {
    struct ath__host *oldest = NULL;
    if (t->hosts_count < HOSTS_MAX)
        return;
    for (struct ath__node *node = t->hosts.next; node != &t->hosts; node = node->next) {
        struct ath__host *host = host_of(node);
        if (!host->active && ath__list_is_empty(&host->waiting) &&
            (!oldest || host->used_ns < oldest->used_ns))
            oldest = host;
    }
    if (!oldest)
        return;
    t->forgot_credentials |= has_credentials(oldest);
    free_host(t, oldest);
}

static bool is_host_text(const char *text) {
    if (!text || !*text || strlen(text) > 255)
        return false;
    for (const char *p = text; *p; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') &&
            !strchr("._-:", *p))
            return false;
    return true;
}

/* Where a proxy's URL leads, with the port that http and https have by themselves. */
static int parse_proxy(struct ath__host *host, const char *proxy) {
    CURLU *url = curl_url();
    char *scheme = NULL, *name = NULL, *port = NULL, *text = NULL;
    int rc = url ? ATH_ERR_PROXY : ATH_ERR_NOMEM;
    if (url && !curl_url_set(url, CURLUPART_URL, proxy, 0) &&
        !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) &&
        (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
        !curl_url_get(url, CURLUPART_HOST, &name, 0)) {
        const char *usual = scheme[4] ? "443" : "80";
        uint64_t number = 0;
        if (curl_url_get(url, CURLUPART_PORT, &port, 0))
            curl_url_set(url, CURLUPART_PORT, usual, 0);
        size_t len = strlen(name);
        bool brackets = name[0] == '[' && name[len - 1] == ']';
        if (!curl_url_get(url, CURLUPART_URL, &text, 0) &&
            ath__slice_to_u64(ath__slice_str(port ? port : usual), &number)) {
            host->connect_port = (uint16_t)number;
            host->connect_name = ath__strndup(name + brackets, len - 2u * brackets);
            host->proxy_url = ath__strdup(text);
            rc = host->connect_name && host->proxy_url ? 0 : ATH_ERR_NOMEM;
        }
    }
    curl_free(scheme);
    curl_free(name);
    curl_free(port);
    curl_free(text);
    curl_url_cleanup(url);
    if (host->connect_name && !is_host_text(host->connect_name))
        rc = ATH_ERR_PROXY;
    return rc;
}

/* "host:port" means http. */
static int parse_bare_proxy(struct ath__host *host) {
    size_t size = strlen(host->proxy) + sizeof "http://";
    char *proxy = ath__alloc(size);
    if (!proxy)
        return ATH_ERR_NOMEM;
    snprintf(proxy, size, "http://%s", host->proxy);
    int rc = parse_proxy(host, proxy);
    ath__free_secret(proxy);
    return rc;
}

/* Copies a text that may be absent. */
static bool copy(char **out, const char *text) {
    *out = ath__strdup(text);
    return *out || !text;
}

static int
fill_host(struct ath__transport *t, struct ath__host *host, const struct ath__http_route *route) {
    char url[300];
    host->https = route->https;
    host->port = host->connect_port = route->port;
    host->verify_off = route->verify_off;
    host->absolute = route->proxy && !route->https;
    bool six = strchr(route->host, ':') != NULL;
    snprintf(
        url,
        sizeof url,
        "%s://%s%s%s:%u/",
        route->https ? "https" : "http",
        six ? "[" : "",
        route->host,
        six ? "]" : "",
        route->port);
    if (!copy(&host->host, route->host) || !copy(&host->proxy, route->proxy) ||
        !copy(&host->ca_file, route->ca_file) || !copy(&host->client_cert, route->client_cert) ||
        !copy(&host->client_key, route->client_key) || !copy(&host->url, url))
        return ATH_ERR_NOMEM;
    int rc = 0;
    if (route->proxy)
        rc = strstr(route->proxy, "://") ? parse_proxy(host, route->proxy) : parse_bare_proxy(host);
    else if (!copy(&host->connect_name, route->host))
        rc = ATH_ERR_NOMEM;
    host->lone = !rc && must_be_lone(t, host);
    if (rc || needs_no_lookup(host->connect_name))
        return rc;
    return use_name(t, host->connect_name, &host->name);
}

int ath__host_find(
    struct ath__transport *t, const struct ath__http_route *route, struct ath__host **out_host) {
    for (struct ath__node *node = t->hosts.next; node != &t->hosts; node = node->next)
        if (is_for(host_of(node), route)) {
            *out_host = host_of(node);
            return 0;
        }
    if (!is_host_text(route->host) || route->port == 0)
        return ATH_ERR_INVALID;
    make_room(t);
    struct ath__host *host = ath__alloc_zero(sizeof *host);
    if (!host)
        return ATH_ERR_NOMEM;
    ath__list_init(&host->waiting);
    ath__list_init(&host->idle);
    ath__list_add(&t->hosts, &host->node);
    t->hosts_count++;
    int rc = fill_host(t, host, route);
    if (rc)
        free_host(t, host);
    else
        *out_host = host;
    return rc;
}

bool ath__host_lacks_address(const struct ath__host *host) {
    return host->name && !host->name->addresses;
}

void ath__host_update(struct ath__transport *t, struct ath__host *host) {
    bool eligible = false;
    if (!ath__list_is_empty(&host->waiting)) {
        const struct ath__exchange *x =
            ATH__CONTAINER(host->waiting.next, struct ath__exchange, net.node);
        uint32_t limit = x->route->host_max ? x->route->host_max : HOST_EXCHANGES;
        struct ath__name *name = host->name;
        if (name && (!name->addresses || (t->now_ns - name->fetched_ns >= NAME_FRESH_NS &&
                                          t->now_ns - name->tried_ns >= NAME_RETRY_NS)))
            queue_lookup(t, name);
        eligible = host->active < limit && !ath__host_lacks_address(host);
    }
    if (!eligible)
        ath__list_remove(&host->ready);
    else if (!ath__list_is_linked(&host->ready))
        ath__list_add(&t->ready, &host->ready);
}

void ath__host_connect_failed(struct ath__transport *t, struct ath__host *host) {
    struct ath__name *name = host->name;
    if (name && t->now_ns - name->tried_ns >= NAME_RETRY_NS)
        queue_lookup(t, name);
}

void ath__hosts_clear(struct ath__transport *t) {
    while (!ath__list_is_empty(&t->hosts))
        free_host(t, host_of(t->hosts.next));
    while (!ath__list_is_empty(&t->names))
        free_name(name_of(t->names.next));
}

struct ath__slot *ath__slot_take(struct ath__transport *t, struct ath__host *host) {
    struct ath__slot *slot = NULL;
    if (!ath__list_is_empty(&host->idle))
        slot = ATH__CONTAINER(host->idle.prev, struct ath__slot, host_idle);
    else if (!ath__list_is_empty(&t->idle))
        slot = ATH__CONTAINER(t->idle.next, struct ath__slot, idle);
    else
        slot = ath__slot_new(t);
    if (!slot)
        return NULL;
    ath__list_remove(&slot->idle);
    ath__list_remove(&slot->host_idle);
    if (slot->host == host || ath__slot_set_up(slot, host) == 0)
        return slot;
    ath__slot_free(slot, false);
    return NULL;
}
