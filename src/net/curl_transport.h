/* What the parts of the transport over libcurl share: http_curl.c drives, curl_host.c queues,
 * curl_slot.c sets up and runs one exchange, curl_error.c puts failures into words. */
#ifndef ATH_NET_CURL_TRANSPORT_H
#define ATH_NET_CURL_TRANSPORT_H

#include "net/http.h"
#include "net/loop.h"
#include "net/process.h"
#include "net/resolve.h"
#include "net/wake.h"

#include <curl/curl.h>
#include <stdatomic.h>

enum ath__exchange_state { ATH__X_NONE, ATH__X_WAITING, ATH__X_ACTIVE, ATH__X_DONE };

struct ath__transport {
    struct ath__http base;
    CURLM *multi;
    CURLSH *share; /* TLS sessions */
    struct ath__loop loop;
    struct ath__wake wake;
    struct ath__children children;
    struct ath__resolver *resolver;
    uint64_t now_ns;        /* as of this turn */
    uint64_t curl_timer_ns; /* UINT64_MAX: none */
    int failure;            /* of a callback that cannot return it */
    struct ath__heap timers;
    size_t in_flight; /* exchanges with a timer: waiting or active */
    size_t wire_max;
    size_t active;
    struct ath__node hosts;
    size_t hosts_count;
    bool forgot_credentials; /* a host with some is gone, its connections may not be */
    struct ath__node ready;  /* hosts with an exchange that may start */
    struct ath__node names;
    struct ath__node lookups; /* names waiting for their turn */
    size_t lookups_running;
    bool lookup_finished;
    uint64_t lookup_started_ns; /* of the latest */
    struct ath__node idle;      /* slots */
    struct ath__node done;
    _Atomic uint64_t connections_opened;
    uint16_t *ports; /* by descriptor: the local port of a connection made with it */
    size_t ports_count;
};

enum ath__name_state { ATH__NAME_IDLE, ATH__NAME_QUEUED, ATH__NAME_RUNNING };

/* A host name and its addresses. Kept a while past their time, in case renewal fails. */
struct ath__name {
    struct ath__node node;
    struct ath__node queue;
    char *text;
    char *addresses; /* NULL: not known */
    uint64_t fetched_ns;
    uint64_t tried_ns;
    unsigned generation;
    enum ath__name_state state;
    size_t users;
};

/* A place to connect to, with everything that decides whether connections may be shared. */
struct ath__host {
    struct ath__node node;
    struct ath__node ready;
    struct ath__node waiting; /* exchanges */
    struct ath__node idle;    /* slots set up for it */
    size_t active;
    bool https;
    bool verify_off;
    bool lone;     /* no connection may be shared: see is_alike() in curl_host.c */
    bool absolute; /* plain HTTP by a proxy: the request names the whole URL */
    uint16_t port;
    uint16_t connect_port;
    char *host;
    char *proxy; /* as the route has it */
    char *proxy_url;
    char *ca_file;
    char *client_cert;
    char *client_key;
    char *url;
    char *connect_name;
    struct ath__name *name;        /* NULL: an address, nothing to look up */
    unsigned confirmed_generation; /* libcurl knows these addresses */
    uint64_t used_ns;
};

#define ATH__SLOT_SOCKETS 8

struct ath__slot {
    struct ath__transport *transport;
    CURL *easy;
    struct ath__host *host; /* set up for; NULL: none */
    struct ath__exchange *x;
    struct ath__node idle;
    struct ath__node host_idle;
    struct ath__buf text; /* header lines and addresses of this request */
    struct curl_slist *lines;
    size_t lines_cap;
    uint64_t started_ns;
    uint64_t progress_ns;
    uint64_t uploaded;
    uint32_t connect_timeout_ms;
    unsigned generation; /* of the addresses given to libcurl */
    bool resolve_set;
    bool fresh_set;
    bool custom_set;
    bool sent;   /* the request may have left */
    bool opened; /* a socket was made since the last count */
    bool repeated;
    bool head_done;
    bool is_success;  /* the status of the final answer is 2xx */
    bool stale;       /* the kept connection had something unread */
    size_t lines_len; /* header lines so far, interim answers and trailers included */
    int failure;      /* why a callback stopped libcurl; 0: it did not */
    int socket_errno;
    int sockets[ATH__SLOT_SOCKETS]; /* the latest made for this exchange */
    unsigned sockets_count;
    char words[CURL_ERROR_SIZE];
};

/* http_curl.c */
void ath__transport_finish(struct ath__transport *t, struct ath__exchange *x, int result);

/* curl_host.c */
int ath__host_find(
    struct ath__transport *t, const struct ath__http_route *route, struct ath__host **out_host);
/* Puts the host among the ready ones or takes it away, and asks for its addresses if need be. */
void ath__host_update(struct ath__transport *t, struct ath__host *host);
void ath__host_connect_failed(struct ath__transport *t, struct ath__host *host);
bool ath__host_lacks_address(const struct ath__host *host);
/* Takes finished lookups and starts those that wait. */
void ath__hosts_resolve(struct ath__transport *t);
uint64_t ath__hosts_due(const struct ath__transport *t);
void ath__hosts_clear(struct ath__transport *t);
/* A slot set up for the host; NULL when memory is short. */
struct ath__slot *ath__slot_take(struct ath__transport *t, struct ath__host *host);

/* curl_slot.c */
struct ath__slot *ath__slot_new(struct ath__transport *t);
void ath__slot_free(struct ath__slot *slot, bool in_child);
int ath__slot_set_up(struct ath__slot *slot, struct ath__host *host);
/* Puts the request's options in place. 0, ATH_ERR_NOMEM or ATH_ERR_INVALID (with a message). */
int ath__slot_prepare(struct ath__slot *slot, struct ath__exchange *x);
/* The next moment the exchange could run out of time. */
uint64_t ath__slot_due(struct ath__slot *slot);
/* Copies what libcurl knows into the exchange. */
void ath__slot_collect(struct ath__slot *slot);

/* curl_error.c */
/* The result for libcurl's code, with the exchange's message. */
int ath__slot_explain(struct ath__slot *slot, CURLcode code);
void ath__exchange_say(struct ath__exchange *x, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
