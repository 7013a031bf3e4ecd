/* Result pages of a query: asked for ahead of the reader, decoded in short steps. */
#include "engine/internal.h"

#define STEP_BYTES ((size_t)256 << 10)
#define EMPTY_PAGES_MAX 10000 /* a service that sends more is not going to end */

static void request_page(struct ath__query *query);

static void fail(struct ath__query *query, struct ath_error *err) {
    ath__err_operation(err, "GetQueryResults");
    ath__query_end(query, err);
}

static void fail_nomem(struct ath__query *query) {
    struct ath_error err;
    ath__err_nomem(&err);
    fail(query, &err);
}

/* Whether the reader has room for one more page; asks it to tell when not. */
static bool has_room(struct ath__query *query) {
    struct ath_op *op = &query->op;
    int64_t used = atomic_load_explicit(&op->client->stats.budget_used, memory_order_relaxed);
    pthread_mutex_lock(&op->lock);
    size_t ahead = op->shared.batch_bytes;
    bool room =
        ahead == 0 || (ahead < query->rows_ahead_bytes &&
                       used + (int64_t)query->io.page_bytes <= op->client->config.budget_bytes);
    op->shared.want_credit = !room;
    pthread_mutex_unlock(&op->lock);
    return room;
}

static void go_on(struct ath__query *query) {
    if (!query->io.next_token)
        ath__query_end(query, NULL);
    else if (has_room(query))
        request_page(query);
}

void ath__pages_credit(struct ath__query *query) {
    bool is_idle = !query->io.call && !query->io.decoder;
    if (query->io.phase == ATH__QUERY_READING && is_idle && has_room(query))
        request_page(query);
}

/* -- a decoded page
 * ------------------------------------------------------------------------------------- */

static int keep_batch(struct ath__query *query, struct ath_batch *batch, bool tell) {
    struct ath__ready_batch *ready = ath__alloc_zero(sizeof *ready);
    if (!ready) {
        ath_batch_release(batch);
        return ATH_ERR_NOMEM;
    }
    ready->batch = batch;
    ready->bytes = ath__batch_bytes(batch);
    query->io.page_bytes = ready->bytes;
    ATH__COUNT(query->op.client, rows, ath_batch_rows(batch));
    atomic_fetch_add_explicit(
        &query->op.client->stats.budget_used, (int64_t)ready->bytes, memory_order_relaxed);
    ath__op_push_batch(&query->op, ready, tell);
    return 0;
}

static void keep_columns(struct ath__query *query, const struct ath__page *page) {
    struct ath_op *op = &query->op;
    pthread_mutex_lock(&op->lock);
    op->shared.columns = ath__columns_retain(page->columns);
    op->shared.update_count = page->update_count;
    pthread_mutex_unlock(&op->lock);
}

/* A result object of the csv kind belongs to a query, which has columns. */
static bool lacks_columns(const struct ath__query *query, const struct ath__page *page) {
    const struct ath_execution_info *info = ath__execution_get_info(query->op.shared.execution);
    size_t count;
    ath__columns_info(page->columns, &count);
    return count == 0 && info->output_location &&
           ath__slice_ends(ath__slice_str(info->output_location), ".csv");
}

static void refuse_page(struct ath__query *query, struct ath__page *page) {
    struct ath_error err;
    ath__free(page->next_token);
    ath__columns_release(page->columns);
    ath_batch_release(page->batch);
    ath__err_set(&err, ATH_ERR_PROTOCOL, "GetQueryResults: the answer tells no columns");
    fail(query, &err);
}

/* A token that comes back, or pages without rows for ever, would never end. */
static bool is_endless(struct ath__query *query, const struct ath__page *page) {
    bool same = page->next_token && query->io.next_token &&
                strcmp(page->next_token, query->io.next_token) == 0;
    query->io.empty_pages = page->batch ? 0 : query->io.empty_pages + 1;
    return same || query->io.empty_pages > EMPTY_PAGES_MAX;
}

static void take_page(struct ath__query *query) {
    struct ath__page page = {0};
    struct ath_error err;
    ath__page_decoder_take(query->io.decoder, &page);
    query->io.decoder = ath__page_decoder_release(query->io.decoder);
    ath__buf_clear(&query->io.page_body);
    bool first = query->io.is_first_page, endless = is_endless(query, &page);
    if (first && lacks_columns(query, &page)) {
        refuse_page(query, &page);
        return;
    }
    query->io.is_first_page = false;
    ath__free(query->io.next_token);
    query->io.next_token = page.next_token;
    if (first)
        keep_columns(query, &page);
    ath__columns_release(page.columns);
    int rc = page.batch ? keep_batch(query, page.batch, !first) : 0;
    if (first)
        ath__op_emit(&query->op, ATH_EVENT_RESULT, NULL);
    if (rc) {
        fail_nomem(query);
    } else if (endless) {
        ath__err_set(&err, ATH_ERR_PROTOCOL, "GetQueryResults: the result pages do not end");
        fail(query, &err);
    } else {
        go_on(query);
    }
}

static void decode_step(struct ath__task *task) {
    struct ath__query *query = ATH__CONTAINER(task, struct ath__query, io.decode_task);
    struct ath_error err;
    int rc = ath__page_decoder_step(query->io.decoder, STEP_BYTES, &err);
    if (rc == 0) {
        ath__task_add(query->op.runtime, task);
    } else if (rc > 0) {
        take_page(query);
    } else {
        ath__err_prefix(&err, "GetQueryResults");
        fail(query, &err);
    }
}

/* -- the call
 * ------------------------------------------------------------------------------------------- */

static void start_decoding(struct ath__query *query) {
    struct ath_error err;
    struct ath__page_options options = {
        .is_first = query->io.is_first_page,
        .header_expected = query->io.header_expected,
        .decode_text = query->decode_text,
        .rows_max = 1000, /* not page_rows: some servers count the header row apart */
        .columns = query->op.shared.columns, /* written by this thread only */
    };
    int rc = ath__page_decoder_new(
        ath__buf_slice(&query->io.page_body), &options, &query->io.decoder, &err);
    if (rc) {
        fail(query, &err);
        return;
    }
    query->io.decode_task.run = decode_step;
    ath__task_add(query->op.runtime, &query->io.decode_task);
}

static void page_done(struct ath__call *call) {
    struct ath__query *query = call->owner;
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc) {
        query->io.page_body = call->io.x.answer;
        ath__buf_init(&call->io.x.answer, 0);
    }
    ath__call_free(call);
    query->io.call = NULL;
    if (!rc) {
        start_decoding(query);
    } else if (rc == ATH_ERR_TOO_LARGE && query->page_rows > 1) {
        query->page_rows = query->page_rows > 8 ? query->page_rows / 8 : 1;
        ATH__LOG(
            ATH_LOG_INFO,
            "query",
            "query %s: a result page is over 64 MiB; asking for %d rows at a time",
            query->op.shared.query_id,
            query->page_rows);
        request_page(query);
    } else {
        if (rc == ATH_ERR_TOO_LARGE)
            ath__err_set(&err, rc, "GetQueryResults: one row is larger than 64 MiB");
        fail(query, &err);
    }
}

static void request_page(struct ath__query *query) {
    struct ath__call *call = ath__call_new(
        query->op.client, query->op.account, &query->op, ATH__API_RESULTS, "GetQueryResults");
    if (!call ||
        ath__athena_results_build(
            query->op.shared.query_id, query->io.next_token, query->page_rows, &call->body)) {
        ath__call_free(call);
        fail_nomem(query);
        return;
    }
    call->owner = query;
    call->done = page_done;
    query->io.call = call;
    ath__call_start(call);
}

/* SELECT results begin with the labels. A result object tells by its name; without one (managed
 * results) the statement's type does, and an unknown type counts as one that has them. */
static bool expects_header(const struct ath_execution_info *info) {
    if (info->output_location)
        return ath__slice_ends(ath__slice_str(info->output_location), ".csv");
    return !info->statement_type || strcmp(info->statement_type, "DML") == 0;
}

void ath__pages_start(struct ath__query *query) {
    query->io.is_first_page = true;
    query->io.header_expected = expects_header(ath__execution_get_info(query->op.shared.execution));
    request_page(query);
}

void ath__pages_clear(struct ath__query *query) {
    ath__list_remove(&query->io.decode_task.node);
    query->io.decoder = ath__page_decoder_release(query->io.decoder);
    ath__buf_clear(&query->io.page_body);
    ath__free(query->io.next_token);
    query->io.next_token = NULL;
}

/* -- the caller's side
 * ---------------------------------------------------------------------------------- */

int ath_query_batch_next(struct ath_op *op, struct ath_batch **out_batch, struct ath_error *err) {
    if (ath__op_is_forked(op))
        return ath__err_set(err, ATH_ERR_FORKED, "the operation belongs to the parent process");
    struct ath__ready_batch *ready;
    if (!ath__query_of_op(op))
        return ath__err_set(err, ATH_ERR_STATE, "batch_next: the operation is no query");
    int rc = ath__op_take_batch(op, &ready, err);
    if (rc != 1)
        return rc;
    *out_batch = ready->batch;
    ath__free(ready);
    return 1;
}

const struct ath_column_info *ath_query_columns(const struct ath_op *op, size_t *out_count) {
    struct ath_op *inner = (struct ath_op *)(uintptr_t)op;
    *out_count = 0;
    if (ath__op_is_forked(op))
        return NULL;
    pthread_mutex_lock(&inner->lock);
    const struct ath__columns *columns = inner->shared.columns;
    pthread_mutex_unlock(&inner->lock);
    return columns ? ath__columns_info(columns, out_count) : NULL;
}

int64_t ath_query_update_count(const struct ath_op *op) {
    struct ath_op *inner = (struct ath_op *)(uintptr_t)op;
    if (ath__op_is_forked(op))
        return -1;
    pthread_mutex_lock(&inner->lock);
    int64_t count = inner->shared.update_count;
    pthread_mutex_unlock(&inner->lock);
    return count;
}

int ath_query_arrow_schema(
    const struct ath_op *op, struct ArrowSchema *out_schema, struct ath_error *err) {
    struct ath_op *inner = (struct ath_op *)(uintptr_t)op;
    struct ath__query *query = ath__query_of_op(inner);
    if (ath__op_is_forked(op))
        return ath__err_set(err, ATH_ERR_FORKED, "the operation belongs to the parent process");
    pthread_mutex_lock(&inner->lock);
    const struct ath__columns *columns = inner->shared.columns;
    pthread_mutex_unlock(&inner->lock);
    if (!query || !columns)
        return ath__err_set(err, ATH_ERR_STATE, "arrow_schema: the result is not there yet");
    return ath__columns_arrow_schema(columns, query->decode_text, out_schema, err);
}
