/* Putting an object together: one PutObject or CopyObject, or a multipart upload with parallel
 * parts, which is aborted when it does not come to its end. */
#include "engine/s3_upload.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define READ_STEP ((size_t)256 << 10)
#define ABORTS_MAX 2 /* parts on the wire may land after the first */
#define TRIES_MAX 3  /* of an abort for which memory is short */

static void pump(struct ath__s3_upload *up);
static void send_abort(struct ath__s3_upload *up);

static struct ath__s3_upload *upload_of(struct ath_op *op) {
    return ATH__CONTAINER(op, struct ath__s3_upload, s3.op);
}

static struct ath__s3_upload *upload_of_call(struct ath__call *call) {
    return ATH__CONTAINER(ath__s3_call_of(call)->s3, struct ath__s3_upload, s3);
}

/* -- pieces ------------------------------------------------------------------------------------ */

void ath__s3_pieces_drop(struct ath__node *list) {
    while (!ath__list_is_empty(list))
        ath__s3_piece_free(ATH__CONTAINER(list->next, struct ath__s3_piece, node));
}

/* The pieces that calls carry belong to them. */
static void drop_work(struct ath__s3_upload *up) {
    struct ath__node *node;
    while ((node = up->s3.io.calls.next) != &up->s3.io.calls) {
        struct ath__s3_call *s = ATH__CONTAINER(node, struct ath__s3_call, node);
        struct ath__s3_piece *piece = s->item;
        ath__s3_call_free(s);
        ath__s3_piece_free(piece);
    }
    ath__s3_pieces_drop(&up->io.reading);
    up->io.in_flight = 0;
}

/* -- the end ----------------------------------------------------------------------------------- */

static void finish(struct ath__s3_upload *up, const struct ath_error *err) {
    drop_work(up);
    ath__s3_stream_drop(up);
    ath__s3_late_clear(&up->late);
    ath__s3_op_end(&up->s3, err);
}

static void swept(struct ath__s3_sweep *sweep) {
    struct ath__s3_upload *up = ATH__CONTAINER(sweep, struct ath__s3_upload, sweep);
    finish(up, &up->late.err);
}

/* The end, but for an upload that may be open without anyone's knowing. */
static void leave(struct ath__s3_upload *up, const struct ath_error *err) {
    if (!up->wants_sweep) {
        finish(up, err);
        return;
    }
    up->late.err = err ? *err : (struct ath_error){0};
    up->io.phase = ATH__S3_UPLOAD_SWEEPING;
    up->wants_sweep = false;
    drop_work(up);
    ath__s3_stream_drop(up);
    ath__s3_late_limit(&up->late);
    up->sweep.s3 = &up->s3;
    up->sweep.done = swept;
    ath__s3_sweep_search(&up->sweep);
}

/* The operation has failed; parts that are stored are removed before it ends. */
static void fail(struct ath__s3_upload *up, const struct ath_error *err) {
    struct ath_error kept = *err; /* may be a call's that goes now */
    if (up->io.phase >= ATH__S3_UPLOAD_ABORTING)
        return;
    up->late.err = kept;
    up->io.aborts = up->io.in_flight ? 0 : ABORTS_MAX - 1;
    drop_work(up);
    ath__s3_stream_drop(up);
    ath__op_set_lends(&up->s3.op, false);
    if (up->io.upload_id.len == 0) {
        leave(up, &kept);
        return;
    }
    up->io.phase = ATH__S3_UPLOAD_ABORTING;
    ath__s3_late_limit(&up->late);
    send_abort(up);
}

static void fail_with(struct ath__s3_upload *up, int code, const char *message) {
    struct ath_error err;
    ath__err_set(&err, code, "%s", message);
    fail(up, &err);
}

static void fail_nomem(struct ath__s3_upload *up) {
    fail_with(up, ATH_ERR_NOMEM, "out of memory");
}

static void log_left(const struct ath__s3_upload *up, const char *why) {
    ATH__LOG(
        ATH_LOG_WARNING,
        "s3",
        "bucket %s: the parts of upload %.100s may still be stored: %s",
        up->s3.bucket,
        up->io.upload_id.ptr,
        why);
}

static void abort_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    bool gone = call->err.http_status == 404;
    if (call->result && !gone)
        log_left(up, call->err.message);
    bool again = !call->result && ++up->io.aborts < ABORTS_MAX;
    if (call->result == ATH_ERR_NOMEM && ++up->io.abort_tries < TRIES_MAX)
        again = true;
    ath__call_free(call);
    if (again)
        send_abort(up);
    else
        leave(up, &up->late.err);
}

static struct ath__s3_call *new_call(
    struct ath__s3_upload *up,
    const char *operation,
    const char *method,
    int header_use,
    void (*done)(struct ath__call *call)) {
    struct ath__s3_call *s =
        ath__s3_call_new(&up->s3, operation, method, up->s3.bucket, up->s3.key, done);
    if (s)
        s->header_use = header_use;
    return s;
}

static struct ath__s3_call *new_abort(struct ath__s3_upload *up) {
    struct ath__s3_call *s =
        new_call(up, "AbortMultipartUpload", "DELETE", ATH__S3_HEADERS_ACCESS, abort_done);
    if (s && ath__s3_call_query(s, "uploadId", up->io.upload_id.ptr)) {
        ath__s3_call_free(s);
        s = NULL;
    }
    return s;
}

static void send_abort(struct ath__s3_upload *up) {
    struct ath__s3_call *s = NULL;
    for (int i = 0; !s && i < TRIES_MAX; i++)
        s = new_abort(up);
    if (!s) {
        log_left(up, "no memory to abort it");
        finish(up, &up->late.err);
        return;
    }
    ath__s3_call_start(s);
}

/* -- an answer was lost: is the object that is there ours? ------------------------------------- */

static void check_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    struct ath_slice etag = ath__exchange_header(&call->io.x, "ETag");
    bool ours =
        !call->result && up->io.expected_etag[0] && ath__slice_is(etag, up->io.expected_etag);
    if (ours) {
        ath__s3_op_tell_answer(&up->s3, ath__s3_call_of(call));
        leave(up, NULL);
        return;
    }
    /* The server may still be at the completion whose answer was lost. */
    struct ath_error err = call->err;
    if (call->result && err.http_status == 404 && ath__call_reject(call, &err))
        return;
    fail(up, &up->io.lost);
}

/* True when the failure may be our own success, seen twice; then the object is looked at. */
static bool look(struct ath__s3_upload *up, const struct ath__call *call) {
    if (!call->io.maybe_sent || call->io.attempts < 2 || !up->io.expected_etag[0])
        return false;
    up->io.lost = call->err;
    struct ath__s3_call *s = new_call(up, "HeadObject", "HEAD", ATH__S3_HEADERS_PART, check_done);
    if (!s)
        return false;
    up->io.phase = ATH__S3_UPLOAD_CHECKING;
    ath__s3_call_start(s);
    return true;
}

/* -- PutObject, CopyObject --------------------------------------------------------------------- */

static void single_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct ath__s3_piece *piece = s->item;
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc && up->source == ATH__S3_COPY && ath__s3_call_is_cut(s, &rc, &err))
        return;
    if (rc && err.http_status == 412 && up->if_none_match && up->source != ATH__S3_COPY) {
        ath__s3_expect_whole(up, s->body);
        if (look(up, call)) {
            ath__s3_call_free(s);
            ath__s3_piece_free(piece);
            return;
        }
    }
    if (call->io.x.result == 0)
        ath__s3_op_tell_answer(&up->s3, s);
    if (!rc)
        atomic_fetch_add_explicit(
            &up->s3.transferred,
            up->source == ATH__S3_COPY ? up->size : s->body.len,
            memory_order_relaxed);
    if (rc)
        fail(up, &err);
    else
        finish(up, NULL);
}

static int add_conditions(struct ath__s3_upload *up, struct ath__s3_call *s) {
    int rc = up->if_none_match ? ath__s3_call_header(s, "If-None-Match", up->if_none_match) : 0;
    return !rc && up->if_match ? ath__s3_call_header(s, "If-Match", up->if_match) : rc;
}

static void
send_single(struct ath__s3_upload *up, struct ath_slice body, struct ath__s3_piece *piece) {
    struct ath__s3_call *s = new_call(up, "PutObject", "PUT", ATH__S3_HEADERS_ALL, single_done);
    up->io.phase = ATH__S3_UPLOAD_SINGLE;
    if (s)
        s->item = piece;
    else
        ath__s3_piece_free(piece);
    if (!s || add_conditions(up, s)) {
        fail_nomem(up);
        return;
    }
    s->body = body;
    ath__s3_call_protect(s, false);
    ath__s3_call_start(s);
}

static int add_copy_source(struct ath__s3_upload *up, struct ath__s3_call *s) {
    int rc = ath__s3_call_header(s, "x-amz-copy-source", up->copy_source);
    if (!rc && up->io.source_etag)
        rc = ath__s3_call_header(s, "x-amz-copy-source-if-match", up->io.source_etag);
    s->may_hide_error = s->answers_late = true;
    return rc;
}

static void send_copy(struct ath__s3_upload *up) {
    struct ath__s3_call *s = new_call(up, "CopyObject", "PUT", ATH__S3_HEADERS_ALL, single_done);
    up->io.phase = ATH__S3_UPLOAD_SINGLE;
    if (!s || add_copy_source(up, s))
        fail_nomem(up);
    else
        ath__s3_call_start(s);
}

/* -- parts ------------------------------------------------------------------------------------- */

static void part_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct ath__s3_piece *piece = s->item;
    struct ath_error err = call->err;
    uint64_t bytes = up->source == ATH__S3_COPY ? s->len : s->body.len;
    int rc = call->result;
    if (!rc)
        rc = ath__s3_part_keep(up, s, &err);
    if (rc == ATH_ERR_PROTOCOL && !call->result && ath__call_reject(call, &err))
        return;
    up->io.in_flight--;
    if (rc) {
        fail(up, &err);
        return;
    }
    ath__s3_call_free(s);
    ath__s3_piece_free(piece);
    atomic_fetch_add_explicit(&up->s3.transferred, bytes, memory_order_relaxed);
    ath__s3_stream_stored(up, (size_t)bytes);
    pump(up);
}

static struct ath__s3_call *new_part(struct ath__s3_upload *up, uint32_t number) {
    bool copies = up->source == ATH__S3_COPY;
    char text[16];
    struct ath__s3_call *s = new_call(
        up,
        copies ? "UploadPartCopy" : "UploadPart",
        "PUT",
        copies ? ATH__S3_HEADERS_COPY : ATH__S3_HEADERS_PART,
        part_done);
    snprintf(text, sizeof text, "%u", number);
    if (!s)
        return NULL;
    s->number = number;
    if (ath__s3_call_query(s, "partNumber", text) ||
        ath__s3_call_query(s, "uploadId", up->io.upload_id.ptr)) {
        ath__s3_call_free(s);
        return NULL;
    }
    return s;
}

/* `piece` becomes the call's. False when memory is short: all is over then. */
static bool send_part(
    struct ath__s3_upload *up,
    uint32_t number,
    struct ath_slice body,
    struct ath__s3_piece *piece) {
    struct ath__s3_call *s = new_part(up, number);
    if (!s) {
        ath__s3_piece_free(piece);
        fail_nomem(up);
        return false;
    }
    s->item = piece;
    s->body = body;
    s->checksum = up->io.checksum;
    ath__s3_call_start(s);
    return true;
}

static bool send_part_copy(struct ath__s3_upload *up, uint32_t number, uint64_t len) {
    char range[64];
    struct ath__s3_call *s = new_part(up, number);
    snprintf(
        range,
        sizeof range,
        "bytes=%llu-%llu",
        (unsigned long long)up->io.next,
        (unsigned long long)(up->io.next + len - 1));
    if (!s || add_copy_source(up, s) || ath__s3_call_header(s, "x-amz-copy-source-range", range)) {
        fail_nomem(up);
        return false;
    }
    s->len = len;
    ath__s3_call_start(s);
    return true;
}

/* -- the file ---------------------------------------------------------------------------------- */

static void piece_read(struct ath__s3_upload *up, struct ath__s3_piece *piece) {
    struct ath_slice body = ath__buf_slice(&piece->bytes);
    ath__list_remove(&piece->node);
    if (up->io.phase == ATH__S3_UPLOAD_SINGLE)
        send_single(up, body, piece);
    else
        send_part(up, (uint32_t)(piece->offset / up->part_bytes) + 1, body, piece);
}

/* In steps, so that other work passes; the pages are nearly always in the system's cache. */
static void read_run(struct ath__task *task) {
    struct ath__s3_piece *piece = ATH__CONTAINER(task, struct ath__s3_piece, task);
    struct ath__s3_upload *up = piece->upload;
    struct ath_error err;
    size_t want = piece->wanted - piece->bytes.len;
    ssize_t n = 0;
    if (want > READ_STEP)
        want = READ_STEP;
    if (want)
        n = pread(
            up->fd,
            piece->bytes.ptr + piece->bytes.len,
            want,
            (off_t)(piece->offset + piece->bytes.len));
    if (n < 0 && errno != EINTR) {
        ath__err_set(&err, ATH_ERR_SYSTEM, "reading the file: %s", strerror(errno));
        fail(up, &err);
        return;
    }
    if (n == 0 && want) {
        fail_with(up, ATH_ERR_IO, "the file became shorter while it was read");
        return;
    }
    piece->bytes.len += n > 0 ? (size_t)n : 0;
    if (piece->bytes.len == piece->wanted)
        piece_read(up, piece);
    else
        ath__task_add(up->s3.op.runtime, task);
}

static bool read_piece(struct ath__s3_upload *up, uint64_t offset, uint64_t len) {
    struct ath__s3_piece *piece = ath__s3_piece_new((size_t)len + 1);
    if (!piece || ath__buf_reserve(&piece->bytes, (size_t)len)) {
        ath__s3_piece_free(piece);
        fail_nomem(up);
        return false;
    }
    piece->offset = offset;
    piece->wanted = (size_t)len;
    piece->upload = up;
    piece->task.run = read_run;
    ath__list_add(&up->io.reading, &piece->node);
    ath__task_add(up->s3.op.runtime, &piece->task);
    return true;
}

/* -- complete ---------------------------------------------------------------------------------- */

static void complete_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc && ath__s3_call_is_cut(s, &rc, &err))
        return;
    if (!rc) {
        ath__s3_op_tell_answer(&up->s3, s);
        leave(up, NULL);
        return;
    }
    if (err.http_status == 404 || err.http_status == 412) {
        ath__s3_expect_joined(up);
        if (look(up, call)) {
            ath__s3_call_free(s);
            return;
        }
    }
    if (call->io.x.result == 0)
        ath__s3_op_tell_answer(&up->s3, s);
    fail(up, up->io.given_up ? &up->late.err : &err);
}

static void send_complete(struct ath__s3_upload *up) {
    struct ath__s3_call *s =
        new_call(up, "CompleteMultipartUpload", "POST", ATH__S3_HEADERS_PART, complete_done);
    up->io.phase = ATH__S3_UPLOAD_COMPLETING;
    ath__op_set_lends(&up->s3.op, false);
    for (uint32_t i = 0; i < up->io.parts_count; i++)
        up->io.parts[i].checksum = ath__slice_str(up->io.checksums[i]);
    if (!s || ath__s3_call_query(s, "uploadId", up->io.upload_id.ptr) ||
        ath__s3_call_header(s, "Content-Type", "application/xml") || add_conditions(up, s) ||
        ath__s3_complete_build(
            up->io.parts,
            up->io.parts_count,
            up->io.checksum ? ath__checksum_element(up->io.checksum) : NULL,
            &s->call.body)) {
        fail_nomem(up);
        return;
    }
    s->body = ath__buf_slice(&s->call.body);
    s->may_hide_error = s->answers_late = s->conflict_ends = true;
    ath__s3_call_start(s);
}

/* -- the flow ---------------------------------------------------------------------------------- */

/* False when there is no further part, or all is over. */
static bool next_part(struct ath__s3_upload *up) {
    uint64_t len = up->size - up->io.next;
    bool sent;
    if (len == 0)
        return false;
    if (len > up->part_bytes)
        len = up->part_bytes;
    uint32_t number = up->io.parts_count + 1;
    if (ath__s3_part_reserve(up, number)) {
        fail_nomem(up);
        return false;
    }
    up->io.parts_count = number;
    up->io.in_flight++;
    uint64_t at = up->io.next;
    if (up->source == ATH__S3_COPY)
        sent = send_part_copy(up, number, len);
    else if (up->source == ATH__S3_FILE)
        sent = read_piece(up, at, len);
    else
        sent = send_part(up, number, ath__slice(up->body.ptr + at, (size_t)len), NULL);
    if (sent)
        up->io.next += len;
    return sent;
}

static bool next_piece(struct ath__s3_upload *up, bool *out_ended) {
    struct ath__s3_piece *piece = ath__s3_stream_take(up, out_ended);
    uint32_t number = up->io.parts_count + 1;
    if (!piece)
        return false;
    if (ath__s3_part_reserve(up, number)) {
        ath__s3_piece_free(piece);
        fail_nomem(up);
        return false;
    }
    up->io.parts_count = number;
    up->io.in_flight++;
    return send_part(up, number, ath__buf_slice(&piece->bytes), piece);
}

static void pump(struct ath__s3_upload *up) {
    bool more = true, ended = true;
    if (up->io.phase != ATH__S3_UPLOAD_PARTS)
        return;
    while (more && up->io.in_flight < up->parallel) {
        more = up->source == ATH__S3_STREAM ? next_piece(up, &ended) : next_part(up);
        if (up->io.phase != ATH__S3_UPLOAD_PARTS || !up->s3.op.io.is_live)
            return;
    }
    if (!more && ended && up->io.in_flight == 0)
        send_complete(up);
}

static int
read_upload_id(struct ath__s3_upload *up, const struct ath__call *call, struct ath_error *err) {
    up->io.upload_id.len = 0;
    int rc = ath__s3_upload_parse(call->answer, &up->io.upload_id, err);
    if (!rc && ath__buf_add_char(&up->io.upload_id, '\0'))
        rc = ath__err_nomem(err);
    return rc;
}

static void create_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc)
        rc = read_upload_id(up, call, &err);
    if (rc == ATH_ERR_NOMEM && !call->result) /* without the id nobody can abort it */
        rc = read_upload_id(up, call, &err);
    if (rc && !call->result)
        ath__s3_call_of(call)->is_unclear = true;
    if (rc == ATH_ERR_PROTOCOL && !call->result && ath__call_reject(call, &err))
        return;
    up->wants_sweep = ath__s3_call_of(call)->is_unclear;
    up->sweep.to_ns = ath__now_ns(call->runtime);
    if (rc) {
        up->io.upload_id.len = 0;
        fail(up, up->io.given_up ? &up->late.err : &err);
        return;
    }
    ath__call_free(call);
    up->io.phase = ATH__S3_UPLOAD_PARTS;
    if (up->io.given_up)
        fail(up, &up->late.err);
    else
        pump(up);
}

static int choose_checksum(struct ath__s3_upload *up, struct ath__s3_call *s) {
    up->io.checksum = ath__s3_algorithm(&up->s3);
    if (!up->io.checksum)
        return 0;
    const char *name = ath__checksum_name(up->io.checksum);
    return ath__s3_call_header(s, "x-amz-checksum-algorithm", name);
}

/* A sum of the whole says nothing about the parts. */
static bool refuse_sum(struct ath__s3_upload *up) {
    const char *name = ath__s3_sum_of_program(&up->s3);
    struct ath_error err;
    if (!name || up->source == ATH__S3_COPY)
        return false;
    ath__err_set(
        &err,
        ATH_ERR_UNSUPPORTED,
        "headers: %.40s does not go with an object that is sent in parts",
        name);
    fail(up, &err);
    return true;
}

static void send_create(struct ath__s3_upload *up) {
    if (refuse_sum(up))
        return;
    struct ath__s3_call *s =
        new_call(up, "CreateMultipartUpload", "POST", ATH__S3_HEADERS_CREATE, create_done);
    int rc = s ? ath__s3_call_query(s, "uploads", "") : ATH_ERR_NOMEM;
    up->io.phase = ATH__S3_UPLOAD_CREATING;
    up->sweep.from_ns = ath__now_ns(up->s3.op.runtime);
    if (!rc && up->source == ATH__S3_COPY)
        rc = ath__s3_copy_metadata(up, s);
    if (!rc && up->source != ATH__S3_COPY)
        rc = choose_checksum(up, s);
    if (rc == ATH_ERR_NOMEM) {
        fail_nomem(up);
    } else if (rc) {
        fail_with(up, ATH_ERR_UNSUPPORTED, "the object has more metadata than fits a request");
    } else {
        ath__s3_call_start(s);
    }
}

static void head_done(struct ath__call *call) {
    struct ath__s3_upload *up = upload_of_call(call);
    struct ath__exchange *x = &call->io.x;
    struct ath_error err = call->err;
    struct ath_slice etag = ath__exchange_header(x, "ETag");
    int rc = call->result;
    if (!rc && (!ath__slice_to_u64(ath__exchange_header(x, "Content-Length"), &up->size) ||
                up->size > INT64_MAX / 2))
        rc = ath__err_set(&err, ATH_ERR_PROTOCOL, "HeadObject: the answer tells no size");
    if (!rc && etag.ptr) {
        up->io.source_etag = ath__arena_copy(&up->s3.arena, etag);
        if (!up->io.source_etag)
            rc = ath__err_nomem(&err);
    }
    if (rc) {
        if (call->result && x->result == 0)
            ath__s3_op_tell_answer(&up->s3, ath__s3_call_of(call));
        fail(up, &err);
        return;
    }
    up->io.source_head = x->head;
    ath__buf_init(&x->head, 0);
    ath__call_free(call);
    atomic_store_explicit(&up->s3.object_size, (int64_t)up->size, memory_order_relaxed);
    while ((up->size + up->part_bytes - 1) / up->part_bytes > ATH__S3_PARTS_MAX)
        up->part_bytes *= 2;
    if (up->size <= up->multipart_from)
        send_copy(up);
    else
        send_create(up);
}

static void send_head(struct ath__s3_upload *up) {
    struct ath__s3_call *s = ath__s3_call_new(
        &up->s3, "HeadObject", "HEAD", up->source_bucket, up->source_key, head_done);
    if (s)
        s->header_use = ATH__S3_HEADERS_SOURCE;
    if (!s || ath__s3_copy_source_keys(up, s) ||
        (up->source_version_id && ath__s3_call_query(s, "versionId", up->source_version_id)))
        fail_nomem(up);
    else
        ath__s3_call_start(s);
}

/* A stream turns into one PutObject when it ends within a part. */
static void follow_stream(struct ath__s3_upload *up) {
    bool ended, several;
    struct ath_op *op = &up->s3.op;
    if (up->io.phase != ATH__S3_UPLOAD_IDLE) {
        pump(up);
        return;
    }
    pthread_mutex_lock(&op->lock);
    ended = up->stream.ended;
    several = up->stream.pieces > 1;
    pthread_mutex_unlock(&op->lock);
    if (several) {
        send_create(up);
    } else if (ended) {
        struct ath__s3_piece *piece = ath__s3_stream_take(up, &ended);
        send_single(up, piece ? ath__buf_slice(&piece->bytes) : ath__slice(NULL, 0), piece);
    }
}

/* -- operation --------------------------------------------------------------------------------- */

static void give_up(struct ath__s3_upload *up) {
    struct ath__call *call = ath__s3_op_first_call(&up->s3);
    bool decisive =
        up->io.phase == ATH__S3_UPLOAD_CREATING || up->io.phase == ATH__S3_UPLOAD_COMPLETING;
    if (up->io.phase >= ATH__S3_UPLOAD_ABORTING || up->io.given_up)
        return;
    ath__err_set(&up->late.err, ATH_ERR_CANCELLED, "the transfer was cancelled");
    if (!decisive || !call || !ath__call_may_have_arrived(call)) {
        struct ath_error err = up->late.err;
        fail(up, &err);
        return;
    }
    /* Its answer tells which upload is to be aborted, or that the object is there. */
    up->io.given_up = true;
    call->unwanted = true;
    ath__s3_stream_drop(up);
    ath__op_set_lends(&up->s3.op, false);
    ath__s3_late_limit(&up->late);
}

static void upload_start(struct ath_op *op, unsigned commands) {
    struct ath__s3_upload *up = upload_of(op);
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON)) {
        fail_with(up, ATH_ERR_CANCELLED, "the transfer was cancelled");
        return;
    }
    if (ath__s3_late_prepare(&up->late, &up->s3)) {
        fail_nomem(up);
        return;
    }
    if (up->source == ATH__S3_COPY) {
        send_head(up);
    } else if (up->source == ATH__S3_STREAM) {
        follow_stream(up);
    } else if (up->size > up->part_bytes) {
        send_create(up);
    } else if (up->source == ATH__S3_MEMORY) {
        send_single(up, up->body, NULL);
    } else {
        up->io.phase = ATH__S3_UPLOAD_SINGLE;
        read_piece(up, 0, up->size);
    }
}

static void upload_command(struct ath_op *op, unsigned commands) {
    struct ath__s3_upload *up = upload_of(op);
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        give_up(up);
    else if (commands & ATH__OP_CREDIT)
        follow_stream(up);
}

static void upload_abort(struct ath_op *op) {
    struct ath__s3_upload *up = upload_of(op);
    struct ath_error err;
    ath__err_set(&err, ATH_ERR_SHUTDOWN, "the library is shutting down");
    if (up->io.upload_id.len)
        log_left(up, "the process ends");
    finish(up, &err);
}

static void upload_free(struct ath_op *op) {
    struct ath__s3_upload *up = upload_of(op);
    /* Of a stream that was written before its operation could not begin. */
    atomic_fetch_sub_explicit(
        &op->client->stats.budget_used, (int64_t)up->stream.bytes, memory_order_relaxed);
    ath__s3_pieces_drop(&up->stream.full);
    ath__s3_piece_free(up->stream.filling);
    if (up->fd >= 0)
        close(up->fd);
    ath__free(up->io.parts);
    ath__free(up->io.checksums);
    ath__buf_clear(&up->io.upload_id);
    ath__buf_clear(&up->io.source_head);
    ath__s3_op_clear(&up->s3);
    ath__free(up);
}

const struct ath__op_type ath__s3_upload_type = {
    .start = upload_start,
    .command = upload_command,
    .abort = upload_abort,
    .wants_stop = ath__s3_never_wants_stop,
    .free = upload_free,
    .is_s3 = true,
};

int ath__s3_upload_new(
    struct ath_client *client,
    struct ath_queue *queue,
    void *user,
    struct ath__s3_upload **out_up,
    struct ath_error *err) {
    struct ath__s3_upload *up = ath__alloc_zero(sizeof *up);
    if (!up)
        return ath__err_nomem(err);
    int rc = ath__s3_op_init(&up->s3, &ath__s3_upload_type, client, queue, user, err);
    if (rc)
        return rc;
    up->fd = -1;
    ath__list_init(&up->stream.full);
    ath__list_init(&up->io.reading);
    ath__buf_init(&up->io.upload_id, 8192);
    *out_up = up;
    return 0;
}
