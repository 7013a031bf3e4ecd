#include "net/curl_transport.h"

#include "base/alloc.h"
#include "base/err.h"

#include <pthread.h>
#include <time.h>

#define WIRE_MAX 128
#define CONNECTIONS_KEPT 256L
#define EVENTS_MAX 64
#define MS 1000000u

static pthread_once_t s_curl_once = PTHREAD_ONCE_INIT;
static CURLcode s_curl_code;

/* Never cleaned up: other parts of the program may use libcurl as well. */
static void start_curl(void) {
    s_curl_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct ath__transport *transport_of(struct ath__http *http) {
    return ATH__CONTAINER(http, struct ath__transport, base);
}

static uint64_t read_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- libcurl's wishes --- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
    struct ath__transport *t = user;
    int events =
        (what & CURL_POLL_IN ? ATH__LOOP_IN : 0) | (what & CURL_POLL_OUT ? ATH__LOOP_OUT : 0);
    (void)easy;
    (void)socket_user;
    int rc = ath__loop_set(&t->loop, fd, what == CURL_POLL_REMOVE ? 0 : events);
    if (rc)
        t->failure = rc;
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user) {
    struct ath__transport *t = user;
    (void)multi;
    t->curl_timer_ns = timeout_ms < 0 ? UINT64_MAX : read_clock() + (uint64_t)timeout_ms * MS;
    return 0;
}

/* --- from waiting to done --- */

void ath__transport_finish(struct ath__transport *t, struct ath__exchange *x, int result) {
    if (x->net.state == ATH__X_WAITING || x->net.state == ATH__X_ACTIVE) {
        ath__heap_remove(&t->timers, &x->net.timer);
        t->in_flight--;
    }
    ath__list_remove(&x->net.node);
    x->net.state = ATH__X_DONE;
    x->net.handle = NULL;
    x->result = result;
    if (result && !x->message[0])
        ath__exchange_say(x, "%s", ath_error_text(result));
    ath__list_add(&t->done, &x->net.node);
}

static void put_back(struct ath__transport *t, struct ath__slot *slot) {
    slot->x = NULL;
    ath__list_add(&t->idle, &slot->idle);
    ath__list_add(&slot->host->idle, &slot->host_idle);
}

/* Takes the exchange off the wire. A transfer not yet over costs its connection. */
static void leave_wire(struct ath__transport *t, struct ath__slot *slot) {
    struct ath__host *host = slot->host;
    curl_multi_remove_handle(t->multi, slot->easy);
    t->active--;
    host->active--;
    host->used_ns = t->now_ns;
    put_back(t, slot);
    ath__host_update(t, host);
}

static void finish_active(struct ath__transport *t, struct ath__slot *slot, int result) {
    struct ath__exchange *x = slot->x;
    ath__slot_collect(slot);
    leave_wire(t, slot);
    ath__transport_finish(t, x, result);
}

static int arm(struct ath__transport *t, struct ath__exchange *x, uint64_t due_ns) {
    ath__heap_remove(&t->timers, &x->net.timer);
    x->net.timer.key = due_ns;
    return ath__heap_add(&t->timers, &x->net.timer);
}

static void start(struct ath__transport *t, struct ath__host *host) {
    struct ath__exchange *x = ATH__CONTAINER(host->waiting.next, struct ath__exchange, net.node);
    struct ath__slot *slot = ath__slot_take(t, host);
    int rc = slot ? ath__slot_prepare(slot, x) : ATH_ERR_NOMEM;
    if (!rc && curl_multi_add_handle(t->multi, slot->easy))
        rc = ATH_ERR_NOMEM;
    if (rc) {
        if (slot)
            put_back(t, slot);
        ath__transport_finish(t, x, rc);
        return;
    }
    ath__list_remove(&x->net.node);
    x->net.state = ATH__X_ACTIVE;
    x->net.handle = slot;
    t->active++;
    host->active++;
    arm(t, x, ath__slot_due(slot));
}

static void fill_wire(struct ath__transport *t) {
    while (t->active < t->wire_max && !ath__list_is_empty(&t->ready)) {
        struct ath__host *host = ATH__CONTAINER(t->ready.next, struct ath__host, ready);
        ath__list_remove(&host->ready);
        start(t, host);
        ath__host_update(t, host);
    }
}

/* A kept connection that died while it was idle is nobody's failure: once more on a fresh one. */
static bool repeat(struct ath__transport *t, struct ath__slot *slot, CURLcode code) {
    long connects = 0, head = 0;
    bool broke = code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
    if (slot->repeated || slot->failure || (!broke && !slot->stale))
        return false;
    curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(slot->easy, CURLINFO_HEADER_SIZE, &head);
    if (!slot->stale && (connects != 0 || head != 0 || !slot->sent))
        return false;
    curl_multi_remove_handle(t->multi, slot->easy);
    slot->repeated = slot->fresh_set = true;
    slot->sent = slot->head_done = slot->stale = false;
    slot->started_ns = slot->progress_ns = t->now_ns;
    slot->uploaded = 0;
    slot->words[0] = '\0';
    curl_easy_setopt(slot->easy, CURLOPT_FRESH_CONNECT, 1L);
    if (curl_multi_add_handle(t->multi, slot->easy)) {
        finish_active(t, slot, ATH_ERR_NOMEM);
        return true;
    }
    arm(t, slot->x, ath__slot_due(slot));
    return true;
}

static void take_results(struct ath__transport *t) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(t->multi, &left));) {
        struct ath__slot *slot = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot) || !slot ||
            repeat(t, slot, code))
            continue;
        int result = ath__slot_explain(slot, code);
        if (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT)
            ath__host_connect_failed(t, slot->host);
        finish_active(t, slot, result);
    }
}

/* --- time --- */

static void expire_waiting(struct ath__transport *t, struct ath__exchange *x) {
    struct ath__host *host = x->net.handle;
    if (t->now_ns >= x->deadline_ns) {
        ath__exchange_say(
            x,
            "%.100s:%u: the deadline passed before a connection was free",
            host->host,
            host->port);
        ath__transport_finish(t, x, ATH_ERR_TIMEOUT);
    } else if (ath__host_lacks_address(host)) {
        ath__exchange_say(x, "looking up %.120s timed out", host->connect_name);
        ath__transport_finish(t, x, host->proxy ? ATH_ERR_PROXY : ATH_ERR_DNS);
    } else {
        arm(t, x, x->deadline_ns);
        return;
    }
    ath__host_update(t, host);
}

static void expire_active(struct ath__transport *t, struct ath__exchange *x) {
    struct ath__slot *slot = x->net.handle;
    const struct ath__host *host = slot->host;
    uint64_t due_ns = ath__slot_due(slot);
    if (due_ns > t->now_ns) {
        arm(t, x, due_ns);
        return;
    }
    if (t->now_ns >= x->deadline_ns) {
        ath__exchange_say(x, "%.100s:%u: the deadline passed", host->host, host->port);
        finish_active(t, slot, ATH_ERR_TIMEOUT);
    } else if (slot->sent) {
        ath__exchange_say(
            x, "%.100s:%u: silent for %u ms", host->host, host->port, x->route->read_timeout_ms);
        finish_active(t, slot, ATH_ERR_TIMEOUT);
    } else {
        int result = ath__slot_explain(slot, CURLE_OPERATION_TIMEDOUT);
        ath__host_connect_failed(t, slot->host);
        finish_active(t, slot, result);
    }
}

static void take_timers(struct ath__transport *t) {
    for (struct ath__heap_node *first;
         (first = ath__heap_first(&t->timers)) && first->key <= t->now_ns;) {
        struct ath__exchange *x = ATH__CONTAINER(first, struct ath__exchange, net.timer);
        if (x->net.state == ATH__X_WAITING)
            expire_waiting(t, x);
        else
            expire_active(t, x);
    }
    ath__children_tick(&t->children, t->now_ns);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static int wait_ms(struct ath__transport *t, uint64_t until_ns) {
    struct ath__heap_node *first = ath__heap_first(&t->timers);
    uint64_t due = earlier(until_ns, t->curl_timer_ns);
    if (first)
        due = earlier(due, first->key);
    due = earlier(due, ath__hosts_due(t));
    due = earlier(due, ath__children_due(&t->children, t->now_ns));
    if (due == UINT64_MAX)
        return -1;
    if (due <= t->now_ns)
        return 0;
    uint64_t ms = (due - t->now_ns + MS - 1) / MS;
    return ms > 3600000 ? 3600000 : (int)ms;
}

/* --- the operations --- */

static void submit(struct ath__http *http, struct ath__exchange *x) {
    struct ath__transport *t = transport_of(http);
    struct ath__host *host = NULL;
    t->now_ns = read_clock();
    ath__exchange_reset(x);
    x->net.state = ATH__X_NONE;
    int rc = ath__host_find(t, x->route, &host);
    if (!rc)
        rc = ath__heap_reserve(&t->timers, t->in_flight + 1);
    if (rc) {
        if (rc == ATH_ERR_PROXY)
            ath__exchange_say(x, "the proxy's URL is not one of http or https");
        else if (rc == ATH_ERR_INVALID)
            ath__exchange_say(x, "the route has no valid host and port");
        ath__transport_finish(t, x, rc);
        return;
    }
    t->in_flight++;
    x->net.state = ATH__X_WAITING;
    x->net.handle = host;
    ath__list_add(&host->waiting, &x->net.node);
    uint64_t due_ns = x->deadline_ns, connect_ns = (uint64_t)x->route->connect_timeout_ms * MS;
    if (ath__host_lacks_address(host) && connect_ns)
        due_ns = earlier(due_ns, t->now_ns + connect_ns);
    arm(t, x, due_ns);
    ath__host_update(t, host);
}

static void cancel(struct ath__http *http, struct ath__exchange *x) {
    struct ath__transport *t = transport_of(http);
    struct ath__host *host = NULL;
    if (x->net.state == ATH__X_ACTIVE)
        leave_wire(t, x->net.handle);
    else if (x->net.state == ATH__X_WAITING)
        host = x->net.handle;
    if (x->net.state == ATH__X_ACTIVE || x->net.state == ATH__X_WAITING) {
        ath__heap_remove(&t->timers, &x->net.timer);
        t->in_flight--;
    }
    ath__list_remove(&x->net.node);
    x->net.state = ATH__X_NONE;
    x->net.handle = NULL;
    if (host)
        ath__host_update(t, host);
}

static void spawn(struct ath__http *http, struct ath__process *p) {
    ath__children_spawn(&transport_of(http)->children, p);
}

static void kill_process(struct ath__http *http, struct ath__process *p) {
    ath__children_kill(&transport_of(http)->children, p);
}

/* Returns true when wake() was called. */
static bool take_events(struct ath__transport *t, const struct ath__loop_event *events, int count) {
    bool woken = false;
    int running;
    for (int i = 0; i < count; i++) {
        int fd = events[i].fd, bits = events[i].events;
        if (fd == t->wake.read_fd) {
            ath__wake_reset(&t->wake);
            woken = true;
        } else if (fd == ath__resolver_fd(t->resolver)) {
            t->lookup_finished = true;
        } else if (!ath__children_on_ready(&t->children, fd)) {
            int mask = (bits & ATH__LOOP_IN ? CURL_CSELECT_IN : 0) |
                       (bits & ATH__LOOP_OUT ? CURL_CSELECT_OUT : 0) |
                       (bits & ATH__LOOP_ERR ? CURL_CSELECT_ERR : 0);
            curl_multi_socket_action(t->multi, fd, mask, &running);
        }
    }
    return woken;
}

/* Starts what may start and gives libcurl its time until it wants to wait. */
static void run_curl(struct ath__transport *t) {
    int running;
    for (;;) {
        fill_wire(t);
        t->now_ns = read_clock();
        if (t->curl_timer_ns > t->now_ns)
            return;
        t->curl_timer_ns = UINT64_MAX;
        curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        take_results(t);
    }
}

static bool has_done(const struct ath__transport *t) {
    return !ath__list_is_empty(&t->done) || !ath__list_is_empty(&t->children.done);
}

static int drive(struct ath__http *http, uint64_t until_ns) {
    struct ath__transport *t = transport_of(http);
    struct ath__loop_event events[EVENTS_MAX];
    bool woken = false;
    for (;;) {
        t->now_ns = read_clock();
        ath__hosts_resolve(t);
        run_curl(t);
        bool over = t->now_ns >= until_ns || has_done(t);
        int count = ath__loop_wait(&t->loop, over ? 0 : wait_ms(t, until_ns), events, EVENTS_MAX);
        if (count < 0)
            return count;
        t->now_ns = read_clock();
        if (take_events(t, events, count))
            woken = true;
        take_results(t);
        take_timers(t);
        if (t->failure) {
            t->failure = 0;
            return ATH_ERR_SYSTEM;
        }
        if (over || woken || has_done(t))
            break;
    }
    /* What takes the place of the finished goes out before anyone looks at their answers. */
    run_curl(t);
    return 0;
}

static struct ath__exchange *next_done(struct ath__http *http) {
    struct ath__node *node = ath__list_pop(&transport_of(http)->done);
    if (!node)
        return NULL;
    struct ath__exchange *x = ATH__CONTAINER(node, struct ath__exchange, net.node);
    x->net.state = ATH__X_NONE;
    return x;
}

static struct ath__process *next_process_done(struct ath__http *http) {
    return ath__children_next_done(&transport_of(http)->children);
}

static void wake(struct ath__http *http) {
    ath__wake_signal(&transport_of(http)->wake);
}

static uint64_t now_ns(struct ath__http *http) {
    (void)http;
    return read_clock();
}

static int64_t wall_ms(struct ath__http *http) {
    struct timespec now;
    (void)http;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / (int64_t)MS;
}

static uint64_t connections_opened(struct ath__http *http) {
    return atomic_load_explicit(&transport_of(http)->connections_opened, memory_order_relaxed);
}

static void forget(struct ath__exchange *x) {
    x->net.state = ATH__X_NONE;
    x->net.handle = NULL;
    x->net.timer.index = 0;
    ath__list_remove(&x->net.node);
}

/* In a fork's child libcurl's handles are left as they are: closing them would say goodbye, in TLS
 * too, on connections that are the parent's. */
static void release(struct ath__http *http, bool in_child) {
    struct ath__transport *t = transport_of(http);
    while (t->timers.count) {
        struct ath__exchange *x =
            ATH__CONTAINER(t->timers.nodes[0], struct ath__exchange, net.timer);
        struct ath__slot *slot = x->net.state == ATH__X_ACTIVE ? x->net.handle : NULL;
        ath__heap_remove(&t->timers, &x->net.timer);
        forget(x);
        if (!slot)
            continue;
        if (!in_child)
            curl_multi_remove_handle(t->multi, slot->easy);
        ath__slot_free(slot, in_child);
    }
    while (!ath__list_is_empty(&t->done))
        forget(ATH__CONTAINER(t->done.next, struct ath__exchange, net.node));
    while (!ath__list_is_empty(&t->idle))
        ath__slot_free(ATH__CONTAINER(t->idle.next, struct ath__slot, idle), in_child);
    if (!in_child) {
        curl_multi_cleanup(t->multi);
        curl_share_cleanup(t->share);
    }
    ath__children_clear(&t->children, in_child);
    ath__hosts_clear(t);
    ath__resolver_release(t->resolver, in_child);
    ath__heap_clear(&t->timers);
    ath__free(t->ports);
    ath__loop_clear(&t->loop);
    ath__wake_clear(&t->wake);
    ath__free(t);
}

static const struct ath__http_ops s_ops = {
    .submit = submit,
    .cancel = cancel,
    .spawn = spawn,
    .kill = kill_process,
    .drive = drive,
    .next_done = next_done,
    .next_process_done = next_process_done,
    .wake = wake,
    .now_ns = now_ns,
    .wall_ms = wall_ms,
    .connections_opened = connections_opened,
    .release = release,
};

static int open_loop(struct ath__transport *t) {
    int rc = ath__loop_init(&t->loop);
    if (!rc)
        rc = ath__wake_init(&t->wake);
    if (!rc)
        rc = ath__resolver_new(&t->resolver);
    if (!rc)
        rc = ath__loop_set(&t->loop, t->wake.read_fd, ATH__LOOP_IN);
    if (!rc)
        rc = ath__loop_set(&t->loop, ath__resolver_fd(t->resolver), ATH__LOOP_IN);
    return rc;
}

static int open_curl(struct ath__transport *t) {
    t->multi = curl_multi_init();
    t->share = curl_share_init();
    if (!t->multi || !t->share)
        return ATH_ERR_NOMEM;
    curl_share_setopt(t->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    long kept = (long)t->wire_max * 2;
    curl_multi_setopt(
        t->multi, CURLMOPT_MAXCONNECTS, kept > CONNECTIONS_KEPT ? kept : CONNECTIONS_KEPT);
    return 0;
}

int ath__http_curl_new(uint32_t wire_max, struct ath__http **out_http, struct ath_error *err) {
    pthread_once(&s_curl_once, start_curl);
    if (s_curl_code)
        return ath__err_set(
            err, ATH_ERR_SYSTEM, "libcurl did not start: %s", curl_easy_strerror(s_curl_code));
    struct ath__transport *t = ath__alloc_zero(sizeof *t);
    if (!t)
        return ath__err_nomem(err);
    t->base.ops = &s_ops;
    t->wire_max = wire_max ? wire_max : WIRE_MAX;
    t->curl_timer_ns = UINT64_MAX;
    t->wake = (struct ath__wake){-1, -1};
    t->loop.epoll_fd = -1;
    ath__list_init(&t->hosts);
    ath__list_init(&t->ready);
    ath__list_init(&t->names);
    ath__list_init(&t->lookups);
    ath__list_init(&t->idle);
    ath__list_init(&t->done);
    ath__children_init(&t->children, &t->loop);
    int rc = open_loop(t);
    if (!rc)
        rc = open_curl(t);
    if (rc) {
        release(&t->base, false);
        return ath__err_set(err, rc, "the transport could not be set up");
    }
    *out_http = &t->base;
    return 0;
}
