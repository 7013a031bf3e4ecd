/* What happens when AWS says "too fast", "too many", or breaks the connection. */
#include "harness.h"

static struct world w;
static struct ath_op *s_ops[1000];

static void start_many(size_t count) {
    struct ath_query_options options = world_options("SELECT 1");
    for (size_t i = 0; i < count; i++)
        s_ops[i] = world_start_with(&w, &options);
}

static void finish_many(size_t count) {
    for (size_t i = 0; i < count; i++) {
        world_finish(&w, s_ops[i], 3600 * SECOND);
        assert_int_equal(ath_op_error(s_ops[i], NULL), 0);
        s_ops[i] = ath_op_release(s_ops[i]);
    }
}

/* The project's promise under AWS's default quotas for every API. */
static void test_throttle_300_queries_all_quotas(void **state) {
    (void)state;
    world_init(&w);
    w.quotas = true;
    w.latency_ns = 20 * MS;
    w.duration_ns = 300 * MS;
    world_open(&w, NULL);
    uint64_t from_ns = world_now(&w);
    start_many(300);
    for (size_t i = 0; i < 300; i++)
        world_finish(&w, s_ops[i], 100 * SECOND);
    double taken_s = (double)(world_now(&w) - from_ns) / 1e9;
    print_message(
        "300 queries: %.2f s, %zu refused, %zu calls\n", taken_s, w.refused, w.calls_count);
    finish_many(300);
    assert_true(w.refused <= 20);
    assert_true(taken_s <= 13.6);
    assert_int_equal(w.queries_count, 300);
    assert_true(w.wire_most[SIM_START] <= 16);
    world_close(&w);
}

static bool
refuse_starts(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    char token[132];
    if (api != SIM_START)
        return false;
    if (!world->user)
        world->user = calloc(1, 132);
    assert_true(body_text(body, "ClientRequestToken", token, sizeof token));
    if (!*(char *)world->user)
        strcpy(world->user, token);
    assert_string_equal(token, world->user); /* one token for all attempts */
    answer_error(a, 400, "ThrottlingException", "Rate exceeded");
    a->head = "x-amzn-RequestId: request-7\r\n";
    return true;
}

static void test_throttle_start_refused_too_often(void **state) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_client_stats stats = {.size = sizeof stats};
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.override = refuse_starts;
    options.credentials_source = ATH_CREDENTIALS_NONE;
    options.retry_attempts = 4;
    options.retry_multiplier_ms = 100;
    options.retry_delay_max_ms = 300;
    world_open(&w, &options);
    uint64_t from_ns = world_now(&w);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 100 * SECOND);
    assert_string_equal(world_trace(&w, op), "D");
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_THROTTLED);
    assert_string_equal(
        err.message,
        "An error occurred (ThrottlingException) when calling the StartQueryExecution operation: "
        "Rate exceeded");
    assert_string_equal(err.service_code, "ThrottlingException");
    assert_string_equal(err.operation, "StartQueryExecution");
    assert_string_equal(err.request_id, "request-7");
    assert_int_equal(err.attempts, 4);
    assert_int_equal(w.count[SIM_START], 4);
    assert_true(world_now(&w) - from_ns >= 550 * MS); /* the lane's 50, then 200 + 300 */
    assert_true(world_now(&w) - from_ns <= 1500 * MS);
    ath_client_stats(w.client, &stats);
    assert_int_equal(stats.refusals, 4);
    assert_int_equal(stats.retries, 3);
    assert_int_equal(stats.queries_in_flight, 0);
    ath_op_release(op);
    free(w.user);
    world_close(&w);
}

/* After one refusal the lane goes at AWS's rate, then faster. */
static bool
refuse_first(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_START || world->counter++)
        return false;
    answer_error(a, 400, "ThrottlingException", "Rate exceeded");
    return true;
}

static size_t starts_between(uint64_t from_ns, uint64_t to_ns) {
    size_t count = 0;
    for (size_t i = 0; i < w.calls_count; i++)
        count +=
            w.calls[i].api == SIM_START && w.calls[i].at_ns >= from_ns && w.calls[i].at_ns < to_ns;
    return count;
}

static void test_throttle_lane_slows_then_grows(void **state) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    (void)state;
    world_init(&w);
    w.override = refuse_first;
    options.credentials_source = ATH_CREDENTIALS_NONE;
    options.start_timeout_ms = 2500; /* the wait in our own lane does not count */
    world_open(&w, &options);
    uint64_t from_ns = world_now(&w);
    start_many(400);
    world_run(&w, 12 * SECOND);
    size_t second = starts_between(from_ns + SECOND, from_ns + 2 * SECOND);
    size_t tenth = starts_between(from_ns + 10 * SECOND, from_ns + 11 * SECOND);
    assert_in_range(second, 18, 22);
    assert_in_range(tenth, 30, 60);
    finish_many(400);
    world_close(&w);
}

static void test_throttle_starts_on_the_wire(void **state) {
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    start_many(50);
    world_settle(&w);
    assert_int_equal(w.wire[SIM_START], 16);
    w.hold[SIM_START] = false;
    ath__fake_let_go(w.fake);
    finish_many(50);
    world_close(&w);
}

/* -- the gate -----------------------------------------------------------------------------------
 */

static void test_gate_opens_one_by_one_first_in_first_out(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    w.active_max = 5;
    w.duration_ns = 20 * SECOND;
    world_open(&w, NULL);
    for (size_t i = 0; i < 15; i++) {
        char token[40];
        snprintf(token, sizeof token, "token-%02zu-------------------------", i);
        options.client_request_token = token;
        options.no_rows = true;
        s_ops[i] = world_start_with(&w, &options);
    }
    world_run(&w, 2 * SECOND);
    assert_int_equal(w.queries_count, 5);
    size_t refused = w.refused;
    assert_in_range(refused, 1, 11);
    world_run(&w, 16 * SECOND); /* one probe each five seconds */
    assert_in_range(w.refused - refused, 2, 4);
    finish_many(15);
    assert_int_equal(w.queries_count, 15);
    for (size_t i = 0; i < 15; i++) {
        char token[40];
        snprintf(token, sizeof token, "token-%02zu-------------------------", i);
        assert_string_equal(w.queries[i].token, token);
    }
    world_close(&w);
}

/* At the limit an end is followed by one start: nothing else is refused then. */
static void test_gate_end_gives_one_probe(void **state) {
    (void)state;
    world_init(&w);
    w.active_max = 10;
    w.duration_ns = 2 * SECOND;
    world_open(&w, NULL);
    start_many(100);
    finish_many(100);
    assert_true(w.refused <= 25); /* the first crowd, and a few each five seconds */
    world_close(&w);
}

/* Room made by somebody else's queries is found and filled quickly. */
static void test_gate_opens_when_others_end(void **state) {
    (void)state;
    world_init(&w);
    w.active_max = 1;
    w.duration_ns = 1000 * SECOND;
    world_open(&w, NULL);
    start_many(30);
    world_run(&w, 30 * SECOND);
    assert_int_equal(w.queries_count, 1);
    w.active_max = 0;
    world_run(&w, 6 * SECOND);
    assert_int_equal(w.queries_count, 30);
    w.duration_ns = SECOND;
    finish_many(30);
    world_close(&w);
}

/* -- broken calls --------------------------------------------------------------------------------
 */

static bool
break_starts(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    char token[132];
    if (api != SIM_START)
        return false;
    body_text(body, "ClientRequestToken", token, sizeof token);
    if (world->counter++ >= 3)
        return false;
    if (world->counter == 2)
        answer_error(a, 500, "InternalServerException", "oops");
    else
        *a = (struct ath__fake_answer){
            .result = ATH_ERR_IO, .request_sent = true, .delay_ns = MS, .message = "reset"};
    return true;
}

static void test_call_transient_failures_are_retried(void **state) {
    (void)state;
    world_init(&w);
    w.override = break_starts;
    world_open(&w, NULL);
    uint64_t from_ns = world_now(&w);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 100 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(w.count[SIM_START], 4);
    assert_true(world_now(&w) - from_ns < 2 * SECOND);
    ath_op_release(op);
    world_close(&w);
}

static bool
always_broken(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != (int)world->counter)
        return false;
    *a = (struct ath__fake_answer){
        .result = ATH_ERR_CONNECT, .delay_ns = MS, .message = "connection refused"};
    return true;
}

static void test_call_transient_failures_end_as_error(void **state) {
    static const int apis[] = {SIM_START, SIM_RESULTS};
    static const char *const traces[] = {"D", "SD"};
    struct ath_error err;
    (void)state;
    for (int i = 0; i < 2; i++) {
        world_init(&w);
        w.override = always_broken;
        w.counter = (unsigned)apis[i];
        world_open(&w, NULL);
        struct ath_op *op = world_start(&w);
        world_finish(&w, op, 100 * SECOND);
        assert_string_equal(world_trace(&w, op), traces[i]);
        assert_int_equal(ath_op_error(op, &err), ATH_ERR_CONNECT);
        assert_non_null(strstr(err.message, "connection refused"));
        assert_int_equal(err.attempts, 5);
        assert_int_equal(w.count[apis[i]], 5);
        ath_op_release(op);
        world_close(&w);
    }
}

static void test_call_deadline(void **state) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    options.credentials_source = ATH_CREDENTIALS_NONE;
    options.start_timeout_ms = 7000;
    world_open(&w, &options);
    uint64_t from_ns = world_now(&w);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 100 * SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_TIMEOUT);
    assert_string_equal(err.operation, "StartQueryExecution");
    assert_in_range(world_now(&w) - from_ns, 7 * SECOND, 7 * SECOND + MS);
    ath_op_release(op);
    world_close(&w);
}

/* When everything breaks, the quota ends the retries of many calls early. */
static void test_call_retry_quota(void **state) {
    (void)state;
    world_init(&w);
    w.override = always_broken;
    w.counter = SIM_START;
    world_open(&w, NULL);
    start_many(200);
    for (size_t i = 0; i < 200; i++) {
        world_finish(&w, s_ops[i], 1000 * SECOND);
        assert_int_equal(ath_op_error(s_ops[i], NULL), ATH_ERR_CONNECT);
        ath_op_release(s_ops[i]);
    }
    assert_in_range(w.count[SIM_START], 200 + 30, 200 + 36); /* 500 / 14 */
    world_close(&w);
}

static bool
bad_request(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    (void)world;
    if (api != SIM_START)
        return false;
    answer_error(a, 400, "InvalidRequestException", "no output location");
    return true;
}

static void test_call_bad_request_is_not_retried(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.override = bad_request;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 100 * SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_SERVICE);
    assert_int_equal(err.http_status, 400);
    assert_int_equal(w.count[SIM_START], 1);
    ath_op_release(op);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throttle_300_queries_all_quotas),
        cmocka_unit_test(test_throttle_start_refused_too_often),
        cmocka_unit_test(test_throttle_lane_slows_then_grows),
        cmocka_unit_test(test_throttle_starts_on_the_wire),
        cmocka_unit_test(test_gate_opens_one_by_one_first_in_first_out),
        cmocka_unit_test(test_gate_end_gives_one_probe),
        cmocka_unit_test(test_gate_opens_when_others_end),
        cmocka_unit_test(test_call_transient_failures_are_retried),
        cmocka_unit_test(test_call_transient_failures_end_as_error),
        cmocka_unit_test(test_call_deadline),
        cmocka_unit_test(test_call_retry_quota),
        cmocka_unit_test(test_call_bad_request_is_not_retried),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
