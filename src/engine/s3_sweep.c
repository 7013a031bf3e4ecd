/*
 * An upload may have begun although nobody knows its id, because the answer to
 * CreateMultipartUpload was lost: its like are looked for at the end and aborted. Lists tell
 * neither headers nor who asked, so only what cannot be another writer's work goes: uploads of
 * this very key, begun while the answer was awaited, without a single part.
 */
#include "engine/s3_upload.h"

#include "base/time.h"

#define SLACK_S 2 /* times are in whole seconds */
#define FOUND_MAX (sizeof((struct ath__s3_sweep *)0)->ids / sizeof(char *))

static struct ath__s3_upload *upload_of_call(struct ath__call *call) {
    return ATH__CONTAINER(ath__s3_call_of(call)->s3, struct ath__s3_upload, s3);
}

static void log_left(const struct ath__s3_upload *up, const char *why) {
    ATH__LOG(
        ATH_LOG_WARNING,
        "s3",
        "bucket %s: an upload whose id was lost may still be open: %s",
        up->s3.bucket,
        why);
}

static void end(struct ath__s3_upload *up, const char *why) {
    if (why)
        log_left(up, why);
    ath__s3_upload_finish(up);
}

static struct ath__s3_call *new_call(
    struct ath__s3_upload *up,
    const char *operation,
    const char *method,
    struct ath_slice key,
    void (*done)(struct ath__call *call)) {
    struct ath__s3_call *s = ath__s3_call_new(&up->s3, operation, method, up->s3.bucket, key, done);
    if (s)
        s->header_use = ATH__S3_HEADERS_ACCESS;
    return s;
}

/* -- one found upload: is it empty? ------------------------------------------------------------ */

static void look_at_next(struct ath__s3_upload *up);

static void abort_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    if (call->result && call->err.http_status != 404)
        log_left(up, call->err.message);
    ath__call_free(call);
    look_at_next(up);
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
    struct ath__s3_upload *up,
    const char *operation,
    const char *method,
    const char *id,
    void (*done)(struct ath__call *call)) {
    struct ath__s3_call *s = new_call(up, operation, method, up->s3.key, done);
    if (!s || ath__s3_call_query(s, "uploadId", id))
        end(up, "out of memory");
    else
        ath__s3_call_start(s);
}

static void parts_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    bool goes = is_empty(call);
    ath__call_free(call);
    if (goes)
        send(up, "AbortMultipartUpload", "DELETE", up->sweep.ids[up->sweep.at - 1], abort_done);
    else
        look_at_next(up);
}

static void look_at_next(struct ath__s3_upload *up) {
    if (up->sweep.at == up->sweep.count)
        end(up, NULL);
    else
        send(up, "ListParts", "GET", up->sweep.ids[up->sweep.at++], parts_done);
}

/* -- the list ---------------------------------------------------------------------------------- */

/* Whether other operations of this process put the same object together just now: what is found
 * may be theirs. */
static bool has_rivals(const struct ath__s3_upload *up) {
    struct ath__node *head = &up->s3.op.runtime->io.ops;
    for (struct ath__node *node = head->next; node != head; node = node->next) {
        struct ath_op *op = ATH__CONTAINER(node, struct ath_op, io.node);
        const struct ath__s3_op *other = ATH__CONTAINER(op, struct ath__s3_op, op);
        if (op != &up->s3.op && op->type == &ath__s3_upload_type &&
            ath__slice_eq(other->key, up->s3.key) && strcmp(other->bucket, up->s3.bucket) == 0)
            return true;
    }
    return false;
}

static const char *
take(struct ath__s3_upload *up, const struct ath_s3_page *page, double from_s, double to_s) {
    size_t count;
    const struct ath_s3_entry *entries = ath_s3_page_entries(page, &count);
    for (size_t i = 0; i < count; i++) {
        const struct ath_s3_entry *entry = &entries[i];
        if (entry->type != ATH_S3_UPLOAD || !ath__slice_eq(entry->key, up->s3.key) ||
            entry->last_modified < from_s || entry->last_modified > to_s)
            continue;
        if (up->sweep.count == FOUND_MAX)
            return "too many were begun at that time";
        const char *id = ath__arena_copy(&up->s3.arena, entry->upload_id);
        if (!id)
            return "out of memory";
        up->sweep.ids[up->sweep.count++] = id;
    }
    return NULL;
}

/* NULL, or why there is nothing to do. */
static const char *read_list(struct ath__s3_upload *up, const struct ath__call *call) {
    struct ath_s3_page *page = NULL;
    struct ath__buf next;
    int64_t date_s;
    if (call->result)
        return call->err.message;
    if (!ath__time_parse_http(ath__exchange_header(&call->io.x, "Date"), &date_s))
        return "the server does not tell the time";
    ath__buf_init(&next, 64u << 10);
    uint64_t now_ns = ath__now_ns(up->s3.op.runtime);
    /* Somewhere between question and answer. */
    double now_s = (double)date_s, second = (double)ATH__SECOND;
    const char *why = "the list is malformed";
    if (ath__s3_page_parse(ATH_S3_LIST_UPLOADS, call->answer, &page, &next, NULL) == 0)
        why = take(
            up,
            page,
            now_s - (double)(now_ns - up->sweep.from_ns) / second - SLACK_S,
            now_s - (double)(up->sweep.asked_ns - up->sweep.to_ns) / second + SLACK_S);
    ath_s3_page_release(page);
    ath__buf_clear(&next);
    return why;
}

static void list_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    const char *why = read_list(up, call);
    if (why) {
        end(up, why);
        return;
    }
    ath__call_free(call);
    look_at_next(up);
}

/* Its key is the first of those that begin with it. */
void ath__s3_sweep_start(struct ath__s3_upload *up) {
    if (has_rivals(up)) {
        end(up, "others are writing the same object");
        return;
    }
    const char *prefix = ath__arena_copy(&up->s3.arena, up->s3.key);
    struct ath_s3_pair pairs[] = {{"uploads", ""}, {"encoding-type", "url"}, {"prefix", prefix}};
    struct ath__s3_call *s =
        new_call(up, "ListMultipartUploads", "GET", ath__slice(NULL, 0), list_done);
    up->sweep.asked_ns = ath__now_ns(up->s3.op.runtime);
    if (!s || !prefix || ath__s3_query_build(pairs, 3, &s->query))
        end(up, "out of memory");
    else
        ath__s3_call_start(s);
}
