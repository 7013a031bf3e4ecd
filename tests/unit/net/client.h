/* The transport with one route and exchanges on the heap of the test. */
#ifndef ATH_TESTS_NET_CLIENT_H
#define ATH_TESTS_NET_CLIENT_H

#include "net/http.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define SECOND 1000000000u

struct client {
    struct ath__http *http;
    struct ath__http_route route;
    struct server *server;
};

static inline void client_open(struct client *client, struct server *server, uint32_t wire_max) {
    *client = (struct client){.server = server};
    assert_int_equal(ath__http_curl_new(wire_max, &client->http, NULL), 0);
    client->route = (struct ath__http_route){
        .host = "127.0.0.1",
        .port = server ? server_port(server) : 1,
        .connect_timeout_ms = 20000,
        .read_timeout_ms = 20000,
        .host_max = 64,
    };
}

static inline void client_close(struct client *client) {
    client->http->ops->release(client->http, false);
    if (client->server)
        server_free(client->server);
}

static inline uint64_t client_now(struct client *client) {
    return client->http->ops->now_ns(client->http);
}

static inline void client_prepare(
    struct client *client,
    struct ath__exchange *x,
    const char *method,
    const char *target,
    const char *body) {
    ath__exchange_init(x);
    x->route = &client->route;
    x->method = method;
    x->target = target;
    x->body = ath__slice_str(body);
    x->deadline_ns = client_now(client) + 30u * (uint64_t)SECOND;
}

/* Drives until one exchange completed, and returns it. */
static inline struct ath__exchange *client_next(struct client *client) {
    for (;;) {
        struct ath__exchange *x = client->http->ops->next_done(client->http);
        if (x)
            return x;
        assert_int_equal(client->http->ops->drive(client->http, UINT64_MAX), 0);
    }
}

static inline void client_run(struct client *client, struct ath__exchange *x) {
    client->http->ops->submit(client->http, x);
    assert_ptr_equal(client_next(client), x);
}

/* One whole exchange; the caller clears it. */
static inline void client_do(
    struct client *client,
    struct ath__exchange *x,
    const char *method,
    const char *target,
    const char *body) {
    client_prepare(client, x, method, target, body);
    client_run(client, x);
}

static inline void assert_answer(const struct ath__exchange *x, const char *body) {
    if (x->result)
        print_error("result %d: %s\n", x->result, x->message);
    assert_int_equal(x->result, 0);
    assert_int_equal(x->status, 200);
    assert_true(ath__slice_is(ath__buf_slice(&x->answer), body));
}

static inline void assert_says(const struct ath__exchange *x, const char *part) {
    if (!strstr(x->message, part))
        print_error("message: %s\n", x->message);
    assert_non_null(strstr(x->message, part));
}

#endif
