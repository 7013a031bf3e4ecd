/*
 * Completions: every operation may name a queue at its start; its events arrive there. A queue has
 * one file descriptor to wait on in an event loop, belongs to one thread or loop, and is drained in
 * bounded steps. Operations without a queue are waited for with ath_op_wait().
 */
#ifndef ATHENA_QUEUE_H
#define ATHENA_QUEUE_H

#include <athena/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ath_queue;
struct ath_op;
struct ath_execution;

/* What an event tells. */
enum ath_event_type {
    ATH_EVENT_STARTED = 1,     /* the query id is known: ath_query_id() */
    ATH_EVENT_STATE = 2,       /* a status look (only with notify_state); `execution` is set */
    ATH_EVENT_RESULT = 3,      /* SUCCEEDED, columns known, first rows ready if there are any */
    ATH_EVENT_BATCH = 4,       /* rows became ready after a moment without */
    ATH_EVENT_DONE = 5,        /* final: exactly one for each operation; `code` tells how */
    ATH_EVENT_CREDENTIALS = 6, /* the operation waits for ath_client_credentials_set() */
};

/* Plain data. `execution` belongs to the receiver: ath_event_clear() when read. */
struct ath_event {
    int type;                        /* enum ath_event_type */
    int code;                        /* DONE: 0 or ATH_ERR_*; else 0 */
    uint64_t token;                  /* ath_op_token() of the operation */
    void *user;                      /* as given at the start */
    struct ath_execution *execution; /* STATE only, else NULL */
};
ATH_API void ath_event_clear(struct ath_event *event);

/* An empty queue. Errors: NOMEM, SYSTEM (no descriptor left). */
ATH_API int ath_queue_new(struct ath_queue **out_queue, struct ath_error *err);
ATH_API struct ath_queue *ath_queue_retain(struct ath_queue *queue);
/* Unread events of a queue whose last reference goes are dropped; operations go on. */
ATH_API struct ath_queue *ath_queue_release(struct ath_queue *queue);

/* Readable while events wait. Owned by the queue; never read or close it. */
ATH_API int ath_queue_fd(const struct ath_queue *queue);

/*
 * Takes up to `cap` events (at most 256 at once) without blocking and returns their number. When
 * events remain the descriptor stays readable. Owning thread only.
 */
ATH_API size_t ath_queue_drain(struct ath_queue *queue, struct ath_event *out_events, size_t cap);

/* Blocks until an event waits or `timeout_ms` (-1: no end) passed. Returns 1, or 0 on time-out. */
ATH_API int ath_queue_wait(struct ath_queue *queue, int32_t timeout_ms);

/* -- operations: what ath_query_start() and its kin return ------------------------------------- */

/* One more reference of an operation. */
ATH_API struct ath_op *ath_op_retain(struct ath_op *op);
/* Dropping the last reference of an operation in flight cancels it. */
ATH_API struct ath_op *ath_op_release(struct ath_op *op);
ATH_API uint64_t ath_op_token(const struct ath_op *op); /* unique in the process, never 0 */

/*
 * Asks the operation to end. A query that runs is stopped at AWS (unless keep_running was set) and
 * the final event comes when the stop is answered; a start already on the wire is finished first,
 * never aborted. After the query has succeeded cancel only ends the reading of rows when
 * `discard_rows` is true; else it does nothing. Never blocks.
 */
ATH_API void ath_op_cancel(struct ath_op *op, bool discard_rows);

/*
 * Forgets the operation: no event of it will be delivered any more, and on return the I/O thread no
 * longer touches memory the caller lent. A query in flight is stopped as by ath_op_cancel().
 */
ATH_API void ath_op_detach(struct ath_op *op);

/* True once the final event has been made. */
ATH_API bool ath_op_is_done(const struct ath_op *op);

/* The failure of a finished operation: returns its code, 0 when it succeeded or still runs. */
ATH_API int ath_op_error(const struct ath_op *op, struct ath_error *out_err);

/*
 * Waits on this one operation and drains nothing. `mask` is a set of ATH_WAIT_* bits; the return
 * value is the set of those that hold now (DONE is always included in what is waited for), 0 when
 * `timeout_ms` passed (-1: no end), or ATH_ERR_FORKED. STATE and CREDENTIALS are edges, cleared by
 * the wait that reports them. Any thread.
 */
enum ath_wait_bit {
    ATH_WAIT_STARTED = 1,
    ATH_WAIT_STATE = 2,
    ATH_WAIT_RESULT = 4,
    ATH_WAIT_BATCH = 8,
    ATH_WAIT_DONE = 16,
    ATH_WAIT_CREDENTIALS = 32,
};
ATH_API int ath_op_wait(struct ath_op *op, int mask, int32_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
