/* Giving up at every step: one final event, Stop whenever the query may run, nothing left. */
#include "harness.h"

static struct world w;

static size_t starts_on_the_wire_aborted(void) {
    return w.cancelled_on_wire[SIM_START];
}

static void check_cancelled(struct ath_op *op, const char *trace, size_t stops) {
    world_finish(&w, op, 10 * SECOND);
    world_run(&w, 10 * SECOND);
    assert_string_equal(world_trace(&w, op), trace);
    assert_int_equal(world_done_code(&w, op), ATH_ERR_CANCELLED);
    assert_int_equal(w.count[SIM_STOP], stops);
    assert_int_equal(starts_on_the_wire_aborted(), 0);
    assert_int_equal(w.runtime->io.ops_count, 0);
    ath_op_release(op);
    world_close(&w);
}

static void open_external(void) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    options.credentials_source = ATH_CREDENTIALS_EXTERNAL;
    world_open(&w, &options);
}

static void test_op_cancel_at_once(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    ath_op_cancel(op, false); /* the I/O thread has not seen it yet */
    world_settle(&w);
    assert_int_equal(w.count[SIM_START], 0);
    check_cancelled(op, "D", 0);
}

static void test_op_cancel_before_keys(void **state) {
    (void)state;
    world_init(&w);
    open_external();
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    ath_op_cancel(op, false);
    world_settle(&w);
    assert_true(ath_op_is_done(op));
    check_cancelled(op, "CD", 0);
}

static void test_op_cancel_in_the_lane(void **state) {
    struct ath_op *others[16];
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    for (int i = 0; i < 16; i++)
        others[i] = world_start(&w);
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    ath_op_cancel(op, false);
    world_settle(&w);
    assert_int_equal(w.count[SIM_START], 16);
    assert_int_equal(world_done_code(&w, op), ATH_ERR_CANCELLED);
    for (int i = 0; i < 16; i++)
        ath_op_release(others[i]);
    w.hold[SIM_START] = false;
    ath__fake_let_go(w.fake);
    check_cancelled(op, "D", 16);
}

static void test_op_cancel_start_on_the_wire(void **state) {
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    ath_op_cancel(op, false);
    ath_op_cancel(op, true);
    world_run(&w, SECOND);
    assert_false(ath_op_is_done(op));
    ath__fake_let_go(w.fake);
    check_cancelled(op, "SD", 1);
}

/* Nobody waits longer than two seconds, but the query is stopped all the same. */
static void test_op_cancel_start_that_hangs(void **state) {
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    ath_op_cancel(op, false);
    world_run(&w, 3 * SECOND);
    assert_int_equal(world_done_code(&w, op), ATH_ERR_CANCELLED);
    assert_int_equal(w.count[SIM_STOP], 0);
    ath__fake_let_go(w.fake);
    check_cancelled(op, "D", 1);
}

/* A definite refusal started nothing: the wait for the next attempt is given up at once. */
static bool refuse(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_START)
        return false;
    answer_error(a, 400, (const char *)world->user, "too much");
    return true;
}

static void test_op_cancel_between_refused_attempts(void **state) {
    static char throttled[] = "ThrottlingException", limit[] = "TooManyRequestsException";
    (void)state;
    for (int i = 0; i < 2; i++) {
        world_init(&w);
        w.override = refuse;
        w.user = i ? limit : throttled;
        world_open(&w, NULL);
        struct ath_op *op = world_start(&w);
        world_run(&w, 20 * MS);
        assert_int_equal(w.count[SIM_START], 1);
        ath_op_cancel(op, false);
        world_settle(&w);
        assert_true(ath_op_is_done(op));
        check_cancelled(op, "D", 0);
    }
}

/* The same when the refusal comes after the cancel: nothing is tried again. */
static void test_op_cancel_before_a_refusal(void **state) {
    static char throttled[] = "ThrottlingException", limit[] = "TooManyRequestsException";
    (void)state;
    for (int i = 0; i < 6; i++) {
        world_init(&w);
        w.override = refuse;
        w.user = i % 2 ? limit : throttled;
        w.hold[SIM_START] = true;
        world_open(&w, NULL);
        struct ath_op *op = world_start(&w);
        world_settle(&w);
        if (i / 2 == 2)
            ath_query_interrupt(op);
        else
            ath_op_cancel(op, false);
        if (i / 2 == 1)
            world_run(&w, 10 * SECOND);
        else
            world_settle(&w);
        ath__fake_let_go(w.fake);
        world_run(&w, 10 * MS);
        assert_int_equal(w.runtime->io.ops_count, 0);
        assert_int_equal(w.count[SIM_START], 1);
        check_cancelled(op, "D", 0);
    }
}

static bool reset_once(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_START || world->counter++)
        return false;
    *a = (struct ath__fake_answer){.result = ATH_ERR_IO, .request_sent = true, .delay_ns = MS};
    return true;
}

/* A broken attempt may have started the query: its id is fetched and then stopped. */
static void test_op_cancel_between_unclear_attempts(void **state) {
    (void)state;
    world_init(&w);
    w.override = reset_once;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    while (w.counter == 0 || w.wire[SIM_START])
        ath__driver_run(w.runtime, world_now(&w) + MS);
    ath_op_cancel(op, false);
    check_cancelled(op, "SD", 1);
}

static void test_op_cancel_before_first_look(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 5 * MS);
    assert_int_equal(w.count[SIM_GET], 0);
    ath_op_cancel(op, false);
    check_cancelled(op, "SD", 1);
}

static void test_op_cancel_during_a_look(void **state) {
    (void)state;
    world_init(&w);
    w.hold[SIM_GET] = true;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 50 * MS);
    assert_int_equal(w.wire[SIM_GET], 1);
    ath_op_cancel(op, false);
    check_cancelled(op, "SD", 1);
}

static void test_op_cancel_during_stop(void **state) {
    (void)state;
    world_init(&w);
    w.hold[SIM_STOP] = true;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 50 * MS);
    ath_op_cancel(op, false);
    world_run(&w, 500 * MS);
    ath_op_cancel(op, true);
    ath_op_cancel(op, false);
    world_settle(&w);
    assert_false(ath_op_is_done(op));
    ath__fake_let_go(w.fake);
    check_cancelled(op, "SD", 1);
}

/* The caller hears after two seconds; Stop is tried on. */
static void test_op_cancel_unanswered_stop(void **state) {
    struct ath_client_stats stats = {.size = sizeof stats};
    (void)state;
    world_init(&w);
    w.hold[SIM_STOP] = true;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 50 * MS);
    uint64_t from_ns = world_now(&w);
    ath_op_cancel(op, false);
    world_finish(&w, op, 5 * SECOND);
    assert_in_range(world_now(&w) - from_ns, 2 * SECOND, 2 * SECOND + MS);
    assert_int_equal(w.wire[SIM_STOP], 1);
    ath_client_stats(w.client, &stats);
    assert_int_equal(stats.queries_in_flight, 1);
    ath__fake_let_go(w.fake);
    check_cancelled(op, "SD", 1);
}

static void test_op_cancel_keep_running(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    options.keep_running = true;
    struct ath_op *op = world_start_with(&w, &options);
    world_run(&w, 50 * MS);
    ath_op_cancel(op, false);
    check_cancelled(op, "SD", 0);
}

static void test_op_cancel_attached(void **state) {
    struct ath_op *op;
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        world_init(&w);
        world_open(&w, NULL);
        struct ath_op *first = world_start(&w);
        world_run(&w, 50 * MS);
        assert_int_equal(
            ath_query_attach(w.client, w.queue, ath_query_id(first), NULL, stops, &op, NULL), 0);
        if (stops)
            world_run(&w, 10 * MS);
        ath_op_cancel(op, false);
        world_finish(&w, op, SECOND);
        world_finish(&w, first, 10 * SECOND);
        assert_int_equal(ath_op_error(first, NULL), stops ? ATH_ERR_QUERY_CANCELLED : 0);
        ath_op_release(first);
        check_cancelled(op, "SD", (size_t)stops);
    }
}

static void test_op_cancel_while_pages_travel(void **state) {
    (void)state;
    world_init(&w);
    w.pages = 5;
    w.hold[SIM_RESULTS] = true;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, SECOND);
    assert_int_equal(w.wire[SIM_RESULTS], 1);
    ath_op_cancel(op, false); /* it has succeeded: nothing to cancel */
    world_settle(&w);
    assert_false(ath_op_is_done(op));
    ath_op_cancel(op, true);
    world_settle(&w);
    assert_true(ath_op_is_done(op));
    check_cancelled(op, "SD", 0);
}

static void test_op_cancel_after_done(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    ath_op_cancel(op, false);
    ath_op_cancel(op, true);
    world_run(&w, SECOND);
    assert_string_equal(world_trace(&w, op), "SRD");
    assert_int_equal(world_done_code(&w, op), 0);
    assert_int_equal(world_take_rows(op), 3);
    assert_int_equal(w.count[SIM_STOP], 0);
    ath_op_release(op);
    world_close(&w);
}

/* -- interrupt and timeout -----------------------------------------------------------------------
 */

static void test_query_interrupt_follows_to_the_end(void **state) {
    (void)state;
    world_init(&w);
    w.duration_ns = 1000 * SECOND;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 60 * SECOND);
    uint64_t from_ns = world_now(&w);
    ath_query_interrupt(op);
    ath_query_interrupt(op);
    world_finish(&w, op, 10 * SECOND);
    assert_true(world_now(&w) - from_ns < 100 * MS);
    assert_string_equal(world_trace(&w, op), "SD");
    assert_int_equal(world_done_code(&w, op), ATH_ERR_QUERY_CANCELLED);
    assert_int_equal(w.count[SIM_STOP], 1);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_interrupt_start_on_the_wire(void **state) {
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    ath_query_interrupt(op);
    world_settle(&w);
    ath__fake_let_go(w.fake);
    world_finish(&w, op, SECOND);
    assert_int_equal(world_done_code(&w, op), ATH_ERR_QUERY_CANCELLED);
    assert_int_equal(w.count[SIM_STOP], 1);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_interrupt_too_late(void **state) {
    (void)state;
    world_init(&w);
    w.pages = 5;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    while (!(ath_op_wait(op, ATH_WAIT_RESULT, 0) & ATH_WAIT_RESULT))
        ath__driver_run(w.runtime, UINT64_MAX);
    ath_query_interrupt(op);
    world_finish(&w, op, SECOND);
    assert_int_equal(world_done_code(&w, op), 0);
    assert_int_equal(world_take_rows(op), 15);
    assert_int_equal(w.count[SIM_STOP], 0);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_timeout_stops_it(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.duration_ns = 100 * SECOND;
    world_open(&w, NULL);
    options.timeout_ms = 3000;
    struct ath_op *op = world_start_with(&w, &options);
    uint64_t from_ns = world_now(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_in_range(world_now(&w) - from_ns, 3 * SECOND, 3 * SECOND + 5 * MS);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_TIMEOUT);
    assert_non_null(strstr(err.message, "3.000 s"));
    assert_int_equal(w.count[SIM_STOP], 1);
    assert_string_equal(world_trace(&w, op), "SD");
    ath_op_release(op);
    world_close(&w);
}

static void test_query_timeout_keep_running(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.duration_ns = 100 * SECOND;
    world_open(&w, NULL);
    options.timeout_ms = 3000;
    options.keep_running = true;
    struct ath_op *op = world_start_with(&w, &options);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_TIMEOUT);
    assert_null(strstr(err.message, "stopped"));
    assert_int_equal(w.count[SIM_STOP], 0);
    ath_op_release(op);
    world_close(&w);
}

static void test_query_timeout_not_reached(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    w.hold[SIM_RESULTS] = true;
    world_open(&w, NULL);
    options.timeout_ms = 3000;
    struct ath_op *op = world_start_with(&w, &options);
    world_run(&w, 5 * SECOND); /* the limit is the query's, not the reader's */
    assert_false(ath_op_is_done(op));
    ath__fake_let_go(w.fake);
    world_finish(&w, op, SECOND);
    assert_int_equal(world_done_code(&w, op), 0);
    ath_op_release(op);
    world_close(&w);
}

/* -- detach and release at every moment
 * ------------------------------------------------------------ */

/* No event of it is seen afterwards, the query does not go on running, and nothing leaks. */
static void give_away(uint64_t after_ns, bool release, bool external) {
    world_init(&w);
    w.pages = 3;
    w.latency_ns = 7 * MS;
    if (external)
        open_external();
    else
        world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    uint64_t token = ath_op_token(op);
    if (after_ns)
        world_run(&w, after_ns);
    if (release) {
        ath_op_release(op);
    } else {
        ath_op_detach(op);
        ath_op_detach(op);
    }
    world_drain(&w);
    for (size_t i = 0; i < w.events_count; i++)
        assert_true(w.events[i].token != token);
    world_run(&w, 20 * SECOND);
    assert_int_equal(world_drain(&w), 0);
    assert_int_equal(w.runtime->io.ops_count, 0);
    assert_int_equal(starts_on_the_wire_aborted(), 0);
    for (size_t i = 0; i < w.queries_count; i++)
        assert_true(w.queries[i].stopped_ns || w.queries[i].end_seen_ns);
    if (!release)
        ath_op_release(op);
    world_close(&w);
}

static void test_op_detach_at_every_moment(void **state) {
    (void)state;
    for (uint64_t ms = 0; ms < 800; ms += ms < 60 ? 1 : 13) {
        give_away(ms * MS, false, false);
        give_away(ms * MS, true, false);
    }
    give_away(SECOND, true, true);
    give_away(SECOND, false, true);
}

static void test_op_cancel_at_every_moment(void **state) {
    (void)state;
    for (uint64_t ms = 0; ms < 800; ms += ms < 60 ? 1 : 13) {
        world_init(&w);
        w.pages = 3;
        w.latency_ns = 7 * MS;
        world_open(&w, NULL);
        struct ath_op *op = world_start(&w);
        if (ms)
            world_run(&w, ms * MS);
        ath_op_cancel(op, true);
        world_finish(&w, op, 10 * SECOND);
        world_run(&w, 10 * SECOND);
        assert_int_equal(world_events_of(&w, op, ATH_EVENT_DONE), 1);
        assert_int_equal(w.runtime->io.ops_count, 0);
        assert_int_equal(starts_on_the_wire_aborted(), 0);
        for (size_t i = 0; i < w.queries_count; i++)
            assert_true(w.queries[i].stopped_ns || w.queries[i].end_seen_ns);
        ath_op_release(op);
        world_close(&w);
    }
}

/* A queue that goes before its operations takes their events along. */
static void test_queue_release_before_operations(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 50 * MS);
    ath_queue_release(w.queue);
    w.queue = NULL;
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), 0);
    ath_op_release(op);
    world_close(&w);
}

/* ath_query_stop() whose operation is let go at once is sent all the same. */
static void test_query_stop_and_forget(void **state) {
    struct ath_op *stop;
    (void)state;
    world_init(&w);
    w.duration_ns = 100 * SECOND;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, SECOND);
    assert_int_equal(ath_query_stop(w.client, NULL, ath_query_id(op), NULL, &stop, NULL), 0);
    ath_op_release(stop);
    world_finish(&w, op, SECOND);
    assert_int_equal(ath_op_error(op, NULL), ATH_ERR_QUERY_CANCELLED);
    ath_op_release(op);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_op_cancel_at_once),
        cmocka_unit_test(test_op_cancel_before_keys),
        cmocka_unit_test(test_op_cancel_in_the_lane),
        cmocka_unit_test(test_op_cancel_start_on_the_wire),
        cmocka_unit_test(test_op_cancel_start_that_hangs),
        cmocka_unit_test(test_op_cancel_between_refused_attempts),
        cmocka_unit_test(test_op_cancel_before_a_refusal),
        cmocka_unit_test(test_op_cancel_between_unclear_attempts),
        cmocka_unit_test(test_op_cancel_before_first_look),
        cmocka_unit_test(test_op_cancel_during_a_look),
        cmocka_unit_test(test_op_cancel_during_stop),
        cmocka_unit_test(test_op_cancel_unanswered_stop),
        cmocka_unit_test(test_op_cancel_keep_running),
        cmocka_unit_test(test_op_cancel_attached),
        cmocka_unit_test(test_op_cancel_while_pages_travel),
        cmocka_unit_test(test_op_cancel_after_done),
        cmocka_unit_test(test_query_interrupt_follows_to_the_end),
        cmocka_unit_test(test_query_interrupt_start_on_the_wire),
        cmocka_unit_test(test_query_interrupt_too_late),
        cmocka_unit_test(test_query_timeout_stops_it),
        cmocka_unit_test(test_query_timeout_keep_running),
        cmocka_unit_test(test_query_timeout_not_reached),
        cmocka_unit_test(test_op_detach_at_every_moment),
        cmocka_unit_test(test_op_cancel_at_every_moment),
        cmocka_unit_test(test_queue_release_before_operations),
        cmocka_unit_test(test_query_stop_and_forget),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
