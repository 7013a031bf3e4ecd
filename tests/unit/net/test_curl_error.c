#include "certs.h"
#include "client.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* One exchange that has to fail. */
static void
run_failing(struct client *client, struct ath__exchange *x, const char *target, int result) {
    client_do(client, x, "GET", target, NULL);
    if (x->result != result)
        print_error("%s: result %d: %s\n", target, x->result, x->message);
    assert_int_equal(x->result, result);
    assert_true(x->message[0] != '\0');
    ath__exchange_clear(x);
}

static void test_answer_past_limit_is_too_large(void **state) {
    static const char *const targets[] = {"/size/1001", "/chunked/1001", "/until-end/100000"};
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        client_prepare(&client, &x, "GET", targets[i], NULL);
        x.body_max = 1000;
        client_run(&client, &x);
        assert_int_equal(x.result, ATH_ERR_TOO_LARGE);
        assert_true(x.request_sent);
        assert_says(&x, "longer than 1000 bytes");
        assert_true(x.answer.cap <= 1000);
        ath__exchange_clear(&x);
    }
    client_prepare(&client, &x, "GET", "/size/1000", NULL);
    x.body_max = 1000;
    client_run(&client, &x);
    assert_int_equal(x.result, 0);
    assert_int_equal(x.answer.len, 1000);
    ath__exchange_clear(&x);
    client_close(&client);
}

static void test_announced_length_does_not_take_memory(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_prepare(&client, &x, "GET", "/stall-body", NULL);
    x.deadline_ns = client_now(&client) + 50000000;
    client_run(&client, &x);
    assert_int_equal(x.result, ATH_ERR_TIMEOUT);
    assert_true(x.answer.cap <= 4096);
    ath__exchange_clear(&x);
    client_close(&client);
}

static void test_headers_past_64_kib_are_too_large(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_do(&client, &x, "GET", "/head/60", NULL);
    assert_int_equal(x.result, 0);
    ath__exchange_clear(&x);
    client_do(&client, &x, "GET", "/head/70", NULL);
    assert_int_equal(x.result, ATH_ERR_TOO_LARGE);
    assert_says(&x, "headers are longer than 65536 bytes");
    ath__exchange_clear(&x);
    client_close(&client);
}

static void test_broken_answers_are_io_or_protocol(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    run_failing(&client, &x, "/short/100", ATH_ERR_IO);
    assert_says(&x, "10 bytes remaining");
    assert_true(x.request_sent);
    run_failing(&client, &x, "/reset", ATH_ERR_IO);
    assert_true(x.request_sent);
    run_failing(&client, &x, "/reset-body", ATH_ERR_IO);
    run_failing(&client, &x, "/garbage", ATH_ERR_PROTOCOL);
    run_failing(&client, &x, "/bad-chunk", ATH_ERR_PROTOCOL);
    client_close(&client);
}

/* Answers no server should give. What is whole must come whole, the rest end as a failure. */
#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define SMUGGLED "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"
static const struct {
    struct ath_slice raw;
    int result;
    const char *answer;
} s_hostile[] = {
    {ATH__SLICE_INIT(OK_LINE "Content-Length: 2\r\n\r\nhi"), 0, "hi"},
    {ATH__SLICE_INIT(OK_LINE "Content-Length: 2\r\n\r\nhi" SMUGGLED), 0, "hi"},
    {ATH__SLICE_INIT(OK_LINE "Content-Length: 0\r\n\r\n" SMUGGLED), 0, ""},
    {ATH__SLICE_INIT("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"), 0, ""},
    {ATH__SLICE_INIT(OK_LINE "Content-Length: 18446744073709551617\r\n\r\nhi"),
     ATH_ERR_TIMEOUT,
     NULL},
    {ATH__SLICE_INIT(OK_LINE "Content-Length: 9223372036854775807\r\n\r\nhi"),
     ATH_ERR_TOO_LARGE,
     NULL},
    {ATH__SLICE_INIT(OK_LINE "Content-Length: -1\r\n\r\n"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT(OK_LINE "Content-Length: 2x\r\n\r\nhi"), 0, "hi"},
    {ATH__SLICE_INIT(OK_LINE "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"), 0, "hi!"},
    {ATH__SLICE_INIT(OK_LINE "X-Nul: a\0b\r\nContent-Length: 0\r\n\r\n"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT(OK_LINE "No colon\r\nContent-Length: 0\r\n\r\n"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT("HTTP/0.9 200 OK\r\n\r\nhi"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT("HTTP/9.9 200 OK\r\n\r\nhi"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT("HTTP/1.1 99999 OK\r\n\r\nhi"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT("\0\0\0\0\0\0\0\0"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhi"),
     ATH_ERR_TIMEOUT,
     NULL},
    {ATH__SLICE_INIT(OK_LINE "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhi"),
     ATH_ERR_PROTOCOL,
     NULL},
    {ATH__SLICE_INIT(OK_LINE "Transfer-Encoding: chunked\r\n\r\n-2\r\nhi"), ATH_ERR_PROTOCOL, NULL},
    {ATH__SLICE_INIT(OK_LINE "Transfer-Encoding: chunked\r\n\r\n2\r\nhiXX0\r\n\r\n"),
     ATH_ERR_PROTOCOL,
     NULL},
    {ATH__SLICE_INIT(OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
     ATH_ERR_PROTOCOL,
     NULL},
    {ATH__SLICE_INIT(OK_LINE "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi"), 0, "hi"},
    {ATH__SLICE_INIT("HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n"), 0, ""},
};

static void test_hostile_answers(void **state) {
    struct client client;
    struct ath__exchange x, next;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client.route.read_timeout_ms = 100;
    for (size_t i = 0; i < sizeof s_hostile / sizeof *s_hostile; i++) {
        client_prepare(&client, &x, "POST", "/raw", NULL);
        x.body = s_hostile[i].raw;
        client_run(&client, &x);
        if (s_hostile[i].result != x.result)
            fail_msg("case %zu: result %d: %s", i, x.result, x.message);
        if (s_hostile[i].answer)
            assert_true(ath__slice_is(ath__buf_slice(&x.answer), s_hostile[i].answer));
        else
            assert_true(x.message[0] != '\0');
        /* Nothing of it may be taken for the next answer. */
        client_do(&client, &next, "POST", "/echo", "next");
        assert_answer(&next, "next");
        ath__exchange_clear(&next);
        ath__exchange_clear(&x);
    }
    client_close(&client);
}

/* An answer to nothing that lies on a kept connection must not become the next one's. */
static void test_unasked_answer_is_not_the_next(void **state) {
    struct certs certs;
    (void)state;
    certs_make(&certs);
    for (int tls = 0; tls < 2; tls++) {
        struct client client;
        struct ath__exchange x;
        enum server_tls kind = tls ? SERVER_TLS : SERVER_PLAIN;
        client_open(&client, server_new(kind, certs.good, certs.key), 0);
        client.route.https = tls;
        client.route.ca_file = certs.ca;
        for (int i = 0; i < 3; i++) {
            client_do(&client, &x, "GET", "/echo", NULL);
            assert_answer(&x, "hello");
            ath__exchange_clear(&x);
        }
        assert_int_equal(server_connections(client.server), 1);
        client_do(&client, &x, "GET", "/twice", NULL);
        assert_answer(&x, "hello");
        ath__exchange_clear(&x);
        server_wait_unasked(client.server, 1);
        client_do(&client, &x, "POST", "/echo", "mine");
        assert_answer(&x, "mine");
        ath__exchange_clear(&x);
        client_close(&client);
    }
    certs_remove(&certs);
}

/* Neither interim answers nor trailers without end are read to the deadline. */
static void test_headers_without_end_are_too_large(void **state) {
    static const char *const targets[] = {"/interim", "/trailers"};
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        client_do(&client, &x, "GET", targets[i], NULL);
        if (x.result != ATH_ERR_TOO_LARGE)
            fail_msg("%s: result %d: %s", targets[i], x.result, x.message);
        assert_true(x.bytes_received < 2000000);
        assert_says(&x, "headers");
        ath__exchange_clear(&x);
    }
    client_close(&client);
}

static void test_dead_kept_connection_is_replaced(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_do(&client, &x, "POST", "/echo", "one");
    assert_answer(&x, "one");
    ath__exchange_clear(&x);
    server_drop_connections(client.server);
    client_do(&client, &x, "POST", "/echo", "two");
    assert_answer(&x, "two");
    ath__exchange_clear(&x);
    for (int i = 0; i < 5; i++) {
        client_do(&client, &x, "POST", "/once", "again");
        assert_answer(&x, "again");
        ath__exchange_clear(&x);
    }
    client_close(&client);
}

static void test_silent_peer_is_timeout(void **state) {
    static const char *const targets[] = {"/stall", "/stall-body"};
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client.route.read_timeout_ms = 30;
    for (size_t i = 0; i < 2; i++) {
        client_do(&client, &x, "GET", targets[i], NULL);
        assert_int_equal(x.result, ATH_ERR_TIMEOUT);
        assert_true(x.request_sent);
        assert_says(&x, "silent for 30 ms");
        ath__exchange_clear(&x);
    }
    client_close(&client);
}

static void test_deadline_ends_active_and_waiting(void **state) {
    struct client client;
    struct ath__exchange active, waiting, later;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 1);
    client_prepare(&client, &active, "GET", "/stall", NULL);
    client_prepare(&client, &waiting, "GET", "/echo", NULL);
    client_prepare(&client, &later, "GET", "/echo", NULL);
    active.deadline_ns = client_now(&client) + 60000000;
    waiting.deadline_ns = client_now(&client) + 30000000;
    client.http->ops->submit(client.http, &active);
    client.http->ops->submit(client.http, &waiting);
    client.http->ops->submit(client.http, &later);
    assert_ptr_equal(client_next(&client), &waiting);
    assert_int_equal(waiting.result, ATH_ERR_TIMEOUT);
    assert_false(waiting.request_sent);
    assert_ptr_equal(client_next(&client), &active);
    assert_int_equal(active.result, ATH_ERR_TIMEOUT);
    assert_true(active.request_sent);
    assert_ptr_equal(client_next(&client), &later);
    assert_answer(&later, "hello");
    ath__exchange_clear(&active);
    ath__exchange_clear(&waiting);
    ath__exchange_clear(&later);
    client_close(&client);
}

static void test_refused_connection_names_the_host(void **state) {
    struct client client;
    struct ath__exchange x;
    struct server *server = server_new(SERVER_PLAIN, NULL, NULL);
    uint16_t port = server_port(server);
    char text[64];
    (void)state;
    server_free(server);
    client_open(&client, NULL, 0);
    client.route.port = port;
    run_failing(&client, &x, "/", ATH_ERR_CONNECT);
    snprintf(text, sizeof text, "cannot connect to 127.0.0.1:%u: ", port);
    assert_says(&x, text);
    assert_false(x.request_sent);
    assert_int_equal(client.http->ops->connections_opened(client.http), 0);
    client_close(&client);
}

/* A listener whose queue is full answers no handshake. */
static void test_connect_timeout_is_connect(void **state) {
    struct client client;
    struct ath__exchange x;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), fill[4];
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], (struct sockaddr *)&address, sizeof address);
    }
    client_open(&client, NULL, 0);
    client.route.port = ntohs(address.sin_port);
    client.route.connect_timeout_ms = 40;
    run_failing(&client, &x, "/", ATH_ERR_CONNECT);
    assert_says(&x, "timed out after 40 ms");
    assert_false(x.request_sent);
    client_close(&client);
    for (size_t i = 0; i < 4; i++)
        close(fill[i]);
    close(fd);
}

static void test_unknown_name_is_dns(void **state) {
    struct client client;
    struct ath__exchange x, y;
    (void)state;
    client_open(&client, NULL, 0);
    client.route.host = "no-such-host.invalid";
    client_prepare(&client, &x, "GET", "/", NULL);
    client_prepare(&client, &y, "GET", "/", NULL);
    client.http->ops->submit(client.http, &x);
    client.http->ops->submit(client.http, &y);
    client_next(&client);
    client_next(&client);
    assert_int_equal(x.result, ATH_ERR_DNS);
    assert_int_equal(y.result, ATH_ERR_DNS);
    assert_says(&x, "no-such-host.invalid");
    assert_false(x.request_sent);
    ath__exchange_clear(&x);
    ath__exchange_clear(&y);
    client_close(&client);
}

static void test_request_that_cannot_be_sent_is_invalid(void **state) {
    struct client client;
    struct ath__exchange x;
    struct ath__header bad = {ATH__SLICE_LIT("X"), ATH__SLICE_LIT("a\r\nInjected: yes")};
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    run_failing(&client, &x, "no-slash", ATH_ERR_INVALID);
    run_failing(&client, &x, "/a b", ATH_ERR_INVALID);
    client_prepare(&client, &x, "GET", "/echo", NULL);
    x.headers = &bad;
    x.headers_count = 1;
    client_run(&client, &x);
    assert_int_equal(x.result, ATH_ERR_INVALID);
    client.route.host = "user@evil/";
    run_failing(&client, &x, "/", ATH_ERR_INVALID);
    client.route.host = "127.0.0.1";
    client.route.proxy = "socks5://127.0.0.1:1080";
    run_failing(&client, &x, "/", ATH_ERR_PROXY);
    assert_int_equal(server_connections(client.server), 0);
    client_close(&client);
}

static void test_tls_is_verified(void **state) {
    struct certs certs;
    struct ath__exchange x;
    (void)state;
    certs_make(&certs);
    const struct {
        const char *cert, *ca, *host;
        bool verify_off;
        int result;
    } cases[] = {
        {certs.good, certs.ca, "127.0.0.1", false, 0},
        {certs.good, certs.ca, "localhost", false, 0},
        {certs.good, certs.other_ca, "127.0.0.1", false, ATH_ERR_TLS},
        {certs.good, NULL, "127.0.0.1", false, ATH_ERR_TLS},
        {certs.good, "/nonexistent/ca.pem", "127.0.0.1", false, ATH_ERR_TLS},
        {certs.wrong, certs.ca, "127.0.0.1", false, ATH_ERR_TLS},
        {certs.wrong, certs.ca, "localhost", false, ATH_ERR_TLS},
        {certs.expired, certs.ca, "127.0.0.1", false, ATH_ERR_TLS},
        {certs.expired, NULL, "127.0.0.1", true, 0},
        {certs.wrong, NULL, "localhost", true, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client client;
        client_open(&client, server_new(SERVER_TLS, cases[i].cert, certs.key), 0);
        client.route.https = true;
        client.route.host = cases[i].host;
        client.route.ca_file = cases[i].ca;
        client.route.verify_off = cases[i].verify_off;
        client_do(&client, &x, "POST", "/echo", "secret");
        if (x.result != cases[i].result)
            print_error("case %zu: %d: %s\n", i, x.result, x.message);
        assert_int_equal(x.result, cases[i].result);
        assert_int_equal(server_requests(client.server), x.result ? 0 : 1);
        assert_true(x.request_sent == (x.result == 0));
        ath__exchange_clear(&x);
        client_close(&client);
    }
    certs_remove(&certs);
}

static void test_tls_settings_do_not_share_connections(void **state) {
    struct certs certs;
    struct client client;
    struct ath__exchange x;
    (void)state;
    certs_make(&certs);
    client_open(&client, server_new(SERVER_TLS, certs.good, certs.key), 0);
    client.route.https = client.route.verify_off = true;
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    client.route.verify_off = false;
    client.route.ca_file = certs.other_ca;
    run_failing(&client, &x, "/echo", ATH_ERR_TLS);
    client.route.ca_file = certs.ca;
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    client_close(&client);
    certs_remove(&certs);
}

/* Who asks a proxy for a tunnel, and with which key a client shows itself, is part of a route. */
static void test_credentials_do_not_share_connections(void **state) {
    struct certs certs;
    struct ath__exchange x;
    (void)state;
    certs_make(&certs);
    char alice[64], bob[64], key[128];
    snprintf(key, sizeof key, "%s/./%s", certs.dir, strrchr(certs.key, '/') + 1);
    for (int by_key = 0; by_key < 2; by_key++) {
        struct client client;
        enum server_tls kind = by_key ? SERVER_TLS : SERVER_TUNNEL;
        client_open(&client, server_new(kind, certs.good, certs.key), 0);
        snprintf(alice, sizeof alice, "http://alice:a@127.0.0.1:%u", client.route.port);
        snprintf(bob, sizeof bob, "http://bob:b@127.0.0.1:%u", client.route.port);
        client.route.https = true;
        client.route.host = "localhost";
        client.route.ca_file = certs.ca;
        client.route.client_cert = by_key ? certs.good : NULL;
        struct ath__http_route first = client.route, second = client.route;
        first.proxy = by_key ? NULL : alice;
        second.proxy = by_key ? NULL : bob;
        first.client_key = by_key ? certs.key : NULL;
        second.client_key = by_key ? key : NULL;
        for (int i = 0; i < 4; i++) {
            client.route = i % 2 ? second : first;
            client_do(&client, &x, "GET", "/echo", NULL);
            assert_answer(&x, "hello");
            ath__exchange_clear(&x);
        }
        assert_in_range(server_connections(client.server), 2, 3);
        client_close(&client);
    }
    certs_remove(&certs);
}

static void test_tls_to_plain_server_fails(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client.route.https = client.route.verify_off = true;
    client.route.connect_timeout_ms = 100;
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_true(x.result == ATH_ERR_TLS || x.result == ATH_ERR_CONNECT);
    assert_false(x.request_sent);
    ath__exchange_clear(&x);
    client_close(&client);
}

static void test_proxy_refusal_is_proxy_and_hides_password(void **state) {
    struct client client;
    struct ath__exchange x;
    char url[96];
    (void)state;
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    snprintf(url, sizeof url, "http://user:hunter2@127.0.0.1:%u", client.route.port);
    client.route.proxy = url;
    client.route.https = client.route.verify_off = true;
    client.route.host = "athena.invalid";
    run_failing(&client, &x, "/echo", ATH_ERR_PROXY);
    assert_says(&x, "403");
    assert_null(strstr(x.message, "hunter2"));
    assert_false(x.request_sent);
    client.route.proxy = "http://user:hunter2@127.0.0.1:1";
    run_failing(&client, &x, "/echo", ATH_ERR_PROXY);
    assert_says(&x, "proxy 127.0.0.1:1");
    assert_null(strstr(x.message, "hunter2"));
    client.route.proxy = "http://user:hunter2@no-such-proxy.invalid:3128";
    run_failing(&client, &x, "/echo", ATH_ERR_PROXY);
    assert_null(strstr(x.message, "hunter2"));
    client_close(&client);
}

static void test_proxy_carries_requests(void **state) {
    struct certs certs;
    struct client client;
    struct ath__exchange x;
    struct ath__header secret = {ATH__SLICE_LIT("Authorization"), ATH__SLICE_LIT("for-the-peer")};
    char url[64], seen[2048];
    (void)state;
    certs_make(&certs);
    client_open(&client, server_new(SERVER_TUNNEL, certs.good, certs.key), 0);
    snprintf(url, sizeof url, "127.0.0.1:%u", client.route.port);
    client.route.proxy = url;
    client.route.port = 8080;
    client.route.host = "plain.invalid";
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    server_latest(client.server, seen, sizeof seen);
    assert_ptr_equal(strstr(seen, "GET http://plain.invalid:8080/echo HTTP/1.1\r\n"), seen);
    client.route.https = true;
    client.route.host = "localhost";
    client.route.ca_file = certs.ca;
    client_prepare(&client, &x, "POST", "/stall", "x");
    x.headers = &secret;
    x.headers_count = 1;
    x.target = "/echo";
    client_run(&client, &x);
    assert_answer(&x, "x");
    ath__exchange_clear(&x);
    client.route.host = "other.invalid";
    run_failing(&client, &x, "/echo", ATH_ERR_TLS);
    server_latest(client.server, seen, sizeof seen);
    assert_ptr_equal(strstr(seen, "CONNECT other.invalid:8080 HTTP/1.1\r\n"), seen);
    assert_null(strstr(seen, "for-the-peer"));
    client_close(&client);
    certs_remove(&certs);
}

static void test_environment_proxy_is_not_read(void **state) {
    struct client client;
    struct ath__exchange x;
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    client_open(&client, server_new(SERVER_PLAIN, NULL, NULL), 0);
    client_do(&client, &x, "GET", "/echo", NULL);
    assert_answer(&x, "hello");
    ath__exchange_clear(&x);
    client_close(&client);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_past_limit_is_too_large),
        cmocka_unit_test(test_announced_length_does_not_take_memory),
        cmocka_unit_test(test_headers_past_64_kib_are_too_large),
        cmocka_unit_test(test_broken_answers_are_io_or_protocol),
        cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_unasked_answer_is_not_the_next),
        cmocka_unit_test(test_headers_without_end_are_too_large),
        cmocka_unit_test(test_dead_kept_connection_is_replaced),
        cmocka_unit_test(test_silent_peer_is_timeout),
        cmocka_unit_test(test_deadline_ends_active_and_waiting),
        cmocka_unit_test(test_refused_connection_names_the_host),
        cmocka_unit_test(test_connect_timeout_is_connect),
        cmocka_unit_test(test_unknown_name_is_dns),
        cmocka_unit_test(test_request_that_cannot_be_sent_is_invalid),
        cmocka_unit_test(test_tls_is_verified),
        cmocka_unit_test(test_tls_settings_do_not_share_connections),
        cmocka_unit_test(test_credentials_do_not_share_connections),
        cmocka_unit_test(test_tls_to_plain_server_fails),
        cmocka_unit_test(test_proxy_refusal_is_proxy_and_hides_password),
        cmocka_unit_test(test_proxy_carries_requests),
        cmocka_unit_test(test_environment_proxy_is_not_read),
    };
    signal(SIGPIPE, SIG_IGN); /* of the test's own TLS server */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
