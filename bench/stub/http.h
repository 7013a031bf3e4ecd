/* The server: connections, routing, delays. */
#ifndef STUB_HTTP_H
#define STUB_HTTP_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "delay.h"
#include "query.h"
#include "quota.h"
#include "store.h"
#include "text.h"

struct settings {
    double latency_ms;     /* added to every Athena call */
    double s3_latency_ms;  /* added to every object request */
    double s3_mbps;        /* MB/s of one object's bytes, either way; 0 means unlimited */
    uint64_t active_limit; /* queries queued or running; 0 means unlimited */
};

struct stub {
    pthread_mutex_t lock; /* guards everything below but delay */
    struct settings settings;
    struct quota quotas[API_COUNT];
    struct queries queries;
    struct store store;
    uint64_t connections;
    uint64_t connections_max;
    uint64_t connections_total;
    uint64_t request_count;
    struct delay *delay;
};

/* An answer on its way. response NULL means out of memory: the connection is closed. */
struct reply {
    unsigned status;
    struct MHD_Response *response;
};

/* Takes over the bytes of the text. */
struct reply stub_reply(unsigned status, struct text *body, const char *content_type);

/* What a listener is made of; certificate and key are PEM texts, NULL without TLS. */
struct listener {
    const char *host;
    uint16_t port; /* 0 takes a free one */
    unsigned threads;
    const char *certificate;
    const char *key;
};

/* Starts listening. NULL when that fails. */
struct MHD_Daemon *stub_http_start(struct stub *stub, const struct listener *listener);

/* The port in use. */
uint16_t stub_http_port(struct MHD_Daemon *daemon);

#endif
