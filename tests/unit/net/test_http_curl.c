#include "client.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 1000

static void test_submit_sends_request_as_given(void **state) {
    struct client client;
    struct ath__exchange x;
    struct ath__header headers[] = {
        {ATH__SLICE_LIT("Host"), ATH__SLICE_LIT("athena.example")},
        {ATH__SLICE_LIT("X-Empty"), ATH__SLICE_LIT("")},
        {ATH__SLICE_LIT("Content-Type"), ATH__SLICE_LIT("application/x-amz-json-1.1")},
    };
    char seen[2048];
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_prepare(&client, &x, "POST", "/echo/../a%2Fb?q=%20&x=../", "{}");
    x.headers = headers;
    x.headers_count = 3;
    client_run(&client, &x);
    assert_answer(&x, "{}");
    assert_true(x.request_sent);
    assert_true(x.bytes_sent > 2 && x.bytes_received > 2);
    server_latest(client.server, seen, sizeof seen);
    assert_ptr_equal(strstr(seen, "POST /echo/../a%2Fb?q=%20&x=../ HTTP/1.1\r\n"), seen);
    assert_non_null(strstr(seen, "\r\nHost: athena.example\r\n"));
    assert_non_null(strstr(seen, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(seen, "\r\nContent-Length: 2\r\n"));
    assert_null(strstr(seen, "Expect"));
    assert_null(strstr(seen, "Accept"));
    assert_null(strstr(seen, "User-Agent"));
    ath__exchange_clear(&x);
    client_close(&client);
}

static void test_submit_knows_all_methods(void **state) {
    static const char *const methods[] = {"GET", "PUT", "DELETE", "POST", "GET", "PUT"};
    struct client client;
    struct ath__exchange x;
    char seen[2048], line[32];
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    for (size_t i = 0; i < 6; i++) {
        bool has_body = methods[i][0] == 'P';
        client_do(&client, &x, methods[i], "/echo", has_body ? "body" : NULL);
        assert_answer(&x, has_body ? "body" : "hello");
        server_latest(client.server, seen, sizeof seen);
        snprintf(line, sizeof line, "%s /echo HTTP/1.1\r\n", methods[i]);
        assert_ptr_equal(strstr(seen, line), seen);
        assert_true(has_body == (strstr(seen, "Content-Length: 4") != NULL));
        ath__exchange_clear(&x);
    }
    client_do(&client, &x, "HEAD", "/size/123", NULL);
    assert_answer(&x, "");
    assert_true(ath__slice_is(ath__exchange_header(&x, "content-length"), "123"));
    assert_true(ath__slice_is(ath__exchange_header(&x, "x-test"), "yes"));
    ath__exchange_clear(&x);
    client_do(&client, &x, "PUT", "/status/204", NULL);
    assert_int_equal(x.status, 204);
    server_latest(client.server, seen, sizeof seen);
    assert_non_null(strstr(seen, "Content-Length: 0"));
    ath__exchange_clear(&x);
    assert_int_equal(server_connections(client.server), 1);
    client_close(&client);
}

static void test_submit_keeps_connections(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    for (int i = 0; i < 20; i++) {
        client_do(&client, &x, "POST", i % 2 ? "/echo" : "/chunked/5000", "body");
        assert_int_equal(x.result, 0);
        ath__exchange_clear(&x);
    }
    assert_int_equal(server_connections(client.server), 1);
    assert_int_equal(client.http->ops->connections_opened(client.http), 1);
    client_close(&client);
}

static void test_submit_many_over_64_connections(void **state) {
    struct client client;
    struct ath__exchange *all = calloc(MANY, sizeof *all);
    (void)state;
    assert_non_null(all);
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    for (size_t i = 0; i < MANY; i++) {
        client_prepare(&client, &all[i], "POST", "/echo", "many");
        client.http->ops->submit(client.http, &all[i]);
    }
    for (size_t i = 0; i < MANY; i++)
        assert_answer(client_next(&client), "many");
    assert_null(client.http->ops->next_done(client.http));
    assert_int_equal(server_requests(client.server), MANY);
    assert_in_range(server_connections(client.server), 1, 64);
    for (size_t i = 0; i < MANY; i++)
        ath__exchange_clear(&all[i]);
    free(all);
    client_close(&client);
}

static void test_submit_waits_in_order(void **state) {
    struct client client;
    struct ath__exchange all[20];
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 1);
    for (size_t i = 0; i < 20; i++) {
        client_prepare(&client, &all[i], "GET", "/echo", NULL);
        client.http->ops->submit(client.http, &all[i]);
    }
    for (size_t i = 0; i < 20; i++) {
        assert_ptr_equal(client_next(&client), &all[i]);
        assert_answer(&all[i], "hello");
        ath__exchange_clear(&all[i]);
    }
    assert_int_equal(server_connections(client.server), 1);
    client_close(&client);
}

static void test_submit_keeps_to_host_max(void **state) {
    struct client client;
    struct ath__exchange all[6];
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client.route.host_max = 2;
    for (size_t i = 0; i < 6; i++) {
        client_prepare(&client, &all[i], "GET", "/held", NULL);
        client.http->ops->submit(client.http, &all[i]);
    }
    while (server_requests(client.server) < 2)
        client.http->ops->drive(client.http, client_now(&client) + 1000000);
    client.http->ops->drive(client.http, client_now(&client) + 20000000);
    assert_int_equal(server_requests(client.server), 2);
    server_let_go(client.server);
    for (size_t i = 0; i < 6; i++)
        assert_answer(client_next(&client), "hello");
    assert_int_equal(server_connections(client.server), 2);
    for (size_t i = 0; i < 6; i++)
        ath__exchange_clear(&all[i]);
    client_close(&client);
}

static void test_submit_takes_chunked_and_interim_answers(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_do(&client, &x, "GET", "/chunked/1234567", NULL);
    assert_int_equal(x.result, 0);
    assert_int_equal(x.answer.len, 1234567);
    assert_null(ath__exchange_header(&x, "x-trailer").ptr);
    ath__exchange_clear(&x);
    client_do(&client, &x, "POST", "/continue", "body");
    assert_answer(&x, "body");
    assert_null(ath__exchange_header(&x, "x-early").ptr);
    assert_non_null(ath__exchange_header(&x, "content-length").ptr);
    ath__exchange_clear(&x);
    client_do(&client, &x, "GET", "/until-end/3000", NULL);
    assert_int_equal(x.result, 0);
    assert_int_equal(x.answer.len, 3000);
    ath__exchange_clear(&x);
    client_do(&client, &x, "GET", "/status/503", NULL);
    assert_int_equal(x.result, 0);
    assert_int_equal(x.status, 503);
    ath__exchange_clear(&x);
    client_close(&client);
}

static void test_submit_uses_memory_of_earlier_answer(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_do(&client, &x, "GET", "/size/3000000", NULL);
    assert_int_equal(x.answer.len, 3000000);
    const char *ptr = x.answer.ptr;
    size_t cap = x.answer.cap;
    client_run(&client, &x);
    assert_int_equal(x.answer.len, 3000000);
    assert_ptr_equal(x.answer.ptr, ptr);
    assert_int_equal(x.answer.cap, cap);
    ath__exchange_clear(&x);
    client_close(&client);
}

/* Bodies of success go to the caller's memory and nowhere else; what a broken answer brought stays
 * there; an error's body is kept apart. */
static void test_into_takes_successful_bodies(void **state) {
    (void)state;
    static const struct {
        const char *target;
        size_t into_len;
        int result, status;
        size_t used;
    } cases[] = {
        {"/size/3000000", 3000000, 0, 200, 3000000},
        {"/size/1000", 1100, 0, 200, 1000},
        {"/size/0", 10, 0, 200, 0},
        {"/chunked/700000", 700000, 0, 200, 700000},
        {"/until-end/3000", 3000, 0, 200, 3000},
        {"/short/1000", 1010, ATH_ERR_IO, 200, 1000},
        {"/reset-body", 20, ATH_ERR_IO, 200, 10},
        {"/size/1000", 999, ATH_ERR_TOO_LARGE, 200, 0},
        {"/raw", 100, 0, 503, 0},
    };
    static const char refusal[] = "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nwait";
    struct client client;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    char *memory = malloc(3000001);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__exchange x, plain;
        client_do(&client, &plain, "POST", cases[i].target, refusal);
        client_prepare(&client, &x, "POST", cases[i].target, refusal);
        memset(memory, '#', 3000001);
        x.into = memory;
        x.into_len = cases[i].into_len;
        for (int again = 0; again < 2; again++) {
            client_run(&client, &x);
            assert_int_equal(x.result, cases[i].result);
            assert_int_equal(x.status, cases[i].status);
            assert_int_equal(x.into_used, cases[i].used);
            assert_int_equal(x.answer.len, cases[i].status == 200 ? 0 : plain.answer.len);
            assert_memory_equal(memory, plain.answer.ptr, x.into_used);
            assert_int_equal(memory[cases[i].into_len], '#');
        }
        ath__exchange_clear(&x);
        ath__exchange_clear(&plain);
    }
    free(memory);
    client_close(&client);
}

/* A cancelled exchange writes no more: an address sanitizer hears of it. */
static void test_into_is_let_go_by_cancel(void **state) {
    (void)state;
    struct client client;
    struct ath__exchange x;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_prepare(&client, &x, "GET", "/held", NULL);
    x.into = malloc(20);
    x.into_len = 20;
    client.http->ops->submit(client.http, &x);
    assert_int_equal(client.http->ops->drive(client.http, client_now(&client) + 1000), 0);
    client.http->ops->cancel(client.http, &x);
    free(x.into);
    ath__exchange_clear(&x);
    server_let_go(client.server);
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    client_close(&client);
}

static void *wake_it(void *arg) {
    struct client *client = arg;
    client->http->ops->wake(client->http);
    return NULL;
}

static void test_drive_ends_by_wake(void **state) {
    struct client client;
    pthread_t thread;
    (void)state;
    client_open(&client, NULL, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&thread, NULL, wake_it, &client), 0);
        assert_int_equal(client.http->ops->drive(client.http, UINT64_MAX), 0);
        pthread_join(thread, NULL);
    }
    uint64_t until_ns = client_now(&client) + 2000000;
    assert_int_equal(client.http->ops->drive(client.http, until_ns), 0);
    assert_true(client_now(&client) >= until_ns);
    client_close(&client);
}

static void test_cancel_at_each_stage(void **state) {
    struct client client;
    struct ath__exchange waiting, active, done, last;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 1);
    client_prepare(&client, &active, "GET", "/stall", NULL);
    client_prepare(&client, &waiting, "GET", "/echo", NULL);
    client.http->ops->submit(client.http, &active);
    client.http->ops->submit(client.http, &waiting);
    while (server_requests(client.server) < 1)
        client.http->ops->drive(client.http, client_now(&client) + 1000000);
    client.http->ops->cancel(client.http, &waiting);
    client.http->ops->cancel(client.http, &active);
    client_prepare(&client, &done, "GET", "/echo", NULL);
    client.http->ops->submit(client.http, &done);
    while (server_requests(client.server) < 2)
        client.http->ops->drive(client.http, client_now(&client) + 1000000);
    client.http->ops->drive(client.http, client_now(&client) + 100000000);
    client.http->ops->cancel(client.http, &done);
    assert_null(client.http->ops->next_done(client.http));
    client_do(&client, &last, "GET", "/echo", NULL);
    assert_answer(&last, "hello");
    ath__exchange_clear(&waiting);
    ath__exchange_clear(&active);
    ath__exchange_clear(&done);
    ath__exchange_clear(&last);
    client_close(&client);
}

static void test_release_drops_what_is_in_flight(void **state) {
    struct client client;
    struct ath__exchange all[4];
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 2);
    for (size_t i = 0; i < 4; i++) {
        client_prepare(&client, &all[i], "GET", "/stall", NULL);
        client.http->ops->submit(client.http, &all[i]);
    }
    while (server_requests(client.server) < 2)
        client.http->ops->drive(client.http, client_now(&client) + 1000000);
    client_close(&client);
    for (size_t i = 0; i < 4; i++)
        ath__exchange_clear(&all[i]);
}

/* The child lets go of its copy; the parent's transfer and connection live on. */
static void test_release_in_child_leaves_parent_alone(void **state) {
    struct client client;
    struct ath__exchange held, idle;
    int status;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_do(&client, &idle, "GET", "/echo", NULL);
    ath__exchange_clear(&idle);
    client_prepare(&client, &held, "GET", "/held", NULL);
    client.http->ops->submit(client.http, &held);
    while (server_requests(client.server) < 2)
        client.http->ops->drive(client.http, client_now(&client) + 1000000);
    pid_t pid = fork();
    if (pid == 0) {
        client.http->ops->release(client.http, true);
        _exit(7);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    server_let_go(client.server);
    assert_ptr_equal(client_next(&client), &held);
    assert_answer(&held, "hello");
    client_do(&client, &idle, "GET", "/echo", NULL);
    assert_answer(&idle, "hello");
    assert_int_equal(server_connections(client.server), 1);
    ath__exchange_clear(&held);
    ath__exchange_clear(&idle);
    client_close(&client);
}

struct scarce {
    long left; /* allocations until one fails; negative: none does */
    bool failed;
};

static bool is_spent(struct scarce *scarce) {
    if (scarce->left < 0 || scarce->left-- > 0)
        return false;
    scarce->failed = true;
    return true;
}

static void *scarce_alloc(size_t size, void *user) {
    return is_spent(user) ? NULL : malloc(size);
}

static void *scarce_realloc(void *ptr, size_t size, void *user) {
    return is_spent(user) ? NULL : realloc(ptr, size);
}

static void scarce_free(void *ptr, void *user) {
    (void)user;
    free(ptr);
}

/* Opens, exchanges and closes with the nth allocation refused; false once none was. */
static bool run_scarce(struct server *server, long nth) {
    struct scarce scarce = {.left = nth};
    struct ath_allocator hooks = {scarce_alloc, scarce_realloc, scarce_free, &scarce};
    struct client client = {0};
    struct ath__exchange x;
    ath_allocator_set(&hooks);
    int rc = ath__http_curl_new(0, &client.http, NULL);
    if (rc == 0) {
        client.route = (struct ath__http_route){.host = "127.0.0.1", .port = server_port(server)};
        client_prepare(&client, &x, "POST", "/size/100000", "body");
        client.http->ops->submit(client.http, &x);
        while (!rc && !client.http->ops->next_done(client.http))
            rc = client.http->ops->drive(client.http, UINT64_MAX);
        if (!rc)
            assert_true(x.result == ATH_ERR_NOMEM || (x.result == 0 && x.answer.len == 100000));
        client.http->ops->release(client.http, false);
        ath__exchange_clear(&x);
    } else {
        assert_true(rc == ATH_ERR_NOMEM);
    }
    ath_allocator_set(NULL);
    return scarce.failed;
}

static void test_every_allocation_may_fail(void **state) {
    struct server *server = server_new(SERVER_PLAIN, NULL, NULL);
    long nth = 0;
    (void)state;
    while (run_scarce(server, nth))
        nth++;
    assert_in_range(nth, 10, 200);
    server_free(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submit_sends_request_as_given),
        cmocka_unit_test(test_submit_knows_all_methods),
        cmocka_unit_test(test_submit_keeps_connections),
        cmocka_unit_test(test_submit_many_over_64_connections),
        cmocka_unit_test(test_submit_waits_in_order),
        cmocka_unit_test(test_submit_keeps_to_host_max),
        cmocka_unit_test(test_submit_takes_chunked_and_interim_answers),
        cmocka_unit_test(test_submit_uses_memory_of_earlier_answer),
        cmocka_unit_test(test_into_takes_successful_bodies),
        cmocka_unit_test(test_into_is_let_go_by_cancel),
        cmocka_unit_test(test_drive_ends_by_wake),
        cmocka_unit_test(test_cancel_at_each_stage),
        cmocka_unit_test(test_release_drops_what_is_in_flight),
        cmocka_unit_test(test_release_in_child_leaves_parent_alone),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
