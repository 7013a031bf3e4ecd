/* When queries are looked at, by which call, and how many calls that takes. */
#include "harness.h"

static struct world w;

static size_t next_look(size_t from) {
    while (from < w.calls_count && w.calls[from].api != SIM_GET && w.calls[from].api != SIM_BATCH)
        from++;
    return from;
}

/* Pauses between looks follow the age; `cap_ns` limits them. */
static void check_pace(uint64_t started_ns, uint64_t cap_ns, uint64_t from_age_ns) {
    uint64_t before_ns = 0;
    for (size_t i = next_look(0); i < w.calls_count; i = next_look(i + 1)) {
        uint64_t age_ns = w.calls[i].at_ns - started_ns;
        if (before_ns > from_age_ns && before_ns > 110 * MS) {
            uint64_t answered = before_ns + w.latency_ns;
            uint64_t pace = answered / 5 < cap_ns ? answered / 5 : cap_ns;
            uint64_t expected = answered + pace;
            assert_in_range(age_ns, expected - MS, expected + MS);
        }
        before_ns = age_ns;
    }
}

static void test_poll_pace_of_one_query(void **state) {
    (void)state;
    world_init(&w);
    w.duration_ns = 60 * SECOND;
    world_open(&w, NULL);
    uint64_t started_ns = world_now(&w) + w.latency_ns;
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 100 * SECOND);
    size_t first = next_look(0), second = next_look(first + 1);
    assert_in_range(w.calls[first].at_ns - started_ns, 10 * MS, 11 * MS);
    assert_in_range(w.calls[second].at_ns - started_ns, 100 * MS, 101 * MS);
    check_pace(started_ns, SECOND, 0);
    assert_in_range(world_now(&w) - started_ns, 60 * SECOND, 61100 * MS);
    assert_int_equal(w.count[SIM_BATCH], 0);
    ath_op_release(op);
    world_close(&w);
}

/* The promise of the benchmark: 300 ms take at most 12 calls and are noticed within 12 % + 10 ms.
 */
static void test_poll_short_query_calls(void **state) {
    (void)state;
    world_init(&w);
    w.duration_ns = 300 * MS;
    world_open(&w, NULL);
    uint64_t started_ns = world_now(&w);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_true(w.calls_count <= 12);
    assert_true(world_now(&w) - started_ns <= 300 * MS + 300 * MS / 4 + 10 * MS);
    ath_op_release(op);
    world_close(&w);
}

static void test_poll_interval_caps_the_pause(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    w.duration_ns = 20 * SECOND;
    world_open(&w, NULL);
    options.poll_interval_ms = 250;
    uint64_t started_ns = world_now(&w) + w.latency_ns;
    struct ath_op *op = world_start_with(&w, &options);
    world_finish(&w, op, 100 * SECOND);
    check_pace(started_ns, 250 * MS, 0);
    ath_op_release(op);
    world_close(&w);
}

static void test_poll_pause_grows_after_five_minutes(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    w.duration_ns = 400 * SECOND;
    world_open(&w, NULL);
    uint64_t started_ns = world_now(&w) + w.latency_ns;
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 1000 * SECOND);
    check_pace(started_ns, 5 * SECOND, 301 * SECOND);
    assert_true(w.count[SIM_GET] < 350);
    ath_op_release(op);
    world_close(&w);

    world_init(&w);
    w.duration_ns = 400 * SECOND;
    world_open(&w, NULL);
    options.poll_interval_ms = 1000; /* asked for: kept */
    op = world_start_with(&w, &options);
    world_finish(&w, op, 1000 * SECOND);
    assert_true(w.count[SIM_GET] > 390);
    ath_op_release(op);
    world_close(&w);
}

/* No second of the run sees more calls than AWS's quota and its burst allow. */
static void check_quota(int api, double rate, double burst) {
    double tokens = burst;
    uint64_t at_ns = 0;
    for (size_t i = 0; i < w.calls_count; i++) {
        if (w.calls[i].api != api)
            continue;
        tokens += (double)(w.calls[i].at_ns - at_ns) / 1e9 * rate;
        tokens = tokens > burst ? burst : tokens;
        at_ns = w.calls[i].at_ns;
        tokens -= 1;
        assert_true(tokens > -0.5);
    }
}

static struct ath_op *s_ops[2000];

static void start_many(size_t count, const char *(*group_of)(size_t)) {
    for (size_t i = 0; i < count; i++) {
        struct ath_query_options options = world_options("SELECT 1");
        options.no_rows = true;
        options.work_group = group_of ? group_of(i) : NULL;
        s_ops[i] = world_start_with(&w, &options);
    }
}

static void finish_many(size_t count, int code) {
    for (size_t i = 0; i < count; i++) {
        world_finish(&w, s_ops[i], 600 * SECOND);
        assert_int_equal(ath_op_error(s_ops[i], NULL), code);
        s_ops[i] = ath_op_release(s_ops[i]);
    }
}

static int compare(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Seconds between the end at AWS and the look that told it, 99th percentile. */
static double delay_p99(void) {
    static uint64_t delays[2000];
    for (size_t i = 0; i < w.queries_count; i++)
        delays[i] = w.queries[i].end_seen_ns - w.queries[i].started_ns - w.duration_ns;
    qsort(delays, w.queries_count, sizeof *delays, compare);
    return (double)delays[w.queries_count * 99 / 100] / 1e9;
}

/* The project's promises for crowds: ends are noticed soon, with few calls, within the quota. */
static void test_poll_crowds_hear_of_their_ends(void **state) {
    static const size_t counts[] = {3, 10, 100, 1000};
    static const double limits[] = {0.51, 0.51, 0.15, 1.0};
    (void)state;
    for (int k = 0; k < 4; k++) {
        world_init(&w);
        w.duration_ns = 2 * SECOND;
        w.latency_ns = 5 * MS;
        world_open(&w, NULL);
        for (size_t i = 0; i < counts[k]; i++)
            s_ops[i] = world_start(&w);
        finish_many(counts[k], 0);
        double p99 = delay_p99(), calls = (double)w.calls_count / (double)counts[k];
        print_message("%zu queries: p99 %.3f s late, %.2f calls each\n", counts[k], p99, calls);
        assert_true(p99 <= limits[k]);
        if (counts[k] >= 100)
            assert_true(calls <= 2.5);
        check_quota(SIM_BATCH, 20, 40);
        world_close(&w);
    }
}

/* 200 in one work group; pairs, which are looked at singly, in the others. */
static const char *one_large_group(size_t i) {
    static char name[32];
    snprintf(name, sizeof name, "g%zu", i < 200 ? 0 : i / 2);
    return name;
}

/* Of a crowd of which most cannot be asked for in batches, the bucket of the batch calls fills up:
 * a call each 50 ms goes to those who waited as long as their age asks for, though the crowd's pace
 * is slower. Smaller crowds have no need of it. */
static void test_poll_crowd_spends_what_it_cannot_save(void **state) {
    (void)state;
    static const size_t counts[] = {490, 510};
    size_t calls[2];
    for (size_t i = 0; i < 2; i++) {
        world_init(&w);
        w.duration_ns = 6 * SECOND;
        w.latency_ns = 5 * MS;
        world_open(&w, NULL);
        start_many(counts[i], one_large_group);
        world_run(&w, SECOND);
        calls[i] = w.count[SIM_BATCH];
        world_run(&w, SECOND);
        calls[i] = w.count[SIM_BATCH] - calls[i];
        check_quota(SIM_BATCH, 20, 40);
        finish_many(counts[i], 0);
        world_close(&w);
    }
    print_message("%zu and %zu batch calls in the second second\n", calls[0], calls[1]);
    assert_in_range(calls[0], 5, 14);
    assert_in_range(calls[1], calls[0] + 4, 21);
}

static void test_poll_many_queries_use_batches(void **state) {
    (void)state;
    world_init(&w);
    w.duration_ns = 2 * SECOND;
    w.latency_ns = 20 * MS;
    world_open(&w, NULL);
    start_many(1000, NULL);
    finish_many(1000, 0);
    assert_true(w.largest_batch == 50);
    check_quota(SIM_BATCH, 20, 40);
    check_quota(SIM_GET, 100, 200);
    assert_true(w.count[SIM_START] == 1000);
    assert_true(w.calls_count <= 2500);
    world_close(&w);
}

/* Clients with the same keys share one quota, and a program may take less than all of it. */
static void test_poll_quota_is_shared_and_divided(void **state) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_client *second;
    (void)state;
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    options.quota_share = 0.25;
    world_init(&w);
    w.duration_ns = 5 * SECOND;
    world_open(&w, &options);
    options.region = "us-east-1";
    options.endpoint_url = "http://127.0.0.1:9";
    assert_int_equal(ath_client_new(&options, &second, NULL), 0);
    start_many(500, NULL);
    struct ath_query_options query = world_options("SELECT 1");
    query.no_rows = true;
    for (size_t i = 500; i < 1000; i++)
        assert_int_equal(ath_query_start(second, w.queue, &query, &s_ops[i], NULL), 0);
    finish_many(1000, 0);
    check_quota(SIM_BATCH, 5, 10);
    check_quota(SIM_GET, 25, 50);
    ath_client_release(second);
    world_close(&w);
}

static const char *three_groups(size_t i) {
    static const char *const names[] = {"red", "green", "blue"};
    return names[i % 3];
}

static bool
check_groups(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)a;
    char id[40] = "", group[132] = "";
    if (api != SIM_BATCH)
        return false;
    for (const char *at = strchr(body, '['); at && (at = strstr(at, "\"00")); at += 38) {
        snprintf(id, sizeof id, "%.36s", at + 1);
        struct sim_query *q = sim_find(world, id);
        assert_non_null(q);
        if (!group[0])
            snprintf(group, sizeof group, "%s", q->work_group);
        assert_string_equal(q->work_group, group);
        world->counter++;
    }
    return false;
}

static void test_poll_batch_names_one_work_group(void **state) {
    (void)state;
    world_init(&w);
    w.override = check_groups;
    world_open(&w, NULL);
    start_many(120, three_groups);
    finish_many(120, 0);
    assert_true(w.counter > 120);
    assert_true(w.largest_batch <= 40);
    world_close(&w);
}

static const char *own_group(size_t i) {
    static char name[16];
    snprintf(name, sizeof name, "group%zu", i);
    return name;
}

/* A batch of one is dearer than a single look. */
static void test_poll_lonely_queries_are_looked_at_singly(void **state) {
    (void)state;
    world_init(&w);
    w.duration_ns = 2 * SECOND;
    world_open(&w, NULL);
    start_many(60, own_group);
    finish_many(60, 0);
    assert_int_equal(w.count[SIM_BATCH], 0);
    check_quota(SIM_GET, 100, 200);
    world_close(&w);
}

static void test_poll_batch_limits_the_sql(void **state) {
    static char sql[200001];
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    memset(sql, ' ', 200000);
    memcpy(sql, "SELECT 1", 8);
    for (size_t i = 0; i < 10; i++) {
        struct ath_query_options options = world_options(sql);
        options.no_rows = true;
        s_ops[i] = world_start_with(&w, &options);
    }
    finish_many(10, 0);
    assert_true(w.count[SIM_BATCH] > 0);
    assert_int_equal(w.largest_batch, 2);
    world_close(&w);
}

/* The first id of every batch is left out, the second called unprocessed. */
static bool leave_out(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)world;
    if (api != SIM_BATCH)
        return false;
    char id[40];
    const char *at = strstr(strchr(body, '['), "\"00");
    snprintf(id, sizeof id, "%.36s", at + 1);
    answer_body(
        world,
        a,
        "{\"QueryExecutions\":[],\"UnprocessedQueryExecutionIds\":[{\"QueryExecutionId\":\"%s\","
        "\"ErrorCode\":\"INTERNAL_FAILURE\",\"ErrorMessage\":\"no\"}]}",
        id);
    return true;
}

static void test_poll_ids_missing_from_a_batch(void **state) {
    (void)state;
    world_init(&w);
    w.override = leave_out;
    world_open(&w, NULL);
    start_many(5, NULL);
    finish_many(5, 0);
    assert_true(w.count[SIM_GET] >= 5);
    check_quota(SIM_GET, 100, 200);
    world_close(&w);
}

static const char *refused_group(size_t i) {
    return i % 2 ? "open" : "closed";
}

/* A policy that lacks BatchGetQueryExecution for one work group. */
static bool
refuse_batch(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    char id[40];
    if (api != SIM_BATCH)
        return false;
    snprintf(id, sizeof id, "%.36s", strstr(body, "\"00") + 1);
    if (strcmp(sim_find(world, id)->work_group, "closed") != 0)
        return false;
    world->counter++;
    answer_error(
        a, 400, world->user ? (const char *)world->user : "AccessDeniedException", "not allowed");
    return true;
}

static void test_poll_batch_refused_for_one_work_group(void **state) {
    static char unknown[] = "UnknownOperationException";
    (void)state;
    for (int round = 0; round < 2; round++) {
        world_init(&w);
        w.override = refuse_batch;
        w.user = round ? unknown : NULL;
        w.duration_ns = 3 * SECOND;
        world_open(&w, NULL);
        start_many(20, refused_group);
        finish_many(20, 0);
        assert_true(w.counter >= 1 && w.counter <= 4); /* those on the wire when it was learnt */
        assert_true(w.count[SIM_BATCH] > w.counter);
        check_quota(SIM_GET, 100, 200);
        world_close(&w);
    }
}

static bool
throttle_status(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if ((api != SIM_GET && api != SIM_BATCH) || world->now_ns > 120 * SECOND)
        return false;
    world->counter++;
    answer_error(a, 400, "ThrottlingException", "Rate exceeded");
    return true;
}

static void test_poll_throttled_never_fails_a_query(void **state) {
    (void)state;
    for (size_t count = 1; count <= 10; count += 9) {
        world_init(&w);
        w.override = throttle_status;
        world_open(&w, NULL);
        start_many(count, NULL);
        finish_many(count, 0);
        assert_true(w.counter > 3);
        assert_true(w.counter < 400); /* two minutes of refusals */
        world_close(&w);
    }
}

static bool
break_status(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_GET && api != SIM_BATCH)
        return false;
    if (world->counter++ % 3 == 2)
        return false;
    if (world->counter % 2)
        answer_error(a, 503, "ServiceUnavailable", "busy");
    else
        *a = (struct ath__fake_answer){.result = ATH_ERR_IO, .request_sent = true};
    return true;
}

static void test_poll_5xx_and_resets_are_retried(void **state) {
    (void)state;
    world_init(&w);
    w.override = break_status;
    w.duration_ns = 5 * SECOND;
    world_open(&w, NULL);
    start_many(1, NULL);
    finish_many(1, 0);
    world_close(&w);
}

/* The status calls fail until `counter` seconds have passed. */
static bool outage(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if ((api != SIM_GET && api != SIM_BATCH) || world->now_ns > world->counter * SECOND)
        return false;
    answer_error(a, 503, "ServiceUnavailable", "busy");
    return true;
}

static void test_poll_outage_is_sat_out(void **state) {
    (void)state;
    for (size_t count = 1; count <= 10; count += 9) {
        world_init(&w);
        w.override = outage;
        w.counter = (unsigned)(w.now_ns / SECOND) + 50;
        world_open(&w, NULL);
        start_many(count, NULL);
        finish_many(count, 0);
        world_close(&w);
    }
}

static void test_poll_outage_that_lasts_is_an_error(void **state) {
    (void)state;
    world_init(&w);
    w.override = outage;
    w.counter = (unsigned)(w.now_ns / SECOND) + 200;
    world_open(&w, NULL);
    start_many(1, NULL);
    finish_many(1, ATH_ERR_SERVICE);
    world_close(&w);
}

static bool
deny_status(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    (void)world;
    if (api != SIM_GET && api != SIM_BATCH)
        return false;
    answer_error(a, 400, "AccessDeniedException", "no status for you");
    return true;
}

static void test_poll_status_denied_is_an_error(void **state) {
    (void)state;
    world_init(&w);
    w.override = deny_status;
    world_open(&w, NULL);
    start_many(4, NULL);
    finish_many(4, ATH_ERR_ACCESS);
    world_close(&w);
}

/* A query that leaves while the look about it is under way leaves the others' look alone. */
static void test_poll_query_leaves_during_a_look(void **state) {
    (void)state;
    world_init(&w);
    w.duration_ns = SECOND;
    w.hold[SIM_BATCH] = true;
    world_open(&w, NULL);
    start_many(5, NULL);
    world_run(&w, 200 * MS);
    assert_int_equal(w.wire[SIM_BATCH], 1);
    ath_op_cancel(s_ops[0], false);
    ath_op_cancel(s_ops[2], false);
    world_settle(&w);
    assert_int_equal(w.wire[SIM_BATCH], 1);
    w.hold[SIM_BATCH] = false;
    ath__fake_let_go(w.fake);
    for (size_t i = 0; i < 5; i++) {
        world_finish(&w, s_ops[i], 10 * SECOND);
        assert_int_equal(ath_op_error(s_ops[i], NULL), i == 0 || i == 2 ? ATH_ERR_CANCELLED : 0);
        ath_op_release(s_ops[i]);
    }
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poll_pace_of_one_query),
        cmocka_unit_test(test_poll_short_query_calls),
        cmocka_unit_test(test_poll_interval_caps_the_pause),
        cmocka_unit_test(test_poll_pause_grows_after_five_minutes),
        cmocka_unit_test(test_poll_crowds_hear_of_their_ends),
        cmocka_unit_test(test_poll_crowd_spends_what_it_cannot_save),
        cmocka_unit_test(test_poll_many_queries_use_batches),
        cmocka_unit_test(test_poll_quota_is_shared_and_divided),
        cmocka_unit_test(test_poll_batch_names_one_work_group),
        cmocka_unit_test(test_poll_lonely_queries_are_looked_at_singly),
        cmocka_unit_test(test_poll_batch_limits_the_sql),
        cmocka_unit_test(test_poll_ids_missing_from_a_batch),
        cmocka_unit_test(test_poll_batch_refused_for_one_work_group),
        cmocka_unit_test(test_poll_throttled_never_fails_a_query),
        cmocka_unit_test(test_poll_5xx_and_resets_are_retried),
        cmocka_unit_test(test_poll_outage_is_sat_out),
        cmocka_unit_test(test_poll_outage_that_lasts_is_an_error),
        cmocka_unit_test(test_poll_status_denied_is_an_error),
        cmocka_unit_test(test_poll_query_leaves_during_a_look),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
