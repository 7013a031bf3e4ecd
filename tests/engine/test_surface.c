/* The rest of what a program can see: getters, odd orders of calls, clear errors. */
#include "harness.h"

static struct world w;

static void test_client_getters(void **state) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_credentials keys;
    struct ath_error err;
    static char token[9000];
    (void)state;
    memset(token, 't', sizeof token - 1);
    world_init(&w);
    options.credentials_source = ATH_CREDENTIALS_EXTERNAL;
    world_open(&w, &options);
    assert_string_equal(ath_client_region(w.client), "us-east-1");
    assert_string_equal(ath_client_endpoint(w.client), "http://127.0.0.1:9");
    assert_null(ath_client_profile(w.client));
    assert_int_equal(ath_client_credentials(w.client, &keys, NULL), 0);
    assert_string_equal(keys.access_key_id, "");
    assert_int_equal(
        ath_client_credentials_set(w.client, "AKID", NULL, NULL, 0, NULL, &err), ATH_ERR_INVALID);
    assert_int_equal(
        ath_client_credentials_set(w.client, "AKID", "secret", token, 77, NULL, &err), 0);
    assert_int_equal(ath_client_credentials(w.client, &keys, &err), ATH_ERR_TOO_LARGE);
    assert_int_equal(ath_client_credentials_set(w.client, "AKID", "s", "t", 77, NULL, &err), 0);
    assert_int_equal(ath_client_credentials(w.client, &keys, &err), 0);
    assert_int_equal(keys.expires_at, 77);
    struct ath_client *same = ath_client_retain(w.client);
    assert_ptr_equal(same, w.client);
    ath_client_release(same);
    world_close(&w);

    world_init(&w);
    world_open(&w, NULL);
    assert_int_equal(
        ath_client_credentials_set(w.client, "AKID", "s", "t", 0, NULL, &err), ATH_ERR_STATE);
    assert_false(ath_client_credentials_wanted(w.client));
    union {
        struct ath_client_options known;
        char bytes[4096];
    } newer = {.known = options};
    newer.known.size = sizeof newer;
    newer.bytes[sizeof newer - 1] = 1;
    struct ath_client *none = NULL;
    assert_int_equal(ath_client_new(&newer.known, &none, &err), ATH_ERR_INVALID);
    world_close(&w);
}

static void test_op_references(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w), *other = world_start(&w);
    assert_true(ath_op_token(op) != 0 && ath_op_token(op) != ath_op_token(other));
    assert_ptr_equal(ath_op_retain(op), op);
    ath_op_release(op); /* one is left: the query goes on */
    struct ath_queue *queue = ath_queue_retain(w.queue);
    ath_queue_release(queue);
    world_finish(&w, op, 10 * SECOND);
    world_finish(&w, other, 10 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(world_events_of(&w, op, ATH_EVENT_DONE), 1);
    assert_null(ath_op_release(op));
    ath_op_release(other);
    assert_null(ath_op_release(NULL));
    assert_null(ath_queue_release(NULL));
    assert_null(ath_client_release(NULL));
    world_close(&w);
}

static void test_query_arrow_schema_when_known(void **state) {
    struct ArrowSchema schema;
    struct ath_error err;
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    assert_int_equal(ath_query_arrow_schema(op, &schema, &err), ATH_ERR_STATE);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_query_arrow_schema(op, &schema, &err), 0);
    assert_int_equal(schema.n_children, 1);
    assert_string_equal(schema.children[0]->format, "u");
    schema.release(&schema);
    ath_op_release(op);
    world_close(&w);
}

static bool hint(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_START || world->counter++)
        return false;
    a->head = "x-amz-retry-after: 4000\r\n";
    answer_error(a, 400, "ThrottlingException", "Rate exceeded");
    return true;
}

static void test_call_waits_as_the_server_asks(void **state) {
    (void)state;
    world_init(&w);
    w.override = hint;
    world_open(&w, NULL);
    uint64_t from_ns = world_now(&w);
    struct ath_op *op = world_start(&w);
    while (w.count[SIM_START] < 2)
        ath__driver_run(w.runtime, world_now(&w) + 10 * MS);
    assert_in_range(world_now(&w) - from_ns, 4 * SECOND, 5100 * MS);
    world_finish(&w, op, 10 * SECOND);
    ath_op_release(op);
    world_close(&w);
}

static void test_call_carries_lambdas_trace(void **state) {
    (void)state;
    setenv("_X_AMZN_TRACE_ID", "Root=1-2-3", 1);
    setenv("AWS_LAMBDA_FUNCTION_NAME", "f", 1);
    world_init(&w);
    world_open(&w, NULL);
    unsetenv("_X_AMZN_TRACE_ID");
    unsetenv("AWS_LAMBDA_FUNCTION_NAME");
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_non_null(strstr(w.last_headers, "X-Amzn-Trace-Id: Root=1-2-3"));
    ath_op_release(op);
    world_close(&w);
}

static bool
other_query(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_GET)
        return false;
    answer_body(
        world,
        a,
        "{\"QueryExecution\":{\"QueryExecutionId\":\"%s\",\"Status\":{\"State\":\"SUCCEEDED\"}}}",
        "somebody-elses");
    return true;
}

static void test_query_answer_about_another(void **state) {
    (void)state;
    world_init(&w);
    w.override = other_query;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), ATH_ERR_PROTOCOL);
    ath_op_release(op);
    world_close(&w);
}

static bool too_large(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    (void)world;
    if (api != SIM_RESULTS)
        return false;
    *a = (struct ath__fake_answer){.result = ATH_ERR_TOO_LARGE, .request_sent = true};
    return true;
}

static bool nonsense(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != (int)world->counter)
        return false;
    a->body = "<html>proxy</html>";
    return true;
}

static void test_query_answers_that_are_nonsense(void **state) {
    static const unsigned apis[] = {SIM_START, SIM_GET, SIM_RESULTS};
    static const char *const names[] = {
        "StartQueryExecution", "GetQueryExecution", "GetQueryResults"};
    struct ath_error err;
    (void)state;
    for (int i = 0; i < 3; i++) {
        world_init(&w);
        w.override = nonsense;
        w.counter = apis[i];
        world_open(&w, NULL);
        struct ath_op *op = world_start(&w);
        world_finish(&w, op, 10 * SECOND);
        assert_int_equal(ath_op_error(op, &err), ATH_ERR_PROTOCOL);
        assert_non_null(strstr(err.message, names[i]));
        ath_op_release(op);
        world_close(&w);
    }
}

static void test_query_row_too_large(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.override = too_large;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_TOO_LARGE);
    assert_non_null(strstr(err.message, "one row"));
    assert_int_equal(w.count[SIM_RESULTS], 4); /* 1000, 125, 15, 1, and no smaller */
    ath_op_release(op);
    world_close(&w);
}

/* -- catalogue and stop
 * ---------------------------------------------------------------------------- */

static bool endless(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_OTHER)
        return false;
    answer_body(world, a, "{\"DatabaseList\":[],\"NextToken\":\"n\"}");
    return true;
}

static struct ath_op *start_list(void) {
    struct ath_metadata_options options = ATH_METADATA_OPTIONS_INIT;
    struct ath_op *op;
    options.kind = ATH_METADATA_DATABASES;
    options.catalog = "AwsDataCatalog";
    assert_int_equal(ath_metadata_start(w.client, w.queue, &options, &op, NULL), 0);
    return op;
}

static void test_metadata_pages_do_not_end(void **state) {
    (void)state;
    world_init(&w);
    w.override = endless;
    world_open(&w, NULL);
    struct ath_op *op = start_list();
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), ATH_ERR_PROTOCOL);
    ath_op_release(op);
    world_close(&w);
}

static void test_metadata_cancel_and_release(void **state) {
    struct ath_metadata_options options = ATH_METADATA_OPTIONS_INIT;
    struct ath_op *none = NULL;
    (void)state;
    world_init(&w);
    w.hold[SIM_OTHER] = true;
    world_open(&w, NULL);
    struct ath_op *op = start_list();
    world_settle(&w);
    ath_op_cancel(op, false);
    world_settle(&w);
    assert_int_equal(world_done_code(&w, op), ATH_ERR_CANCELLED);
    assert_int_equal(w.cancelled_on_wire[SIM_OTHER], 1);
    ath_op_release(op);
    op = start_list();
    world_settle(&w);
    ath_op_release(op);
    world_settle(&w);
    assert_int_equal(w.runtime->io.ops_count, 0);
    options.kind = 99;
    assert_int_equal(ath_metadata_start(w.client, w.queue, &options, &none, NULL), ATH_ERR_INVALID);
    assert_int_equal(ath_metadata_start(w.client, w.queue, NULL, &none, NULL), ATH_ERR_INVALID);
    assert_int_equal(ath_query_stop(w.client, w.queue, "a b", NULL, &none, NULL), ATH_ERR_INVALID);
    assert_null(none);
    world_close(&w);
}

static void test_shutdown_with_unanswered_calls(void **state) {
    struct ath_op *stop;
    (void)state;
    world_init(&w);
    w.hold[SIM_OTHER] = w.hold[SIM_STOP] = true;
    world_open(&w, NULL);
    struct ath_op *list = start_list();
    assert_int_equal(ath_query_stop(w.client, w.queue, "q", NULL, &stop, NULL), 0);
    world_settle(&w);
    assert_int_equal(ath_shutdown(1000), 1); /* the stop */
    assert_int_not_equal(ath_op_error(list, NULL), 0);
    assert_int_equal(ath_op_error(stop, NULL), ATH_ERR_SHUTDOWN);
    ath_op_release(list);
    ath_op_release(stop);
    world_close(&w);
}

static void test_query_interrupt_in_the_lane(void **state) {
    struct ath_op *ops[17];
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    for (int i = 0; i < 17; i++)
        ops[i] = world_start(&w);
    world_settle(&w);
    ath_query_interrupt(ops[16]);
    world_settle(&w);
    assert_int_equal(world_done_code(&w, ops[16]), ATH_ERR_CANCELLED);
    w.hold[SIM_START] = false;
    ath__fake_let_go(w.fake);
    for (int i = 0; i < 16; i++)
        world_finish(&w, ops[i], 10 * SECOND);
    for (int i = 0; i < 17; i++)
        ath_op_release(ops[i]);
    assert_int_equal(w.count[SIM_START], 16);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_getters),
        cmocka_unit_test(test_op_references),
        cmocka_unit_test(test_query_arrow_schema_when_known),
        cmocka_unit_test(test_call_waits_as_the_server_asks),
        cmocka_unit_test(test_call_carries_lambdas_trace),
        cmocka_unit_test(test_query_answer_about_another),
        cmocka_unit_test(test_query_answers_that_are_nonsense),
        cmocka_unit_test(test_query_row_too_large),
        cmocka_unit_test(test_metadata_pages_do_not_end),
        cmocka_unit_test(test_metadata_cancel_and_release),
        cmocka_unit_test(test_shutdown_with_unanswered_calls),
        cmocka_unit_test(test_query_interrupt_in_the_lane),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
