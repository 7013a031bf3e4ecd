/* The ground of every S3 operation: copies of options, the answer that is kept, the end. */
#include "engine/s3_internal.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <stdio.h>

#define LATE_WAIT_NS (2 * ATH__SECOND)
#define HEADERS_MAX 18 /* of the program's; the rest of ATH__REQUEST_HEADERS_MAX is ours */

/* -- options ----------------------------------------------------------------------------------- */

/* Headers that the engine writes itself, or that would change how the request is framed. */
static bool is_ours(struct ath_slice name) {
    static const char *const names[] = {
        "Host",
        "Authorization",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Expect",
        "X-Amz-Date",
        "X-Amz-Security-Token",
        "X-Amz-Content-Sha256",
        "User-Agent",
        "Trailer",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "X-Amzn-Trace-Id",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ath__slice_eq_nocase(name, ath__slice_str(names[i])))
            return true;
    return false;
}

static bool is_token(const char *text) {
    for (const char *p = text; *p; p++)
        if (!ath__is_alnum(*p) && !strchr("!#$%&'*+-.^_`|~", *p))
            return false;
    return *text != '\0';
}

static bool is_value(const char *text) {
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

static int check_headers(const struct ath_s3_pair *pairs, size_t count, struct ath_error *err) {
    if (count > HEADERS_MAX)
        return ath__err_set(
            err, ATH_ERR_INVALID, "headers: %zu are more than %d", count, HEADERS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = pairs[i].name;
        if (!name || !is_token(name))
            return ath__err_set(
                err, ATH_ERR_INVALID, "headers: number %zu has no valid name", i + 1);
        if (is_ours(ath__slice_str(name)))
            return ath__err_set(
                err, ATH_ERR_INVALID, "headers: %.60s is written by the library", name);
        if (!pairs[i].value || !is_value(pairs[i].value))
            return ath__err_set(
                err, ATH_ERR_INVALID, "headers: the value of %.60s has control characters", name);
    }
    return 0;
}

int ath__s3_copy_text(struct ath__s3_op *s3, const char **text, struct ath_error *err) {
    if (!*text)
        return 0;
    *text = ath__arena_copy(&s3->arena, ath__slice_str(*text));
    return *text ? 0 : ath__err_nomem(err);
}

int ath__s3_copy_slice(struct ath__s3_op *s3, struct ath_slice *text, struct ath_error *err) {
    if (text->len == 0)
        return 0;
    text->ptr = ath__arena_copy(&s3->arena, *text);
    return text->ptr ? 0 : ath__err_nomem(err);
}

static int copy_pairs(
    struct ath__s3_op *s3, const struct ath_s3_pair *pairs, size_t count, struct ath_error *err) {
    struct ath_s3_pair *copies = ath__arena_alloc(&s3->arena, (count + 1) * sizeof *copies);
    int rc = copies ? 0 : ath__err_nomem(err);
    for (size_t i = 0; !rc && i < count; i++) {
        copies[i] = pairs[i];
        rc = ath__s3_copy_text(s3, &copies[i].name, err);
        if (!rc)
            rc = ath__s3_copy_text(s3, &copies[i].value, err);
    }
    s3->headers = copies;
    s3->headers_count = rc ? 0 : count;
    return rc;
}

/* -- begin and end ----------------------------------------------------------------------------- */

int ath__s3_op_init(
    struct ath__s3_op *s3,
    const struct ath__op_type *type,
    struct ath_client *client,
    struct ath_queue *queue,
    void *user,
    struct ath_error *err) {
    int rc = ath__op_init(&s3->op, type, client, queue, user, err);
    if (rc) {
        ath__free(s3);
        return rc;
    }
    atomic_init(&s3->object_size, -1);
    atomic_init(&s3->transferred, 0);
    ath__list_init(&s3->io.calls);
    ath__buf_init(&s3->answer.head, 64u << 10);
    ath__buf_init(&s3->answer.body, SIZE_MAX);
    return 0;
}

int ath__s3_op_fill(
    struct ath__s3_op *s3,
    const char *bucket,
    struct ath_slice key,
    const struct ath_s3_pair *headers,
    size_t headers_count,
    struct ath_error *err) {
    struct ath__s3_place place;
    struct ath__arena scratch = {0};
    int rc = ath__s3_locate(&s3->op.client->config, NULL, bucket, key, &scratch, &place, err);
    ath__arena_clear(&scratch);
    if (!rc)
        rc = check_headers(headers, headers_count, err);
    s3->bucket = bucket;
    s3->key = key;
    if (!rc)
        rc = ath__s3_copy_text(s3, &s3->bucket, err);
    if (!rc)
        rc = ath__s3_copy_slice(s3, &s3->key, err);
    return rc ? rc : copy_pairs(s3, headers, headers_count, err);
}

int ath__s3_op_submit(
    struct ath__s3_op *s3, int rc, bool lends, struct ath_op **out_op, struct ath_error *err) {
    if (!rc) {
        *out_op = &s3->op; /* before anyone can hear of it */
        s3->op.shared.lends = lends;
        rc = ath__op_submit(&s3->op, err);
        if (rc)
            *out_op = NULL;
    }
    if (rc)
        ath_op_release(&s3->op);
    return rc;
}

void ath__s3_op_clear(struct ath__s3_op *s3) {
    ath__arena_clear(&s3->arena);
    ath__buf_clear(&s3->answer.head);
    ath__buf_clear(&s3->answer.body);
}

struct ath__s3_op *ath__s3_op_of(const struct ath_op *op, const struct ath__op_type *type) {
    if (!op || ath__op_is_forked(op) || !op->type->is_s3 || (type && op->type != type))
        return NULL;
    return ATH__CONTAINER((struct ath_op *)(uintptr_t)op, struct ath__s3_op, op);
}

/* -- I/O thread -------------------------------------------------------------------------------- */

void ath__s3_op_tell_answer(struct ath__s3_op *s3, struct ath__s3_call *call) {
    struct ath__exchange *x = &call->call.io.x;
    if (s3->answer.is_told || x->status == 0)
        return;
    s3->answer.status = x->status;
    s3->answer.head = x->head;
    ath__buf_init(&x->head, 0);
    s3->answer.body = x->answer;
    ath__buf_init(&x->answer, 0);
    pthread_mutex_lock(&s3->op.lock);
    s3->answer.is_told = true;
    pthread_mutex_unlock(&s3->op.lock);
}

struct ath__call *ath__s3_op_first_call(const struct ath__s3_op *s3) {
    struct ath__node *first = s3->io.calls.next;
    return first == &s3->io.calls ? NULL : &ATH__CONTAINER(first, struct ath__s3_call, node)->call;
}

void ath__s3_op_drop_calls(struct ath__s3_op *s3) {
    struct ath__node *node;
    while ((node = s3->io.calls.next) != &s3->io.calls)
        ath__s3_call_free(ATH__CONTAINER(node, struct ath__s3_call, node));
}

void ath__s3_op_end(struct ath__s3_op *s3, const struct ath_error *err) {
    ath__s3_op_drop_calls(s3);
    ath__op_finish(&s3->op, err);
}

bool ath__s3_never_wants_stop(const struct ath_op *op) {
    (void)op;
    return false;
}

/* -- an end that comes late -------------------------------------------------------------------- */

static void late_fire(struct ath__timer *timer) {
    struct ath__s3_late *late = ATH__CONTAINER(timer, struct ath__s3_late, timer);
    ath__op_tell_done(&late->s3->op, &late->err);
}

int ath__s3_late_prepare(struct ath__s3_late *late, struct ath__s3_op *s3) {
    int rc = ath__timers_reserve(s3->op.runtime, 1);
    late->s3 = s3;
    late->timer.fire = late_fire;
    late->is_ready = rc == 0;
    return rc;
}

void ath__s3_late_limit(struct ath__s3_late *late) {
    struct ath__runtime *runtime = late->s3->op.runtime;
    if (late->timer.node.index == 0)
        ath__timer_set(runtime, &late->timer, ath__now_ns(runtime) + LATE_WAIT_NS);
}

void ath__s3_late_clear(struct ath__s3_late *late) {
    if (!late->is_ready)
        return;
    ath__timer_stop(late->s3->op.runtime, &late->timer);
    ath__timers_unreserve(late->s3->op.runtime, 1);
    late->is_ready = false;
}

/* -- the program's side ------------------------------------------------------------------------ */

static struct ath__s3_op *answered(const struct ath_op *op) {
    struct ath__s3_op *s3 = ath__s3_op_of(op, NULL);
    if (!s3)
        return NULL;
    pthread_mutex_lock(&s3->op.lock);
    bool told = s3->answer.is_told;
    pthread_mutex_unlock(&s3->op.lock);
    return told ? s3 : NULL;
}

int ath_s3_status(const struct ath_op *op) {
    const struct ath__s3_op *s3 = answered(op);
    return s3 ? s3->answer.status : 0;
}

struct ath_slice ath_s3_header(const struct ath_op *op, const char *name) {
    const struct ath__s3_op *s3 = answered(op);
    if (!s3)
        return (struct ath_slice){NULL, 0};
    struct ath__exchange head = {.head = s3->answer.head};
    return ath__exchange_header(&head, name);
}

struct ath_slice ath_s3_head(const struct ath_op *op) {
    const struct ath__s3_op *s3 = answered(op);
    return s3 ? ath__buf_slice(&s3->answer.head) : (struct ath_slice){NULL, 0};
}

struct ath_slice ath_s3_body(const struct ath_op *op) {
    const struct ath__s3_op *s3 = answered(op);
    return s3 ? ath__buf_slice(&s3->answer.body) : (struct ath_slice){NULL, 0};
}

int64_t ath_s3_object_size(const struct ath_op *op) {
    const struct ath__s3_op *s3 = ath__s3_op_of(op, NULL);
    return s3 ? atomic_load_explicit(&s3->object_size, memory_order_relaxed) : -1;
}

uint64_t ath_s3_transferred(const struct ath_op *op) {
    const struct ath__s3_op *s3 = ath__s3_op_of(op, NULL);
    return s3 ? atomic_load_explicit(&s3->transferred, memory_order_relaxed) : 0;
}
