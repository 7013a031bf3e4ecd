/* Listings, page by page, the next one asked for while the last is read. */
#include "engine/s3_internal.h"

#include <stdio.h>

#define PAGES_AHEAD 2

struct ready_page {
    struct ath__ready_batch ready; /* first */
    struct ath_s3_page *page;
};

struct s3_list {
    struct ath__s3_op s3; /* first */
    int kind;
    const char *prefix, *delimiter, *start_after, *upload_id;
    int32_t page_keys;
    int64_t keys_max;
    struct {
        struct ath__buf next; /* of the query; empty: the first page, or none follows */
        bool asking;
        int64_t keys;
    } io;
};

static const struct ath__op_type s_list_type;

/* What a kind's request is called and how its query names things. */
static const struct naming {
    const char *operation, *subresource, *max, *after;
    bool is_encoded;
} s_naming[] = {
    [ATH_S3_LIST_OBJECTS] = {"ListObjectsV2", NULL, "max-keys", "start-after", true},
    [ATH_S3_LIST_VERSIONS] = {"ListObjectVersions", "versions", "max-keys", "key-marker", true},
    [ATH_S3_LIST_UPLOADS] = {"ListMultipartUploads", "uploads", "max-uploads", "key-marker", true},
    [ATH_S3_LIST_BUCKETS] = {"ListBuckets", NULL, "max-buckets", NULL, false},
    [ATH_S3_LIST_PARTS] = {"ListParts", NULL, "max-parts", NULL, false},
};

static struct s3_list *list_of(struct ath_op *op) {
    return ATH__CONTAINER(op, struct s3_list, s3.op);
}

static void end_with(struct s3_list *list, int code, const char *message) {
    struct ath_error err;
    ath__err_set(&err, code, "%s", message);
    ath__s3_op_end(&list->s3, &err);
}

static void drop_page(struct ath__ready_batch *ready) {
    struct ready_page *at = ATH__CONTAINER(ready, struct ready_page, ready);
    ath_s3_page_release(at->page);
    ath__free(at);
}

static size_t ready_pages(struct s3_list *list) {
    struct ath_op *op = &list->s3.op;
    size_t count = 0;
    pthread_mutex_lock(&op->lock);
    for (struct ath__node *n = op->shared.batches.next; n != &op->shared.batches; n = n->next)
        count++;
    op->shared.want_credit = count >= PAGES_AHEAD;
    pthread_mutex_unlock(&op->lock);
    return count;
}

static int add_query(struct s3_list *list, struct ath__s3_call *s) {
    const struct naming *naming = &s_naming[list->kind];
    char max[16];
    int64_t keys = list->page_keys;
    if (list->keys_max && list->keys_max - list->io.keys < (keys ? keys : 1000))
        keys = list->keys_max - list->io.keys;
    snprintf(max, sizeof max, "%d", (int)keys);
    struct ath_s3_pair pairs[8];
    size_t n = 0;
    if (list->kind == ATH_S3_LIST_OBJECTS)
        pairs[n++] = (struct ath_s3_pair){"list-type", "2"};
    if (naming->subresource)
        pairs[n++] = (struct ath_s3_pair){naming->subresource, ""};
    if (naming->is_encoded)
        pairs[n++] = (struct ath_s3_pair){"encoding-type", "url"};
    if (list->kind == ATH_S3_LIST_PARTS)
        pairs[n++] = (struct ath_s3_pair){"uploadId", list->upload_id};
    if (list->prefix && *list->prefix)
        pairs[n++] = (struct ath_s3_pair){"prefix", list->prefix};
    if (list->delimiter && *list->delimiter)
        pairs[n++] = (struct ath_s3_pair){"delimiter", list->delimiter};
    if (keys)
        pairs[n++] = (struct ath_s3_pair){naming->max, max};
    if (list->start_after && *list->start_after && list->io.next.len == 0)
        pairs[n++] = (struct ath_s3_pair){naming->after, list->start_after};
    int rc = ath__s3_query_build(pairs, n, &s->query);
    if (!rc && list->io.next.len && s->query.len)
        rc = ath__buf_add_char(&s->query, '&');
    return rc ? rc : ath__buf_add_slice(&s->query, ath__buf_slice(&list->io.next));
}

static void page_done(struct ath__call *call);

static void request_page(struct s3_list *list) {
    struct ath__s3_call *s = ath__s3_call_new(
        &list->s3, s_naming[list->kind].operation, "GET", list->s3.bucket, list->s3.key, page_done);
    if (!s || add_query(list, s)) {
        end_with(list, ATH_ERR_NOMEM, "out of memory");
        return;
    }
    list->io.asking = true;
    ath__s3_call_start(s);
}

static int keep_page(struct s3_list *list, struct ath_s3_page *page) {
    struct ready_page *at = ath__alloc_zero(sizeof *at);
    size_t count;
    ath_s3_page_entries(page, &count);
    list->io.keys += (int64_t)count;
    if (!at) {
        ath_s3_page_release(page);
        return ATH_ERR_NOMEM;
    }
    at->page = page;
    at->ready.bytes = ath__s3_page_bytes(page);
    at->ready.drop = drop_page;
    atomic_fetch_add_explicit(
        &list->s3.op.client->stats.budget_used, (int64_t)at->ready.bytes, memory_order_relaxed);
    ath__op_push_batch(&list->s3.op, &at->ready, true);
    return 0;
}

/* Takes over page and the next one's query. */
static int take_page(
    struct s3_list *list,
    struct ath_s3_page *page,
    const struct ath__buf *next,
    struct ath_error *err) {
    bool repeats = next->len && ath__slice_eq(ath__buf_slice(next), ath__buf_slice(&list->io.next));
    ath__buf_clear(&list->io.next);
    list->io.next = *next;
    if (keep_page(list, page))
        return ath__err_nomem(err);
    return repeats ? ath__err_set(
                         err,
                         ATH_ERR_PROTOCOL,
                         "%s: the pages do not end",
                         s_naming[list->kind].operation)
                   : 0;
}

/* True when the page is asked for once more: what came was not one. */
static bool
read_page(struct s3_list *list, struct ath__call *call, int *rc, struct ath_error *err) {
    struct ath_s3_page *page;
    struct ath__buf next;
    ath__buf_init(&next, 64u << 10);
    *rc = ath__s3_page_parse(list->kind, call->answer, &page, &next, err);
    if (!*rc) {
        *rc = take_page(list, page, &next, err);
        return false;
    }
    ath__buf_clear(&next);
    ath__err_prefix(err, call->operation);
    return *rc == ATH_ERR_PROTOCOL && ath__call_reject(call, err);
}

static void page_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct s3_list *list = ATH__CONTAINER(s->s3, struct s3_list, s3);
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc && read_page(list, call, &rc, &err))
        return;
    if (call->result && call->io.x.result == 0)
        ath__s3_op_tell_answer(&list->s3, s);
    ath__s3_call_free(s);
    list->io.asking = false;
    bool enough = list->keys_max && list->io.keys >= list->keys_max;
    if (rc)
        ath__s3_op_end(&list->s3, &err);
    else if (list->io.next.len == 0 || enough)
        ath__s3_op_end(&list->s3, NULL);
    else if (ready_pages(list) < PAGES_AHEAD)
        request_page(list);
}

static void list_start(struct ath_op *op, unsigned commands) {
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        end_with(list_of(op), ATH_ERR_CANCELLED, "the listing was cancelled");
    else
        request_page(list_of(op));
}

static void list_command(struct ath_op *op, unsigned commands) {
    struct s3_list *list = list_of(op);
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        end_with(list, ATH_ERR_CANCELLED, "the listing was cancelled");
    else if ((commands & ATH__OP_CREDIT) && !list->io.asking && ready_pages(list) < PAGES_AHEAD)
        request_page(list);
}

static void list_abort(struct ath_op *op) {
    end_with(list_of(op), ATH_ERR_SHUTDOWN, "the library is shutting down");
}

static void list_free(struct ath_op *op) {
    struct s3_list *list = list_of(op);
    ath__buf_clear(&list->io.next);
    ath__s3_op_clear(&list->s3);
    ath__free(list);
}

static const struct ath__op_type s_list_type = {
    .start = list_start,
    .command = list_command,
    .abort = list_abort,
    .wants_stop = ath__s3_never_wants_stop,
    .free = list_free,
    .is_s3 = true,
};

static int check(const struct ath_s3_list_options *options, struct ath_error *err) {
    bool of_bucket = options->kind != ATH_S3_LIST_BUCKETS;
    if (options->kind < ATH_S3_LIST_OBJECTS || options->kind > ATH_S3_LIST_PARTS)
        return ath__err_set(err, ATH_ERR_INVALID, "kind: %d is none", options->kind);
    if (of_bucket != (options->bucket != NULL))
        return ath__err_set(
            err, ATH_ERR_INVALID, "bucket: %s", of_bucket ? "is needed" : "not for ListBuckets");
    if ((options->kind == ATH_S3_LIST_PARTS) != (options->key.len && options->upload_id))
        return ath__err_set(
            err, ATH_ERR_INVALID, "key, upload_id: for ListParts, which needs them");
    if (options->page_keys < 0 || options->page_keys > 10000 || options->keys_max < 0)
        return ath__err_set(err, ATH_ERR_INVALID, "page_keys, keys_max: out of range");
    if (options->start_after && !s_naming[options->kind].after)
        return ath__err_set(err, ATH_ERR_INVALID, "start_after: not for this kind");
    return 0;
}

static int
fill(struct s3_list *list, const struct ath_s3_list_options *options, struct ath_error *err) {
    const char **texts[] = {&list->prefix, &list->delimiter, &list->start_after, &list->upload_id};
    int rc = 0;
    list->kind = options->kind;
    list->prefix = options->prefix;
    list->delimiter = options->delimiter;
    list->start_after = options->start_after;
    list->upload_id = options->upload_id;
    list->page_keys = options->page_keys;
    list->keys_max = options->keys_max;
    ath__buf_init(&list->io.next, 64u << 10);
    for (size_t i = 0; !rc && i < sizeof texts / sizeof *texts; i++)
        rc = ath__s3_copy_text(&list->s3, texts[i], err);
    return rc ? rc
              : ath__s3_op_fill(
                    &list->s3,
                    options->bucket,
                    options->key,
                    options->headers,
                    options->headers_count,
                    err);
}

int ath_s3_list_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_list_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_s3_list_options options;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (!rc)
        rc = check(&options, err);
    if (rc)
        return rc;
    struct s3_list *list = ath__alloc_zero(sizeof *list);
    if (!list)
        return ath__err_nomem(err);
    rc = ath__s3_op_init(&list->s3, &s_list_type, client, queue, options.user, err);
    if (rc)
        return rc;
    rc = fill(list, &options, err);
    return ath__s3_op_submit(&list->s3, rc, false, out_op, err);
}

int ath_s3_page_next(struct ath_op *op, struct ath_s3_page **out_page, struct ath_error *err) {
    struct ath__ready_batch *ready;
    if (ath__op_is_forked(op))
        return ath__err_set(err, ATH_ERR_FORKED, "the operation belongs to the parent process");
    if (!ath__s3_op_of(op, &s_list_type))
        return ath__err_set(err, ATH_ERR_STATE, "page_next: the operation is no listing");
    int rc = ath__op_take_batch(op, &ready, err);
    if (rc != 1)
        return rc;
    struct ready_page *at = ATH__CONTAINER(ready, struct ready_page, ready);
    *out_page = at->page;
    ath__free(at);
    return 1;
}
