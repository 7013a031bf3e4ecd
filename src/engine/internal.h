/*
 * The engine's own structures. Who may touch what: `io` members belong to the I/O thread alone,
 * `shared` members to the lock named beside them, everything else is set before the object is
 * shared and never changes.
 */
#ifndef ATH_ENGINE_INTERNAL_H
#define ATH_ENGINE_INTERNAL_H

#include "aws/athena.h"
#include "aws/config.h"
#include "aws/error_parse.h"
#include "aws/sigv4.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/log.h"
#include "engine/bucket.h"
#include "net/http.h"
#include "net/wake.h"
#include "result/page_decode.h"

#include <athena/athena.h>

#include <pthread.h>
#include <stdatomic.h>

#define ATH__MS ((uint64_t)1000000)
#define ATH__SECOND ((uint64_t)1000000000)

struct ath__runtime;
struct ath__account;
struct ath__call;
struct ath__call_kind;
struct ath__query;
struct ath__look;
struct ath__poll_group;

/* -- runtime.c, driver.c: the one I/O thread ------------------------------------------------------
 */

struct ath__timer {
    struct ath__heap_node node;
    void (*fire)(struct ath__timer *timer);
};

/* Work to do on the I/O thread soon, in turn with everything else. */
struct ath__task {
    struct ath__node node;
    void (*run)(struct ath__task *task);
};

/* A mailbox: flags set by any thread, taken by the I/O thread. */
struct ath__mailbox {
    struct ath__node node; /* under runtime->lock, as `flags` */
    unsigned flags;
    void (*run)(struct ath__mailbox *mailbox, unsigned flags);
    void (*retain)(struct ath__mailbox *mailbox); /* a queued mailbox holds its object */
    void (*release)(struct ath__mailbox *mailbox);
};

struct ath__runtime {
    atomic_size_t refs;
    unsigned generation;
    struct ath__http *http;
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t exited_cond;
    struct {
        struct ath__node mailboxes;
        bool stopping; /* no new operation is taken */
        bool exited;   /* nobody reads mailboxes any more */
        uint64_t stop_by_ns;
        size_t stops_lost;
    } shared;

    struct {
        struct ath__heap timers;
        size_t timers_reserved;
        struct ath__node tasks;
        struct ath__node ops; /* every operation in flight */
        size_t ops_count;
        bool stop_seen;
        bool aborting;   /* nothing is sent any more */
        uint64_t random; /* state of the jitter's generator */
    } io;
};

/* Counts forks; handles of another generation belong to the parent process. */
unsigned ath__generation(void);
/* The runtime of this process, started when needed, with a reference. */
int ath__runtime_get(struct ath__runtime **out_runtime, struct ath_error *err);
void ath__runtime_retain(struct ath__runtime *runtime);
void ath__runtime_release(struct ath__runtime *runtime);
/* For tests: the next runtime has this transport and no thread; drive it with ath__driver_run. */
void ath__runtime_use_http(struct ath__http *http);
/* Guards the set of accounts and a client's binding to its runtime. */
void ath__global_lock(void);
void ath__global_unlock(void);
struct ath__node *ath__global_accounts(void);

/* Puts flags into a mailbox and wakes the I/O thread; false when it has ended. */
bool ath__mailbox_post(struct ath__runtime *runtime, struct ath__mailbox *mailbox, unsigned flags);

/* I/O thread. */
void *ath__driver_main(void *runtime);
/* One turn: mailboxes, timers, I/O until `until_ns` at most, completions, tasks. */
void ath__driver_run(struct ath__runtime *runtime, uint64_t until_ns);
uint64_t ath__now_ns(const struct ath__runtime *runtime);
/* Timers need reserved places, so that setting one cannot fail. */
int ath__timers_reserve(struct ath__runtime *runtime, size_t count);
void ath__timers_unreserve(struct ath__runtime *runtime, size_t count);
void ath__timer_set(struct ath__runtime *runtime, struct ath__timer *timer, uint64_t at_ns);
void ath__timer_stop(struct ath__runtime *runtime, struct ath__timer *timer);
void ath__task_add(struct ath__runtime *runtime, struct ath__task *task);
/* [0, 1), for jitter only. */
double ath__random_unit(struct ath__runtime *runtime);

/* -- account.c: what clients with the same endpoint, region and credentials share
 * ------------------ */

enum ath__api {
    ATH__API_START,
    ATH__API_STOP,
    ATH__API_GET,
    ATH__API_BATCH,
    ATH__API_RESULTS,
    ATH__API_METADATA,
    ATH__API_COUNT,
    ATH__API_S3 = ATH__API_COUNT, /* one lane for each bucket: s3_bucket.c */
};

/* Calls of one API that wait for their turn. */
struct ath__lane {
    struct ath__account *account;
    struct ath__node waiting; /* struct ath__call.io.node, first in first out */
    struct ath__bucket bucket;
    struct ath__timer timer;
    size_t wire_count;
    size_t wire_max;  /* 0: no limit of ours */
    uint64_t entered; /* calls so far */
};

struct ath__account {
    atomic_size_t refs;
    struct ath__node node; /* under the global lock */
    char *name;
    struct ath__runtime *runtime;
    int keys_source;
    struct ath__arena arena;
    char **process_argv;    /* ATH__KEYS_PROCESS; NULL-ended, in the arena */
    _Atomic int64_t skew_s; /* server's clock less ours; the I/O thread writes it */

    pthread_mutex_t lock;
    struct {
        char *access_key_id; /* NULL: none yet */
        char *secret_access_key;
        char *session_token;
        int64_t expire_at; /* 0 = never */
        char *refusal;     /* EXTERNAL: why there are none, until the waiting calls have failed */
        bool is_refused;   /* AWS called the keys expired */
        uint64_t version;  /* of the keys */
    } shared;

    struct ath__mailbox mailbox; /* flag 1: keys arrived; flag 2: no more clients */
    struct {
        bool is_ready; /* timers reserved */
        struct ath__signing_key signing_key;
        struct ath__node keys_waiting; /* struct ath__call.io.node */
        struct ath__process process;
        bool process_runs;
        int64_t keys_retry_at; /* no second attempt of a failed refresh before, Unix seconds */
        struct ath__retry_quota retry_quota;
        struct ath__lane lanes[ATH__API_COUNT];
        struct ath__node s3_buckets; /* changed with account->lock held */
        size_t s3_buckets_count;

        /* The gate of CONCURRENT_QUERY_LIMIT_EXCEEDED. */
        bool gate_closed;
        bool gate_opens;      /* a probe at random passes: each success sends the next */
        unsigned gate_probes; /* so many starts may pass */
        struct ath__timer gate_timer;

        /* poller.c */
        struct ath__node groups;
        struct ath__timer poll_timer;
        size_t polled_count; /* queries waiting for their end */
        double crowd;        /* the same, with a memory */
        uint64_t crowd_ns;
    } io;
};

int ath__account_get(
    struct ath__runtime *runtime,
    const struct ath__config *config,
    const char *scope,
    struct ath__account **out_account,
    struct ath_error *err);
void ath__account_release(struct ath__account *account);
int ath__account_set_keys(
    struct ath__account *account,
    const char *access_key_id,
    const char *secret_access_key,
    const char *session_token,
    int64_t expire_at,
    const char *reason);
/* Whether keys are missing, refused, or end within `margin_s`. Any thread. */
bool ath__account_keys_stale(struct ath__account *account, int64_t now_s, int64_t margin_s);
int64_t ath__account_now_s(const struct ath__account *account);
/* The same by the server's clock: what a signature is dated by. Any thread. */
int64_t ath__account_server_s(const struct ath__account *account);
/* I/O thread: reserves timers on first use. */
int ath__account_prepare(struct ath__account *account);
/* How a service wants its requests signed. */
struct ath__signing {
    const char *service;
    const char *region;
    bool single_encode;
    const char *payload_hash;     /* NULL: of the body */
    struct ath__signing_key *key; /* the last one derived */
};
/* Signs with the present keys and the server's time. */
int ath__account_sign(
    struct ath__account *account,
    struct ath__request *request,
    const struct ath__signing *signing,
    struct ath__arena *arena,
    uint64_t *out_version,
    struct ath_error *err);
/* I/O thread: gives the call to ath__call_keys_ready() when there are usable keys, else parks it.
 */
void ath__account_await_keys(struct ath__account *account, struct ath__call *call);
/* Tells the call's operation that keys are wanted. */
void ath__account_ask_for_keys(struct ath__account *account, struct ath__call *call);
/* AWS called the keys of this version expired. */
void ath__account_keys_expired(struct ath__account *account, uint64_t version);
void ath__account_process_done(struct ath__account *account);
/* s3_bucket.c: frees what an account knows of buckets; their timers must be stopped before. */
void ath__s3_buckets_stop(struct ath__account *account);
void ath__s3_buckets_clear(struct ath__account *account);
/* I/O thread: lanes. */
void ath__lane_enter(struct ath__lane *lane, struct ath__call *call);
void ath__lane_pump(struct ath__lane *lane);
void ath__lane_enter_again(struct ath__lane *lane, struct ath__call *call);
void ath__gate_close(struct ath__account *account);
void ath__gate_query_ended(struct ath__account *account);   /* its place may be ours */
void ath__gate_query_started(struct ath__account *account); /* there may be room for more */
void ath__gate_fire(struct ath__timer *timer);

/* -- client.c
 * --------------------------------------------------------------------------------------- */

struct ath_client {
    atomic_size_t refs;
    struct ath__config config;
    char *scope;
    char *endpoint;
    struct ath__http_route route;
    struct { /* under the global lock: renewed in a fork's child */
        unsigned generation;
        struct ath__account *account;
    } bound;
    struct {
        atomic_uint_fast64_t queries_started, queries_finished, queries_in_flight;
        atomic_uint_fast64_t calls, by_api[ATH__API_S3 + 1], looks, refusals, retries;
        atomic_uint_fast64_t bytes_sent, bytes_received, rows;
        atomic_int_fast64_t budget_used;
    } stats;
};
#define ATH__COUNT(client, name, n)                                                                \
    atomic_fetch_add_explicit(&(client)->stats.name, (n), memory_order_relaxed)

/* Copies an option structure of an older or newer program into one of `known` bytes; NULL gives
 * zeros. INVALID when it is not initialised, or sets what this library does not know. */
int ath__options_copy(const void *given, size_t known, void *out, struct ath_error *err);
/* To a host with the configuration's limits and certificates; texts are borrowed. */
struct ath__http_route ath__route_of(
    const struct ath__config *config,
    bool https,
    const char *host,
    uint16_t port,
    const char *proxy);
/* The account of this process, with a reference. */
int ath__client_bind(
    struct ath_client *client, struct ath__account **out_account, struct ath_error *err);

/* -- op.c, queue.c: operations and their events
 * ------------------------------------------------------ */

enum ath__op_command {
    ATH__OP_START = 1,
    ATH__OP_CANCEL = 2,
    ATH__OP_DISCARD = 4,
    ATH__OP_CREDIT = 8,   /* a batch was taken */
    ATH__OP_ABANDON = 16, /* nobody listens any more */
    ATH__OP_INTERRUPT = 32,
};

struct ath__op_type {
    /* `commands` came before it could start; they follow by `command` all the same. */
    void (*start)(struct ath_op *op, unsigned commands);
    void (*command)(struct ath_op *op, unsigned commands);
    void (*abort)(struct ath_op *op); /* at shutdown: drop calls and timers, then finish */
    bool (*wants_stop)(const struct ath_op *op); /* a query at AWS is not stopped yet */
    void (*free)(struct ath_op *op);
    bool is_s3; /* begins with struct ath__s3_op */
};

/* One event on its way. Those of an operation live inside it, so an ending cannot be lost. */
struct ath__event_slot {
    struct ath__node node; /* under queue->lock */
    struct ath_op *op;
    struct ath_execution *execution;
    int type;
    bool is_allocated;
};

#define ATH__EVENT_TYPES 7
struct ath_op {
    const struct ath__op_type *type;
    atomic_size_t refs;      /* all holders */
    atomic_size_t user_refs; /* the program's */
    unsigned generation;
    uint64_t token;
    void *user;
    struct ath_client *client;
    struct ath__account *account;
    struct ath__runtime *runtime;
    struct ath_queue *queue; /* may be NULL */
    bool notify_state;
    struct ath__event_slot slots[ATH__EVENT_TYPES];
    struct ath__mailbox mailbox;

    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct {
        unsigned bits; /* ATH_WAIT_*, BATCH excepted */
        unsigned waiters;
        bool detached;
        int code;
        struct ath_error error;
        char query_id[129];
        struct ath_execution *execution;
        struct ath__columns *columns;
        int64_t update_count;
        struct ath__node batches; /* struct ath__ready_batch */
        size_t batch_bytes;
        bool want_credit;
        bool is_writable;     /* a put's stream takes more */
        bool lends;           /* the caller's memory is in use: ath_op_detach() waits */
        struct ath__buf json; /* metadata */
    } shared;

    struct {
        struct ath__node node; /* runtime->io.ops */
        bool is_live;
    } io;
};

/* What is ready for the program: a batch of rows, a chunk of bytes, a page of a list. */
struct ath__ready_batch {
    struct ath__node node;
    struct ath_batch *batch;
    size_t bytes;                                 /* counted in the client's budget */
    void (*drop)(struct ath__ready_batch *ready); /* frees it; NULL: it is one with a batch */
};

/* Fills a zeroed operation; takes references on client and queue. */
int ath__op_init(
    struct ath_op *op,
    const struct ath__op_type *type,
    struct ath_client *client,
    struct ath_queue *queue,
    void *user,
    struct ath_error *err);
/* Hands it to the I/O thread. */
int ath__op_submit(struct ath_op *op, struct ath_error *err);
void ath__op_retain_inner(struct ath_op *op);
void ath__op_release_inner(struct ath_op *op);
/* I/O thread. */
void ath__op_emit(struct ath_op *op, int event_type, struct ath_execution *execution);
/* The final event, exactly once (a second call does nothing); `err` NULL or code 0: success. */
void ath__op_tell_done(struct ath_op *op, const struct ath_error *err);
/* The same, and the operation leaves the runtime: nothing of it may be touched afterwards. */
void ath__op_finish(struct ath_op *op, const struct ath_error *err);
/* With `tell` a BATCH event when none was ready; the first batch is told by RESULT. */
void ath__op_push_batch(struct ath_op *op, struct ath__ready_batch *ready, bool tell);
/* The program takes what is ready: 1, 0 when nothing is, or the operation's failure. */
int ath__op_take_batch(
    struct ath_op *op, struct ath__ready_batch **out_ready, struct ath_error *err);
/* The caller's memory is used before this is called with false (I/O thread) or DONE is told. */
void ath__op_set_lends(struct ath_op *op, bool lends);
/* There is room in a stream that the program writes. I/O thread; tells when `tell`. */
void ath__op_set_writable(struct ath_op *op, bool tell);
bool ath__op_is_forked(const struct ath_op *op);
uint64_t ath__op_deadline(int32_t timeout_ms, struct timespec *out);

struct ath_queue {
    atomic_size_t refs;      /* all holders */
    atomic_size_t user_refs; /* the program's */
    unsigned generation;
    struct ath__wake wake;
    pthread_mutex_t lock;
    struct {
        struct ath__node events;
        bool armed;  /* the descriptor is readable */
        bool closed; /* the program let go of it */
    } shared;
};
/* Queues a slot unless it waits already (then false). Takes a reference on the operation. */
bool ath__queue_put(struct ath_queue *queue, struct ath__event_slot *slot);
/* Removes all events of an operation. */
void ath__queue_forget(struct ath_queue *queue, struct ath_op *op);
void ath__queue_retain_inner(struct ath_queue *queue);
void ath__queue_release_inner(struct ath_queue *queue);

/* -- execution.c
 * -------------------------------------------------------------------------------------- */

struct ath_execution {
    atomic_size_t refs;
    unsigned generation;
    pthread_mutex_t lock; /* the parsing below happens once, when first asked for */
    bool is_parsed;
    int state;
    struct ath__arena arena;
    struct ath_execution_info info;
    size_t json_len;
    char json[];
};
/* NULL when memory is short. `with_query` keeps the Query member. */
struct ath_execution *ath__execution_new(const struct ath__status *status, bool with_query);
const struct ath_execution_info *ath__execution_get_info(struct ath_execution *execution);

/* -- call.c: one API request with its retries
 * ---------------------------------------------------------- */

struct ath__call {
    struct ath_client *client;
    struct ath__account *account;
    struct ath__runtime *runtime;
    struct ath_op *op; /* the operation that hears about missing credentials; may be NULL */
    const struct ath__call_kind *kind;
    struct ath__lane *lane;
    int api;
    const char *operation;
    struct ath__buf body;
    size_t answer_max;
    void (*done)(struct ath__call *call); /* exactly once, never from inside start; owns the call */
    void *owner;

    /* For `done`. */
    int result; /* 0 or ATH_ERR_*; err tells */
    struct ath_error err;
    bool unwanted;     /* no further attempt once it is certain that none was carried out */
    bool caller_paces; /* refusals and transient failures end it: its caller tries again */
    int retry_class;   /* of the last failure */
    struct ath_slice answer;

    struct {
        struct ath__node node; /* in a lane, among keys_waiting */
        struct ath__timer timer;
        struct ath__exchange x;
        struct ath__arena arena;
        uint64_t deadline_ns; /* 0: not sent yet */
        uint64_t wait_from_ns;
        uint64_t timeout_ns;
        uint64_t order;        /* of entering its lane */
        uint64_t keys_version; /* that the last attempt was signed with */
        uint32_t attempts;
        uint32_t refusals;
        uint32_t transients;
        bool retried_expired, retried_skew, retried_elsewhere;
        bool on_wire;
        bool in_lane;    /* counted in lane->wire_count */
        bool maybe_sent; /* some attempt may have been carried out by the peer */
        unsigned retry_cost;
        char invocation_id[37];
    } io;
};

/* What tells one service's requests from another's. */
struct ath__call_kind {
    size_t size; /* of the record that begins with struct ath__call */
    /* Fills io.x for one attempt, signed; its memory may be in io.arena. */
    int (*build)(struct ath__call *call, struct ath_error *err);
    bool (*is_success)(const struct ath__call *call); /* of a whole answer */
    /* Sets err and retry_class from an answer that is none. */
    void (*read_error)(struct ath__call *call);
    void (*broken)(struct ath__call *call); /* no whole answer came; may be NULL */
    void (*clear)(struct ath__call *call);  /* may be NULL */
};
/* Beside enum ath__retry_class: the same request once more, to another place that `build` knows. */
#define ATH__RETRY_ELSEWHERE 100

/* One of Athena's. */
struct ath__call *ath__call_new(
    struct ath_client *client,
    struct ath__account *account,
    struct ath_op *op,
    int api,
    const char *operation);
/* `lane` outlives the call. */
struct ath__call *ath__call_new_of(
    const struct ath__call_kind *kind,
    struct ath__lane *lane,
    struct ath_client *client,
    struct ath__account *account,
    struct ath_op *op,
    int api,
    const char *operation);
/* Adds a header with a copied value. */
int ath__call_add_header(
    struct ath__call *call, struct ath__request *request, const char *name, const char *value);
/* amz-sdk-*, User-Agent, X-Amzn-Trace-Id. */
int ath__call_add_common(struct ath__call *call, struct ath__request *request);
/* Starts; failures too arrive by `done`. */
void ath__call_start(struct ath__call *call);
/* From `done`: the answer cannot be what there is (a success that cannot be read, an object that is
 * not there yet), as if it had broken off. True when the call goes on and comes to `done` again. */
bool ath__call_reject(struct ath__call *call, struct ath_error *err);
/* Drops a call at any stage (NULL allowed). */
void ath__call_free(struct ath__call *call);
/* Another operation hears of the call's wants from now on. */
void ath__call_set_op(struct ath__call *call, struct ath_op *op);
/* True when AWS may have got the request, or gets it now. */
bool ath__call_may_have_arrived(const struct ath__call *call);
/* For account.c. */
void ath__call_send(struct ath__call *call);
void ath__call_fail(struct ath__call *call, const struct ath_error *err);
void ath__call_keys_ready(struct ath__call *call);
/* For driver.c. */
void ath__call_exchange_done(struct ath__exchange *x);

/* -- poller.c
 * ------------------------------------------------------------------------------------------- */

/* A query's place in the poller; embedded in struct ath__query. */
struct ath__poll_entry {
    struct ath__heap_node due;  /* key: time of the next look */
    struct ath__node look_node; /* in the look under way */
    struct ath__look *look;
    struct ath__poll_group *group; /* NULL: not polled */
    uint64_t started_ns;
    uint64_t last_look_ns;
    uint64_t failing_since_ns; /* of an outage of the status calls; 0: none */
    uint32_t looks;
    uint32_t sql_len;
    uint64_t interval_max_ns;
    bool interval_is_set; /* by the caller: no stretching after five minutes */
    bool look_singly;     /* missing from a batch answer */
    uint8_t starved;      /* looks in a row for which memory was short */
};
int ath__poll_add(struct ath__query *query, const char *work_group);
void ath__poll_remove(struct ath__query *query);
/* A stop was answered: look at once and often. */
void ath__poll_hurry(struct ath__query *query);
void ath__poll_hurry_id(struct ath__account *account, const char *query_id);
void ath__poll_account_clear(struct ath__account *account);

/* -- query.c, pages.c
 * ------------------------------------------------------------------------------------- */

enum ath__query_phase {
    ATH__QUERY_NEW,
    ATH__QUERY_STARTING,
    ATH__QUERY_POLLING,
    ATH__QUERY_READING,
    ATH__QUERY_STOPPING, /* cancelled: only the answer of Stop is awaited */
    ATH__QUERY_ENDED,
};

struct ath__query {
    struct ath_op op; /* first */
    struct ath__buf start_body;
    char *work_group;
    int32_t page_rows;
    int64_t timeout_ms;
    size_t rows_ahead_bytes;
    bool keep_running, no_rows, decode_text, is_attached;
    struct {
        int phase;
        struct ath__call *call;
        struct ath__call *stop_call;
        bool cancelled, interrupted, timed_out, starved;
        bool is_counted; /* timers are reserved */
        struct ath__timer timeout_timer;
        struct ath__timer stop_timer;
        struct ath__poll_entry poll;
        int last_state;
        /* pages.c */
        struct ath__task decode_task;
        struct ath__page_decoder *decoder;
        struct ath__buf page_body;
        char *next_token;
        bool is_first_page, header_expected;
        uint32_t empty_pages; /* in a row */
        size_t page_bytes;    /* of the last batch */
    } io;
};
/* From the poller: the status of one look, or the failure of one. */
/* The query behind an operation, NULL when it is something else. */
struct ath__query *ath__query_of_op(struct ath_op *op);
void ath__query_looked(struct ath__query *query, const struct ath__status *status);
void ath__query_look_failed(struct ath__query *query, const struct ath_error *err);
/* Ends the query: frees what it holds, tells DONE. */
void ath__query_end(struct ath__query *query, const struct ath_error *err);
void ath__pages_start(struct ath__query *query);
void ath__pages_credit(struct ath__query *query);
void ath__pages_clear(struct ath__query *query);

#endif
