/* Snapshots of a query's status. */
#include "engine/internal.h"

struct ath_execution *ath__execution_new(const struct ath__status *status, bool with_query) {
    static const char key[] = "\"Query\":";
    size_t query_len = with_query && status->query.len ? sizeof key + status->query.len : 0;
    size_t len = status->json_head.len + status->json_tail.len + query_len;
    struct ath_execution *execution = ath__alloc_zero(sizeof *execution + len + 1);
    if (!execution)
        return NULL;
    atomic_init(&execution->refs, 1);
    pthread_mutex_init(&execution->lock, NULL);
    execution->state = status->state;
    execution->generation = ath__generation();
    char *at = execution->json;
    memcpy(at, status->json_head.ptr, status->json_head.len);
    at += status->json_head.len;
    if (query_len) { /* behind the opening brace, so that no comma is missing */
        memmove(execution->json + 1 + query_len, execution->json + 1, status->json_head.len - 1);
        char *in = execution->json + 1;
        memcpy(in, key, sizeof key - 1);
        memcpy(in + sizeof key - 1, status->query.ptr, status->query.len);
        in[query_len - 1] = ',';
        at += query_len;
    }
    if (status->json_tail.len)
        memcpy(at, status->json_tail.ptr, status->json_tail.len);
    execution->json_len = len;
    return execution;
}

struct ath_execution *ath_execution_retain(struct ath_execution *execution) {
    if (execution)
        atomic_fetch_add_explicit(&execution->refs, 1, memory_order_relaxed);
    return execution;
}

struct ath_execution *ath_execution_release(struct ath_execution *execution) {
    if (!execution || atomic_fetch_sub_explicit(&execution->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    ath__arena_clear(&execution->arena);
    pthread_mutex_destroy(&execution->lock);
    ath__free(execution);
    return NULL;
}

static void know_state_only(struct ath_execution *execution) {
    execution->info = (struct ath_execution_info){
        .state = execution->state,
        .error_category = -1,
        .error_type = -1,
        .retryable = -1,
        .data_scanned_bytes = -1,
        .engine_ms = -1,
        .queue_ms = -1,
        .planning_ms = -1,
        .preprocessing_ms = -1,
        .processing_ms = -1,
        .total_ms = -1,
        .reused_previous_result = -1,
    };
}

const struct ath_execution_info *ath__execution_get_info(struct ath_execution *execution) {
    if (execution->generation != ath__generation()) {
        /* A fork's child: a thread of the parent may have held the lock for ever. */
        if (!execution->is_parsed)
            know_state_only(execution);
        return &execution->info;
    }
    pthread_mutex_lock(&execution->lock);
    if (!execution->is_parsed) {
        struct ath_slice json = {execution->json, execution->json_len};
        if (ath__execution_parse(json, &execution->arena, &execution->info, NULL))
            know_state_only(execution);
        execution->info.state = execution->state;
        execution->is_parsed = true;
    }
    pthread_mutex_unlock(&execution->lock);
    return &execution->info;
}

void ath_execution_info(
    const struct ath_execution *execution, struct ath_execution_info *out_info, size_t info_size) {
    const struct ath_execution_info *info =
        ath__execution_get_info((struct ath_execution *)(uintptr_t)execution);
    if (info_size > sizeof *info)
        info_size = sizeof *info;
    memcpy(out_info, info, info_size);
}

struct ath_slice ath_execution_json(const struct ath_execution *execution) {
    return (struct ath_slice){execution->json, execution->json_len};
}
