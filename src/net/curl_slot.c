#include "net/curl_transport.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 262144L
#define UPLOAD_BUFFER_SIZE 262144L
#define ANSWER_FIRST ((size_t)1 << 20)
#define TEXT_MAX ((size_t)1 << 20)
/* Of all header lines, interim answers and trailers included: their number is not limited else. */
#define LINES_MAX ((size_t)128 << 10)
#define IDLE_MAX_S 60L
#define KEEPALIVE_S 60L
#define UNACKNOWLEDGED_MS 15000u
/* libcurl's own limit comes first; ours stands behind it. */
#define CONNECT_SLACK_NS 250000000u
#define MS 1000000u

/* --- callbacks; libcurl calls them from within our turn, on our thread --- */

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
    struct ath__slot *slot = user;
    (void)purpose;
#ifdef SOCK_CLOEXEC
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
#else
    int fd = socket(address->family, address->socktype, address->protocol);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    if (fd < 0) {
        /* A family this system lacks is the next address's turn, not a failure. */
        if (errno != EAFNOSUPPORT)
            slot->socket_errno = errno;
        return CURL_SOCKET_BAD;
    }
    slot->opened = true;
    slot->sockets[slot->sockets_count++ % ATH__SLOT_SOCKETS] = fd;
    slot->host->confirmed_generation = slot->generation;
    return fd;
}

static int local_port_of(int fd) {
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size))
        return -1;
    if (name.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)&name)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)&name)->sin_port);
}

/* A path that swallows packets (a NAT that forgot, a thawed machine) breaks the connection after
 * this time, also a kept one, which is then replaced; the peer's own time to answer is not limited.
 */
static void limit_unacknowledged(int fd) {
#ifdef TCP_USER_TIMEOUT
    unsigned ms = UNACKNOWLEDGED_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
#else
    (void)fd;
#endif
}

/* Notes which descriptor a connection has, which libcurl does not tell. */
static void note_port(struct ath__transport *t, int fd, int local_port) {
    if ((size_t)fd >= t->ports_count) {
        size_t count = ((size_t)fd + 1) * 2;
        uint16_t *ports = ath__realloc_array(t->ports, count, sizeof *ports);
        if (!ports)
            return;
        memset(ports + t->ports_count, 0, (count - t->ports_count) * sizeof *ports);
        t->ports = ports;
        t->ports_count = count;
    }
    t->ports[fd] = (uint16_t)local_port;
}

static void set_up_socket(struct ath__slot *slot, int local_port) {
    for (size_t i = 0; i < ATH__SLOT_SOCKETS && i < slot->sockets_count; i++) {
        if (local_port_of(slot->sockets[i]) != local_port)
            continue;
        limit_unacknowledged(slot->sockets[i]);
        note_port(slot->transport, slot->sockets[i], local_port);
    }
}

/* A kept connection with something to read has ended, or bears what would be taken for the answer
 * to the next request: an idle server's 408, say. */
static bool has_unread(const struct ath__transport *t, int local_port) {
    char byte;
    for (size_t fd = 0; fd < t->ports_count; fd++)
        if (t->ports[fd] == local_port && local_port_of((int)fd) == local_port &&
            recv((int)fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
            return true;
    return false;
}

static void count_connection(struct ath__slot *slot) {
    if (slot->opened)
        atomic_fetch_add_explicit(&slot->transport->connections_opened, 1, memory_order_relaxed);
    slot->opened = false;
}

/* From now on silence counts, and it may run out before the time to connect would have. */
static void start_silence(struct ath__slot *slot) {
    struct ath__heap_node *timer = &slot->x->net.timer;
    slot->progress_ns = slot->transport->now_ns;
    uint64_t due = ath__slot_due(slot);
    if (due >= timer->key || !timer->index)
        return;
    ath__heap_remove(&slot->transport->timers, timer);
    timer->key = due;
    ath__heap_add(&slot->transport->timers, timer); /* takes the place just left: cannot fail */
}

/* The connection stands and the request is about to leave. */
static int on_connected(void *user, char *ip, char *local_ip, int port, int local_port) {
    struct ath__slot *slot = user;
    (void)ip;
    (void)local_ip;
    (void)port;
    if (slot->opened) {
        set_up_socket(slot, local_port);
    } else if (has_unread(slot->transport, local_port)) {
        slot->stale = true;
        return CURL_PREREQFUNC_ABORT;
    }
    count_connection(slot);
    slot->sent = true;
    slot->host->confirmed_generation = slot->generation;
    start_silence(slot);
    return CURL_PREREQFUNC_OK;
}

static size_t fail(struct ath__slot *slot, int failure) {
    slot->failure = failure;
    return 0;
}

static size_t refuse_headers(struct ath__slot *slot) {
    ath__exchange_say(
        slot->x,
        "%.100s:%u: the answer's headers are longer than %zu bytes",
        slot->host->host,
        slot->host->port,
        slot->x->head.max);
    return fail(slot, ATH_ERR_TOO_LARGE);
}

static size_t on_header(char *line, size_t size, size_t count, void *user) {
    struct ath__slot *slot = user;
    struct ath__exchange *x = slot->x;
    size_t len = size * count;
    struct ath_slice text = ath__slice(line, len);
    slot->progress_ns = slot->transport->now_ns;
    slot->lines_len += len;
    if (slot->lines_len > LINES_MAX)
        return refuse_headers(slot);
    if (ath__slice_starts(text, "HTTP/") && !slot->head_done) {
        x->head.len = x->answer.len = 0;
        x->into_used = 0;
        return len;
    }
    text = ath__slice_trim(text);
    if (text.len == 0) {
        long status = 0;
        curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
        slot->head_done = status >= 200;
        slot->is_success = status >= 200 && status < 300;
        return len;
    }
    if (slot->head_done) /* a trailer */
        return len;
    int rc = ath__buf_add_slice(&x->head, text);
    if (!rc)
        rc = ath__buf_add(&x->head, "\r\n", 2);
    if (rc == ATH_ERR_TOO_LARGE)
        return refuse_headers(slot);
    return rc ? fail(slot, rc) : len;
}

/* Room for what came. A length the peer announced is believed up to 1 MiB, then up to four times
 * of what it has delivered. */
static int make_room(struct ath__slot *slot, size_t more) {
    struct ath__buf *answer = &slot->x->answer;
    if (more > answer->max - answer->len)
        return ATH_ERR_TOO_LARGE;
    size_t need = answer->len + more;
    if (need <= answer->cap)
        return 0;
    curl_off_t announced = -1;
    curl_easy_getinfo(slot->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > 0 && (uint64_t)announced > answer->max)
        return ATH_ERR_TOO_LARGE;
    size_t cap = answer->cap < 4096 ? 4096 : answer->cap * 2;
    if (announced > 0) {
        size_t trusted = need < ANSWER_FIRST / 4 ? ANSWER_FIRST : need * 4;
        cap = (size_t)announced < trusted ? (size_t)announced : trusted;
    }
    if (cap > answer->max)
        cap = answer->max;
    if (cap < need)
        cap = need;
    char *ptr = ath__realloc(answer->ptr, cap);
    if (!ptr)
        return ATH_ERR_NOMEM;
    answer->ptr = ptr;
    answer->cap = cap;
    return 0;
}

/* Straight to the caller's memory. */
static size_t place_body(struct ath__slot *slot, const char *data, size_t len) {
    struct ath__exchange *x = slot->x;
    if (len > x->into_len - x->into_used) {
        ath__exchange_say(
            x,
            "%.100s:%u: the answer is longer than the %zu bytes there is room for",
            slot->host->host,
            slot->host->port,
            x->into_len);
        return fail(slot, ATH_ERR_TOO_LARGE);
    }
    if (len)
        memcpy((char *)x->into + x->into_used, data, len);
    x->into_used += len;
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *user) {
    struct ath__slot *slot = user;
    struct ath__buf *answer = &slot->x->answer;
    size_t len = size * count;
    slot->progress_ns = slot->transport->now_ns;
    if (slot->x->into && slot->is_success)
        return place_body(slot, data, len);
    int rc = make_room(slot, len);
    if (rc)
        return fail(slot, rc);
    if (len)
        memcpy(answer->ptr + answer->len, data, len);
    answer->len += len;
    return len;
}

/* --- setting up --- */

struct ath__slot *ath__slot_new(struct ath__transport *t) {
    struct ath__slot *slot = ath__alloc_zero(sizeof *slot);
    if (!slot)
        return NULL;
    slot->transport = t;
    ath__buf_init(&slot->text, TEXT_MAX);
    slot->easy = curl_easy_init();
    if (slot->easy)
        return slot;
    ath__free(slot);
    return NULL;
}

void ath__slot_free(struct ath__slot *slot, bool in_child) {
    if (!in_child)
        curl_easy_cleanup(slot->easy);
    ath__list_remove(&slot->idle);
    ath__list_remove(&slot->host_idle);
    ath__buf_wipe(&slot->text); /* keys and tokens went through it */
    ath__free(slot->lines);
    ath__free(slot);
}

/* Collects the first failure of many settings. */
struct setter {
    CURL *easy;
    CURLcode code;
};

static void set_long(struct setter *s, CURLoption option, long value) {
    if (!s->code)
        s->code = curl_easy_setopt(s->easy, option, value);
}

static void set_ptr(struct setter *s, CURLoption option, const void *value) {
    if (!s->code)
        s->code = curl_easy_setopt(s->easy, option, value);
}

static void set_callbacks(struct setter *s, struct ath__slot *slot) {
    if (s->code)
        return;
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, slot->words);
    curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETDATA, slot);
    curl_easy_setopt(s->easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(s->easy, CURLOPT_PREREQDATA, slot);
    curl_easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(s->easy, CURLOPT_HEADERDATA, slot);
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, slot);
}

static void set_common(struct setter *s) {
    set_long(s, CURLOPT_NOSIGNAL, 1);
    set_long(s, CURLOPT_QUICK_EXIT, 1);
    set_ptr(s, CURLOPT_PROTOCOLS_STR, "http,https");
    set_long(s, CURLOPT_FOLLOWLOCATION, 0);
    set_long(s, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_long(s, CURLOPT_PATH_AS_IS, 1);
    set_ptr(s, CURLOPT_ACCEPT_ENCODING, NULL);
    set_long(s, CURLOPT_NETRC, CURL_NETRC_IGNORED);
    set_long(s, CURLOPT_TCP_NODELAY, 1);
    set_long(s, CURLOPT_TCP_KEEPALIVE, 1);
    set_long(s, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    set_long(s, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    set_long(s, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
    set_long(s, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    set_long(s, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_SIZE);
    set_long(s, CURLOPT_DNS_CACHE_TIMEOUT, -1);
    set_long(s, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    set_long(s, CURLOPT_HEADEROPT, CURLHEADER_SEPARATE);
}

static void set_tls(struct setter *s, const struct ath__host *host) {
    long peer = host->verify_off ? 0 : 1, name = host->verify_off ? 0 : 2;
    set_long(s, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_long(s, CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_long(s, CURLOPT_SSL_VERIFYPEER, peer);
    set_long(s, CURLOPT_SSL_VERIFYHOST, name);
    set_long(s, CURLOPT_PROXY_SSL_VERIFYPEER, peer);
    set_long(s, CURLOPT_PROXY_SSL_VERIFYHOST, name);
    set_ptr(s, CURLOPT_CAPATH, NULL);
    set_ptr(s, CURLOPT_PROXY_CAPATH, NULL);
    set_ptr(s, CURLOPT_CAINFO, host->ca_file);
    set_ptr(s, CURLOPT_PROXY_CAINFO, host->ca_file);
    set_ptr(s, CURLOPT_SSLCERT, host->client_cert);
    set_ptr(s, CURLOPT_SSLKEY, host->client_key);
}

int ath__slot_set_up(struct ath__slot *slot, struct ath__host *host) {
    struct setter s = {slot->easy, CURLE_OK};
    curl_easy_reset(slot->easy);
    slot->resolve_set = slot->fresh_set = slot->custom_set = false;
    slot->connect_timeout_ms = 0;
    slot->host = NULL;
    set_callbacks(&s, slot);
    set_common(&s);
    set_tls(&s, host);
    set_ptr(&s, CURLOPT_SHARE, slot->transport->share);
    /* An empty text is "none": without it libcurl would look into the environment. */
    set_ptr(&s, CURLOPT_PROXY, host->proxy_url ? host->proxy_url : "");
    set_ptr(&s, CURLOPT_NOPROXY, "");
    if (host->proxy_url && host->https)
        set_long(&s, CURLOPT_HTTPPROXYTUNNEL, 1);
    if (host->lone) {
        set_long(&s, CURLOPT_FRESH_CONNECT, 1);
        set_long(&s, CURLOPT_FORBID_REUSE, 1);
        set_long(&s, CURLOPT_SSL_SESSIONID_CACHE, 0);
    }
    set_ptr(&s, CURLOPT_URL, host->url);
    if (s.code)
        return s.code == CURLE_OUT_OF_MEMORY ? ATH_ERR_NOMEM : ATH_ERR_SYSTEM;
    slot->host = host;
    return 0;
}

/* --- one request --- */

static bool is_field_text(struct ath_slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\r' || text.ptr[i] == '\n' || text.ptr[i] == '\0')
            return false;
    return true;
}

static bool is_target(const char *target) {
    if (target[0] != '/')
        return false;
    for (const char *p = target; *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p == 0x7f)
            return false;
    return true;
}

static int check(struct ath__exchange *x) {
    if (!is_target(x->target)) {
        ath__exchange_say(x, "the request target is not a path");
        return ATH_ERR_INVALID;
    }
    for (size_t i = 0; i < x->headers_count; i++)
        if (!x->headers[i].name.len || !is_field_text(x->headers[i].name) ||
            !is_field_text(x->headers[i].value) ||
            memchr(x->headers[i].name.ptr, ':', x->headers[i].name.len)) {
            ath__exchange_say(x, "request header %zu has a line break or no name", i + 1);
            return ATH_ERR_INVALID;
        }
    return 0;
}

static bool has_header(const struct ath__exchange *x, const char *name) {
    struct ath_slice wanted = ath__slice_str(name);
    for (size_t i = 0; i < x->headers_count; i++)
        if (ath__slice_eq_nocase(x->headers[i].name, wanted))
            return true;
    return false;
}

static bool add_line(
    struct ath__slot *slot,
    size_t *count,
    struct ath_slice a,
    const char *middle,
    struct ath_slice b) {
    char *line = slot->text.ptr + slot->text.len;
    if (ath__buf_add_slice(&slot->text, a) || ath__buf_add_str(&slot->text, middle) ||
        ath__buf_add_slice(&slot->text, b) || ath__buf_add_char(&slot->text, '\0'))
        return false;
    slot->lines[*count].data = line;
    slot->lines[*count].next = NULL;
    if (*count)
        slot->lines[*count - 1].next = &slot->lines[*count];
    ++*count;
    return true;
}

/* All texts are laid into one block whose size is known before, so that it never moves. */
static int reserve_lines(struct ath__slot *slot, const struct ath__exchange *x) {
    const struct ath__name *name = slot->host->name;
    size_t size = 512 + strlen(slot->host->connect_name) + strlen(slot->host->url) +
                  strlen(x->target) + (name ? strlen(name->addresses) : 0);
    for (size_t i = 0; i < x->headers_count; i++)
        size += x->headers[i].name.len + x->headers[i].value.len + 3;
    slot->text.len = 0;
    int rc = ath__buf_reserve(&slot->text, size);
    if (rc)
        return rc;
    size_t need = x->headers_count + 4;
    if (need <= slot->lines_cap)
        return 0;
    struct curl_slist *lines = ath__realloc_array(slot->lines, need, sizeof *lines);
    if (!lines)
        return ATH_ERR_NOMEM;
    slot->lines = lines;
    slot->lines_cap = need;
    return 0;
}

static CURLcode set_headers(struct ath__slot *slot, const struct ath__exchange *x, bool has_body) {
    static const char *const unwanted[] = {"Expect", "Accept", "Content-Type"};
    struct ath_slice none = {0};
    size_t count = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < x->headers_count; i++) {
        const struct ath__header *h = &x->headers[i];
        ok = add_line(slot, &count, h->name, h->value.len ? ": " : ";", h->value);
    }
    /* A name and a bare colon keep libcurl from adding its own. */
    for (size_t i = 0; ok && i < (has_body ? 3u : 2u); i++)
        if (!has_header(x, unwanted[i]))
            ok = add_line(slot, &count, ath__slice_str(unwanted[i]), ":", none);
    return ok ? curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, count ? slot->lines : NULL)
              : CURLE_OUT_OF_MEMORY;
}

static CURLcode set_method(struct ath__slot *slot, const struct ath__exchange *x, bool has_body) {
    CURL *easy = slot->easy;
    bool is_head = strcmp(x->method, "HEAD") == 0;
    bool custom = !is_head && strcmp(x->method, has_body ? "POST" : "GET") != 0;
    CURLcode code = CURLE_OK;
    if (custom || slot->custom_set)
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, custom ? x->method : NULL);
    slot->custom_set = custom;
    if (code)
        return code;
    if (!has_body)
        return is_head ? curl_easy_setopt(easy, CURLOPT_NOBODY, 1L)
                       : curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len);
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDS, x->body.len ? x->body.ptr : "");
}

static CURLcode set_target(struct ath__slot *slot, const struct ath__exchange *x) {
    if (!slot->host->absolute)
        return curl_easy_setopt(slot->easy, CURLOPT_REQUEST_TARGET, x->target);
    char *url = slot->text.ptr + slot->text.len;
    const char *base = slot->host->url;
    if (ath__buf_add(&slot->text, base, strlen(base) - 1) ||
        ath__buf_add(&slot->text, x->target, strlen(x->target) + 1))
        return CURLE_OUT_OF_MEMORY;
    return curl_easy_setopt(slot->easy, CURLOPT_URL, url);
}

/* Hands the addresses to libcurl until a connection made with them shows that it has them. */
static CURLcode set_addresses(struct ath__slot *slot) {
    const struct ath__host *host = slot->host;
    bool wanted = host->name && host->confirmed_generation != host->name->generation;
    slot->generation = host->name ? host->name->generation : 0;
    if (!wanted) {
        if (!slot->resolve_set)
            return CURLE_OK;
        slot->resolve_set = false;
        return curl_easy_setopt(slot->easy, CURLOPT_RESOLVE, NULL);
    }
    struct curl_slist *entry = &slot->lines[slot->lines_cap - 1];
    *entry = (struct curl_slist){.data = slot->text.ptr + slot->text.len};
    if (ath__buf_add_str(&slot->text, host->connect_name) || ath__buf_add_char(&slot->text, ':') ||
        ath__buf_add_u64(&slot->text, host->connect_port) || ath__buf_add_char(&slot->text, ':') ||
        ath__buf_add(&slot->text, host->name->addresses, strlen(host->name->addresses) + 1))
        return CURLE_OUT_OF_MEMORY;
    slot->resolve_set = true;
    return curl_easy_setopt(slot->easy, CURLOPT_RESOLVE, entry);
}

int ath__slot_prepare(struct ath__slot *slot, struct ath__exchange *x) {
    bool has_body = x->body.len || strcmp(x->method, "POST") == 0 || strcmp(x->method, "PUT") == 0;
    int rc = check(x);
    if (!rc)
        rc = reserve_lines(slot, x);
    if (rc == ATH_ERR_TOO_LARGE) {
        ath__exchange_say(x, "the request's headers are longer than %zu bytes", TEXT_MAX);
        return ATH_ERR_INVALID;
    }
    if (rc)
        return rc;
    slot->x = x;
    slot->started_ns = slot->progress_ns = slot->transport->now_ns;
    slot->uploaded = 0;
    slot->sent = slot->opened = slot->repeated = slot->head_done = slot->stale = false;
    slot->is_success = false;
    slot->lines_len = 0;
    slot->failure = slot->socket_errno = 0;
    slot->sockets_count = 0;
    slot->words[0] = '\0';
    CURLcode code = set_headers(slot, x, has_body);
    if (!code)
        code = set_method(slot, x, has_body);
    if (!code)
        code = set_target(slot, x);
    if (!code)
        code = set_addresses(slot);
    uint32_t timeout_ms = x->route->connect_timeout_ms;
    if (!code && timeout_ms != slot->connect_timeout_ms) {
        code = curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
        slot->connect_timeout_ms = timeout_ms;
    }
    if (!code && slot->fresh_set) {
        code = curl_easy_setopt(slot->easy, CURLOPT_FRESH_CONNECT, (long)slot->host->lone);
        slot->fresh_set = false;
    }
    return !code ? 0 : code == CURLE_OUT_OF_MEMORY ? ATH_ERR_NOMEM : ATH_ERR_SYSTEM;
}

static uint64_t later(uint64_t from_ns, uint32_t ms, uint64_t slack_ns) {
    return ms ? from_ns + (uint64_t)ms * MS + slack_ns : UINT64_MAX;
}

uint64_t ath__slot_due(struct ath__slot *slot) {
    const struct ath__http_route *route = slot->x->route;
    curl_off_t uploaded = 0;
    curl_easy_getinfo(slot->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    if ((uint64_t)uploaded > slot->uploaded) {
        slot->uploaded = (uint64_t)uploaded;
        slot->progress_ns = slot->transport->now_ns;
    }
    uint64_t silence = later(slot->progress_ns, route->read_timeout_ms, 0);
    uint64_t connect = later(slot->started_ns, route->connect_timeout_ms, CONNECT_SLACK_NS);
    uint64_t due = slot->sent ? silence : connect;
    return due < slot->x->deadline_ns ? due : slot->x->deadline_ns;
}

void ath__slot_collect(struct ath__slot *slot) {
    struct ath__exchange *x = slot->x;
    long status = 0, request = 0, head = 0;
    curl_off_t up = 0, down = 0, connected_us = 0;
    curl_easy_getinfo(slot->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    if (connected_us > 0) /* a TLS handshake may have failed since */
        count_connection(slot);
    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &request);
    curl_easy_getinfo(slot->easy, CURLINFO_HEADER_SIZE, &head);
    curl_easy_getinfo(slot->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(slot->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    x->status = (int)status;
    x->request_sent = slot->sent;
    x->bytes_sent = (uint64_t)request + (uint64_t)up;
    x->bytes_received = (uint64_t)head + (uint64_t)down;
}
