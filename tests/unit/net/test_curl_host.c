#include "client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#define BURST 64

/* The test's own resolver takes the place of the C library's, for libcurl too. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed = PTHREAD_COND_INITIALIZER;
static unsigned s_calls;
static unsigned s_running;
static unsigned s_most_running;
static bool s_let_go;
static unsigned s_failures_left;

static struct addrinfo *make_address(const char *text, struct addrinfo *next) {
    struct addrinfo *info = calloc(1, sizeof *info + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)(info + 1);
    if (!info || inet_pton(AF_INET, text, &address->sin_addr) != 1)
        abort();
    address->sin_family = AF_INET;
    info->ai_family = AF_INET;
    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)address;
    info->ai_addrlen = sizeof *address;
    info->ai_next = next;
    return info;
}

int getaddrinfo(
    const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
    (void)service;
    (void)hints;
    int rc = 0;
    pthread_mutex_lock(&s_lock);
    s_calls++;
    s_running++;
    if (s_running > s_most_running)
        s_most_running = s_running;
    pthread_cond_broadcast(&s_changed);
    while (strncmp(node, "hang", 4) == 0 && !s_let_go)
        pthread_cond_wait(&s_changed, &s_lock);
    if (s_failures_left) {
        s_failures_left--;
        rc = EAI_AGAIN;
    }
    s_running--;
    pthread_cond_broadcast(&s_changed);
    pthread_mutex_unlock(&s_lock);
    if (rc)
        return rc;
    *res = make_address("127.0.0.1", NULL);
    if (strncmp(node, "two", 3) == 0)
        *res = make_address("127.0.0.77", *res); /* nobody listens there */
    return 0;
}

void freeaddrinfo(struct addrinfo *res) {
    while (res) {
        struct addrinfo *next = res->ai_next;
        free(res);
        res = next;
    }
}

static void open_named(struct client *client, const char *name) {
    pthread_mutex_lock(&s_lock);
    s_calls = s_most_running = s_failures_left = 0;
    s_let_go = false;
    pthread_mutex_unlock(&s_lock);
    client_open(client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client->route.host = name;
}

static unsigned calls(void) {
    pthread_mutex_lock(&s_lock);
    unsigned count = s_calls;
    pthread_mutex_unlock(&s_lock);
    return count;
}

static void let_go(void) {
    pthread_mutex_lock(&s_lock);
    s_let_go = true;
    pthread_cond_broadcast(&s_changed);
    while (s_running)
        pthread_cond_wait(&s_changed, &s_lock);
    pthread_mutex_unlock(&s_lock);
}

static void test_burst_looks_up_once(void **state) {
    struct client client;
    struct ath__exchange all[BURST];
    (void)state;
    open_named(&client, "burst.test");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < BURST; i++) {
            client_prepare(&client, &all[i], "POST", "/echo", "body");
            client.http->ops->submit(client.http, &all[i]);
        }
        for (size_t i = 0; i < BURST; i++)
            assert_answer(client_next(&client), "body");
        for (size_t i = 0; i < BURST; i++)
            ath__exchange_clear(&all[i]);
        server_drop_connections(client.server);
    }
    assert_int_equal(calls(), 1);
    client_close(&client);
}

static void test_second_address_is_tried(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    open_named(&client, "two.test");
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    assert_int_equal(client.http->ops->connections_opened(client.http), 1);
    client_close(&client);
}

static void test_names_differ_by_host_only(void **state) {
    struct client client;
    struct ath__exchange x;
    struct server *second = server_new(SERVER_PLAIN, NULL, NULL);
    (void)state;
    open_named(&client, "same.test");
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    client.route.port = server_port(second);
    client.route.host = "SAME.test";
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    assert_int_equal(calls(), 1);
    assert_int_equal(server_requests(second), 1);
    server_free(second);
    client_close(&client);
}

static void test_failed_lookup_is_tried_again_by_the_next(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    open_named(&client, "flaky.test");
    s_failures_left = 1;
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_int_equal(x.result, ATH_ERR_DNS);
    assert_false(x.request_sent);
    assert_says(&x, "cannot resolve host flaky.test: ");
    ath__exchange_clear(&x);
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    assert_int_equal(calls(), 2);
    client_close(&client);
}

static void test_hanging_lookup_ends_at_connect_timeout(void **state) {
    struct client client;
    struct ath__exchange x, other;
    struct ath__http_route route;
    (void)state;
    open_named(&client, "hang.test");
    client.route.connect_timeout_ms = 50;
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_int_equal(x.result, ATH_ERR_DNS);
    assert_false(x.request_sent);
    assert_says(&x, "looking up hang.test timed out");
    ath__exchange_clear(&x);
    /* It still hangs; another name gets its answer, and this one again when it goes on. */
    route = client.route;
    route.host = "other.test";
    route.connect_timeout_ms = 20000;
    client_prepare(&client, &other, "GET", "/echo", NULL);
    other.route = &route;
    client_run(&client, &other);
    assert_answer(&other, "hello");
    ath__exchange_clear(&other);
    client.route.connect_timeout_ms = 20000;
    client_prepare(&client, &x, "GET", "/echo", NULL);
    client.http->ops->submit(client.http, &x);
    let_go();
    assert_ptr_equal(client_next(&client), &x);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    assert_int_equal(calls(), 2);
    client_close(&client);
}

static void test_lookups_of_many_hosts_take_turns(void **state) {
    struct client client;
    struct ath__exchange all[8];
    struct ath__http_route routes[8];
    char names[8][32];
    (void)state;
    open_named(&client, "unused.test");
    for (size_t i = 0; i < 8; i++) {
        snprintf(names[i], sizeof names[i], "host%zu.test", i);
        routes[i] = client.route;
        routes[i].host = names[i];
        client_prepare(&client, &all[i], "GET", "/echo", NULL);
        all[i].route = &routes[i];
        client.http->ops->submit(client.http, &all[i]);
    }
    for (size_t i = 0; i < 8; i++)
        assert_answer(client_next(&client), "hello");
    for (size_t i = 0; i < 8; i++)
        ath__exchange_clear(&all[i]);
    assert_int_equal(calls(), 8);
    assert_int_equal(s_most_running, 1);
    client_close(&client);
}

static void test_hosts_without_end_are_forgotten(void **state) {
    struct client client;
    struct ath__exchange x;
    char name[32] = "";
    (void)state;
    open_named(&client, name);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "h%d.test", i);
        client_do(&client, &x, "GET", "/echo", NULL);
        assert_answer(&x, "hello");
        ath__exchange_clear(&x);
    }
    snprintf(name, sizeof name, "h%d.test", 299);
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_int_equal(calls(), 300);
    ath__exchange_clear(&x);
    snprintf(name, sizeof name, "h%d.test", 0);
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_int_equal(calls(), 301);
    ath__exchange_clear(&x);
    client_close(&client);
}

static void test_release_abandons_hanging_lookup(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    open_named(&client, "hang.test");
    client_prepare(&client, &x, "GET", "/echo", NULL);
    client.http->ops->submit(client.http, &x);
    while (calls() == 0)
        client.http->ops->drive(client.http, client_now(&client) + 1000000);
    client_close(&client);
    ath__exchange_clear(&x);
    let_go();
}

static void test_cancel_during_lookup(void **state) {
    struct client client;
    struct ath__exchange x, y;
    (void)state;
    open_named(&client, "hang.test");
    client_prepare(&client, &x, "GET", "/echo", NULL);
    client_prepare(&client, &y, "GET", "/echo", NULL);
    client.http->ops->submit(client.http, &x);
    client.http->ops->submit(client.http, &y);
    while (calls() == 0)
        client.http->ops->drive(client.http, client_now(&client) + 1000000);
    client.http->ops->cancel(client.http, &x);
    let_go();
    assert_ptr_equal(client_next(&client), &y);
    assert_answer(&y, "hello");
    assert_int_equal(server_requests(client.server), 1);
    ath__exchange_clear(&x);
    ath__exchange_clear(&y);
    client_close(&client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_looks_up_once),
        cmocka_unit_test(test_second_address_is_tried),
        cmocka_unit_test(test_names_differ_by_host_only),
        cmocka_unit_test(test_failed_lookup_is_tried_again_by_the_next),
        cmocka_unit_test(test_hanging_lookup_ends_at_connect_timeout),
        cmocka_unit_test(test_lookups_of_many_hosts_take_turns),
        cmocka_unit_test(test_hosts_without_end_are_forgotten),
        cmocka_unit_test(test_release_abandons_hanging_lookup),
        cmocka_unit_test(test_cancel_during_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
