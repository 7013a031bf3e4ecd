/* One S3 request: place, headers, digests, signature; what its failure means. */
#include "engine/s3_internal.h"

#include "base/ascii.h"

#include <stdio.h>

#define STEP_BYTES ((size_t)256 << 10)
#define SLOWEST_BYTES ((uint64_t)256 << 10) /* a second: what a deadline grows by */
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct ath__s3_call *ath__s3_call_of(struct ath__call *call) {
    return ATH__CONTAINER(call, struct ath__s3_call, call);
}

static bool is_https(const struct ath__config *config) {
    return ath__s3_is_aws(config) || config->s3.https;
}

bool ath__s3_name_starts(struct ath_slice name, const char *prefix) {
    size_t len = strlen(prefix);
    return name.len > len &&
           ath__slice_eq_nocase(ath__slice(name.ptr, len), ath__slice(prefix, len));
}

bool ath__s3_pair_has(const struct ath_s3_pair *pairs, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (ath__slice_eq_nocase(ath__slice_str(pairs[i].name), ath__slice_str(name)))
            return true;
    return false;
}

bool ath__s3_is_whole(const struct ath__exchange *x) {
    return x->status == 200 && !ath__exchange_header(x, "Content-Range").ptr;
}

bool ath__s3_range_parse(
    struct ath_slice text, uint64_t *out_first, uint64_t *out_last, uint64_t *out_size) {
    struct ath_slice unit = ath__slice_split(&text, ' ');
    struct ath_slice first = ath__slice_split(&text, '-');
    struct ath_slice last = ath__slice_split(&text, '/');
    return ath__slice_eq_nocase(unit, ATH__SLICE_LIT("bytes")) &&
           ath__slice_to_u64(first, out_first) && ath__slice_to_u64(last, out_last) &&
           ath__slice_to_u64(text, out_size) && *out_first <= *out_last && *out_last < *out_size;
}

/* -- one attempt ------------------------------------------------------------------------------- */

static struct ath__http_route *
make_route(struct ath__s3_call *s, const struct ath__s3_place *place) {
    const struct ath__config *config = &s->call.client->config;
    struct ath__http_route *route = ath__arena_alloc(&s->call.io.arena, sizeof *route);
    if (!route)
        return NULL;
    const char *proxy = place->https ? config->https_proxy : config->http_proxy;
    if (proxy && ath__no_proxy_covers(config->no_proxy, place->host))
        proxy = NULL;
    *route = ath__route_of(config, place->https, place->host, place->port, proxy);
    return route;
}

static const char *make_target(struct ath__s3_call *s, const char *path) {
    size_t path_len = strlen(path), query_len = s->query.len;
    char *target = ath__arena_alloc(&s->call.io.arena, path_len + query_len + 2);
    if (!target)
        return NULL;
    memcpy(target, path, path_len);
    if (query_len) {
        target[path_len++] = '?';
        memcpy(target + path_len, s->query.ptr, query_len);
    }
    target[path_len + query_len] = '\0';
    return target;
}

static bool goes_along(int use, const char *name) {
    struct ath_slice text = ath__slice_str(name);
    if (use == ATH__S3_HEADERS_ALL)
        return true;
    if (use == ATH__S3_HEADERS_CREATE)
        return !ath__s3_is_about_body(name);
    if (ath__slice_eq_nocase(text, ATH__SLICE_LIT("x-amz-request-payer")))
        return true;
    if (use == ATH__S3_HEADERS_SOURCE)
        return false;
    if (ath__slice_eq_nocase(text, ATH__SLICE_LIT("x-amz-expected-bucket-owner")))
        return true;
    if (use == ATH__S3_HEADERS_ACCESS)
        return false;
    return ath__s3_name_starts(text, "x-amz-server-side-encryption-customer-") ||
           (use == ATH__S3_HEADERS_COPY &&
            ath__s3_name_starts(text, "x-amz-copy-source-server-side-encryption-customer-"));
}

static int add_pair(struct ath__request *request, const char *name, const char *value) {
    return ath__request_add(request, ath__slice_str(name), ath__slice_str(value));
}

/* Ours and the program's; they live as long as the operation. */
static int add_given(struct ath__s3_call *s, struct ath__request *request) {
    int rc = 0;
    for (size_t i = 0; !rc && i < s->own_count; i++)
        rc = add_pair(request, s->own[i].name, s->own[i].value);
    for (size_t i = 0; !rc && i < s->s3->headers_count; i++) {
        const struct ath_s3_pair *pair = &s->s3->headers[i];
        if (goes_along(s->header_use, pair->name) &&
            !ath__s3_pair_has(s->own, s->own_count, pair->name))
            rc = add_pair(request, pair->name, pair->value);
    }
    if (!rc && s->if_match)
        rc = add_pair(request, "If-Match", s->if_match);
    return rc;
}

static int add_headers(struct ath__s3_call *s, struct ath__request *request, const char *hash) {
    struct ath__call *call = &s->call;
    char text[64];
    int rc = ath__request_add(request, ATH__SLICE_LIT("Host"), request->host);
    if (!rc)
        rc = add_pair(request, "x-amz-content-sha256", hash);
    if (!rc && s->checksum)
        rc = add_pair(request, ath__checksum_header(s->checksum), s->checksum_text);
    if (!rc && s->wants_md5)
        rc = add_pair(request, "Content-MD5", s->digest.md5);
    if (!rc)
        rc = add_given(s, request);
    if (!rc && s->is_range) {
        snprintf(
            text,
            sizeof text,
            "bytes=%llu-%llu",
            (unsigned long long)(s->first + s->into_done),
            (unsigned long long)(s->first + s->len - 1));
        rc = ath__call_add_header(call, request, "Range", text);
    }
    return rc ? rc : ath__call_add_common(call, request);
}

static int fill_exchange(
    struct ath__s3_call *s,
    const struct ath__request *request,
    const struct ath__s3_place *place,
    struct ath_error *err) {
    struct ath__exchange *x = &s->call.io.x;
    x->route = make_route(s, place);
    x->target = make_target(s, place->path);
    if (!x->route || !x->target)
        return ath__err_nomem(err);
    x->method = request->method;
    x->headers = request->headers;
    x->headers_count = request->headers_count;
    x->body = request->body;
    x->body_max = s->call.answer_max;
    x->owner = &s->call;
    if (s->into) {
        x->into = (char *)s->into + s->into_done;
        x->into_len = s->into_len - s->into_done;
    }
    return 0;
}

static int build(struct ath__call *call, struct ath_error *err) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    const struct ath__config *config = &call->client->config;
    struct ath__s3_place place;
    snprintf(
        s->region,
        sizeof s->region,
        "%s",
        s->bucket->region[0] ? s->bucket->region : config->region);
    int rc =
        ath__s3_locate(config, s->region, s->bucket_name, s->key, &call->io.arena, &place, err);
    if (rc)
        return rc;
    struct ath__request *request = ath__arena_alloc(&call->io.arena, sizeof *request);
    if (!request)
        return ath__err_nomem(err);
    *request = (struct ath__request){
        .method = s->method,
        .host = ath__slice_str(place.authority),
        .path = ath__slice_str(place.path),
        .query = ath__buf_slice(&s->query),
        .body = s->body,
    };
    const char *hash = s->digest.needs_hash ? s->digest.payload_hash
                       : s->body.len        ? "UNSIGNED-PAYLOAD"
                                            : EMPTY_HASH;
    rc = add_headers(s, request, hash);
    if (rc)
        return ath__err_set(err, rc, "%s: %s", call->operation, ath_error_text(rc));
    struct ath__signing signing = {
        .service = "s3",
        .region = s->region,
        .single_encode = true,
        .payload_hash = hash,
        .key = &s->bucket->signing_key,
    };
    rc = ath__account_sign(
        call->account, request, &signing, &call->io.arena, &call->io.keys_version, err);
    return rc ? rc : fill_exchange(s, request, &place, err);
}

/* -- answers ----------------------------------------------------------------------------------- */

static bool is_2xx(const struct ath__call *call) {
    return call->io.x.status >= 200 && call->io.x.status < 300;
}

static bool is_success(const struct ath__call *call) {
    const struct ath__s3_call *s = ath__s3_call_of((struct ath__call *)(uintptr_t)call);
    struct ath__aws_error aws;
    return is_2xx(call) &&
           !(s->may_hide_error &&
             ath__s3_is_error_in_success(
                 ath__buf_slice(&call->io.x.answer), call->client->config.retry_codes, &aws));
}

/* A bucket in another region is asked for there, once. */
static bool is_elsewhere(const struct ath__s3_call *s, const char *region) {
    int status = s->call.io.x.status;
    return s->bucket_name && region[0] && strcmp(region, s->region) != 0 &&
           ath__s3_is_aws(&s->call.client->config) &&
           (status == 301 || status == 307 || status == 400 || status == 403);
}

static void read_error(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    struct ath__exchange *x = &call->io.x;
    const char *codes = call->client->config.retry_codes;
    struct ath__aws_error aws;
    char region[64] = "";
    if (is_2xx(call))
        ath__s3_is_error_in_success(ath__buf_slice(&x->answer), codes, &aws);
    else
        ath__s3_error_parse(
            x->status,
            ath__buf_slice(&x->answer),
            ath__exchange_header(x, "x-amz-bucket-region"),
            codes,
            call->account->skew_s,
            &aws,
            region);
    ath__aws_error_fill(
        &aws,
        call->operation,
        x->status,
        ath__exchange_header(x, "x-amz-request-id"),
        call->io.attempts,
        &call->err);
    call->retry_class = aws.retry;
    if (x->status >= 500 && aws.kind != ATH_ERR_THROTTLED)
        s->is_unclear = true;
    if (s->conflict_ends && strcmp(aws.code, "ConditionalRequestConflict") == 0)
        call->retry_class = ATH__RETRY_NEVER;
    if (is_elsewhere(s, region)) {
        ath__s3_bucket_learn(call->account, s->bucket, region);
        call->retry_class = ATH__RETRY_ELSEWHERE;
    }
}

/* What came of a broken answer is kept when it is what was asked for. */
static void broken(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    const struct ath__exchange *x = &call->io.x;
    if (x->request_sent)
        s->is_unclear = true;
    if (!s->into || !s->is_range || x->into_used == 0 || !is_2xx(call))
        return;
    if (s->accepts && s->accepts(s)) {
        s->into_done += x->into_used;
        if (s->into_done >= s->len) /* all came, its end did not: there is no empty range */
            s->into_done = s->len - 1;
        call->io.transients = 0; /* it goes forward */
    }
}

static void clear(struct ath__call *call) {
    struct ath__s3_call *s = ath__s3_call_of(call);
    ath__list_remove(&s->node);
    ath__list_remove(&s->digest.task.node);
    ath__sha256_clear(&s->digest.sha);
    ath__buf_clear(&s->query);
    ath__arena_clear(&s->texts);
    ath__s3_bucket_put(call->account, s->bucket);
}

static const struct ath__call_kind s_kind = {
    .size = sizeof(struct ath__s3_call),
    .build = build,
    .is_success = is_success,
    .read_error = read_error,
    .broken = broken,
    .clear = clear,
};

/* -- making one -------------------------------------------------------------------------------- */

struct ath__s3_call *ath__s3_call_new(
    struct ath__s3_op *s3,
    const char *operation,
    const char *method,
    const char *bucket_name,
    struct ath_slice key,
    void (*done)(struct ath__call *call)) {
    struct ath_op *op = &s3->op;
    struct ath__s3_bucket *bucket =
        ath__s3_bucket_get(op->account, &op->client->config, bucket_name);
    if (!bucket)
        return NULL;
    struct ath__call *call = ath__call_new_of(
        &s_kind, &bucket->lane, op->client, op->account, op, ATH__API_S3, operation);
    if (!call) {
        ath__s3_bucket_put(op->account, bucket);
        return NULL;
    }
    struct ath__s3_call *s = ath__s3_call_of(call);
    call->owner = s3;
    call->done = done;
    s->s3 = s3;
    s->bucket = bucket;
    s->bucket_name = bucket_name;
    s->key = key;
    s->method = method;
    ath__buf_init(&s->query, 64u << 10);
    ath__list_add(&s3->io.calls, &s->node);
    return s;
}

void ath__s3_call_free(struct ath__s3_call *s) {
    if (s)
        ath__call_free(&s->call);
}

int ath__s3_call_query(struct ath__s3_call *s, const char *name, const char *value) {
    struct ath_s3_pair pair = {name, value};
    return ath__s3_query_build(&pair, 1, &s->query);
}

int ath__s3_call_header(struct ath__s3_call *s, const char *name, const char *value) {
    if (s->own_count == ATH__S3_OWN_HEADERS)
        return ATH_ERR_INVALID;
    const char *copy = ath__arena_copy(&s->texts, ath__slice_str(value));
    if (!copy)
        return ATH_ERR_NOMEM;
    s->own[s->own_count++] = (struct ath_s3_pair){name, copy};
    return 0;
}

/* -- digests ----------------------------------------------------------------------------------- */

/* True when all is read, or it failed. */
static bool digest_step(struct ath__s3_call *s, int *out_rc) {
    struct ath_slice step = ath__slice(s->body.ptr, s->body.len);
    if (step.ptr)
        step.ptr += s->digest.at;
    step.len -= s->digest.at;
    if (step.len > STEP_BYTES)
        step.len = STEP_BYTES;
    if (s->checksum)
        s->digest.crc = ath__checksum_update(s->checksum, s->digest.crc, step.ptr, step.len);
    *out_rc = s->digest.needs_hash ? ath__sha256_update(&s->digest.sha, step) : 0;
    s->digest.at += step.len;
    if (*out_rc || s->digest.at < s->body.len)
        return *out_rc != 0;
    if (s->checksum)
        ath__checksum_text(s->checksum, s->digest.crc, s->checksum_text);
    if (s->digest.needs_hash)
        *out_rc = ath__sha256_final(&s->digest.sha, s->digest.payload_hash);
    return true;
}

static void begin(struct ath__s3_call *s, int rc) {
    struct ath_error err;
    if (!rc) {
        ath__call_start(&s->call);
        return;
    }
    ath__err_set(&err, rc, "%s: the body's digest: %s", s->call.operation, ath_error_text(rc));
    ath__call_fail(&s->call, &err);
}

static void digest_run(struct ath__task *task) {
    struct ath__s3_call *s = ATH__CONTAINER(task, struct ath__s3_call, digest.task);
    int rc;
    if (digest_step(s, &rc))
        begin(s, rc);
    else
        ath__task_add(s->call.runtime, task);
}

void ath__s3_call_start(struct ath__s3_call *s) {
    const struct ath__config *config = &s->call.client->config;
    uint64_t bytes = (uint64_t)s->body.len + s->into_len;
    int rc = 0;
    s->digest.needs_hash = s->body.len && config->keys_source != ATH__KEYS_UNSIGNED &&
                           (config->s3_payload_signing || !is_https(config));
    if (s->answers_late)
        s->call.io.timeout_ns = config->start_timeout_ms * ATH__MS;
    s->call.io.timeout_ns += bytes / SLOWEST_BYTES * ATH__SECOND;
    if (s->wants_md5)
        rc = ath__md5_base64(s->body, s->digest.md5);
    if (!rc && (s->checksum || s->digest.needs_hash) && s->body.len > STEP_BYTES) {
        s->digest.task.run = digest_run;
        ath__task_add(s->call.runtime, &s->digest.task);
        return;
    }
    if (!rc)
        digest_step(s, &rc);
    begin(s, rc);
}

bool ath__s3_call_is_cut(struct ath__s3_call *s, int *rc, struct ath_error *err) {
    if (s->call.answer.len == 0)
        return false;
    *rc = ath__s3_document_check(s->call.answer, err);
    return *rc == ATH_ERR_PROTOCOL && ath__call_reject(&s->call, err);
}
