/* One query from start to end: events, rows, pages, states. */
#include "harness.h"

static struct world w;

static void test_query_start_happy(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    assert_null(ath_query_id(op));
    world_finish(&w, op, 10 * SECOND);
    assert_string_equal(world_trace(&w, op), "SRD");
    assert_int_equal(world_done_code(&w, op), 0);
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_string_equal(ath_query_id(op), w.queries[0].id);
    size_t columns;
    assert_string_equal(ath_query_columns(op, &columns)[0].label, "x");
    assert_int_equal(columns, 1);
    assert_int_equal(ath_query_update_count(op), -1);
    assert_int_equal(world_take_rows(op), 3);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_start_pages(void **state) {
    (void)state;
    world_init(&w);
    w.pages = 7;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND); /* all pages fit ahead of the reader */
    const char *trace = world_trace(&w, op);
    assert_int_equal(trace[0], 'S');
    assert_int_equal(trace[1], 'R');
    assert_int_equal(trace[strlen(trace) - 1], 'D');
    assert_int_equal(world_take_rows(op), 21);
    assert_int_equal(w.count[SIM_RESULTS], 7);
    assert_int_equal(world_drain(&w), 0);
    ath_op_release(op);
    world_close(&w);
}

/* A reader that follows the events sees every row. */
static void test_query_start_pages_read_by_events(void **state) {
    (void)state;
    world_init(&w);
    w.pages = 20;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    size_t rows = 0;
    for (int i = 0; i < 5000 && !ath_op_is_done(op); i++) {
        ath__driver_run(w.runtime, world_now(&w) + MS);
        size_t from = w.events_count;
        world_drain(&w);
        for (; from < w.events_count; from++)
            if (w.events[from].type == ATH_EVENT_RESULT || w.events[from].type == ATH_EVENT_BATCH)
                rows += world_take_rows(op);
    }
    assert_true(ath_op_is_done(op));
    rows += world_take_rows(op);
    assert_int_equal(rows, 60);
    ath_op_release(op);
    world_close(&w);
}

#define COLUMN                                                                                     \
    "\"ResultSetMetadata\":{\"ColumnInfo\":[{\"Name\":\"x\",\"Label\":\"x\",\"Type\":"             \
    "\"varchar\",\"Precision\":0,\"Scale\":0,\"Nullable\":\"UNKNOWN\",\"CaseSensitive\":true}]}"

static bool
empty_pages(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_RESULTS)
        return false;
    unsigned n = world->counter++;
    if (n < 5)
        answer_body(world, a, "{\"ResultSet\":{\"Rows\":[]," COLUMN "},\"NextToken\":\"t%u\"}", n);
    else
        answer_body(
            world,
            a,
            "{\"ResultSet\":{\"Rows\":[{\"Data\":[{\"VarCharValue\":\"v\"}]}]," COLUMN "}}");
    return true;
}

static void test_query_start_empty_pages(void **state) {
    (void)state;
    world_init(&w);
    w.override = empty_pages;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(world_done_code(&w, op), 0);
    assert_int_equal(world_take_rows(op), 1);
    ath_op_release(op);
    world_close(&w);
}

static bool same_token(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_RESULTS)
        return false;
    answer_body(
        world,
        a,
        "{\"ResultSet\":{\"Rows\":[{\"Data\":[{\"VarCharValue\":\"v\"}]}]," COLUMN
        "},\"NextToken\":\"again\"}");
    return true;
}

static void test_query_start_token_repeated(void **state) {
    (void)state;
    world_init(&w);
    w.override = same_token;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(world_done_code(&w, op), ATH_ERR_PROTOCOL);
    assert_int_equal(w.count[SIM_RESULTS], 2);
    ath_op_release(op);
    world_close(&w);
}

static bool update(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_RESULTS)
        return false;
    answer_body(world, a, "{\"UpdateCount\":42,\"ResultSet\":{\"Rows\":[]," COLUMN "}}");
    return true;
}

static void test_query_update_count(void **state) {
    (void)state;
    world_init(&w);
    w.override = update;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(world_done_code(&w, op), 0);
    assert_int_equal(ath_query_update_count(op), 42);
    assert_string_equal(world_trace(&w, op), "SRD");
    ath_op_release(op);
    world_close(&w);
}

static void test_query_start_no_rows(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    options.no_rows = true;
    struct ath_op *op = world_start_with(&w, &options);
    world_finish(&w, op, 10 * SECOND);
    assert_string_equal(world_trace(&w, op), "SRD");
    assert_int_equal(w.count[SIM_RESULTS], 0);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_start_failed(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.end_state = ATH_QUERY_FAILED;
    w.reason = "SYNTAX_ERROR: line 1:1";
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_string_equal(world_trace(&w, op), "SD");
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_QUERY_FAILED);
    assert_string_equal(err.message, "SYNTAX_ERROR: line 1:1");
    assert_int_equal(w.count[SIM_RESULTS], 0);
    struct ath_execution *execution = ath_query_execution(op);
    struct ath_execution_info info;
    ath_execution_info(execution, &info, sizeof info);
    assert_int_equal(info.state, ATH_QUERY_FAILED);
    ath_execution_release(execution);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_attach_reads_rows(void **state) {
    struct ath_op *op;
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *first = world_start(&w);
    world_run(&w, 50 * MS);
    assert_int_equal(
        ath_query_attach(w.client, w.queue, ath_query_id(first), NULL, false, &op, NULL), 0);
    world_finish(&w, op, 10 * SECOND);
    assert_string_equal(world_trace(&w, op), "SRD");
    assert_int_equal(world_take_rows(op), 3);
    assert_int_equal(w.count[SIM_START], 1);
    struct ath_execution *execution = ath_query_execution(op);
    struct ath_slice json = ath_execution_json(execution);
    assert_non_null(strstr(json.ptr, "\"Query\":\"SELECT 1\""));
    ath_execution_release(execution);
    ath_op_release(op);
    ath_op_release(first);
    world_close(&w);
}

static void test_query_attach_unknown_id(void **state) {
    struct ath_op *op;
    struct ath_error err;
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    assert_int_equal(ath_query_attach(w.client, w.queue, "none", NULL, false, &op, NULL), 0);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_SERVICE);
    assert_string_equal(err.service_code, "InvalidRequestException");
    assert_string_equal(err.operation, "GetQueryExecution");
    ath_op_release(op);
    assert_int_equal(
        ath_query_attach(w.client, w.queue, "", NULL, false, &op, NULL), ATH_ERR_INVALID);
    world_close(&w);
}

static bool flicker(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    static const int states[] = {
        ATH_QUERY_RUNNING,
        ATH_QUERY_QUEUED,
        ATH_QUERY_QUEUED,
        ATH_QUERY_RUNNING,
        ATH_QUERY_SUCCEEDED};
    (void)body;
    if (api != SIM_GET)
        return false;
    answer_body(
        world,
        a,
        "{\"QueryExecution\":{\"QueryExecutionId\":\"%s\",\"Status\":{\"State\":\"%s\"}}}",
        world->queries[0].id,
        sim_state_name(states[world->counter < 4 ? world->counter : 4]));
    world->counter++;
    return true;
}

static void test_query_notify_state_every_look(void **state) {
    static const int expected[] = {
        ATH_QUERY_RUNNING,
        ATH_QUERY_QUEUED,
        ATH_QUERY_QUEUED,
        ATH_QUERY_RUNNING,
        ATH_QUERY_SUCCEEDED};
    struct ath_query_options options = world_options("SELECT 1");
    struct ath_execution_info info;
    size_t seen = 0;
    (void)state;
    world_init(&w);
    w.override = flicker;
    world_open(&w, NULL);
    options.notify_state = true;
    struct ath_op *op = world_start_with(&w, &options);
    world_finish(&w, op, 10 * SECOND);
    assert_string_equal(world_trace(&w, op), "SsssssRD");
    for (size_t i = 0; i < w.events_count; i++)
        if (w.events[i].type == ATH_EVENT_STATE) {
            ath_execution_info(w.events[i].execution, &info, sizeof info);
            assert_int_equal(info.state, expected[seen++]);
        }
    assert_int_equal(seen, 5);
    ath_op_release(op);
    world_close(&w);
}

/* Bits of a wait: RESULT and DONE stay, STATE is an edge. */
static void test_op_wait_bits(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    options.notify_state = true;
    struct ath_op *op = world_start_with(&w, &options);
    assert_int_equal(ath_op_wait(op, ATH_WAIT_STARTED | ATH_WAIT_STATE, 0), 0);
    world_run(&w, 20 * MS);
    assert_int_equal(
        ath_op_wait(op, ATH_WAIT_STARTED | ATH_WAIT_STATE, 0), ATH_WAIT_STARTED | ATH_WAIT_STATE);
    assert_int_equal(ath_op_wait(op, ATH_WAIT_STARTED | ATH_WAIT_STATE, 0), ATH_WAIT_STARTED);
    world_finish(&w, op, 10 * SECOND);
    int all = ATH_WAIT_RESULT | ATH_WAIT_BATCH;
    assert_int_equal(ath_op_wait(op, all, 0), all | ATH_WAIT_DONE);
    world_take_rows(op);
    assert_int_equal(ath_op_wait(op, ATH_WAIT_BATCH, -1), ATH_WAIT_DONE);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_start_options_refused(void **state) {
    struct ath_op *op = NULL;
    struct ath_error err;
    struct ath_query_options options = world_options("");
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    assert_int_equal(ath_query_start(w.client, w.queue, &options, &op, &err), ATH_ERR_INVALID);
    options = world_options("SELECT 1");
    options.page_rows = 1001;
    assert_int_equal(ath_query_start(w.client, w.queue, &options, &op, &err), ATH_ERR_INVALID);
    assert_non_null(strstr(err.message, "page_rows"));
    options = world_options("SELECT 1");
    options.timeout_ms = -1;
    assert_int_equal(ath_query_start(w.client, w.queue, &options, &op, &err), ATH_ERR_INVALID);
    assert_null(op);
    world_close(&w);
}

static bool catalogue(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    if (api != SIM_OTHER)
        return false;
    world->counter++;
    answer_body(
        world,
        a,
        strstr(body, "NextToken") ? "{\"DatabaseList\":[{\"Name\":\"b\"}]}"
                                  : "{\"DatabaseList\":[{\"Name\":\"a\"}],\"NextToken\":\"n\"}");
    return true;
}

static void test_metadata_start_lists_all_pages(void **state) {
    struct ath_op *op;
    struct ath_metadata_options options = ATH_METADATA_OPTIONS_INIT;
    (void)state;
    world_init(&w);
    w.override = catalogue;
    world_open(&w, NULL);
    options.kind = ATH_METADATA_DATABASES;
    options.catalog = "AwsDataCatalog";
    assert_int_equal(ath_metadata_start(w.client, w.queue, &options, &op, NULL), 0);
    assert_int_equal(ath_metadata_json(op).len, 0);
    world_finish(&w, op, 10 * SECOND);
    assert_string_equal(world_trace(&w, op), "D");
    struct ath_slice json = ath_metadata_json(op);
    assert_true(ath__slice_is(json, "[{\"Name\":\"a\"},{\"Name\":\"b\"}]"));
    assert_int_equal(w.counter, 2);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_stop_by_id(void **state) {
    struct ath_op *stop;
    (void)state;
    world_init(&w);
    w.duration_ns = 1000 * SECOND;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 60 * SECOND);
    uint64_t stopped_ns = world_now(&w);
    assert_int_equal(ath_query_stop(w.client, w.queue, ath_query_id(op), NULL, &stop, NULL), 0);
    world_finish(&w, stop, SECOND);
    assert_string_equal(world_trace(&w, stop), "D");
    world_finish(&w, op, SECOND); /* looked at soon after its stop */
    assert_true(world_now(&w) - stopped_ns < 100 * MS);
    assert_int_equal(world_done_code(&w, op), ATH_ERR_QUERY_CANCELLED);
    ath_op_release(stop);
    ath_op_release(op);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_start_happy),
        cmocka_unit_test(test_query_start_pages),
        cmocka_unit_test(test_query_start_pages_read_by_events),
        cmocka_unit_test(test_query_start_empty_pages),
        cmocka_unit_test(test_query_start_token_repeated),
        cmocka_unit_test(test_query_update_count),
        cmocka_unit_test(test_query_start_no_rows),
        cmocka_unit_test(test_query_start_failed),
        cmocka_unit_test(test_query_attach_reads_rows),
        cmocka_unit_test(test_query_attach_unknown_id),
        cmocka_unit_test(test_query_notify_state_every_look),
        cmocka_unit_test(test_op_wait_bits),
        cmocka_unit_test(test_query_start_options_refused),
        cmocka_unit_test(test_metadata_start_lists_all_pages),
        cmocka_unit_test(test_query_stop_by_id),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
