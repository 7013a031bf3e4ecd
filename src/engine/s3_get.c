/* Reading an object: the first range tells size and ETag, the rest comes by parallel ranges that
 * carry it. Into the caller's memory, or as an ordered stream within the client's byte budget. */
#include "engine/s3_internal.h"

#include <stdio.h>

#define PARALLEL_DEFAULT 16u
/* So that the byte budget has room for as many ranges as go at once. */
#define STREAM_PART_BYTES (4 * ATH__MIB)
#define CHANGED "GetObject: the object changed while it was read"
#define NOT_THE_RANGE "GetObject: the answer is not the range that was asked for"

struct ath_s3_chunk {
    struct ath__ready_batch ready; /* first */
    struct ath__node order;        /* get->io.order, by offset */
    char *ptr;
    size_t len;
    bool is_whole;
};

struct s3_get {
    struct ath__s3_op s3; /* first */
    const char *version_id, *if_match;
    uint64_t offset;
    int64_t length;
    char *into;
    size_t into_len;
    uint64_t part_bytes;
    uint32_t parallel;
    struct {
        bool is_sized;
        const char *etag; /* in s3.arena */
        uint64_t size, end, next;
        uint32_t in_flight;
        struct ath__s3_sum sum; /* of a get of the whole object */
        struct ath__node order; /* chunks asked for and not ready */
    } io;
};

static const struct ath__op_type s_get_type;
static void pump(struct s3_get *get);

static struct s3_get *get_of(struct ath__s3_op *s3) {
    return ATH__CONTAINER(s3, struct s3_get, s3);
}

static struct s3_get *get_of_op(struct ath_op *op) {
    return ATH__CONTAINER(op, struct s3_get, s3.op);
}

/* -- chunks ------------------------------------------------------------------------------------ */

static void budget_add(struct s3_get *get, int64_t bytes) {
    atomic_fetch_add_explicit(&get->s3.op.client->stats.budget_used, bytes, memory_order_relaxed);
}

void ath_s3_chunk_release(struct ath_s3_chunk *chunk) {
    if (!chunk)
        return;
    ath__free(chunk->ptr);
    ath__free(chunk);
}

static void drop_chunk(struct ath__ready_batch *ready) {
    ath_s3_chunk_release(ATH__CONTAINER(ready, struct ath_s3_chunk, ready));
}

/* `ptr` becomes the chunk's; the bytes are reserved. */
static struct ath_s3_chunk *chunk_new(struct s3_get *get, char *ptr, size_t len) {
    struct ath_s3_chunk *chunk = ath__alloc_zero(sizeof *chunk);
    if (!chunk)
        return NULL;
    chunk->ptr = ptr;
    chunk->len = len;
    chunk->ready.bytes = len;
    chunk->ready.drop = drop_chunk;
    ath__list_add(&get->io.order, &chunk->order);
    budget_add(get, (int64_t)len);
    return chunk;
}

static void hand_over(struct s3_get *get) {
    while (!ath__list_is_empty(&get->io.order)) {
        struct ath_s3_chunk *chunk = ATH__CONTAINER(get->io.order.next, struct ath_s3_chunk, order);
        if (!chunk->is_whole)
            return;
        ath__list_remove(&chunk->order);
        ath__op_push_batch(&get->s3.op, &chunk->ready, true);
    }
}

static void free_order(struct s3_get *get) {
    struct ath__node *node;
    while ((node = ath__list_pop(&get->io.order))) {
        struct ath_s3_chunk *chunk = ATH__CONTAINER(node, struct ath_s3_chunk, order);
        budget_add(get, -(int64_t)chunk->ready.bytes);
        ath_s3_chunk_release(chunk);
    }
}

/* -- the end ----------------------------------------------------------------------------------- */

static void end(struct s3_get *get, const struct ath_error *err) {
    ath__s3_op_drop_calls(&get->s3); /* before their memory */
    free_order(get);
    ath__s3_op_end(&get->s3, err);
}

static void end_with(struct s3_get *get, int code, const char *message) {
    struct ath_error err;
    ath__err_set(&err, code, "%s", message);
    end(get, &err);
}

/* All has come; are they the object's bytes? */
static void end_well(struct s3_get *get) {
    struct ath_error err = {0};
    end(get, ath__s3_sum_check(&get->io.sum, &err) ? &err : NULL);
}

static void end_nomem(struct s3_get *get) {
    end_with(get, ATH_ERR_NOMEM, "out of memory");
}

/* -- answers ----------------------------------------------------------------------------------- */

static const char *
copy_header(struct s3_get *get, const struct ath__exchange *x, const char *name) {
    return ath__arena_copy(&get->s3.arena, ath__exchange_header(x, name));
}

/* Where the bytes of an answer begin and how long the object is; false when it is not the range
 * that was asked for. */
static bool read_place(const struct ath__s3_call *s, uint64_t *out_last, uint64_t *out_size) {
    const struct ath__exchange *x = &s->call.io.x;
    uint64_t first;
    return ath__s3_range_parse(
               ath__exchange_header(x, "Content-Range"), &first, out_last, out_size) &&
           first == s->first + s->into_done && *out_last < s->first + s->len;
}

/* Bytes of the object that If-Match named; not every server knows it. */
static bool is_same(const struct ath__s3_call *s) {
    struct ath_slice etag = ath__exchange_header(&s->call.io.x, "ETag");
    return !etag.ptr || !s->if_match || ath__slice_is(etag, s->if_match);
}

/* The first range broke off: its head may tell what to ask for next. */
static bool accept_first(struct ath__s3_call *s) {
    struct s3_get *get = get_of(s->s3);
    uint64_t last, size;
    struct ath_slice etag = ath__exchange_header(&s->call.io.x, "ETag");
    if (!etag.ptr || !read_place(s, &last, &size))
        return false;
    if (s->into_done)
        return size == get->io.size && is_same(s);
    const char *copy = copy_header(get, &s->call.io.x, "ETag");
    if (!copy)
        return false;
    s->if_match = copy; /* whatever the program's condition was */
    get->io.size = size;
    if (size < s->first + s->len) /* no bytes past the end are to come */
        s->len = size - s->first;
    return true;
}

static bool accept_range(struct ath__s3_call *s) {
    uint64_t last, size;
    return read_place(s, &last, &size) && size == get_of(s->s3)->io.size && is_same(s);
}

static uint64_t got(const struct ath__s3_call *s) {
    return s->into ? s->into_done + s->call.io.x.into_used : s->call.answer.len;
}

/* Fewer bytes than the answer itself says: true when it is asked for again. */
static bool asks_again(struct ath__s3_call *s) {
    struct ath_error err;
    uint64_t last, size;
    if (!is_same(s) || !read_place(s, &last, &size) || got(s) >= last + 1 - s->first)
        return false;
    ath__err_set(&err, ATH_ERR_PROTOCOL, "%s", NOT_THE_RANGE);
    return ath__call_reject(&s->call, &err);
}

/* -- requests ---------------------------------------------------------------------------------- */

static struct ath__s3_call *new_call(
    struct s3_get *get,
    const char *operation,
    const char *method,
    void (*done)(struct ath__call *call)) {
    struct ath__s3_call *s =
        ath__s3_call_new(&get->s3, operation, method, get->s3.bucket, get->s3.key, done);
    if (s && get->version_id && ath__s3_call_query(s, "versionId", get->version_id)) {
        ath__s3_call_free(s);
        return NULL;
    }
    if (s)
        s->if_match = get->io.etag ? get->io.etag : get->if_match;
    return s;
}

static void range_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct s3_get *get = get_of(s->s3);
    struct ath_s3_chunk *chunk = s->item;
    struct ath_error err = call->err;
    uint64_t last = 0, size = 0, len = s->len;
    if (call->result) {
        if (err.http_status == 412 || err.http_status == 404)
            ath__err_prefix(&err, "the object changed while it was read");
        end(get, &err);
        return;
    }
    if (asks_again(s))
        return;
    bool same = is_same(s);
    bool right = same && read_place(s, &last, &size) && size == get->io.size &&
                 last == s->first + len - 1 && got(s) == len;
    if (right && get->io.sum.algorithm)
        ath__s3_sum_add(&get->io.sum, ath__slice(s->into, (size_t)len), size - last - 1);
    ath__s3_call_free(s);
    if (!right) {
        end_with(get, ATH_ERR_PROTOCOL, same ? NOT_THE_RANGE : CHANGED);
        return;
    }
    get->io.in_flight--;
    atomic_fetch_add_explicit(&get->s3.transferred, len, memory_order_relaxed);
    if (chunk) {
        chunk->is_whole = true;
        hand_over(get);
    }
    pump(get);
}

/* True when memory was there. */
static bool request_range(struct s3_get *get, uint64_t len) {
    struct ath__s3_call *s = new_call(get, "GetObject", "GET", range_done);
    if (!s)
        return false;
    char *into = get->into ? get->into + (get->io.next - get->offset) : ath__alloc((size_t)len);
    if (into && !get->into) {
        s->item = chunk_new(get, into, (size_t)len);
        if (!s->item) {
            ath__free(into);
            into = NULL;
        }
    }
    if (!into) {
        ath__s3_call_free(s);
        return false;
    }
    s->into = into;
    s->into_len = (size_t)len;
    s->is_range = true;
    s->first = get->io.next;
    s->len = len;
    s->accepts = accept_range;
    get->io.next += len;
    get->io.in_flight++;
    ath__s3_call_start(s);
    return true;
}

/* A stream owns one range outside the budget: the one that is next for the program. */
static bool has_room(struct s3_get *get, uint64_t len) {
    struct ath_op *op = &get->s3.op;
    if (get->into)
        return true;
    int64_t used = atomic_load_explicit(&op->client->stats.budget_used, memory_order_relaxed);
    pthread_mutex_lock(&op->lock);
    bool owns_none = op->shared.batch_bytes == 0 && ath__list_is_empty(&get->io.order);
    bool room = owns_none || used + (int64_t)len <= op->client->config.budget_bytes;
    op->shared.want_credit = !room;
    pthread_mutex_unlock(&op->lock);
    return room;
}

static void pump(struct s3_get *get) {
    if (!get->io.is_sized)
        return;
    while (get->io.next < get->io.end && get->io.in_flight < get->parallel) {
        uint64_t len = get->io.end - get->io.next;
        if (len > get->part_bytes)
            len = get->part_bytes;
        if (!has_room(get, len))
            return;
        if (!request_range(get, len)) {
            end_nomem(get);
            return;
        }
    }
    if (get->io.next >= get->io.end && get->io.in_flight == 0)
        end_well(get);
}

/* -- the first answer -------------------------------------------------------------------------- */

static int find_end(struct s3_get *get, uint64_t size, struct ath_error *err) {
    uint64_t end = size;
    if (get->length >= 0 &&
        (uint64_t)get->length < size - (get->offset < size ? get->offset : size))
        end = get->offset + (uint64_t)get->length;
    if (end < get->offset)
        end = get->offset;
    get->io.size = size;
    get->io.end = end;
    get->io.is_sized = true;
    atomic_store_explicit(&get->s3.object_size, (int64_t)size, memory_order_relaxed);
    if (get->into && end - get->offset > get->into_len)
        return ath__err_set(
            err,
            ATH_ERR_TOO_LARGE,
            "GetObject: %llu bytes do not fit into the %zu that there is room for",
            (unsigned long long)(end - get->offset),
            get->into_len);
    return 0;
}

static int read_first(struct s3_get *get, struct ath__s3_call *s, struct ath_error *err) {
    const struct ath__exchange *x = &s->call.io.x;
    uint64_t last = 0, size = got(s), len = size;
    bool whole = ath__s3_is_whole(x); /* of a server that knows no ranges */
    bool right = whole ? get->offset == 0 && s->into_done == 0
                       : read_place(s, &last, &size) && size <= INT64_MAX;
    if (!whole && right) {
        uint64_t wanted = s->first + s->len < size ? s->first + s->len : size;
        right = last + 1 == wanted && len == wanted - s->first;
    }
    if (!right || (s->into_done && !is_same(s)))
        return ath__err_set(err, ATH_ERR_PROTOCOL, "%s", right ? CHANGED : NOT_THE_RANGE);
    int rc = find_end(get, size, err);
    if (rc)
        return rc;
    struct ath_slice bytes = get->into ? ath__slice(get->into, (size_t)len) : s->call.answer;
    if (get->offset == 0 && get->io.end == size && get->part_bytes <= ATH__S3_SUM_MAX &&
        len <= ATH__S3_SUM_MAX)
        ath__s3_sum_read(x, &get->io.sum);
    if (get->io.sum.algorithm)
        ath__s3_sum_add(&get->io.sum, bytes, size - len);
    get->io.next = get->offset + len;
    if (get->io.next > get->io.end)
        get->io.next = get->io.end; /* a server without ranges sent more than was wanted */
    get->io.etag = s->if_match;
    if (ath__exchange_header(x, "ETag").ptr) { /* that of one version; "*" is of any */
        get->io.etag = copy_header(get, x, "ETag");
        if (!get->io.etag)
            return ath__err_nomem(err);
    }
    if (!get->io.etag && get->io.next < get->io.end)
        return ath__err_set(
            err, ATH_ERR_PROTOCOL, "GetObject: the answer has no ETag to hold the ranges together");
    return 0;
}

/* The bytes of the first answer become a stream's first chunk without a copy. */
static bool keep_first(struct s3_get *get, struct ath__s3_call *s) {
    struct ath__buf *answer = &s->call.io.x.answer;
    size_t len = (size_t)(get->io.next - get->offset);
    atomic_fetch_add_explicit(&get->s3.transferred, len, memory_order_relaxed);
    if (get->into || len == 0)
        return true;
    struct ath_s3_chunk *chunk = chunk_new(get, answer->ptr, len);
    if (!chunk)
        return false;
    ath__buf_init(answer, 0);
    chunk->is_whole = true;
    return true;
}

static void head_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct s3_get *get = get_of(s->s3);
    struct ath_error err = call->err;
    uint64_t size = 0;
    int rc = call->result;
    if (!rc && (!ath__slice_to_u64(ath__exchange_header(&call->io.x, "Content-Length"), &size) ||
                size > INT64_MAX))
        rc = ath__err_set(&err, ATH_ERR_PROTOCOL, "HeadObject: the answer tells no size");
    if (!rc)
        rc = find_end(get, size, &err);
    if (!rc && get->io.end > get->offset)
        rc = ath__err_set(
            &err, ATH_ERR_PROTOCOL, "GetObject: a range within the object was called past its end");
    if (call->io.x.result == 0)
        ath__s3_op_tell_answer(&get->s3, s);
    if (rc) {
        end(get, &err);
        return;
    }
    ath__op_emit(&get->s3.op, ATH_EVENT_RESULT, NULL);
    end(get, NULL);
}

/* Nothing to read, or nothing there: only size and headers are wanted. */
static void request_head(struct s3_get *get) {
    struct ath__s3_call *s = new_call(get, "HeadObject", "HEAD", head_done);
    if (!s) {
        end_nomem(get);
        return;
    }
    ath__s3_call_start(s);
}

static void first_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct s3_get *get = get_of(s->s3);
    struct ath_error err = call->err;
    int rc = call->result;
    if (rc && err.http_status == 416) { /* empty, or the offset is past the end */
        ath__s3_call_free(s);
        request_head(get);
        return;
    }
    if (!rc && asks_again(s))
        return;
    if (!rc)
        rc = read_first(get, s, &err);
    if (!rc && !keep_first(get, s))
        rc = ath__err_nomem(&err);
    if (call->io.x.result == 0 && (call->result || !rc))
        ath__s3_op_tell_answer(&get->s3, s);
    if (rc) {
        end(get, &err);
        return;
    }
    ath__s3_call_free(s);
    ath__op_emit(&get->s3.op, ATH_EVENT_RESULT, NULL);
    hand_over(get);
    pump(get);
}

static void request_first(struct s3_get *get) {
    uint64_t len = get->part_bytes;
    if (get->length >= 0 && (uint64_t)get->length < len)
        len = (uint64_t)get->length;
    if (get->into && get->into_len < len)
        len = get->into_len;
    if (len == 0) {
        request_head(get);
        return;
    }
    struct ath__s3_call *s = new_call(get, "GetObject", "GET", first_done);
    bool asks = get->offset == 0 && get->s3.op.client->config.s3_checksums == 1 &&
                !ath__s3_pair_has(get->s3.headers, get->s3.headers_count, "x-amz-checksum-mode");
    if (!s || (asks && ath__s3_call_header(s, "x-amz-checksum-mode", "ENABLED"))) {
        end_nomem(get);
        return;
    }
    s->is_range = true;
    s->first = get->offset;
    s->len = len;
    s->into = get->into;
    s->into_len = get->into ? get->offset == 0 ? get->into_len : (size_t)len : 0;
    s->accepts = accept_first;
    if (len > s->call.answer_max)
        s->call.answer_max = (size_t)len;
    ath__s3_call_start(s);
}

/* -- operation --------------------------------------------------------------------------------- */

static void get_start(struct ath_op *op, unsigned commands) {
    struct s3_get *get = get_of_op(op);
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        end_with(get, ATH_ERR_CANCELLED, "the transfer was cancelled");
    else
        request_first(get);
}

static void get_command(struct ath_op *op, unsigned commands) {
    struct s3_get *get = get_of_op(op);
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        end_with(get, ATH_ERR_CANCELLED, "the transfer was cancelled");
    else if (commands & ATH__OP_CREDIT)
        pump(get);
}

static void get_abort(struct ath_op *op) {
    end_with(get_of_op(op), ATH_ERR_SHUTDOWN, "the library is shutting down");
}

static void get_free(struct ath_op *op) {
    struct s3_get *get = get_of_op(op);
    ath__s3_op_clear(&get->s3);
    ath__free(get);
}

static const struct ath__op_type s_get_type = {
    .start = get_start,
    .command = get_command,
    .abort = get_abort,
    .wants_stop = ath__s3_never_wants_stop,
    .free = get_free,
    .is_s3 = true,
};

/* -- the program's side ------------------------------------------------------------------------ */

static int check(const struct ath_s3_get_options *options, struct ath_error *err) {
    if (!options->bucket || options->key.len == 0)
        return ath__err_set(err, ATH_ERR_INVALID, "get: a bucket and a key are needed");
    if (options->length < -1)
        return ath__err_set(err, ATH_ERR_INVALID, "length: -1 or a number of bytes");
    if (options->offset > INT64_MAX ||
        (options->length > 0 && options->offset > (uint64_t)(INT64_MAX - options->length)))
        return ath__err_set(err, ATH_ERR_INVALID, "offset: past what an object can hold");
    if (options->into && options->length >= 0 && options->into_len < (uint64_t)options->length)
        return ath__err_set(err, ATH_ERR_INVALID, "into_len: shorter than length");
    if (options->part_bytes > ATH__S3_PART_MAX)
        return ath__err_set(err, ATH_ERR_INVALID, "part_bytes: more than 5 GiB");
    if (options->parallel > ATH__S3_PARALLEL_MAX)
        return ath__err_set(err, ATH_ERR_INVALID, "parallel: more than %u", ATH__S3_PARALLEL_MAX);
    return 0;
}

static int
fill(struct s3_get *get, const struct ath_s3_get_options *options, struct ath_error *err) {
    get->version_id = options->version_id;
    get->if_match = options->if_match;
    get->offset = options->offset;
    get->length = options->length;
    get->into = options->into;
    get->into_len = options->into_len;
    get->part_bytes = options->part_bytes ? options->part_bytes
                      : options->into     ? ATH__S3_PART_BYTES
                                          : STREAM_PART_BYTES;
    get->parallel = options->parallel ? options->parallel : PARALLEL_DEFAULT;
    ath__list_init(&get->io.order);
    int rc = ath__s3_copy_text(&get->s3, &get->version_id, err);
    if (!rc)
        rc = ath__s3_copy_text(&get->s3, &get->if_match, err);
    return rc ? rc
              : ath__s3_op_fill(
                    &get->s3,
                    options->bucket,
                    options->key,
                    options->headers,
                    options->headers_count,
                    err);
}

int ath_s3_get_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_get_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_s3_get_options options;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (!rc)
        rc = check(&options, err);
    if (rc)
        return rc;
    struct s3_get *get = ath__alloc_zero(sizeof *get);
    if (!get)
        return ath__err_nomem(err);
    rc = ath__s3_op_init(&get->s3, &s_get_type, client, queue, options.user, err);
    if (rc)
        return rc;
    rc = fill(get, &options, err);
    return ath__s3_op_submit(&get->s3, rc, options.into != NULL, out_op, err);
}

int ath_s3_chunk_next(struct ath_op *op, struct ath_s3_chunk **out_chunk, struct ath_error *err) {
    struct ath__ready_batch *ready;
    if (ath__op_is_forked(op))
        return ath__err_set(err, ATH_ERR_FORKED, "the operation belongs to the parent process");
    if (!ath__s3_op_of(op, &s_get_type))
        return ath__err_set(err, ATH_ERR_STATE, "chunk_next: the operation is no get");
    int rc = ath__op_take_batch(op, &ready, err);
    if (rc == 1)
        *out_chunk = ATH__CONTAINER(ready, struct ath_s3_chunk, ready);
    return rc;
}

struct ath_slice ath_s3_chunk_bytes(const struct ath_s3_chunk *chunk) {
    return ath__slice(chunk->ptr, chunk->len);
}
