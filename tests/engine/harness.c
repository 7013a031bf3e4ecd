#include "harness.h"

#include <malloc.h>
#include <pthread.h>

/* -- memory ------------------------------------------------------------------------------------ */

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t s_live, s_bytes;
static uint64_t s_count, s_fail_at;
static bool s_fail_all, s_failed;
static _Thread_local unsigned s_in_transport; /* its memory is not the engine's */

struct header {
    size_t size;
    size_t counted;
};

static bool refuse(void) {
    if (s_in_transport)
        return false;
    s_count++;
    if (s_fail_at == 0 || s_count < s_fail_at || (s_count > s_fail_at && !s_fail_all))
        return false;
    s_failed = true;
    return true;
}

static void *hook_alloc(size_t size, void *user) {
    (void)user;
    pthread_mutex_lock(&s_lock);
    struct header *h = refuse() ? NULL : malloc(sizeof *h + size);
    if (h) {
        *h = (struct header){size, !s_in_transport};
        s_live += h->counted;
        s_bytes += h->counted ? size : 0;
    }
    pthread_mutex_unlock(&s_lock);
    return h ? h + 1 : NULL;
}

static void hook_free(void *ptr, void *user) {
    (void)user;
    if (!ptr)
        return;
    struct header *h = (struct header *)ptr - 1;
    pthread_mutex_lock(&s_lock);
    s_live -= h->counted;
    s_bytes -= h->counted ? h->size : 0;
    pthread_mutex_unlock(&s_lock);
    free(h);
}

static void *hook_realloc(void *ptr, size_t size, void *user) {
    void *moved = hook_alloc(size, user);
    if (!moved || !ptr)
        return moved;
    size_t old = ((struct header *)ptr - 1)->size;
    memcpy(moved, ptr, old < size ? old : size);
    hook_free(ptr, user);
    return moved;
}

size_t harness_live(void) {
    pthread_mutex_lock(&s_lock);
    size_t live = s_live;
    pthread_mutex_unlock(&s_lock);
    return live;
}

size_t harness_live_bytes(void) {
    pthread_mutex_lock(&s_lock);
    size_t bytes = s_bytes;
    pthread_mutex_unlock(&s_lock);
    return bytes;
}

uint64_t harness_allocations(void) {
    pthread_mutex_lock(&s_lock);
    uint64_t count = s_count;
    pthread_mutex_unlock(&s_lock);
    return count;
}

void harness_fail_at(uint64_t n, bool all) {
    pthread_mutex_lock(&s_lock);
    s_fail_at = n ? s_count + n : 0;
    s_fail_all = all;
    s_failed = false;
    pthread_mutex_unlock(&s_lock);
}

bool harness_has_failed(void) {
    return s_failed;
}

static void lock_hooks(void) {
    pthread_mutex_lock(&s_lock);
}

static void unlock_hooks(void) {
    pthread_mutex_unlock(&s_lock);
}

void harness_init(void) {
    static const char *const names[] = {
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_ENDPOINT_URL",
        "AWS_CA_BUNDLE",
        "AWS_ENDPOINT_URL_ATHENA",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
        "AWS_SESSION_TOKEN",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "AWS_SECRET_ACCESS_KEY",
        "_X_AMZN_TRACE_ID",
        "ALL_PROXY",
        "all_proxy",
    };
    static const struct ath_allocator hooks = {hook_alloc, hook_realloc, hook_free, NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
    pthread_atfork(lock_hooks, unlock_hooks, unlock_hooks);
    ath_allocator_set(&hooks);
}

/* -- the transport, counted ---------------------------------------------------------------------
 */

static struct world *world_of(struct ath__http *http) {
    return (struct world *)(void *)http;
}

static int api_of(const struct ath__exchange *x) {
    static const char *const names[] = {
        "StartQueryExecution",
        "StopQueryExecution",
        "GetQueryExecution",
        "BatchGetQueryExecution",
        "GetQueryResults",
    };
    for (size_t i = 0; i < x->headers_count; i++)
        if (ath__slice_is(x->headers[i].name, "X-Amz-Target"))
            for (int api = 0; api < SIM_OTHER; api++) {
                char target[64];
                snprintf(target, sizeof target, "AmazonAthena.%s", names[api]);
                if (ath__slice_is(x->headers[i].value, target))
                    return api;
            }
    return SIM_OTHER;
}

static void keep_headers(struct world *w, const struct ath__exchange *x) {
    size_t len = 0;
    w->last_headers[0] = '\0';
    for (size_t i = 0; i < x->headers_count; i++) {
        int n = snprintf(
            w->last_headers + len,
            sizeof w->last_headers - len,
            "%.*s: %.*s\n",
            (int)x->headers[i].name.len,
            x->headers[i].name.ptr,
            (int)x->headers[i].value.len,
            x->headers[i].value.ptr);
        len += (size_t)n < sizeof w->last_headers - len ? (size_t)n : 0;
    }
}

static void submit(struct ath__http *http, struct ath__exchange *x) {
    struct world *w = world_of(http);
    int api = api_of(x);
    w->now_ns = w->fake->ops->now_ns(w->fake);
    keep_headers(w, x);
    if (++w->wire[api] > w->wire_most[api])
        w->wire_most[api] = w->wire[api];
    s_in_transport++;
    w->fake->ops->submit(w->fake, x);
    s_in_transport--;
}

static void cancel(struct ath__http *http, struct ath__exchange *x) {
    struct world *w = world_of(http);
    int api = api_of(x);
    w->wire[api]--;
    w->cancelled_on_wire[api]++;
    s_in_transport++;
    w->fake->ops->cancel(w->fake, x);
    s_in_transport--;
}

static void spawn(struct ath__http *http, struct ath__process *p) {
    struct world *w = world_of(http);
    s_in_transport++;
    w->fake->ops->spawn(w->fake, p);
    s_in_transport--;
}

static void kill_process(struct ath__http *http, struct ath__process *p) {
    struct world *w = world_of(http);
    w->fake->ops->kill(w->fake, p);
}

static int drive(struct ath__http *http, uint64_t until_ns) {
    struct world *w = world_of(http);
    s_in_transport++;
    int rc = w->fake->ops->drive(w->fake, until_ns);
    s_in_transport--;
    w->now_ns = w->fake->ops->now_ns(w->fake);
    return rc;
}

static struct ath__exchange *next_done(struct ath__http *http) {
    struct world *w = world_of(http);
    struct ath__exchange *x = w->fake->ops->next_done(w->fake);
    if (x)
        w->wire[api_of(x)]--;
    return x;
}

static struct ath__process *next_process_done(struct ath__http *http) {
    return world_of(http)->fake->ops->next_process_done(world_of(http)->fake);
}

static void wake(struct ath__http *http) {
    world_of(http)->fake->ops->wake(world_of(http)->fake);
}

static uint64_t now_ns(struct ath__http *http) {
    return world_of(http)->fake->ops->now_ns(world_of(http)->fake);
}

static int64_t wall_ms(struct ath__http *http) {
    return world_of(http)->fake->ops->wall_ms(world_of(http)->fake);
}

static uint64_t connections_opened(struct ath__http *http) {
    return world_of(http)->fake->ops->connections_opened(world_of(http)->fake);
}

static void release(struct ath__http *http, bool in_child) {
    struct world *w = world_of(http);
    w->fake->ops->release(w->fake, in_child);
    w->fake = NULL;
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

/* -- the world ----------------------------------------------------------------------------------
 */

void sim_handle(void *user, const struct ath__exchange *x, struct ath__fake_answer *answer);

static void sim_quota(struct world *w) {
    static const double rates[SIM_APIS] = {20, 20, 100, 20, 100, 20};
    static const double bursts[SIM_APIS] = {80, 80, 200, 40, 200, 20};
    for (int api = 0; api < SIM_APIS; api++)
        w->buckets[api] = (struct sim_bucket){rates[api], bursts[api], bursts[api], SECOND};
}

/* A world that a failed test left behind is ended first. */
void world_init(struct world *w) {
    ath_shutdown(0);
    memset(w, 0, sizeof *w);
    w->live_before = harness_live();
    w->latency_ns = MS;
    w->duration_ns = 500 * MS;
    w->end_state = ATH_QUERY_SUCCEEDED;
    w->pages = 1;
    w->rows_per_page = 3;
    w->value_len = 1;
    sim_quota(w);
}

void world_open(struct world *w, const struct ath_client_options *given) {
    struct ath_error err = {0};
    if (!world_try_open(w, given, &err))
        fail_msg("cannot open the client: %s", err.message);
}

bool world_try_open(
    struct world *w, const struct ath_client_options *given, struct ath_error *err) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath__fake_rule rule = {.handler = sim_handle, .user = w};
    if (given)
        options = *given;
    options.region = "us-east-1";
    options.endpoint_url = "http://127.0.0.1:9";
    if (!given)
        options.credentials_source = ATH_CREDENTIALS_NONE;
    s_in_transport++;
    assert_int_equal(ath__http_fake_new(&w->fake), 0);
    assert_int_equal(ath__fake_add(w->fake, &rule), 0);
    s_in_transport--;
    w->http.ops = &s_ops;
    w->now_ns = w->fake->ops->now_ns(w->fake);
    ath__runtime_use_http(&w->http);
    bool ok = ath_client_new(&options, &w->client, err) == 0;
    if (ok) {
        assert_int_equal(ath__runtime_get(&w->runtime, err), 0);
        ok = ath_queue_new(&w->queue, err) == 0;
    }
    return ok;
}

void world_close(struct world *w) {
    world_forget(w);
    ath_queue_release(w->queue);
    ath_client_release(w->client);
    ath_shutdown(60000);
    ath__runtime_release(w->runtime);
    if (w->fake) { /* nobody took it */
        ath__runtime_use_http(NULL);
        w->fake->ops->release(w->fake, false);
    }
    world_free(w);
    w->runtime = NULL;
    assert_int_equal(harness_live(), w->live_before);
}

void world_rule(struct world *w, const struct ath__fake_rule *rule) {
    s_in_transport++;
    ath__fake_clear_rules(w->fake);
    assert_int_equal(ath__fake_add(w->fake, rule), 0);
    s_in_transport--;
}

void world_free(struct world *w) {
    for (size_t i = 0; i < sizeof w->scratch / sizeof *w->scratch; i++)
        free(w->scratch[i]);
    free(w->queries);
    free(w->calls);
}

struct ath_query_options world_options(const char *sql) {
    struct ath_query_options options = ATH_QUERY_OPTIONS_INIT;
    options.sql = ath__slice_str(sql);
    options.output_location = "s3://bucket/prefix/";
    return options;
}

struct ath_op *world_start_with(struct world *w, const struct ath_query_options *options) {
    struct ath_error err = {0};
    struct ath_op *op = NULL;
    int rc = ath_query_start(w->client, w->queue, options, &op, &err);
    if (rc)
        fail_msg("ath_query_start: %s", err.message);
    return op;
}

struct ath_op *world_start(struct world *w) {
    struct ath_query_options options = world_options("SELECT 1");
    return world_start_with(w, &options);
}

uint64_t world_now(struct world *w) {
    return w->fake->ops->now_ns(w->fake);
}

void world_settle(struct world *w) {
    for (int i = 0; i < 8; i++)
        ath__driver_run(w->runtime, world_now(w));
}

void world_run(struct world *w, uint64_t ns) {
    uint64_t end_ns = world_now(w) + ns;
    world_settle(w);
    while (world_now(w) < end_ns)
        ath__driver_run(w->runtime, end_ns);
    world_settle(w);
}

void world_finish(struct world *w, struct ath_op *op, uint64_t limit_ns) {
    uint64_t end_ns = world_now(w) + limit_ns;
    while (!ath_op_is_done(op) && world_now(w) < end_ns) {
        ath__driver_run(w->runtime, end_ns);
        ath__driver_run(w->runtime, world_now(w)); /* timers that are due, no time passes */
    }
    if (!ath_op_is_done(op))
        fail_msg("the operation did not end within %.1f s", (double)limit_ns / 1e9);
    world_settle(w);
}

size_t world_drain(struct world *w) {
    size_t all = 0, n;
    while (w->events_count < 256 &&
           (n = ath_queue_drain(w->queue, w->events + w->events_count, 256 - w->events_count))) {
        all += n;
        w->events_count += n;
    }
    return all;
}

void world_forget(struct world *w) {
    for (size_t i = 0; i < w->events_count; i++)
        ath_event_clear(&w->events[i]);
    w->events_count = 0;
}

size_t world_events_of(struct world *w, const struct ath_op *op, int type) {
    size_t count = 0;
    world_drain(w);
    for (size_t i = 0; i < w->events_count; i++)
        count += w->events[i].token == ath_op_token(op) && w->events[i].type == type;
    return count;
}

const char *world_trace(struct world *w, const struct ath_op *op) {
    static char trace[300];
    size_t len = 0;
    world_drain(w);
    for (size_t i = 0; i < w->events_count; i++)
        if (w->events[i].token == ath_op_token(op))
            trace[len++] = "?SsRBDC"[w->events[i].type];
    trace[len] = '\0';
    return trace;
}

int world_done_code(struct world *w, const struct ath_op *op) {
    world_drain(w);
    for (size_t i = 0; i < w->events_count; i++)
        if (w->events[i].token == ath_op_token(op) && w->events[i].type == ATH_EVENT_DONE)
            return w->events[i].code;
    fail_msg("no DONE event");
    return 1;
}

size_t world_take_rows(struct ath_op *op) {
    struct ath_batch *batch;
    size_t rows = 0;
    while (ath_query_batch_next(op, &batch, NULL) == 1) {
        rows += ath_batch_rows(batch);
        ath_batch_release(batch);
    }
    return rows;
}
