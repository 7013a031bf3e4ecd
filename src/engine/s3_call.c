/* Any single operation of S3's REST API. */
#include "engine/s3_sweep.h"

struct s3_call_op {
    struct ath__s3_op s3; /* first */
    const char *operation;
    const char *method;
    struct ath__buf query;
    struct ath_slice body;
    void *into;
    size_t into_len;
    /* Of calls that begin or abort an upload, which go on when nobody waits any more. */
    struct ath__s3_late late;
    struct ath__s3_sweep sweep;
    bool given_up; /* cancelled */
    bool is_over;  /* the end is known; what may be left is looked for */
};

static struct s3_call_op *call_op_of(struct ath_op *op) {
    return ATH__CONTAINER(op, struct s3_call_op, s3.op);
}

static void end_with(struct ath_op *op, int code, const char *message) {
    struct ath_error err;
    ath__err_set(&err, code, "%s", message);
    ath__s3_op_end(&call_op_of(op)->s3, &err);
}

static int check_sum(const struct ath__s3_call *s, struct ath_error *err) {
    const struct ath__exchange *x = &s->call.io.x;
    struct ath_slice bytes = s->into ? ath__slice(s->into, x->into_used) : s->call.answer;
    struct ath__s3_sum sum;
    if (!ath__s3_is_whole(x) || strcmp(s->call.operation, "GetObject") != 0 ||
        bytes.len > ATH__S3_SUM_MAX)
        return 0;
    ath__s3_sum_read(x, &sum);
    if (sum.algorithm)
        ath__s3_sum_add(&sum, bytes, 0);
    return ath__s3_sum_check(&sum, err);
}

/* XML, after the blanks that S3 sends while it works; SelectObjectContent answers with none. */
static bool is_document(struct ath_slice answer) {
    return ath__slice_starts(ath__slice_trim(answer), "<");
}

/* -- uploads that begin and end ---------------------------------------------------------------- */

/* An upload that has begun costs money until it is aborted, so these calls go on when the program
 * gives them up, and uploads nobody knows of are looked for. */

static void end_late(struct s3_call_op *one) {
    ath__s3_late_clear(&one->late);
    ath__s3_op_end(&one->s3, &one->late.err);
}

static void swept(struct ath__s3_sweep *sweep) {
    end_late(ATH__CONTAINER(sweep, struct s3_call_op, sweep));
}

/* The id an answer tells, for the sweep. */
static int read_upload_id(struct s3_call_op *one, struct ath_slice answer, struct ath_error *err) {
    struct ath__buf id;
    ath__buf_init(&id, 8192);
    int rc = ath__s3_upload_parse(answer, &id, err);
    if (!rc) {
        one->sweep.own = ath__arena_copy(&one->s3.arena, ath__buf_slice(&id));
        rc = one->sweep.own ? 0 : ath__err_nomem(err);
    }
    ath__buf_clear(&id);
    return rc;
}

static void kept_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct s3_call_op *one = call_op_of(&s->s3->op);
    bool begins = strcmp(one->operation, "CreateMultipartUpload") == 0;
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc && begins) {
        rc = read_upload_id(one, call->answer, &err);
        s->is_unclear = s->is_unclear || rc;
        if (rc == ATH_ERR_PROTOCOL && ath__call_reject(call, &err))
            return;
    }
    bool is_lost = begins && s->is_unclear;
    if (call->io.x.result == 0)
        ath__s3_op_tell_answer(&one->s3, s);
    if (!one->given_up)
        one->late.err = rc ? err : (struct ath_error){0};
    else if (begins && !rc)
        one->sweep.ids[one->sweep.count++] = one->sweep.own;
    if (!is_lost && one->sweep.count == 0) {
        end_late(one);
        return;
    }
    one->is_over = true;
    one->sweep.to_ns = ath__now_ns(call->runtime);
    ath__call_free(call);
    ath__s3_late_limit(&one->late);
    if (is_lost)
        ath__s3_sweep_search(&one->sweep);
    else
        ath__s3_sweep_abort(&one->sweep);
}

/* -- operation --------------------------------------------------------------------------------- */

static void call_done(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct ath__s3_op *s3 = s->s3;
    struct ath_error err = call->err;
    int rc = call->result;
    if (!rc && s->may_hide_error && is_document(call->answer) && ath__s3_call_is_cut(s, &rc, &err))
        return;
    if (!rc)
        rc = check_sum(s, &err);
    if (call->io.x.result == 0)
        ath__s3_op_tell_answer(s3, s);
    ath__s3_op_end(s3, rc ? &err : NULL);
}

/* Requests for which S3 wants a checksum whatever the data, and those whose data gets one. */
static void protect(const struct s3_call_op *one, struct ath__s3_call *s) {
    bool is_data =
        strcmp(one->operation, "PutObject") == 0 || strcmp(one->operation, "UploadPart") == 0;
    bool is_required = !is_data && (strncmp(one->operation, "Put", 3) == 0 ||
                                    strcmp(one->operation, "DeleteObjects") == 0);
    if (is_data || is_required)
        ath__s3_call_protect(s, is_required);
}

static bool hides_errors(const struct s3_call_op *one) {
    return strcmp(one->method, "POST") == 0 ||
           ath__s3_pair_has(one->s3.headers, one->s3.headers_count, "x-amz-copy-source");
}

/* Whether a call goes on when it is given up; one that uses memory of the program's cannot. */
static bool is_kept(const struct s3_call_op *one) {
    return one->s3.key.len && !one->body.len && !one->into &&
           (strcmp(one->operation, "CreateMultipartUpload") == 0 ||
            strcmp(one->operation, "AbortMultipartUpload") == 0);
}

static int prepare_late(struct s3_call_op *one) {
    if (!is_kept(one))
        return 0;
    one->sweep.s3 = &one->s3;
    one->sweep.done = swept;
    one->sweep.from_ns = ath__now_ns(one->s3.op.runtime);
    return ath__s3_late_prepare(&one->late, &one->s3);
}

static void give_up(struct s3_call_op *one) {
    struct ath__call *call = ath__s3_op_first_call(&one->s3);
    bool begins = strcmp(one->operation, "CreateMultipartUpload") == 0;
    if (one->is_over || one->given_up)
        return;
    if (!one->late.is_ready || !call || (begins && !ath__call_may_have_arrived(call))) {
        ath__s3_late_clear(&one->late);
        end_with(&one->s3.op, ATH_ERR_CANCELLED, "the call was cancelled");
        return;
    }
    ath__err_set(&one->late.err, ATH_ERR_CANCELLED, "the call was cancelled");
    one->given_up = true;
    call->unwanted = begins;
    ath__s3_late_limit(&one->late);
}

static void call_start(struct ath_op *op, unsigned commands) {
    struct s3_call_op *one = call_op_of(op);
    bool is_unwanted = commands & (ATH__OP_CANCEL | ATH__OP_ABANDON);
    if (is_unwanted && strcmp(one->operation, "AbortMultipartUpload") != 0) {
        end_with(op, ATH_ERR_CANCELLED, "the call was cancelled");
        return;
    }
    struct ath__s3_call *s = NULL;
    if (prepare_late(one) == 0)
        s = ath__s3_call_new(
            &one->s3,
            one->operation,
            one->method,
            one->s3.bucket,
            one->s3.key,
            one->late.is_ready ? kept_done : call_done);
    if (!s) {
        ath__s3_late_clear(&one->late);
        end_with(op, ATH_ERR_NOMEM, "out of memory");
        return;
    }
    s->query = one->query;
    ath__buf_init(&one->query, 0);
    s->body = one->body;
    s->into = one->into;
    s->into_len = one->into_len;
    s->may_hide_error = !one->into && hides_errors(one);
    s->answers_late = s->may_hide_error;
    protect(one, s);
    ath__s3_call_start(s);
    if (is_unwanted)
        give_up(one);
}

static void call_command(struct ath_op *op, unsigned commands) {
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        give_up(call_op_of(op));
}

static void call_abort(struct ath_op *op) {
    ath__s3_late_clear(&call_op_of(op)->late);
    end_with(op, ATH_ERR_SHUTDOWN, "the library is shutting down");
}

static void call_free(struct ath_op *op) {
    struct s3_call_op *one = call_op_of(op);
    ath__buf_clear(&one->query);
    ath__s3_op_clear(&one->s3);
    ath__free(one);
}

static const struct ath__op_type s_call_type = {
    .start = call_start,
    .command = call_command,
    .abort = call_abort,
    .wants_stop = ath__s3_never_wants_stop,
    .free = call_free,
    .is_s3 = true,
};

bool ath__s3_call_builds_object(struct ath_op *op) {
    static const char *const operations[] = {
        "CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"};
    if (op->type != &s_call_type)
        return false;
    const struct s3_call_op *one = call_op_of(op);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(one->operation, operations[i]) == 0)
            return true;
    return false;
}

static const char *find_method(const char *method) {
    static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE"};
    for (size_t i = 0; method && i < sizeof methods / sizeof *methods; i++)
        if (strcmp(method, methods[i]) == 0)
            return methods[i];
    return NULL;
}

static int
fill(struct s3_call_op *one, const struct ath_s3_call_options *options, struct ath_error *err) {
    one->operation = options->operation;
    one->method = find_method(options->method);
    one->body = options->body;
    one->into = options->into;
    one->into_len = options->into_len;
    ath__buf_init(&one->query, 64u << 10);
    if (!one->method)
        return ath__err_set(err, ATH_ERR_INVALID, "method: GET, HEAD, PUT, POST or DELETE");
    if (!one->operation || !*one->operation || strlen(one->operation) > 39)
        return ath__err_set(err, ATH_ERR_INVALID, "operation: 1 to 39 characters");
    for (size_t i = 0; i < options->query_count; i++)
        if (!options->query[i].name || !*options->query[i].name)
            return ath__err_set(err, ATH_ERR_INVALID, "query: number %zu has no name", i + 1);
    int rc = ath__s3_query_build(options->query, options->query_count, &one->query);
    if (rc)
        return ath__err_set(err, rc, "query: %s", ath_error_text(rc));
    rc = ath__s3_copy_text(&one->s3, &one->operation, err);
    return rc ? rc
              : ath__s3_op_fill(
                    &one->s3,
                    options->bucket,
                    options->key,
                    options->headers,
                    options->headers_count,
                    err);
}

int ath_s3_call_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_call_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_s3_call_options options;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (rc)
        return rc;
    struct s3_call_op *one = ath__alloc_zero(sizeof *one);
    if (!one)
        return ath__err_nomem(err);
    rc = ath__s3_op_init(&one->s3, &s_call_type, client, queue, options.user, err);
    if (rc)
        return rc;
    rc = fill(one, &options, err);
    return ath__s3_op_submit(&one->s3, rc, options.body.len || options.into, out_op, err);
}
