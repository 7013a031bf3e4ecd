/* The program's side of puts: options, and the stream that it writes. */
#include "engine/s3_upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define STREAM_GROWS_EVERY 2500u
#define PARALLEL_DEFAULT 8u

static struct ath__s3_upload *upload_of(const struct ath_op *op) {
    struct ath__s3_op *s3 = ath__s3_op_of(op, &ath__s3_upload_type);
    return s3 ? ATH__CONTAINER(s3, struct ath__s3_upload, s3) : NULL;
}

/* -- pieces ------------------------------------------------------------------------------------ */

struct ath__s3_piece *ath__s3_piece_new(size_t max) {
    struct ath__s3_piece *piece = ath__alloc_zero(sizeof *piece);
    if (piece)
        ath__buf_init(&piece->bytes, max);
    return piece;
}

void ath__s3_piece_free(struct ath__s3_piece *piece) {
    if (!piece)
        return;
    ath__list_remove(&piece->node);
    ath__list_remove(&piece->task.node);
    ath__buf_clear(&piece->bytes);
    ath__free(piece);
}

uint64_t ath__s3_stream_part_bytes(const struct ath__s3_upload *up, uint32_t number) {
    uint64_t bytes = up->part_bytes << (number - 1) / STREAM_GROWS_EVERY;
    return bytes < ATH__S3_PART_MAX ? bytes : ATH__S3_PART_MAX;
}

/* -- parts, of copies too ---------------------------------------------------------------------- */

int ath__s3_check_parts(uint64_t part_bytes, uint32_t parallel, struct ath_error *err) {
    if (part_bytes && (part_bytes < ATH__S3_PART_MIN || part_bytes > ATH__S3_PART_MAX))
        return ath__err_set(err, ATH_ERR_INVALID, "part_bytes: 5 MiB to 5 GiB");
    if (parallel > ATH__S3_PARALLEL_MAX)
        return ath__err_set(err, ATH_ERR_INVALID, "parallel: more than %u", ATH__S3_PARALLEL_MAX);
    return 0;
}

/* -- put --------------------------------------------------------------------------------------- */

static int check_put(const struct ath_s3_put_options *options, struct ath_error *err) {
    int sources = (options->body.len != 0) + (options->path != NULL) + options->is_stream;
    if (!options->bucket || options->key.len == 0)
        return ath__err_set(err, ATH_ERR_INVALID, "put: a bucket and a key are needed");
    if (sources > 1)
        return ath__err_set(err, ATH_ERR_INVALID, "put: one of body, path and is_stream");
    if (options->if_none_match && strcmp(options->if_none_match, "*") != 0)
        return ath__err_set(err, ATH_ERR_INVALID, "if_none_match: only \"*\"");
    return ath__s3_check_parts(options->part_bytes, options->parallel, err);
}

static int open_file(struct ath__s3_upload *up, const char *path, struct ath_error *err) {
    struct stat about;
    up->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (up->fd < 0) {
        int code = errno == ENOENT   ? ATH_ERR_NOT_FOUND
                   : errno == EACCES ? ATH_ERR_ACCESS
                                     : ATH_ERR_SYSTEM;
        return ath__err_set(err, code, "path: %.500s: %s", path, strerror(errno));
    }
    if (fstat(up->fd, &about) || !S_ISREG(about.st_mode))
        return ath__err_set(err, ATH_ERR_INVALID, "path: %.500s is no regular file", path);
    up->size = (uint64_t)about.st_size;
    return 0;
}

/* Parts so long that 10,000 suffice. */
static int choose_parts(struct ath__s3_upload *up, struct ath_error *err) {
    uint64_t least = up->size / ATH__S3_PARTS_MAX + 1;
    if (up->size > up->part_bytes && least > up->part_bytes)
        up->part_bytes = (least + ATH__MIB - 1) / ATH__MIB * ATH__MIB;
    if (up->part_bytes > ATH__S3_PART_MAX)
        return ath__err_set(err, ATH_ERR_INVALID, "put: more than an object can hold");
    return 0;
}

static int fill_put(
    struct ath__s3_upload *up, const struct ath_s3_put_options *options, struct ath_error *err) {
    int rc = 0;
    up->source = options->is_stream ? ATH__S3_STREAM
                 : options->path    ? ATH__S3_FILE
                                    : ATH__S3_MEMORY;
    up->body = options->body;
    up->size = options->body.len;
    up->part_bytes = options->part_bytes ? options->part_bytes : ATH__S3_PART_BYTES;
    up->parallel = options->parallel ? options->parallel : PARALLEL_DEFAULT;
    up->if_none_match = options->if_none_match;
    up->if_match = options->if_match;
    up->s3.op.shared.is_writable = options->is_stream;
    if (options->path)
        rc = open_file(up, options->path, err);
    if (!rc)
        rc = choose_parts(up, err);
    if (!rc)
        rc = ath__s3_copy_text(&up->s3, &up->if_none_match, err);
    if (!rc)
        rc = ath__s3_copy_text(&up->s3, &up->if_match, err);
    if (!rc && !options->is_stream)
        atomic_init(&up->s3.object_size, (int64_t)up->size);
    if (!rc)
        rc = ath__s3_op_fill(
            &up->s3, options->bucket, options->key, options->headers, options->headers_count, err);
    return rc ? rc : ath__s3_check_algorithm(&up->s3, err);
}

int ath_s3_put_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_put_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_s3_put_options options;
    struct ath__s3_upload *up;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (!rc)
        rc = check_put(&options, err);
    if (!rc)
        rc = ath__s3_upload_new(client, queue, options.user, &up, err);
    if (rc)
        return rc;
    rc = fill_put(up, &options, err);
    return ath__s3_op_submit(&up->s3, rc, options.body.len != 0, out_op, err);
}

/* -- the stream, on the I/O thread --------------------------------------------------------------
 */

void ath__s3_stream_drop(struct ath__s3_upload *up) {
    struct ath_op *op = &up->s3.op;
    pthread_mutex_lock(&op->lock);
    ath__s3_pieces_drop(&up->stream.full);
    ath__s3_piece_free(up->stream.filling);
    up->stream.filling = NULL;
    uint64_t bytes = up->stream.bytes;
    up->stream.bytes = 0;
    up->stream.closed = true;
    pthread_mutex_unlock(&op->lock);
    atomic_fetch_sub_explicit(&op->client->stats.budget_used, (int64_t)bytes, memory_order_relaxed);
}

void ath__s3_stream_stored(struct ath__s3_upload *up, size_t bytes) {
    struct ath_op *op = &up->s3.op;
    if (up->source != ATH__S3_STREAM)
        return;
    pthread_mutex_lock(&op->lock);
    up->stream.bytes -= bytes;
    bool ended = up->stream.ended;
    pthread_mutex_unlock(&op->lock);
    atomic_fetch_sub_explicit(&op->client->stats.budget_used, (int64_t)bytes, memory_order_relaxed);
    if (!ended)
        ath__op_set_writable(op, true);
}

struct ath__s3_piece *ath__s3_stream_take(struct ath__s3_upload *up, bool *out_ended) {
    struct ath_op *op = &up->s3.op;
    pthread_mutex_lock(&op->lock);
    struct ath__node *node = ath__list_pop(&up->stream.full);
    *out_ended = up->stream.ended && ath__list_is_empty(&up->stream.full);
    pthread_mutex_unlock(&op->lock);
    return node ? ATH__CONTAINER(node, struct ath__s3_piece, node) : NULL;
}

/* -- the stream -------------------------------------------------------------------------------- */

/* Whether so many bytes more are taken now: a stream's first part is outside the budget. */
static bool has_room(const struct ath__s3_upload *up, size_t more) {
    const struct ath_client *client = up->s3.op.client;
    if (up->stream.bytes == 0)
        return true;
    int64_t used = atomic_load_explicit(&client->stats.budget_used, memory_order_relaxed);
    uint64_t part = ath__s3_stream_part_bytes(up, up->stream.pieces ? up->stream.pieces : 1);
    uint64_t limit = part * (up->parallel + 1);
    uint64_t after = up->stream.bytes + more;
    return after <= part || (after <= limit && used + (int64_t)more <= client->config.budget_bytes);
}

struct filled {
    struct ath__node fresh; /* pieces begun by this write */
    struct ath__s3_piece *last;
    uint32_t pieces;
};

/* Copies all bytes, or is undone by the caller. */
static int copy_in(struct ath__s3_upload *up, struct ath_slice bytes, struct filled *filled) {
    while (bytes.len) {
        struct ath__s3_piece *piece = filled->last;
        if (!piece || piece->bytes.len == piece->bytes.max) {
            if (filled->pieces >= ATH__S3_PARTS_MAX)
                return ATH_ERR_TOO_LARGE;
            piece = ath__s3_piece_new((size_t)ath__s3_stream_part_bytes(up, filled->pieces + 1));
            if (!piece)
                return ATH_ERR_NOMEM;
            filled->pieces++;
            ath__list_add(&filled->fresh, &piece->node);
            filled->last = piece;
        }
        size_t n = piece->bytes.max - piece->bytes.len;
        if (n > bytes.len)
            n = bytes.len;
        int rc = ath__buf_add(&piece->bytes, bytes.ptr, n);
        if (rc)
            return rc;
        bytes.ptr += n;
        bytes.len -= n;
    }
    return 0;
}

/* With op.lock held. 0, or an error and nothing taken. */
static int take_in(struct ath__s3_upload *up, struct ath_slice bytes, bool *out_full) {
    struct ath__s3_piece *before = up->stream.filling;
    size_t before_len = before ? before->bytes.len : 0;
    struct filled filled = {.last = before, .pieces = up->stream.pieces};
    struct ath__node *node;
    ath__list_init(&filled.fresh);
    int rc = copy_in(up, bytes, &filled);
    if (rc) {
        while ((node = ath__list_pop(&filled.fresh)))
            ath__s3_piece_free(ATH__CONTAINER(node, struct ath__s3_piece, node));
        if (before)
            before->bytes.len = before_len;
        return rc;
    }
    if (filled.last != before && before)
        ath__list_add(&up->stream.full, &before->node);
    while ((node = ath__list_pop(&filled.fresh)))
        if (node != &filled.last->node)
            ath__list_add(&up->stream.full, node);
    *out_full = filled.pieces > 1 && filled.pieces != up->stream.pieces;
    up->stream.filling = filled.last;
    up->stream.pieces = filled.pieces;
    up->stream.bytes += bytes.len;
    return 0;
}

static int check_stream(struct ath__s3_upload *up, const char *what, struct ath_error *err) {
    struct ath_op *op = &up->s3.op;
    if (op->shared.code) {
        if (err)
            *err = op->shared.error;
        return op->shared.code;
    }
    if (up->stream.ended || (op->shared.bits & ATH_WAIT_DONE))
        return ath__err_set(err, ATH_ERR_STATE, "%s: the stream has ended", what);
    if (up->stream.closed) /* the final event comes when the upload is aborted */
        return ath__err_set(err, ATH_ERR_CANCELLED, "%s: the transfer is given up", what);
    return 0;
}

static int find_stream(
    struct ath_op *op, const char *what, struct ath__s3_upload **out_up, struct ath_error *err) {
    if (ath__op_is_forked(op))
        return ath__err_set(err, ATH_ERR_FORKED, "the operation belongs to the parent process");
    *out_up = upload_of(op);
    if (!*out_up || (*out_up)->source != ATH__S3_STREAM)
        return ath__err_set(err, ATH_ERR_STATE, "%s: the operation is no put with a stream", what);
    return 0;
}

int ath_s3_put_write(struct ath_op *op, struct ath_slice bytes, struct ath_error *err) {
    struct ath__s3_upload *up = NULL;
    bool full = false, room = true;
    int rc = find_stream(op, "put_write", &up, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&op->lock);
    rc = check_stream(up, "put_write", err);
    if (!rc) {
        room = has_room(up, bytes.len);
        op->shared.is_writable = room;
        if (room) {
            rc = take_in(up, bytes, &full);
            if (rc)
                ath__err_set(
                    err,
                    rc,
                    "put_write: %s",
                    rc == ATH_ERR_TOO_LARGE ? "more than 10,000 parts" : ath_error_text(rc));
        }
        if (room && !rc)
            atomic_fetch_add_explicit(
                &op->client->stats.budget_used, (int64_t)bytes.len, memory_order_relaxed);
    }
    pthread_mutex_unlock(&op->lock);
    if (full)
        ath__mailbox_post(op->runtime, &op->mailbox, ATH__OP_CREDIT);
    return rc ? rc : !room;
}

int ath_s3_put_end(struct ath_op *op, struct ath_error *err) {
    struct ath__s3_upload *up = NULL;
    int rc = find_stream(op, "put_end", &up, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&op->lock);
    rc = check_stream(up, "put_end", err);
    if (!rc) {
        up->stream.ended = true;
        op->shared.is_writable = false;
        if (up->stream.filling)
            ath__list_add(&up->stream.full, &up->stream.filling->node);
        up->stream.filling = NULL;
    }
    pthread_mutex_unlock(&op->lock);
    if (!rc)
        ath__mailbox_post(op->runtime, &op->mailbox, ATH__OP_CREDIT);
    return rc;
}
