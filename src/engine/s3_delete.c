/* Deleting many objects of one bucket. */
#include "engine/s3_internal.h"

#include <stdio.h>

#define BATCH_KEYS 1000u
#define PARALLEL 8u

struct s3_delete {
    struct ath__s3_op s3;     /* first */
    struct ath_slice *keys;   /* those that XML carries first */
    const char **version_ids; /* NULL: none */
    size_t count;
    size_t batched;                   /* so many of them by DeleteObjects */
    struct ath__s3_failures failures; /* nobody reads them before DONE */
    struct {
        size_t next;
        uint32_t in_flight;
    } io;
};

static const struct ath__op_type s_delete_type;
static void pump(struct s3_delete *del);

static struct s3_delete *delete_of(struct ath_op *op) {
    return ATH__CONTAINER(op, struct s3_delete, s3.op);
}

static void end_with(struct s3_delete *del, int code, const char *message) {
    struct ath_error err;
    ath__err_set(&err, code, "%s", message);
    ath__s3_op_end(&del->s3, &err);
}

static const char *version_of(const struct s3_delete *del, size_t i) {
    const char *version = del->version_ids ? del->version_ids[i] : NULL;
    return version && *version ? version : NULL;
}

/* -- one request ------------------------------------------------------------------------------- */

static int add_failure(struct s3_delete *del, size_t i, const struct ath_error *why) {
    struct ath__s3_failures *failures = &del->failures;
    if (failures->count == failures->cap) {
        size_t cap = failures->cap ? 2 * failures->cap : 16;
        struct ath_s3_failure *items = ath__realloc_array(failures->items, cap, sizeof *items);
        if (!items)
            return ATH_ERR_NOMEM;
        failures->items = items;
        failures->cap = cap;
    }
    const char *code = ath__arena_copy(&failures->arena, ath__slice_str(why->service_code));
    const char *message = ath__arena_copy(&failures->arena, ath__slice_str(why->message));
    if (!code || !message)
        return ATH_ERR_NOMEM;
    failures->items[failures->count++] = (struct ath_s3_failure){
        .key = del->keys[i],
        .version_id = ath__slice_str(version_of(del, i)),
        .code = ath__slice_str(code),
        .message = ath__slice_str(message),
    };
    return 0;
}

static void
go_on(struct s3_delete *del, struct ath__s3_call *s, int rc, const struct ath_error *err) {
    struct ath_error kept = *err;
    if (rc) {
        if (s->call.io.x.result == 0 && s->call.result)
            ath__s3_op_tell_answer(&del->s3, s);
        ath__s3_op_end(&del->s3, &kept);
        return;
    }
    ath__s3_call_free(s);
    del->io.in_flight--;
    pump(del);
}

static void batch_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct s3_delete *del = ATH__CONTAINER(s->s3, struct s3_delete, s3);
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc) {
        rc = ath__s3_delete_parse(call->answer, &del->failures, &err);
        if (rc)
            ath__err_prefix(&err, "DeleteObjects");
        if (rc == ATH_ERR_PROTOCOL && ath__call_reject(call, &err))
            return;
        if (!rc)
            atomic_fetch_add_explicit(&del->s3.transferred, s->len, memory_order_relaxed);
    }
    go_on(del, s, rc, &err);
}

/* A key that is refused alone is one failure more; what hits every key ends the whole. */
static void single_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct s3_delete *del = ATH__CONTAINER(s->s3, struct s3_delete, s3);
    struct ath_error err = call->err;
    int rc = call->result;
    if (rc && call->io.x.result == 0 && err.service_code[0] && err.http_status != 503 &&
        strcmp(err.service_code, "NoSuchBucket") != 0) {
        rc = add_failure(del, (size_t)s->number, &err);
        if (rc)
            ath__err_nomem(&err);
    }
    go_on(del, s, rc, &err);
}

static bool send_batch(struct s3_delete *del, size_t from, size_t count) {
    struct ath__s3_call *s = ath__s3_call_new(
        &del->s3, "DeleteObjects", "POST", del->s3.bucket, ath__slice(NULL, 0), batch_done);
    if (!s || ath__s3_call_query(s, "delete", "") ||
        ath__s3_call_header(s, "Content-Type", "application/xml") ||
        ath__s3_delete_build(
            del->keys + from,
            del->version_ids ? del->version_ids + from : NULL,
            count,
            &s->call.body))
        return false;
    s->body = ath__buf_slice(&s->call.body);
    s->len = count;
    s->may_hide_error = true;
    ath__s3_call_protect(s, true);
    ath__s3_call_start(s);
    return true;
}

static bool send_single(struct s3_delete *del, size_t i) {
    struct ath__s3_call *s = ath__s3_call_new(
        &del->s3, "DeleteObject", "DELETE", del->s3.bucket, del->keys[i], single_done);
    const char *version = version_of(del, i);
    if (!s || (version && ath__s3_call_query(s, "versionId", version)))
        return false;
    s->number = i;
    ath__s3_call_start(s);
    return true;
}

static void pump(struct s3_delete *del) {
    while (del->io.next < del->count && del->io.in_flight < PARALLEL) {
        size_t from = del->io.next;
        bool is_batch = from < del->batched;
        size_t count = is_batch ? del->batched - from : 1;
        if (count > BATCH_KEYS)
            count = BATCH_KEYS;
        del->io.next += count;
        del->io.in_flight++;
        if (!(is_batch ? send_batch(del, from, count) : send_single(del, from))) {
            end_with(del, ATH_ERR_NOMEM, "out of memory");
            return;
        }
    }
    if (del->io.in_flight == 0)
        ath__s3_op_end(&del->s3, NULL);
}

/* -- operation --------------------------------------------------------------------------------- */

static void delete_start(struct ath_op *op, unsigned commands) {
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        end_with(delete_of(op), ATH_ERR_CANCELLED, "the deletion was cancelled");
    else
        pump(delete_of(op));
}

static void delete_command(struct ath_op *op, unsigned commands) {
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        end_with(delete_of(op), ATH_ERR_CANCELLED, "the deletion was cancelled");
}

static void delete_abort(struct ath_op *op) {
    end_with(delete_of(op), ATH_ERR_SHUTDOWN, "the library is shutting down");
}

static void delete_free(struct ath_op *op) {
    struct s3_delete *del = delete_of(op);
    ath__s3_failures_clear(&del->failures);
    ath__free(del->keys);
    ath__free(del->version_ids);
    ath__s3_op_clear(&del->s3);
    ath__free(del);
}

static const struct ath__op_type s_delete_type = {
    .start = delete_start,
    .command = delete_command,
    .abort = delete_abort,
    .wants_stop = ath__s3_never_wants_stop,
    .free = delete_free,
    .is_s3 = true,
};

/* -- the program's side ------------------------------------------------------------------------ */

static int check_key(
    const struct s3_delete *del, size_t i, const struct ath_slice *key, struct ath_error *err) {
    struct ath__s3_place place;
    struct ath__arena scratch = {0};
    if (key->len == 0)
        return ath__err_set(err, ATH_ERR_INVALID, "keys: number %zu is empty", i + 1);
    int rc = ath__s3_locate(
        &del->s3.op.client->config, NULL, del->s3.bucket, *key, &scratch, &place, err);
    ath__arena_clear(&scratch);
    return rc;
}

static int put_key(
    struct s3_delete *del,
    size_t at,
    struct ath_slice key,
    const char *version,
    struct ath_error *err) {
    int rc = ath__s3_copy_slice(&del->s3, &key, err);
    if (!rc)
        rc = ath__s3_copy_text(&del->s3, &version, err);
    if (rc)
        return rc;
    del->keys[at] = key;
    if (del->version_ids)
        del->version_ids[at] = version;
    return 0;
}

static int copy_keys(
    struct s3_delete *del, const struct ath_s3_delete_options *options, struct ath_error *err) {
    size_t front = 0, back = options->count;
    int rc = 0;
    del->count = options->count;
    del->keys = ath__realloc_array(NULL, options->count + 1, sizeof *del->keys);
    if (options->version_ids)
        del->version_ids = ath__realloc_array(NULL, options->count + 1, sizeof *del->version_ids);
    if (!del->keys || (options->version_ids && !del->version_ids))
        return ath__err_nomem(err);
    for (size_t i = 0; !rc && i < options->count; i++) {
        const char *version = options->version_ids ? options->version_ids[i] : NULL;
        bool fits = ath__s3_key_fits_xml(options->keys[i]) &&
                    (!version || ath__s3_key_fits_xml(ath__slice_str(version)));
        rc = check_key(del, i, &options->keys[i], err);
        if (!rc)
            rc = put_key(del, fits ? front++ : --back, options->keys[i], version, err);
    }
    del->batched = front;
    return rc;
}

static int
fill(struct s3_delete *del, const struct ath_s3_delete_options *options, struct ath_error *err) {
    if (!options->bucket || (options->count && !options->keys))
        return ath__err_set(err, ATH_ERR_INVALID, "delete: a bucket and keys are needed");
    int rc = ath__s3_op_fill(
        &del->s3,
        options->bucket,
        ath__slice(NULL, 0),
        options->headers,
        options->headers_count,
        err);
    return rc ? rc : copy_keys(del, options, err);
}

int ath_s3_delete_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_delete_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_s3_delete_options options;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (rc)
        return rc;
    struct s3_delete *del = ath__alloc_zero(sizeof *del);
    if (!del)
        return ath__err_nomem(err);
    rc = ath__s3_op_init(&del->s3, &s_delete_type, client, queue, options.user, err);
    if (rc)
        return rc;
    rc = fill(del, &options, err);
    return ath__s3_op_submit(&del->s3, rc, false, out_op, err);
}

const struct ath_s3_failure *ath_s3_delete_failures(const struct ath_op *op, size_t *out_count) {
    struct ath__s3_op *s3 = ath__s3_op_of(op, &s_delete_type);
    *out_count = 0;
    if (!s3 || !ath_op_is_done(op))
        return NULL;
    const struct s3_delete *del = ATH__CONTAINER(s3, struct s3_delete, s3);
    *out_count = del->failures.count;
    return del->failures.items;
}
