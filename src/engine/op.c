/* What all operations share: references, commands, events, waiting. */
#include "engine/internal.h"

#include <errno.h>
#include <time.h>

static atomic_uint_fast64_t s_next_token = 1;

bool ath__op_is_forked(const struct ath_op *op) {
    return op->generation != ath__generation();
}

static struct ath_op *op_of(struct ath__mailbox *mailbox) {
    return ATH__CONTAINER(mailbox, struct ath_op, mailbox);
}

static void mailbox_retain(struct ath__mailbox *mailbox) {
    ath__op_retain_inner(op_of(mailbox));
}

static void mailbox_release(struct ath__mailbox *mailbox) {
    ath__op_release_inner(op_of(mailbox));
}

static void enter_runtime(struct ath_op *op, unsigned commands) {
    struct ath__runtime *runtime = op->runtime;
    op->io.is_live = true;
    ath__list_add(&runtime->io.ops, &op->io.node);
    runtime->io.ops_count++;
    ath__op_retain_inner(op);
    if (runtime->io.stop_seen) {
        struct ath_error err;
        ath__err_set(&err, ATH_ERR_SHUTDOWN, "the library is shutting down");
        ath__op_finish(op, &err);
        return;
    }
    if (ath__account_prepare(op->account)) {
        struct ath_error err;
        ath__err_nomem(&err);
        ath__op_finish(op, &err);
        return;
    }
    op->type->start(op, commands);
}

static void mailbox_run(struct ath__mailbox *mailbox, unsigned flags) {
    struct ath_op *op = op_of(mailbox);
    if (flags & ATH__OP_START)
        enter_runtime(op, flags & ~(unsigned)ATH__OP_START);
    flags &= ~(unsigned)ATH__OP_START;
    if (flags && op->io.is_live)
        op->type->command(op, flags);
}

static void init_sync(struct ath_op *op) {
    pthread_condattr_t attr;
    pthread_mutex_init(&op->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&op->cond, &attr);
    pthread_condattr_destroy(&attr);
}

int ath__op_init(
    struct ath_op *op,
    const struct ath__op_type *type,
    struct ath_client *client,
    struct ath_queue *queue,
    void *user,
    struct ath_error *err) {
    if (queue && queue->generation != ath__generation())
        return ath__err_set(err, ATH_ERR_FORKED, "the queue belongs to the parent process");
    int rc = ath__client_bind(client, &op->account, err);
    if (rc)
        return rc;
    op->type = type;
    atomic_init(&op->refs, 1);
    atomic_init(&op->user_refs, 1);
    op->generation = ath__generation();
    op->token = atomic_fetch_add_explicit(&s_next_token, 1, memory_order_relaxed);
    op->user = user;
    op->client = ath_client_retain(client);
    op->runtime = op->account->runtime;
    ath__runtime_retain(op->runtime);
    op->queue = queue;
    if (queue)
        ath__queue_retain_inner(queue);
    for (int i = 0; i < ATH__EVENT_TYPES; i++)
        op->slots[i] = (struct ath__event_slot){.op = op, .type = i};
    op->mailbox = (struct ath__mailbox){
        .run = mailbox_run, .retain = mailbox_retain, .release = mailbox_release};
    init_sync(op);
    ath__list_init(&op->shared.batches);
    op->shared.update_count = -1;
    ath__buf_init(&op->shared.json, 256u << 20);
    return 0;
}

int ath__op_submit(struct ath_op *op, struct ath_error *err) {
    if (ath__mailbox_post(op->runtime, &op->mailbox, ATH__OP_START))
        return 0;
    return ath__err_set(err, ATH_ERR_SHUTDOWN, "the library is shutting down");
}

void ath__op_retain_inner(struct ath_op *op) {
    atomic_fetch_add_explicit(&op->refs, 1, memory_order_relaxed);
}

static void free_batches(struct ath_op *op) {
    struct ath__node *node;
    while ((node = ath__list_pop(&op->shared.batches))) {
        struct ath__ready_batch *ready = ATH__CONTAINER(node, struct ath__ready_batch, node);
        atomic_fetch_sub_explicit(
            &op->client->stats.budget_used, (int64_t)ready->bytes, memory_order_relaxed);
        if (ready->drop) {
            ready->drop(ready);
            continue;
        }
        ath_batch_release(ready->batch);
        ath__free(ready);
    }
    op->shared.batch_bytes = 0;
}

void ath__op_release_inner(struct ath_op *op) {
    if (atomic_fetch_sub_explicit(&op->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct ath_queue *queue = op->queue;
    struct ath__account *account = op->account;
    struct ath__runtime *runtime = op->runtime;
    struct ath_client *client = op->client;
    free_batches(op);
    ath_execution_release(op->shared.execution);
    ath__columns_release(op->shared.columns);
    ath__buf_clear(&op->shared.json);
    pthread_cond_destroy(&op->cond);
    pthread_mutex_destroy(&op->lock);
    op->type->free(op);
    ath__queue_release_inner(queue);
    ath__account_release(account);
    ath__runtime_release(runtime);
    ath_client_release(client);
}

struct ath_op *ath_op_retain(struct ath_op *op) {
    atomic_fetch_add_explicit(&op->user_refs, 1, memory_order_relaxed);
    return op;
}

struct ath_op *ath_op_release(struct ath_op *op) {
    if (!op || atomic_fetch_sub_explicit(&op->user_refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    if (ath__op_is_forked(op))
        return NULL; /* the I/O thread's share of it exists in the parent only */
    ath_op_detach(op);
    ath__op_release_inner(op);
    return NULL;
}

uint64_t ath_op_token(const struct ath_op *op) {
    return op->token;
}

void ath_op_cancel(struct ath_op *op, bool discard_rows) {
    if (ath__op_is_forked(op) || ath_op_is_done(op))
        return;
    ath__mailbox_post(
        op->runtime, &op->mailbox, ATH__OP_CANCEL | (discard_rows ? ATH__OP_DISCARD : 0u));
}

static bool is_lent(struct ath_op *op) {
    pthread_mutex_lock(&op->lock);
    bool lent = op->shared.lends && !(op->shared.bits & ATH_WAIT_DONE);
    pthread_mutex_unlock(&op->lock);
    return lent;
}

/* Until the I/O thread has let go of the caller's memory; it has been told to. */
static void await_return(struct ath_op *op) {
    while (!op->runtime->has_thread && is_lent(op))
        ath__driver_run(op->runtime, ath__now_ns(op->runtime));
    pthread_mutex_lock(&op->lock);
    op->shared.waiters++;
    while (op->shared.lends && !(op->shared.bits & ATH_WAIT_DONE))
        pthread_cond_wait(&op->cond, &op->lock);
    op->shared.waiters--;
    pthread_mutex_unlock(&op->lock);
}

void ath__op_set_lends(struct ath_op *op, bool lends) {
    pthread_mutex_lock(&op->lock);
    op->shared.lends = lends;
    if (op->shared.waiters)
        pthread_cond_broadcast(&op->cond);
    pthread_mutex_unlock(&op->lock);
}

void ath_op_detach(struct ath_op *op) {
    if (ath__op_is_forked(op))
        return;
    pthread_mutex_lock(&op->lock);
    bool first = !op->shared.detached;
    op->shared.detached = true;
    bool done = op->shared.bits & ATH_WAIT_DONE, lends = op->shared.lends;
    pthread_mutex_unlock(&op->lock);
    if (first && op->queue)
        ath__queue_forget(op->queue, op);
    /* Where nobody reads mailboxes any more, every operation has ended. */
    if (!done && (first || lends) &&
        ath__mailbox_post(op->runtime, &op->mailbox, ATH__OP_ABANDON) && lends)
        await_return(op);
}

bool ath_op_is_done(const struct ath_op *op) {
    struct ath_op *inner = (struct ath_op *)(uintptr_t)op;
    if (ath__op_is_forked(op))
        return true;
    pthread_mutex_lock(&inner->lock);
    bool done = inner->shared.bits & ATH_WAIT_DONE;
    pthread_mutex_unlock(&inner->lock);
    return done;
}

int ath_op_error(const struct ath_op *op, struct ath_error *out_err) {
    struct ath_op *inner = (struct ath_op *)(uintptr_t)op;
    if (ath__op_is_forked(op))
        return ath__err_set(out_err, ATH_ERR_FORKED, "the operation belongs to the parent process");
    pthread_mutex_lock(&inner->lock);
    int code = inner->shared.code;
    if (code && out_err)
        *out_err = inner->shared.error;
    pthread_mutex_unlock(&inner->lock);
    return code;
}

uint64_t ath__op_deadline(int32_t timeout_ms, struct timespec *out) {
    clock_gettime(CLOCK_MONOTONIC, out);
    uint64_t ns = (uint64_t)out->tv_sec * ATH__SECOND + (uint64_t)out->tv_nsec +
                  (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * ATH__MS;
    out->tv_sec = (time_t)(ns / ATH__SECOND);
    out->tv_nsec = (long)(ns % ATH__SECOND);
    return ns;
}

static unsigned ready_bits(struct ath_op *op, unsigned mask) {
    unsigned bits = op->shared.bits;
    if (!ath__list_is_empty(&op->shared.batches) || op->shared.is_writable)
        bits |= ATH_WAIT_BATCH;
    bits &= mask | ATH_WAIT_DONE;
    op->shared.bits &= ~(bits & (ATH_WAIT_STATE | ATH_WAIT_CREDENTIALS));
    return bits;
}

int ath_op_wait(struct ath_op *op, int mask, int32_t timeout_ms) {
    struct timespec until;
    unsigned ready;
    int rc = 0;
    if (ath__op_is_forked(op))
        return ATH_ERR_FORKED;
    ath__op_deadline(timeout_ms, &until);
    pthread_mutex_lock(&op->lock);
    op->shared.waiters++;
    while (!(ready = ready_bits(op, (unsigned)mask)) && rc != ETIMEDOUT && timeout_ms != 0)
        rc = timeout_ms < 0 ? pthread_cond_wait(&op->cond, &op->lock)
                            : pthread_cond_timedwait(&op->cond, &op->lock, &until);
    op->shared.waiters--;
    pthread_mutex_unlock(&op->lock);
    return (int)ready;
}

/* -- I/O thread
 * ------------------------------------------------------------------------------------ */

static unsigned bit_of(int event_type) {
    switch (event_type) {
    case ATH_EVENT_STARTED:
        return ATH_WAIT_STARTED;
    case ATH_EVENT_STATE:
        return ATH_WAIT_STATE;
    case ATH_EVENT_RESULT:
        return ATH_WAIT_RESULT;
    case ATH_EVENT_DONE:
        return ATH_WAIT_DONE;
    case ATH_EVENT_CREDENTIALS:
        return ATH_WAIT_CREDENTIALS;
    default:
        return 0;
    }
}

/* With op->lock held, so that no event passes a detach. */
static void put_event(struct ath_op *op, int event_type, struct ath_execution *execution) {
    op->shared.bits |= bit_of(event_type);
    if (op->shared.waiters)
        pthread_cond_broadcast(&op->cond);
    if (!op->queue || op->shared.detached)
        return;
    struct ath__event_slot *slot = &op->slots[event_type];
    if (event_type == ATH_EVENT_STATE) {
        slot = ath__alloc_zero(sizeof *slot);
        if (!slot)
            return; /* a look that nobody hears of; the next one tells as much */
        *slot = (struct ath__event_slot){
            .op = op,
            .type = event_type,
            .execution = ath_execution_retain(execution),
            .is_allocated = true,
        };
    }
    if (!ath__queue_put(op->queue, slot) && slot->is_allocated) {
        ath_execution_release(slot->execution);
        ath__free(slot);
    }
}

void ath__op_emit(struct ath_op *op, int event_type, struct ath_execution *execution) {
    pthread_mutex_lock(&op->lock);
    if (!(op->shared.bits & ATH_WAIT_DONE)) /* DONE is the last one */
        put_event(op, event_type, execution);
    pthread_mutex_unlock(&op->lock);
}

void ath__op_tell_done(struct ath_op *op, const struct ath_error *err) {
    pthread_mutex_lock(&op->lock);
    if (!(op->shared.bits & ATH_WAIT_DONE)) {
        if (err && err->code) {
            op->shared.code = err->code;
            op->shared.error = *err;
        }
        put_event(op, ATH_EVENT_DONE, NULL);
    }
    pthread_mutex_unlock(&op->lock);
}

void ath__op_finish(struct ath_op *op, const struct ath_error *err) {
    if (!op->io.is_live)
        return;
    op->io.is_live = false;
    ath__list_remove(&op->io.node);
    op->runtime->io.ops_count--;
    ath__op_tell_done(op, err);
    ath__op_release_inner(op);
}

void ath__op_push_batch(struct ath_op *op, struct ath__ready_batch *ready, bool tell) {
    pthread_mutex_lock(&op->lock);
    bool was_empty = ath__list_is_empty(&op->shared.batches);
    ath__list_add(&op->shared.batches, &ready->node);
    op->shared.batch_bytes += ready->bytes;
    if (was_empty && tell)
        put_event(op, ATH_EVENT_BATCH, NULL);
    pthread_mutex_unlock(&op->lock);
}

void ath__op_set_writable(struct ath_op *op, bool tell) {
    pthread_mutex_lock(&op->lock);
    bool was = op->shared.is_writable;
    op->shared.is_writable = true;
    if (!was && tell && !(op->shared.bits & ATH_WAIT_DONE))
        put_event(op, ATH_EVENT_BATCH, NULL);
    pthread_mutex_unlock(&op->lock);
}

/* -- the caller's side ----------------------------------------------------------------------------
 */

int ath__op_take_batch(
    struct ath_op *op, struct ath__ready_batch **out_ready, struct ath_error *err) {
    bool credit = false;
    pthread_mutex_lock(&op->lock);
    struct ath__node *node = ath__list_pop(&op->shared.batches);
    struct ath__ready_batch *ready =
        node ? ATH__CONTAINER(node, struct ath__ready_batch, node) : NULL;
    if (ready) {
        op->shared.batch_bytes -= ready->bytes;
        atomic_fetch_sub_explicit(
            &op->client->stats.budget_used, (int64_t)ready->bytes, memory_order_relaxed);
        credit = op->shared.want_credit;
        op->shared.want_credit = false;
    }
    int code = op->shared.code;
    if (!ready && code && err)
        *err = op->shared.error;
    pthread_mutex_unlock(&op->lock);
    if (!ready)
        return code;
    *out_ready = ready;
    if (credit)
        ath__mailbox_post(op->runtime, &op->mailbox, ATH__OP_CREDIT);
    return 1;
}
