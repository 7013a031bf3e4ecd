/* The end of the runtime, and what a fork leaves. */
#include "child.h"

#include <unistd.h>

static struct world w;

/* The world's transport is gone: what is left are handles. */
static void close_after_shutdown(void) {
    world_forget(&w);
    ath_queue_release(w.queue);
    ath_client_release(w.client);
    w.queue = NULL;
    w.client = NULL;
    world_close(&w);
}

static size_t shut_down(int32_t timeout_ms) {
    size_t lost = ath_shutdown(timeout_ms);
    assert_null(w.fake); /* released */
    return lost;
}

static void test_shutdown_at_every_moment(void **state) {
    struct ath_op *ops[4];
    (void)state;
    for (uint64_t ms = 0; ms < 800; ms += ms < 60 ? 1 : 13) {
        world_init(&w);
        w.pages = 3;
        w.latency_ns = 7 * MS;
        world_open(&w, NULL);
        for (int i = 0; i < 4; i++)
            ops[i] = world_start(&w);
        if (ms)
            world_run(&w, ms * MS);
        assert_int_equal(shut_down(5000), 0);
        for (int i = 0; i < 4; i++) {
            assert_true(ath_op_is_done(ops[i]));
            assert_int_equal(world_events_of(&w, ops[i], ATH_EVENT_DONE), 1);
            ath_op_cancel(ops[i], true);
        }
        for (size_t i = 0; i < w.queries_count; i++)
            assert_true(w.queries[i].stopped_ns || w.queries[i].end_seen_ns);
        assert_int_equal(w.cancelled_on_wire[SIM_START], 0);
        assert_int_equal(ath_shutdown(5000), 0);
        for (int i = 0; i < 4; i++)
            ath_op_release(ops[i]);
        close_after_shutdown();
    }
}

/* Stops that are not answered in time are counted, and nothing more is sent for them. */
static void test_shutdown_counts_unconfirmed_stops(void **state) {
    struct ath_op *ops[5];
    (void)state;
    world_init(&w);
    w.duration_ns = 1000 * SECOND;
    w.hold[SIM_STOP] = true;
    world_open(&w, NULL);
    for (int i = 0; i < 5; i++)
        ops[i] = world_start(&w);
    world_run(&w, SECOND);
    uint64_t from_ns = w.now_ns;
    assert_int_equal(shut_down(5000), 5);
    assert_in_range(w.now_ns - from_ns, 4900 * MS, 5100 * MS);
    assert_int_equal(w.count[SIM_STOP], 5);
    for (int i = 0; i < 5; i++) {
        assert_true(ath_op_is_done(ops[i]));
        assert_int_equal(world_events_of(&w, ops[i], ATH_EVENT_DONE), 1);
        ath_op_release(ops[i]);
    }
    close_after_shutdown();
}

static void test_shutdown_start_on_the_wire(void **state) {
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    struct ath_op *ops[20];
    for (int i = 0; i < 20; i++)
        ops[i] = world_start(&w);
    world_run(&w, 10 * MS);
    assert_int_equal(shut_down(1000), 16); /* they may run: their starts were not answered */
    assert_int_equal(w.count[SIM_START], 16);
    for (int i = 0; i < 20; i++) {
        assert_int_not_equal(ath_op_error(ops[i], NULL), 0);
        ath_op_release(ops[i]);
    }
    close_after_shutdown();
}

/* Operations that nobody holds any more end by the shutdown itself. */
static void test_shutdown_of_released_operations(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        world_init(&w);
        w.hold[SIM_START] = w.hold[SIM_STOP] = true;
        world_open(&w, NULL);
        options.keep_running = kept;
        for (int i = 0; i < 20; i++)
            ath_op_release(world_start_with(&w, &options));
        struct ath_op *op = world_start_with(&w, &options);
        world_settle(&w);
        ath_op_cancel(op, false);
        ath_op_release(op);
        ath_op_release(world_start_with(&w, &options));
        shut_down(1000);
        close_after_shutdown();
    }
}

/* A cancelled start that waits for a second attempt, its end already told. */
static bool
limit_after_reset(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_START)
        return false;
    if (world->counter++ == 0)
        *a = (struct ath__fake_answer){
            .result = ATH_ERR_IO, .request_sent = true, .delay_ns = 3 * SECOND};
    else
        answer_error(a, 400, "TooManyRequestsException", "limit");
    return true;
}

static void test_shutdown_of_starts_at_the_gate(void **state) {
    (void)state;
    world_init(&w);
    w.override = limit_after_reset;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 100 * MS);
    ath_op_cancel(op, false);
    world_run(&w, 4 * SECOND);
    assert_true(ath_op_is_done(op));
    assert_int_equal(w.runtime->io.ops_count, 1);
    ath_op_release(op);
    assert_int_equal(shut_down(1000), 1);
    close_after_shutdown();
}

static void test_shutdown_keep_running_is_left_alone(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    w.duration_ns = 1000 * SECOND;
    world_open(&w, NULL);
    options.keep_running = true;
    struct ath_op *op = world_start_with(&w, &options);
    world_run(&w, SECOND);
    assert_int_equal(shut_down(5000), 0);
    assert_int_equal(w.count[SIM_STOP], 0);
    assert_true(ath_op_is_done(op));
    ath_op_release(op);
    close_after_shutdown();
}

static void test_shutdown_waits_for_forgotten_stops(void **state) {
    struct ath_op *stop;
    (void)state;
    world_init(&w);
    w.duration_ns = 1000 * SECOND;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, SECOND);
    assert_int_equal(ath_query_stop(w.client, NULL, ath_query_id(op), NULL, &stop, NULL), 0);
    ath_op_release(stop);
    ath_op_release(op);
    assert_int_equal(shut_down(5000), 0);
    assert_true(w.queries[0].stopped_ns != 0);
    close_after_shutdown();
}

/* The same client works on after a shutdown, on a new runtime. */
static void test_client_works_after_shutdown(void **state) {
    struct world second;
    struct ath_op *op;
    struct ath_query_options options = world_options("SELECT 1");
    struct ath_client_stats stats = {.size = sizeof stats};
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    ath_op_release(op);
    shut_down(1000);
    ath_client_stats(w.client, &stats); /* starts nothing */
    assert_int_equal(stats.queries_finished, 1);

    world_init(&second);
    world_open(&second, NULL);
    assert_int_equal(ath_query_start(w.client, w.queue, &options, &op, NULL), 0);
    world_finish(&second, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), 0);
    ath_op_release(op);
    ath_client_release(w.client);
    w.client = NULL;
    ath_queue_release(w.queue);
    w.queue = NULL;
    ath__runtime_release(w.runtime);
    world_free(&w);
    second.live_before = w.live_before;
    world_close(&second);
    w.runtime = NULL;
}

/* Work that is submitted while the runtime ends hears of it. */
static void test_shutdown_ends_operations_not_seen_yet(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    assert_int_equal(shut_down(1000), 0);
    assert_true(ath_op_is_done(op));
    assert_int_equal(world_events_of(&w, op, ATH_EVENT_DONE), 1);
    assert_int_equal(w.count[SIM_START], 0);
    ath_op_release(op);
    close_after_shutdown();
}

/* -- fork -------------------------------------------------------------------------------------- */

/* In the child: old operations and queues are told apart, the old client works. */
static void use_in_child(struct ath_op *old, struct ath_execution *snapshot) {
    struct ath_execution_info info;
    struct ath_event event;
    struct ath_error err;
    struct ath_batch *batch;
    struct ath_op *op;
    struct ath_query_options options = world_options("SELECT 1");
    static struct world child;
    size_t n;
    CHILD_CHECK(ath_op_wait(old, ATH_WAIT_DONE, -1) == ATH_ERR_FORKED);
    ath_execution_info(snapshot, &info, sizeof info);
    CHILD_CHECK(info.state == ATH_QUERY_RUNNING && info.engine_ms == -1);
    ath_execution_release(snapshot);
    CHILD_CHECK(ath_op_error(old, &err) == ATH_ERR_FORKED && err.code == ATH_ERR_FORKED);
    CHILD_CHECK(ath_query_batch_next(old, &batch, &err) == ATH_ERR_FORKED);
    CHILD_CHECK(ath_op_is_done(old));
    CHILD_CHECK(ath_query_id(old) == NULL && ath_query_execution(old) == NULL);
    CHILD_CHECK(ath_query_columns(old, &n) == NULL);
    ath_op_cancel(old, true);
    ath_query_interrupt(old);
    ath_op_detach(old);
    ath_op_release(old);
    CHILD_CHECK(ath_queue_drain(w.queue, &event, 1) == 0);
    CHILD_CHECK(ath_queue_wait(w.queue, -1) == 0);
    CHILD_CHECK(ath_query_start(w.client, w.queue, &options, &op, &err) == ATH_ERR_FORKED);
    ath_queue_release(w.queue);
    world_init(&child);
    world_open(&child, NULL);
    CHILD_CHECK(ath_query_start(w.client, child.queue, &options, &op, &err) == 0);
    child_finish(&child, op);
    CHILD_CHECK(world_take_rows(op) == 3);
    ath_op_release(op);
    ath_client_release(w.client);
    ath_client_release(child.client);
    ath_queue_release(child.queue);
    CHILD_CHECK(ath_shutdown(1000) == 0);
}

static void test_fork_child_uses_old_client(void **state) {
    (void)state;
    world_init(&w);
    w.pages = 2;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 150 * MS);
    struct ath_execution *snapshot = ath_query_execution(op);
    assert_non_null(snapshot);
    pthread_mutex_lock(&snapshot->lock); /* as another thread might hold it just then */
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        use_in_child(op, snapshot);
        _exit(0);
    }
    pthread_mutex_unlock(&snapshot->lock);
    ath_execution_release(snapshot);
    assert_child_succeeds(pid);
    world_finish(&w, op, 10 * SECOND); /* the parent's went on undisturbed */
    assert_string_equal(world_trace(&w, op), "SRD");
    assert_int_equal(world_take_rows(op), 6);
    ath_op_release(op);
    world_close(&w);
}

/* A child that just ends stops nothing of the parent's. */
static void test_fork_child_exit_leaves_the_parent(void **state) {
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_run(&w, 150 * MS);
    size_t calls = w.calls_count;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        size_t lost = ath_shutdown(1000); /* what the exit handler does */
        _exit(lost || w.calls_count != calls || w.wire[SIM_STOP] ? 1 : 0);
    }
    assert_child_succeeds(pid);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(world_done_code(&w, op), 0);
    ath_op_release(op);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shutdown_at_every_moment),
        cmocka_unit_test(test_shutdown_counts_unconfirmed_stops),
        cmocka_unit_test(test_shutdown_start_on_the_wire),
        cmocka_unit_test(test_shutdown_of_released_operations),
        cmocka_unit_test(test_shutdown_of_starts_at_the_gate),
        cmocka_unit_test(test_shutdown_keep_running_is_left_alone),
        cmocka_unit_test(test_shutdown_waits_for_forgotten_stops),
        cmocka_unit_test(test_client_works_after_shutdown),
        cmocka_unit_test(test_shutdown_ends_operations_not_seen_yet),
        cmocka_unit_test(test_fork_child_uses_old_client),
        cmocka_unit_test(test_fork_child_exit_leaves_the_parent),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
