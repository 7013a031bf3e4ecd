#include "net/http_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#define SECOND ((uint64_t)1000000000)

static const struct ath__http_route s_route = {.https = true, .host = "athena.test", .port = 443};
static const struct ath__header s_start[] = {
    {ATH__SLICE_INIT("X-Amz-Target"), ATH__SLICE_INIT("AmazonAthena.StartQueryExecution")},
};

static struct ath__http *open_fake(void) {
    struct ath__http *http;
    assert_int_equal(ath__http_fake_new(&http), 0);
    return http;
}

static void prepare(struct ath__http *http, struct ath__exchange *x, const char *target) {
    ath__exchange_init(x);
    x->route = &s_route;
    x->method = "POST";
    x->target = target;
    x->headers = s_start;
    x->headers_count = 1;
    x->body = ATH__SLICE_LIT("{}");
    x->deadline_ns = http->ops->now_ns(http) + 60 * SECOND;
}

static void test_submit_answers_by_rule(void **state) {
    struct ath__http *http = open_fake();
    struct ath__exchange x;
    (void)state;
    struct ath__fake_rule other = {.amz_target = "StopQueryExecution", .answer = {.status = 500}};
    struct ath__fake_rule rule = {
        .amz_target = "StartQueryExecution",
        .answer = {.head = "A: b\r\n", .body = "{\"QueryExecutionId\":\"1\"}"},
    };
    assert_int_equal(ath__fake_add(http, &other), 0);
    assert_int_equal(ath__fake_add(http, &rule), 0);
    prepare(http, &x, "/");
    http->ops->submit(http, &x);
    assert_null(http->ops->next_done(http));
    assert_int_equal(http->ops->drive(http, UINT64_MAX), 0);
    assert_ptr_equal(http->ops->next_done(http), &x);
    assert_int_equal(x.result, 0);
    assert_int_equal(x.status, 200);
    assert_true(ath__slice_is(ath__exchange_header(&x, "a"), "b"));
    assert_true(ath__slice_is(ath__buf_slice(&x.answer), "{\"QueryExecutionId\":\"1\"}"));
    assert_int_equal(ath__fake_request_count(http), 1);
    const struct ath__fake_request *request = ath__fake_request_at(http, 0);
    assert_string_equal(request->amz_target, "AmazonAthena.StartQueryExecution");
    assert_string_equal(request->body, "{}");
    assert_string_equal(request->host, "athena.test");
    assert_null(ath__fake_request_at(http, 1));
    ath__exchange_clear(&x);
    http->ops->release(http, false);
}

static void test_rules_are_used_up_in_order(void **state) {
    static const int statuses[] = {503, 503, 200, 404, 200};
    struct ath__http *http = open_fake();
    struct ath__exchange x;
    (void)state;
    struct ath__fake_rule first = {.times = 2, .answer = {.status = 503}};
    struct ath__fake_rule fourth = {.skip = 1, .times = 1, .answer = {.status = 404}};
    struct ath__fake_rule rest = {.path = "/a", .answer = {.status = 200}};
    ath__fake_add(http, &first);
    ath__fake_add(http, &fourth);
    ath__fake_add(http, &rest);
    for (size_t i = 0; i < 5; i++) {
        prepare(http, &x, "/a/b");
        http->ops->submit(http, &x);
        http->ops->drive(http, UINT64_MAX);
        assert_ptr_equal(http->ops->next_done(http), &x);
        assert_int_equal(x.status, statuses[i]);
        ath__exchange_clear(&x);
    }
    prepare(http, &x, "/b");
    http->ops->submit(http, &x);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_done(http), &x);
    assert_int_equal(x.result, ATH_ERR_CONNECT);
    assert_string_equal(x.message, "no rule matches");
    ath__exchange_clear(&x);
    http->ops->release(http, false);
}

static void test_drive_moves_clock_to_next_completion(void **state) {
    struct ath__http *http = open_fake();
    struct ath__exchange slow, fast;
    (void)state;
    struct ath__fake_rule slowly = {.path = "/slow", .answer = {.delay_ns = 20 * SECOND}};
    struct ath__fake_rule soon = {.path = "/fast", .answer = {.delay_ns = 10 * SECOND}};
    ath__fake_add(http, &slowly);
    ath__fake_add(http, &soon);
    uint64_t start = http->ops->now_ns(http);
    int64_t wall = http->ops->wall_ms(http);
    prepare(http, &slow, "/slow");
    prepare(http, &fast, "/fast");
    http->ops->submit(http, &slow);
    http->ops->submit(http, &fast);
    http->ops->drive(http, start + 5 * SECOND);
    assert_null(http->ops->next_done(http));
    assert_true(http->ops->now_ns(http) == start + 5 * SECOND);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_done(http), &fast);
    assert_true(http->ops->now_ns(http) == start + 10 * SECOND);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_done(http), &slow);
    assert_true(http->ops->wall_ms(http) == wall + 20000);
    assert_int_equal(ath__fake_in_flight(http), 0);
    ath__exchange_clear(&slow);
    ath__exchange_clear(&fast);
    http->ops->release(http, false);
}

static void test_deadline_comes_before_late_answer(void **state) {
    struct ath__http *http = open_fake();
    struct ath__exchange late, held;
    (void)state;
    struct ath__fake_rule slowly = {.path = "/late", .answer = {.delay_ns = 100 * SECOND}};
    struct ath__fake_rule never = {.path = "/held", .answer = {.hold = true}};
    ath__fake_add(http, &slowly);
    ath__fake_add(http, &never);
    uint64_t start = http->ops->now_ns(http);
    prepare(http, &late, "/late");
    prepare(http, &held, "/held");
    http->ops->submit(http, &late);
    http->ops->submit(http, &held);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_done(http), &late);
    assert_ptr_equal(http->ops->next_done(http), &held);
    assert_int_equal(late.result, ATH_ERR_TIMEOUT);
    assert_int_equal(held.result, ATH_ERR_TIMEOUT);
    assert_true(late.request_sent);
    assert_true(http->ops->now_ns(http) == start + 60 * SECOND);
    prepare(http, &held, "/held");
    http->ops->submit(http, &held);
    ath__fake_let_go(http);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_done(http), &held);
    assert_int_equal(held.result, 0);
    ath__exchange_clear(&late);
    ath__exchange_clear(&held);
    http->ops->release(http, false);
}

static void test_failures_and_limits(void **state) {
    struct ath__http *http = open_fake();
    struct ath__exchange x;
    (void)state;
    struct ath__fake_rule broken = {
        .path = "/broken",
        .answer = {.result = ATH_ERR_IO, .request_sent = true, .message = "reset"},
    };
    struct ath__fake_rule big = {.path = "/big", .answer = {.body = "0123456789"}};
    ath__fake_add(http, &broken);
    ath__fake_add(http, &big);
    prepare(http, &x, "/broken");
    http->ops->submit(http, &x);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_done(http), &x);
    assert_int_equal(x.result, ATH_ERR_IO);
    assert_true(x.request_sent);
    assert_string_equal(x.message, "reset");
    ath__exchange_clear(&x);
    prepare(http, &x, "/big");
    x.body_max = 9;
    http->ops->submit(http, &x);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_done(http), &x);
    assert_int_equal(x.result, ATH_ERR_TOO_LARGE);
    ath__exchange_clear(&x);
    http->ops->release(http, false);
}

static void count_up(void *user, const struct ath__exchange *x, struct ath__fake_answer *answer) {
    int *count = user;
    (void)x;
    answer->status = 200 + ++*count;
}

/* Successful bodies go to the caller's memory, errors do not; what a broken answer brought stays.
 */
static void test_into_takes_successful_bodies(void **state) {
    (void)state;
    static const struct {
        int status, result;
        const char *body;
        size_t into_len;
        int want;
        size_t used, answered;
    } cases[] = {
        {206, 0, "hello", 8, 0, 5, 0},
        {206, ATH_ERR_IO, "hel", 8, ATH_ERR_IO, 3, 0},
        {200, 0, "hello", 4, ATH_ERR_TOO_LARGE, 4, 0},
        {404, 0, "hello", 4, 0, 0, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__http *http = open_fake();
        struct ath__exchange x;
        char memory[8];
        struct ath__fake_rule rule = {
            .answer = {
                .status = cases[i].status, .result = cases[i].result, .body = cases[i].body}};
        assert_int_equal(ath__fake_add(http, &rule), 0);
        prepare(http, &x, "/");
        x.into = memory;
        x.into_len = cases[i].into_len;
        http->ops->submit(http, &x);
        assert_int_equal(http->ops->drive(http, UINT64_MAX), 0);
        assert_ptr_equal(http->ops->next_done(http), &x);
        assert_int_equal(x.result, cases[i].want);
        assert_int_equal(x.status, cases[i].status);
        assert_int_equal(x.into_used, cases[i].used);
        assert_int_equal(x.answer.len, cases[i].answered);
        assert_memory_equal(memory, "hello", x.into_used);
        ath__exchange_clear(&x);
        http->ops->release(http, false);
    }
}

static void test_handler_decides(void **state) {
    struct ath__http *http = open_fake();
    struct ath__exchange x;
    int count = 0;
    (void)state;
    struct ath__fake_rule rule = {.handler = count_up, .user = &count};
    ath__fake_add(http, &rule);
    for (int i = 1; i <= 3; i++) {
        prepare(http, &x, "/");
        http->ops->submit(http, &x);
        http->ops->drive(http, UINT64_MAX);
        assert_ptr_equal(http->ops->next_done(http), &x);
        assert_int_equal(x.status, 200 + i);
        ath__exchange_clear(&x);
    }
    http->ops->release(http, false);
}

static void test_cancel_is_recorded(void **state) {
    struct ath__http *http = open_fake();
    struct ath__exchange x;
    (void)state;
    struct ath__fake_rule never = {.answer = {.hold = true}};
    ath__fake_add(http, &never);
    prepare(http, &x, "/");
    http->ops->submit(http, &x);
    assert_int_equal(ath__fake_in_flight(http), 1);
    http->ops->cancel(http, &x);
    assert_int_equal(ath__fake_in_flight(http), 0);
    assert_true(ath__fake_request_at(http, 0)->cancelled);
    http->ops->drive(http, http->ops->now_ns(http) + SECOND);
    assert_null(http->ops->next_done(http));
    prepare(http, &x, "/");
    http->ops->submit(http, &x);
    http->ops->release(http, false);
    ath__exchange_clear(&x);
}

static void test_processes_by_rule(void **state) {
    struct ath__http *http = open_fake();
    struct ath__process p, killed;
    char name[] = "helper", other[] = "other";
    char *argv[] = {name, NULL}, *unknown[] = {other, NULL};
    (void)state;
    struct ath__fake_process_rule rule = {
        .name = "helper", .output = "{}", .errors = "warn", .exit_status = 256, .delay_ns = SECOND};
    ath__fake_add_process(http, &rule);
    uint64_t start = http->ops->now_ns(http);
    ath__process_init(&p);
    ath__process_init(&killed);
    p.argv = killed.argv = argv;
    p.deadline_ns = killed.deadline_ns = start + 10 * SECOND;
    http->ops->spawn(http, &p);
    http->ops->spawn(http, &killed);
    http->ops->kill(http, &killed);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_process_done(http), &p);
    assert_null(http->ops->next_process_done(http));
    assert_int_equal(p.result, 0);
    assert_int_equal(p.exit_status, 256);
    assert_true(ath__slice_is(ath__buf_slice(&p.output), "{}"));
    assert_true(http->ops->now_ns(http) == start + SECOND);
    p.deadline_ns = http->ops->now_ns(http) + SECOND / 2;
    http->ops->spawn(http, &p);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_process_done(http), &p);
    assert_int_equal(p.result, ATH_ERR_TIMEOUT);
    p.argv = unknown;
    http->ops->spawn(http, &p);
    http->ops->drive(http, UINT64_MAX);
    assert_ptr_equal(http->ops->next_process_done(http), &p);
    assert_int_equal(p.result, ATH_ERR_SYSTEM);
    ath__process_clear(&p);
    ath__process_clear(&killed);
    http->ops->release(http, false);
}

static void *drive_it(void *arg) {
    struct ath__http *http = arg;
    http->ops->drive(http, UINT64_MAX);
    return NULL;
}

static void test_wake_ends_drive_without_end(void **state) {
    struct ath__http *http = open_fake();
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, drive_it, http), 0);
    http->ops->wake(http);
    pthread_join(thread, NULL);
    ath__fake_advance(http, 5 * SECOND);
    http->ops->drive(http, UINT64_MAX);
    assert_true(http->ops->now_ns(http) == 6 * SECOND);
    http->ops->release(http, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submit_answers_by_rule),
        cmocka_unit_test(test_rules_are_used_up_in_order),
        cmocka_unit_test(test_drive_moves_clock_to_next_completion),
        cmocka_unit_test(test_deadline_comes_before_late_answer),
        cmocka_unit_test(test_failures_and_limits),
        cmocka_unit_test(test_into_takes_successful_bodies),
        cmocka_unit_test(test_handler_decides),
        cmocka_unit_test(test_cancel_is_recorded),
        cmocka_unit_test(test_processes_by_rule),
        cmocka_unit_test(test_wake_ends_drive_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
