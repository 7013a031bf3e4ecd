/*
 * A small HTTP/1.1 server on 127.0.0.1, a thread a connection, for what a client can meet. The path
 * says what it does:
 *   /echo           the request's body, or "hello"
 *   /size/N         N bytes             /chunked/N   the same in chunks
 *   /short/N        N bytes of N + 10 announced, then the end
 *   /until-end/N    N bytes without a length, then the end
 *   /status/N       status N            /head/N      N lines of 1,000 bytes of headers
 *   /held           no answer before server_let_go()
 *   /stall          no answer ever      /stall-body  ten bytes of twenty
 *   /reset          RST                 /reset-body  RST after ten bytes of twenty
 *   /garbage        no HTTP             /bad-chunk   a chunk without a length
 *   /continue       100 before 200      /close       an answer, then the end
 *   /once           an answer to the first request of a connection, none to later ones: the end
 *   /twice          the answer of /echo, then one to nothing
 *   /raw            the request's body, sent as the answer, head and all
 *   /interim        100 without end     /trailers    trailers without end
 *   CONNECT         403, or a tunnel to itself when it was given a certificate
 */
#ifndef ATH_TESTS_NET_SERVER_H
#define ATH_TESTS_NET_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct server;

enum server_tls { SERVER_PLAIN, SERVER_TLS, SERVER_TUNNEL };

struct server *server_new(enum server_tls tls, const char *cert_file, const char *key_file);
/* Ends all connections and joins all threads. */
void server_free(struct server *server);
uint16_t server_port(const struct server *server);
unsigned server_connections(struct server *server);
unsigned server_requests(struct server *server);
/* Blocks until so many requests have been read in all. */
void server_wait_requests(struct server *server, unsigned count);
/* The head of the latest request, copied. */
void server_latest(struct server *server, char *out, unsigned size);
/* Blocks until so many answers that nobody asked for have been sent in all. */
void server_wait_unasked(struct server *server, unsigned count);
void server_let_go(struct server *server);
/* Ends all present connections and waits until their threads are through. */
void server_drop_connections(struct server *server);

#endif
