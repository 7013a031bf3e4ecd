/*
 * The transport seam: exchanges in, completions out. The engine drives it from one thread; only
 * wake() may be called from others. http_curl.c implements it over libcurl, http_fake.c by script
 * with a clock that tests move. No libcurl type leaves this room.
 */
#ifndef ATH_NET_HTTP_H
#define ATH_NET_HTTP_H

#include "base/buf.h"
#include "base/header.h"
#include "base/heap.h"
#include "base/list.h"

#include <athena/error.h>

/* Where and how to connect. Immutable, owned by the caller, outlives its exchanges. */
struct ath__http_route {
    bool https;
    const char *host; /* a name, an IPv4 address or an IPv6 address without brackets */
    uint16_t port;
    const char *proxy; /* URL, may carry user:password; NULL = direct. no_proxy is settled before */
    const char *ca_file; /* PEM bundle; NULL with https and verify is refused by the engine */
    bool verify_off;
    const char *client_cert;
    const char *client_key;
    uint32_t connect_timeout_ms;
    uint32_t read_timeout_ms; /* longest silence while an answer is awaited or arrives */
    uint32_t host_max;        /* exchanges at once to this host */
};

struct ath__exchange {
    /* Request: set before submit, unchanged until done. */
    const struct ath__http_route *route;
    const char *method;
    const char *target; /* "/path?query", sent as it is */
    const struct ath__header *headers;
    size_t headers_count;
    struct ath_slice body;
    uint64_t deadline_ns; /* on the transport's clock; the whole exchange, waiting included */
    size_t body_max;      /* a longer answer ends with ATH_ERR_TOO_LARGE */
    /* Optional: where the body of an answer with a 2xx status is written as it arrives, instead of
     * `answer`; more than into_len is ATH_ERR_TOO_LARGE. Not touched once the exchange is over. */
    void *into;
    size_t into_len;
    void *owner;

    /* Answer: valid once next_done() gave the exchange. */
    /* 0: an answer came whole. Else, by where it went wrong:
     * DNS, CONNECT, TLS, PROXY: no connection, its time limit included (request_sent false);
     * TIMEOUT: the deadline passed, or the peer was silent for read_timeout_ms;
     * IO: the connection broke or ended short; PROTOCOL: not HTTP;
     * TOO_LARGE: past body_max, or 64 KiB of headers;
     * INVALID: a route, target or header that cannot be sent; NOMEM, SYSTEM: this machine. */
    int result;
    bool request_sent; /* false: no byte of the request can have reached the peer */
    char message[256]; /* the transport's words when result is not 0; no secrets, no query text */
    int status;
    struct ath__buf
        head; /* raw header lines "Name: value\r\n" of the final answer, at most 64 KiB */
    struct ath__buf answer; /* memory left in it by an earlier use is used again */
    size_t into_used; /* bytes written to `into`, also by an answer that broke off: `status` and
                       * `head` are then those of the broken one */
    uint64_t bytes_sent;
    uint64_t bytes_received;

    /* The transport's own. Zeroed by ath__exchange_init. */
    struct {
        void *handle;
        struct ath__node node;
        struct ath__heap_node timer;
        int state;
    } net;
};

/* Zeroes all; body_max 64 MiB. Memory is taken when the answer comes. */
void ath__exchange_init(struct ath__exchange *x);
/* For transports: forgets an earlier answer and keeps its memory. */
void ath__exchange_reset(struct ath__exchange *x);
/* Frees the answer. The exchange must not be in flight. */
void ath__exchange_clear(struct ath__exchange *x);
/* The value of a header of the answer (name in any case), trimmed; ptr NULL when absent. */
struct ath_slice ath__exchange_header(const struct ath__exchange *x, const char *name);

/* A child process whose standard output is wanted (credential_process). */
struct ath__process {
    char *const *argv; /* argv[0] looked up in PATH; no shell */
    uint64_t deadline_ns;
    size_t output_max;
    void *owner;
    int result; /* 0: it exited; ATH_ERR_SYSTEM, NOMEM (not started), TIMEOUT (killed), TOO_LARGE
                 * (killed)
                 */
    int exit_status; /* as by waitpid */
    struct ath__buf output;
    struct ath__buf errors; /* the first 1,024 bytes of standard error */
    struct {
        int pid;
        int out_fd;
        int err_fd;
        int pid_fd; /* readable once it exited; -1 where the system has none */
        struct ath__node node;
    } net;
};
void ath__process_init(struct ath__process *p);
void ath__process_clear(struct ath__process *p); /* must not be running; wipes the output */

struct ath__http {
    const struct ath__http_ops *ops;
};

struct ath__http_ops {
    /* Takes an exchange; never blocks, never fails: what goes wrong is in its completion, which
     * comes by next_done() and never from inside submit. More than can be on the wire wait. */
    void (*submit)(struct ath__http *http, struct ath__exchange *x);
    /* Ends an exchange without completion; afterwards the transport knows nothing of it. */
    void (*cancel)(struct ath__http *http, struct ath__exchange *x);
    /* Starts a process, as submit. */
    void (*spawn)(struct ath__http *http, struct ath__process *p);
    void (*kill)(struct ath__http *http, struct ath__process *p); /* as cancel */
    /* Does I/O until something completed, wake() was called, or the clock reached until_ns
     * (UINT64_MAX: no end). Returns 0 or ATH_ERR_SYSTEM. */
    int (*drive)(struct ath__http *http, uint64_t until_ns);
    struct ath__exchange *(*next_done)(struct ath__http *http);        /* NULL: none */
    struct ath__process *(*next_process_done)(struct ath__http *http); /* NULL: none */
    /* Any thread. Ends the present or the next drive(). */
    void (*wake)(struct ath__http *http);
    uint64_t (*now_ns)(struct ath__http *http);             /* monotonic, any thread */
    int64_t (*wall_ms)(struct ath__http *http);             /* milliseconds since 1970 */
    uint64_t (*connections_opened)(struct ath__http *http); /* so far, any thread */
    /* Drops everything in flight without completions. In a fork's child `in_child` is true and
     * nothing inherited is closed or shut down over the wire. */
    void (*release)(struct ath__http *http, bool in_child);
};

/* The real one. `wire_max` exchanges are on the wire at once (0: 128); the rest wait in order. */
int ath__http_curl_new(uint32_t wire_max, struct ath__http **out_http, struct ath_error *err);

#endif
