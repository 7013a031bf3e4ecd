/*
 * An upload may have begun although nobody knows its id, because the answer to
 * CreateMultipartUpload was lost: its like are looked for at the end and aborted. Lists tell
 * neither headers nor who asked, so only what cannot be another writer's work goes: uploads of
 * this very key, begun while the answer was awaited, without a single part.
 */
#include "engine/s3_sweep.h"

#include "base/time.h"
#include "engine/s3_upload.h"

#define SLACK_S 2 /* times are in whole seconds */
#define FOUND_MAX (sizeof((struct ath__s3_sweep *)0)->ids / sizeof(char *))

static struct ath__s3_sweep *sweep_of(struct ath__call *call) {
    return ath__s3_call_of(call)->s3->io.sweep;
}

static void log_left(const struct ath__s3_sweep *sweep, const char *why) {
    ATH__LOG(
        ATH_LOG_WARNING,
        "s3",
        "bucket %s: an upload whose id was lost may still be open: %s",
        sweep->s3->bucket,
        why);
}

static struct ath__s3_call *new_call(
    struct ath__s3_sweep *sweep,
    const char *operation,
    const char *method,
    struct ath_slice key,
    void (*done)(struct ath__call *call)) {
    struct ath__s3_call *s =
        ath__s3_call_new(sweep->s3, operation, method, sweep->s3->bucket, key, done);
    if (s)
        s->header_use = ATH__S3_HEADERS_ACCESS;
    return s;
}

/* -- one found upload: is it empty? ------------------------------------------------------------ */

static void look_at_next(struct ath__s3_sweep *sweep);

static void abort_done(struct ath__call *call) {
    struct ath__s3_sweep *sweep = sweep_of(call);
    if (call->result && call->err.http_status != 404)
        log_left(sweep, call->err.message);
    ath__call_free(call);
    look_at_next(sweep);
}

static bool is_empty(const struct ath__call *call) {
    struct ath_s3_page *page = NULL;
    struct ath__buf next;
    size_t count = 1;
    ath__buf_init(&next, 4096);
    if (!call->result &&
        ath__s3_page_parse(ATH_S3_LIST_PARTS, call->answer, &page, &next, NULL) == 0)
        ath_s3_page_entries(page, &count);
    ath_s3_page_release(page);
    ath__buf_clear(&next);
    return count == 0;
}

static void send(
    struct ath__s3_sweep *sweep,
    const char *operation,
    const char *method,
    const char *id,
    void (*done)(struct ath__call *call)) {
    struct ath__s3_call *s = new_call(sweep, operation, method, sweep->s3->key, done);
    if (!s || ath__s3_call_query(s, "uploadId", id)) {
        log_left(sweep, "out of memory");
        sweep->done(sweep);
    } else {
        ath__s3_call_start(s);
    }
}

static void parts_done(struct ath__call *call) {
    struct ath__s3_sweep *sweep = sweep_of(call);
    bool goes = is_empty(call);
    ath__call_free(call);
    if (goes)
        send(sweep, "AbortMultipartUpload", "DELETE", sweep->ids[sweep->at - 1], abort_done);
    else
        look_at_next(sweep);
}

static void look_at_next(struct ath__s3_sweep *sweep) {
    if (sweep->at == sweep->count)
        sweep->done(sweep);
    else
        send(sweep, "ListParts", "GET", sweep->ids[sweep->at++], parts_done);
}

void ath__s3_sweep_abort(struct ath__s3_sweep *sweep) {
    sweep->s3->io.sweep = sweep;
    look_at_next(sweep);
}

/* -- the list ---------------------------------------------------------------------------------- */

/* Whether other operations of this process put the same object together just now: what is found
 * may be theirs. */
static bool has_rivals(const struct ath__s3_sweep *sweep) {
    struct ath__node *head = &sweep->s3->op.runtime->io.ops;
    for (struct ath__node *node = head->next; node != head; node = node->next) {
        struct ath_op *op = ATH__CONTAINER(node, struct ath_op, io.node);
        const struct ath__s3_op *other = ATH__CONTAINER(op, struct ath__s3_op, op);
        if (other != sweep->s3 &&
            (op->type == &ath__s3_upload_type || ath__s3_call_builds_object(op)) &&
            ath__slice_eq(other->key, sweep->s3->key) &&
            strcmp(other->bucket, sweep->s3->bucket) == 0)
            return true;
    }
    return false;
}

static bool is_own(const struct ath__s3_sweep *sweep, struct ath_slice id) {
    return sweep->own && ath__slice_is(id, sweep->own);
}

static const char *
take(struct ath__s3_sweep *sweep, const struct ath_s3_page *page, double from_s, double to_s) {
    size_t count;
    const struct ath_s3_entry *entries = ath_s3_page_entries(page, &count);
    for (size_t i = 0; i < count; i++) {
        const struct ath_s3_entry *entry = &entries[i];
        if (entry->type != ATH_S3_UPLOAD || !ath__slice_eq(entry->key, sweep->s3->key) ||
            is_own(sweep, entry->upload_id) || entry->last_modified < from_s ||
            entry->last_modified > to_s)
            continue;
        if (sweep->count == FOUND_MAX)
            return "too many were begun at that time";
        const char *id = ath__arena_copy(&sweep->s3->arena, entry->upload_id);
        if (!id)
            return "out of memory";
        sweep->ids[sweep->count++] = id;
    }
    return NULL;
}

/* NULL, or why there is nothing to do. */
static const char *read_list(struct ath__s3_sweep *sweep, const struct ath__call *call) {
    struct ath_s3_page *page = NULL;
    struct ath__buf next;
    int64_t date_s;
    if (call->result)
        return call->err.message;
    if (!ath__time_parse_http(ath__exchange_header(&call->io.x, "Date"), &date_s))
        return "the server does not tell the time";
    ath__buf_init(&next, 64u << 10);
    uint64_t now_ns = ath__now_ns(sweep->s3->op.runtime);
    /* Somewhere between question and answer. */
    double now_s = (double)date_s, second = (double)ATH__SECOND;
    size_t known = sweep->count;
    const char *why = "the list is malformed";
    if (ath__s3_page_parse(ATH_S3_LIST_UPLOADS, call->answer, &page, &next, NULL) == 0)
        why = take(
            sweep,
            page,
            now_s - (double)(now_ns - sweep->from_ns) / second - SLACK_S,
            now_s - (double)(sweep->asked_ns - sweep->to_ns) / second + SLACK_S);
    if (why)
        sweep->count = known;
    ath_s3_page_release(page);
    ath__buf_clear(&next);
    return why;
}

static void list_done(struct ath__call *call) {
    struct ath__s3_sweep *sweep = sweep_of(call);
    const char *why = read_list(sweep, call);
    if (why)
        log_left(sweep, why);
    ath__call_free(call);
    look_at_next(sweep);
}

/* Its key is the first of those that begin with it. */
void ath__s3_sweep_search(struct ath__s3_sweep *sweep) {
    struct ath__s3_op *s3 = sweep->s3;
    s3->io.sweep = sweep;
    if (has_rivals(sweep)) {
        log_left(sweep, "others are writing the same object");
        look_at_next(sweep);
        return;
    }
    const char *prefix = ath__arena_copy(&s3->arena, s3->key);
    struct ath_s3_pair pairs[] = {{"uploads", ""}, {"encoding-type", "url"}, {"prefix", prefix}};
    struct ath__s3_call *s =
        new_call(sweep, "ListMultipartUploads", "GET", ath__slice(NULL, 0), list_done);
    sweep->asked_ns = ath__now_ns(s3->op.runtime);
    if (!s || !prefix || ath__s3_query_build(pairs, 3, &s->query)) {
        log_left(sweep, "out of memory");
        sweep->done(sweep);
    } else {
        ath__s3_call_start(s);
    }
}
