/* Completion queues: one lock, one list, one descriptor that is readable while the list is not
 * empty. */
#include "engine/internal.h"

#define DRAIN_MAX 256

int ath_queue_new(struct ath_queue **out_queue, struct ath_error *err) {
    struct ath_queue *queue = ath__alloc_zero(sizeof *queue);
    if (!queue)
        return ath__err_nomem(err);
    if (ath__wake_init(&queue->wake)) {
        ath__free(queue);
        return ath__err_set(err, ATH_ERR_SYSTEM, "no file descriptor for a completion queue");
    }
    atomic_init(&queue->refs, 1);
    atomic_init(&queue->user_refs, 1);
    queue->generation = ath__generation();
    pthread_mutex_init(&queue->lock, NULL);
    ath__list_init(&queue->shared.events);
    *out_queue = queue;
    return 0;
}

void ath__queue_retain_inner(struct ath_queue *queue) {
    atomic_fetch_add_explicit(&queue->refs, 1, memory_order_relaxed);
}

void ath__queue_release_inner(struct ath_queue *queue) {
    if (!queue || atomic_fetch_sub_explicit(&queue->refs, 1, memory_order_acq_rel) != 1)
        return;
    ath__wake_clear(&queue->wake);
    pthread_mutex_destroy(&queue->lock);
    ath__free(queue);
}

struct ath_queue *ath_queue_retain(struct ath_queue *queue) {
    atomic_fetch_add_explicit(&queue->user_refs, 1, memory_order_relaxed);
    return queue;
}

static struct ath__event_slot *pop(struct ath_queue *queue) {
    struct ath__node *node = ath__list_pop(&queue->shared.events);
    return node ? ATH__CONTAINER(node, struct ath__event_slot, node) : NULL;
}

/* Gives up what a slot holds; the operation may go with it. */
static void free_slot(struct ath__event_slot *slot) {
    struct ath_op *op = slot->op;
    ath_execution_release(slot->execution);
    slot->execution = NULL;
    if (slot->is_allocated)
        ath__free(slot);
    ath__op_release_inner(op);
}

static void move(struct ath__node *node, struct ath__node *out) {
    ath__list_remove(node);
    ath__list_add(out, node);
}

/* Slots of one operation, or all (NULL), out of the list into `out`. Only slots that are not part
 * of the operation make a walk over the whole list necessary. */
static void take_out(struct ath_queue *queue, struct ath_op *op, struct ath__node *out) {
    struct ath__node *node, *next;
    for (int i = 0; op && i < ATH__EVENT_TYPES; i++)
        if (ath__list_is_linked(&op->slots[i].node))
            move(&op->slots[i].node, out);
    node = queue->shared.events.next;
    for (; (!op || op->notify_state) && node != &queue->shared.events; node = next) {
        next = node->next;
        if (!op || ATH__CONTAINER(node, struct ath__event_slot, node)->op == op)
            move(node, out);
    }
    if (ath__list_is_empty(&queue->shared.events) && queue->shared.armed) {
        queue->shared.armed = false;
        ath__wake_reset(&queue->wake);
    }
}

static void free_list(struct ath__node *list) {
    struct ath__node *node;
    while ((node = ath__list_pop(list)))
        free_slot(ATH__CONTAINER(node, struct ath__event_slot, node));
}

struct ath_queue *ath_queue_release(struct ath_queue *queue) {
    if (!queue || atomic_fetch_sub_explicit(&queue->user_refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    if (queue->generation != ath__generation()) {
        ath__wake_clear(&queue->wake); /* this process's copies of the descriptors */
        return NULL;
    }
    struct ath__node dropped;
    ath__list_init(&dropped);
    pthread_mutex_lock(&queue->lock);
    queue->shared.closed = true;
    take_out(queue, NULL, &dropped);
    pthread_mutex_unlock(&queue->lock);
    free_list(&dropped);
    ath__queue_release_inner(queue);
    return NULL;
}

int ath_queue_fd(const struct ath_queue *queue) {
    return queue->wake.read_fd;
}

bool ath__queue_put(struct ath_queue *queue, struct ath__event_slot *slot) {
    bool put = false;
    pthread_mutex_lock(&queue->lock);
    if (!queue->shared.closed && !ath__list_is_linked(&slot->node)) {
        ath__op_retain_inner(slot->op);
        ath__list_add(&queue->shared.events, &slot->node);
        if (!queue->shared.armed) {
            queue->shared.armed = true;
            ath__wake_signal(&queue->wake);
        }
        put = true;
    }
    pthread_mutex_unlock(&queue->lock);
    return put;
}

void ath__queue_forget(struct ath_queue *queue, struct ath_op *op) {
    struct ath__node dropped;
    ath__list_init(&dropped);
    pthread_mutex_lock(&queue->lock);
    if (!queue->shared.closed) /* else its slots are gone, or in the closing thread's hands */
        take_out(queue, op, &dropped);
    pthread_mutex_unlock(&queue->lock);
    free_list(&dropped);
}

/* Moves a slot's content into the caller's event; true when the slot itself is to be freed. */
static bool read_slot(struct ath__event_slot *slot, struct ath_event *out, struct ath_op **out_op) {
    struct ath_op *op = slot->op;
    *out = (struct ath_event){
        .type = slot->type, .token = op->token, .user = op->user, .execution = slot->execution};
    slot->execution = NULL;
    *out_op = op;
    return slot->is_allocated;
}

size_t ath_queue_drain(struct ath_queue *queue, struct ath_event *out_events, size_t cap) {
    struct ath_op *ops[DRAIN_MAX];
    struct ath__event_slot *slot;
    size_t count = 0;
    if (queue->generation != ath__generation())
        return 0;
    if (cap > DRAIN_MAX)
        cap = DRAIN_MAX;
    pthread_mutex_lock(&queue->lock);
    while (count < cap && (slot = pop(queue))) {
        if (read_slot(slot, &out_events[count], &ops[count]))
            ath__free(slot);
        count++;
    }
    if (ath__list_is_empty(&queue->shared.events) && queue->shared.armed) {
        queue->shared.armed = false;
        ath__wake_reset(&queue->wake);
    }
    pthread_mutex_unlock(&queue->lock);
    for (size_t i = 0; i < count; i++) {
        if (out_events[i].type == ATH_EVENT_DONE)
            out_events[i].code = ath_op_error(ops[i], NULL);
        ath__op_release_inner(ops[i]);
    }
    return count;
}

int ath_queue_wait(struct ath_queue *queue, int32_t timeout_ms) {
    if (queue->generation != ath__generation())
        return 0;
    return ath__wake_poll(&queue->wake, timeout_ms);
}

void ath_event_clear(struct ath_event *event) {
    ath_execution_release(event->execution);
    *event = (struct ath_event){0};
}
