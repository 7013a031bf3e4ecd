/* The loop of the I/O thread. */
#include "engine/internal.h"

uint64_t ath__now_ns(const struct ath__runtime *runtime) {
    return runtime->http->ops->now_ns(runtime->http);
}

int ath__timers_reserve(struct ath__runtime *runtime, size_t count) {
    int rc = ath__heap_reserve(&runtime->io.timers, runtime->io.timers_reserved + count);
    if (!rc)
        runtime->io.timers_reserved += count;
    return rc;
}

void ath__timers_unreserve(struct ath__runtime *runtime, size_t count) {
    runtime->io.timers_reserved -= count;
}

void ath__timer_stop(struct ath__runtime *runtime, struct ath__timer *timer) {
    ath__heap_remove(&runtime->io.timers, &timer->node);
}

void ath__timer_set(struct ath__runtime *runtime, struct ath__timer *timer, uint64_t at_ns) {
    ath__timer_stop(runtime, timer);
    timer->node.key = at_ns;
    ath__heap_add(&runtime->io.timers, &timer->node); /* the place is reserved: cannot fail */
}

void ath__task_add(struct ath__runtime *runtime, struct ath__task *task) {
    if (!ath__list_is_linked(&task->node))
        ath__list_add(&runtime->io.tasks, &task->node);
}

double ath__random_unit(struct ath__runtime *runtime) {
    uint64_t x = runtime->io.random ? runtime->io.random : ath__now_ns(runtime) | 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    runtime->io.random = x;
    return (double)(x >> 11) / 9007199254740992.0;
}

static struct ath__mailbox *take_mailbox(struct ath__runtime *runtime, unsigned *out_flags) {
    pthread_mutex_lock(&runtime->lock);
    struct ath__node *node = ath__list_pop(&runtime->shared.mailboxes);
    struct ath__mailbox *mailbox = node ? ATH__CONTAINER(node, struct ath__mailbox, node) : NULL;
    if (mailbox) {
        *out_flags = mailbox->flags;
        mailbox->flags = 0;
    }
    pthread_mutex_unlock(&runtime->lock);
    return mailbox;
}

static void read_mailboxes(struct ath__runtime *runtime) {
    struct ath__mailbox *mailbox;
    unsigned flags = 0;
    while ((mailbox = take_mailbox(runtime, &flags))) {
        void (*release)(struct ath__mailbox *) = mailbox->release;
        mailbox->run(mailbox, flags);
        release(mailbox);
    }
}

static void fire_timers(struct ath__runtime *runtime) {
    uint64_t now_ns = ath__now_ns(runtime);
    struct ath__heap_node *node;
    while ((node = ath__heap_first(&runtime->io.timers)) && node->key <= now_ns) {
        struct ath__timer *timer = ATH__CONTAINER(node, struct ath__timer, node);
        ath__timer_stop(runtime, timer);
        timer->fire(timer);
    }
}

#define TASKS_NS (2 * ATH__MS) /* of one turn */

/* Tasks that wait now run once each, as far as a turn's time goes; the rest, and behind it what
 * they add, waits for the next turn. */
static void run_tasks(struct ath__runtime *runtime) {
    struct ath__node round;
    if (ath__list_is_empty(&runtime->io.tasks))
        return;
    round = runtime->io.tasks;
    round.next->prev = round.prev->next = &round;
    ath__list_init(&runtime->io.tasks);
    struct ath__node *node;
    uint64_t until_ns = ath__now_ns(runtime) + TASKS_NS;
    while ((node = ath__list_pop(&round))) {
        struct ath__task *task = ATH__CONTAINER(node, struct ath__task, node);
        task->run(task);
        if (ath__now_ns(runtime) >= until_ns)
            break;
    }
    struct ath__node *first = runtime->io.tasks.next;
    while ((node = ath__list_pop(&round)))
        ath__list_add(first, node); /* before what was added */
}

static void read_completions(struct ath__runtime *runtime) {
    const struct ath__http_ops *ops = runtime->http->ops;
    struct ath__exchange *x;
    struct ath__process *process;
    while ((x = ops->next_done(runtime->http)))
        ath__call_exchange_done(x);
    while ((process = ops->next_process_done(runtime->http)))
        ath__account_process_done(process->owner);
}

static void cancel_all(struct ath__runtime *runtime) {
    struct ath__node *node = runtime->io.ops.next, *next;
    for (; node != &runtime->io.ops; node = next) {
        next = node->next;
        struct ath_op *op = ATH__CONTAINER(node, struct ath_op, io.node);
        ath__op_retain_inner(op); /* it may end here */
        op->type->command(op, ATH__OP_CANCEL | ATH__OP_DISCARD);
        ath__op_release_inner(op);
    }
}

/* Notices a shutdown; true when the loop shall end. */
static bool is_stopped(struct ath__runtime *runtime, uint64_t *out_stop_by_ns) {
    pthread_mutex_lock(&runtime->lock);
    bool stopping = runtime->shared.stopping;
    *out_stop_by_ns = stopping ? runtime->shared.stop_by_ns : UINT64_MAX;
    pthread_mutex_unlock(&runtime->lock);
    if (stopping && !runtime->io.stop_seen) {
        runtime->io.stop_seen = true;
        cancel_all(runtime);
    }
    return stopping && (runtime->io.ops_count == 0 || ath__now_ns(runtime) >= *out_stop_by_ns);
}

void ath__driver_run(struct ath__runtime *runtime, uint64_t until_ns) {
    read_mailboxes(runtime);
    fire_timers(runtime);
    struct ath__heap_node *first = ath__heap_first(&runtime->io.timers);
    if (first && first->key < until_ns)
        until_ns = first->key;
    if (!ath__list_is_empty(&runtime->io.tasks))
        until_ns = 0;
    if (runtime->http->ops->drive(runtime->http, until_ns))
        ATH__LOG(ATH_LOG_ERROR, "net", "waiting for events failed");
    read_completions(runtime);
    run_tasks(runtime);
}

static void abort_all(struct ath__runtime *runtime) {
    size_t lost = runtime->shared.stops_lost; /* written by this thread only */
    runtime->io.aborting = true;
    while (!ath__list_is_empty(&runtime->io.ops)) {
        struct ath_op *op = ATH__CONTAINER(runtime->io.ops.next, struct ath_op, io.node);
        if (op->type->wants_stop(op)) {
            lost++;
            ATH__LOG(
                ATH_LOG_WARNING,
                "query",
                "query %s could not be stopped before the end of the process",
                op->shared.query_id[0] ? op->shared.query_id : "(id not known)");
        }
        op->type->abort(op);
    }
    pthread_mutex_lock(&runtime->lock);
    runtime->shared.stops_lost = lost;
    pthread_mutex_unlock(&runtime->lock);
}

/* Mailboxes that still wait belong to operations that have just been ended. */
static void close_mailboxes(struct ath__runtime *runtime) {
    pthread_mutex_lock(&runtime->lock);
    runtime->shared.exited = true;
    pthread_mutex_unlock(&runtime->lock);
    read_mailboxes(runtime);
}

void *ath__driver_main(void *arg) {
    struct ath__runtime *runtime = arg;
    uint64_t stop_by_ns = UINT64_MAX;
#ifdef __linux__
    if (runtime->has_thread)
        pthread_setname_np(pthread_self(), "athena-io");
#endif
    while (!is_stopped(runtime, &stop_by_ns))
        ath__driver_run(runtime, stop_by_ns);
    /* Twice: operations submitted while the first round ran are in the mailboxes. */
    abort_all(runtime);
    close_mailboxes(runtime);
    abort_all(runtime);
    runtime->http->ops->release(runtime->http, false);
    pthread_mutex_lock(&runtime->lock);
    runtime->shared.exited = true;
    pthread_cond_broadcast(&runtime->exited_cond);
    pthread_mutex_unlock(&runtime->lock);
    return NULL;
}
