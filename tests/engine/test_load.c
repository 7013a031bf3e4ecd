/* Many queries, slow readers: how much is held, and that everything ends. */
#include "harness.h"

static struct world w;

/* -- backpressure -------------------------------------------------------------------------------
 */

static size_t take_one(struct ath_op *op) {
    struct ath_batch *batch = NULL;
    if (ath_query_batch_next(op, &batch, NULL) != 1)
        return 0;
    size_t rows = ath_batch_rows(batch);
    ath_batch_release(batch);
    return rows;
}

static void open_pages(unsigned pages, int64_t budget_bytes) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    world_init(&w);
    w.pages = pages;
    w.rows_per_page = 100;
    w.value_len = 1000; /* some 100 KiB a page */
    options.credentials_source = ATH_CREDENTIALS_NONE;
    options.budget_bytes = budget_bytes;
    world_open(&w, &options);
}

static void test_pages_wait_for_the_reader(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    open_pages(40, 0);
    options.rows_ahead_bytes = 350 * 1024;
    struct ath_op *op = world_start_with(&w, &options);
    world_run(&w, 60 * SECOND);
    assert_false(ath_op_is_done(op));
    assert_in_range(w.count[SIM_RESULTS], 3, 5);
    size_t asked = w.count[SIM_RESULTS], rows = take_one(op);
    world_run(&w, 10 * SECOND);
    assert_in_range(w.count[SIM_RESULTS], asked, asked + 1);
    for (int i = 0; i < 40; i++) {
        rows += take_one(op);
        world_run(&w, 10 * MS);
    }
    world_finish(&w, op, SECOND);
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(w.count[SIM_RESULTS], 40);
    assert_int_equal(rows + world_take_rows(op), 4000);
    ath_op_release(op);
    world_close(&w);
}

/* A page larger than all limits still travels: one at a time. */
static void test_pages_smallest_budget_goes_on(void **state) {
    struct ath_query_options options = world_options("SELECT 1");
    size_t rows = 0;
    (void)state;
    open_pages(5, 1);
    options.rows_ahead_bytes = 1;
    struct ath_op *op = world_start_with(&w, &options);
    for (int i = 0; i < 5; i++) {
        world_run(&w, 10 * SECOND);
        assert_int_equal(w.count[SIM_RESULTS], i + 1);
        rows += take_one(op);
    }
    world_finish(&w, op, SECOND);
    assert_int_equal(rows, 500);
    ath_op_release(op);
    world_close(&w);
}

/* Unread results of many queries stay within the client's budget and one page each. */
static void test_pages_budget_of_the_client(void **state) {
    struct ath_op *ops[20];
    (void)state;
    open_pages(20, 1 << 20);
    size_t before = harness_live_bytes();
    for (int i = 0; i < 20; i++)
        ops[i] = world_start(&w);
    world_run(&w, 60 * SECOND);
    assert_in_range(w.count[SIM_RESULTS], 20, 20 + 10);
    assert_true(harness_live_bytes() - before < (1u << 20) + 20 * 130000 + (1u << 19));
    ath_op_cancel(ops[0], true); /* what it held is not lost for the others */
    ath_op_release(ops[0]);
    size_t rows = 0;
    for (int turn = 0; turn < 400; turn++) {
        for (int i = 1; i < 20; i++)
            rows += take_one(ops[i]);
        world_run(&w, 2 * MS);
    }
    assert_int_equal(rows, 19 * 2000);
    for (int i = 1; i < 20; i++) {
        assert_int_equal(ath_op_error(ops[i], NULL), 0);
        ath_op_release(ops[i]);
    }
    assert_int_equal(atomic_load(&w.client->stats.budget_used), 0);
    world_close(&w);
}

/* An answer over the limit is asked for again in smaller pages. */
static bool too_large(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    if (api != SIM_RESULTS || strstr(body, "\"MaxResults\":125"))
        return false;
    world->counter++;
    *a = (struct ath__fake_answer){.result = ATH_ERR_TOO_LARGE, .request_sent = true};
    return true;
}

static void test_pages_too_large_are_asked_for_smaller(void **state) {
    (void)state;
    world_init(&w);
    w.override = too_large;
    world_open(&w, NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(w.counter, 1);
    assert_int_equal(world_take_rows(op), 3);
    ath_op_release(op);
    world_close(&w);
}

/* -- crowds ---------------------------------------------------------------------------------------
 */

#define CROWD 10000
static struct ath_op *s_ops[CROWD];

static void test_crowd_memory_of_a_waiting_query(void **state) {
    struct ath_client_stats stats = {.size = sizeof stats};
    (void)state;
    world_init(&w);
    w.duration_ns = 60 * SECOND;
    w.latency_ns = 20 * MS;
    world_open(&w, NULL);
    struct ath_op *first = world_start(&w);
    world_run(&w, SECOND);
    size_t before = harness_live_bytes();
    for (size_t i = 0; i < CROWD; i++)
        s_ops[i] = world_start(&w);
    size_t queued = harness_live_bytes() - before;
    world_run(&w, 30 * SECOND);
    size_t waiting = harness_live_bytes() - before;
    ath_client_stats(w.client, &stats);
    assert_int_equal(stats.queries_in_flight, CROWD + 1);
    print_message(
        "a query: %zu bytes when queued, %zu when it waits for its end\n",
        queued / CROWD,
        waiting / CROWD);
    assert_true(queued / CROWD <= 16384);
    assert_true(waiting / CROWD <= 16384);
    for (size_t i = 0; i < CROWD; i++) {
        world_finish(&w, s_ops[i], 600 * SECOND);
        assert_int_equal(ath_op_error(s_ops[i], NULL), 0);
        world_take_rows(s_ops[i]);
        ath_op_release(s_ops[i]);
        world_drain(&w);
        world_forget(&w);
    }
    world_finish(&w, first, SECOND);
    ath_op_release(first);
    ath_client_stats(w.client, &stats);
    assert_int_equal(stats.queries_finished, CROWD + 1);
    assert_int_equal(stats.queries_in_flight, 0);
    world_close(&w);
}

static void test_crowd_cancelled_at_once(void **state) {
    (void)state;
    world_init(&w);
    w.duration_ns = 600 * SECOND;
    world_open(&w, NULL);
    for (size_t i = 0; i < CROWD; i++)
        s_ops[i] = world_start(&w);
    world_run(&w, 5 * SECOND);
    for (size_t i = 0; i < CROWD; i++)
        if (i % 2)
            ath_query_interrupt(s_ops[i]);
        else
            ath_op_cancel(s_ops[i], true);
    for (size_t i = 0; i < CROWD; i++) {
        world_finish(&w, s_ops[i], 100 * SECOND);
        assert_int_equal(
            ath_op_error(s_ops[i], NULL), i % 2 ? ATH_ERR_QUERY_CANCELLED : ATH_ERR_CANCELLED);
        ath_op_release(s_ops[i]);
    }
    assert_int_equal(w.count[SIM_STOP], CROWD);
    world_close(&w);
}

/* -- the loop -------------------------------------------------------------------------------------
 */

static struct slow_task {
    struct ath__task task;
    unsigned runs;
} s_tasks[100];
static unsigned s_runs, s_runs_at_timer;

static void run_slowly(struct ath__task *task) {
    struct slow_task *slow = ATH__CONTAINER(task, struct slow_task, task);
    ath__fake_advance(w.fake, MS / 2);
    s_runs++;
    if (++slow->runs < 2)
        ath__task_add(w.runtime, task);
}

static void note_runs(struct ath__timer *timer) {
    (void)timer;
    s_runs_at_timer = s_runs;
}

/* Decoding many pages at once holds up neither timers nor completions, and none is forgotten. */
static void test_driver_tasks_let_timers_pass(void **state) {
    static struct ath__timer timer;
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    s_runs = s_runs_at_timer = 0;
    assert_int_equal(ath__timers_reserve(w.runtime, 1), 0);
    timer.fire = note_runs;
    ath__timer_set(w.runtime, &timer, world_now(&w) + MS);
    for (int i = 0; i < 100; i++) {
        s_tasks[i] = (struct slow_task){.task.run = run_slowly};
        ath__task_add(w.runtime, &s_tasks[i].task);
    }
    for (int i = 0; i < 200; i++)
        ath__driver_run(w.runtime, world_now(&w));
    assert_int_equal(s_runs, 200);
    assert_in_range(s_runs_at_timer, 1, 10);
    for (int i = 0; i < 100; i++)
        assert_int_equal(s_tasks[i].runs, 2);
    ath__timers_unreserve(w.runtime, 1);
    world_close(&w);
}

/* The queue hands out all events in bounded steps. */
static void test_queue_drain_is_bounded(void **state) {
    static struct ath_event events[1000];
    size_t seen = 0, n;
    (void)state;
    world_init(&w);
    world_open(&w, NULL);
    struct ath_query_options options = world_options("SELECT 1");
    options.no_rows = true;
    for (size_t i = 0; i < 500; i++)
        s_ops[i] = world_start_with(&w, &options);
    for (size_t i = 0; i < 500; i++)
        world_finish(&w, s_ops[i], 100 * SECOND);
    assert_int_equal(ath_queue_wait(w.queue, 0), 1);
    while ((n = ath_queue_drain(w.queue, events, 1000))) {
        assert_true(n <= 256);
        seen += n;
        for (size_t i = 0; i < n; i++)
            ath_event_clear(&events[i]);
        assert_int_equal(ath_queue_wait(w.queue, 0), seen < 1500);
    }
    assert_int_equal(seen, 1500);
    for (size_t i = 0; i < 500; i++)
        ath_op_release(s_ops[i]);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_wait_for_the_reader),
        cmocka_unit_test(test_pages_smallest_budget_goes_on),
        cmocka_unit_test(test_pages_budget_of_the_client),
        cmocka_unit_test(test_pages_too_large_are_asked_for_smaller),
        cmocka_unit_test(test_crowd_memory_of_a_waiting_query),
        cmocka_unit_test(test_crowd_cancelled_at_once),
        cmocka_unit_test(test_driver_tasks_let_timers_pass),
        cmocka_unit_test(test_queue_drain_is_bounded),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
