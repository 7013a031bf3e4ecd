/* One API request with its retries: keys, its turn in a lane, the exchange, the class of a failure.
 */
#include "engine/internal.h"

#include "base/time.h"

#include <math.h>
#include <stdio.h>

#define SKEW_NOTICED_S 60
#define TRANSIENT_BASE_MS 50.0
#define TRANSIENT_MAX_MS 20000.0
#define COST_TRANSIENT 14
#define COST_THROTTLE 5

static const struct ath__call_kind s_athena_kind;
static void timer_fire(struct ath__timer *timer);

struct ath__call *ath__call_new(
    struct ath_client *client,
    struct ath__account *account,
    struct ath_op *op,
    int api,
    const char *operation) {
    return ath__call_new_of(
        &s_athena_kind, &account->io.lanes[api], client, account, op, api, operation);
}

struct ath__call *ath__call_new_of(
    const struct ath__call_kind *kind,
    struct ath__lane *lane,
    struct ath_client *client,
    struct ath__account *account,
    struct ath_op *op,
    int api,
    const char *operation) {
    struct ath__call *call = ath__alloc_zero(kind->size);
    if (!call)
        return NULL;
    if (ath__timers_reserve(account->runtime, 1)) {
        ath__free(call);
        return NULL;
    }
    call->kind = kind;
    call->lane = lane;
    call->client = ath_client_retain(client);
    call->account = account;
    call->runtime = account->runtime;
    call->op = op;
    call->api = api;
    call->operation = operation;
    call->answer_max = 64u << 20;
    call->io.timer.fire = timer_fire;
    ath__buf_init(&call->body, 4u << 20);
    ath__exchange_init(&call->io.x);
    uint32_t timeout_ms =
        api == ATH__API_START ? client->config.start_timeout_ms : client->config.call_timeout_ms;
    call->io.timeout_ns = timeout_ms * ATH__MS;
    return call;
}

static void leave_lane(struct ath__call *call) {
    if (!call->io.in_lane)
        return;
    call->io.in_lane = false;
    call->lane->wire_count--;
    ath__lane_pump(call->lane);
}

void ath__call_free(struct ath__call *call) {
    if (!call)
        return;
    const struct ath__http_ops *ops = call->runtime->http->ops;
    if (call->io.on_wire)
        ops->cancel(call->runtime->http, &call->io.x);
    call->io.on_wire = false;
    ath__list_remove(&call->io.node);
    ath__timer_stop(call->runtime, &call->io.timer);
    ath__timers_unreserve(call->runtime, 1);
    leave_lane(call);
    if (call->kind->clear)
        call->kind->clear(call);
    ath__exchange_clear(&call->io.x);
    ath__arena_clear(&call->io.arena);
    ath__buf_clear(&call->body);
    ath_client_release(call->client);
    ath__free(call);
}

bool ath__call_may_have_arrived(const struct ath__call *call) {
    return call->io.on_wire || call->io.maybe_sent;
}

/* Ends the call on a fresh turn of the loop; its place in the lane goes then, not deeper in the
 * stack of a lane that is being emptied. */
static void end_later(struct ath__call *call) {
    ath__timer_set(call->runtime, &call->io.timer, ath__now_ns(call->runtime));
}

void ath__call_fail(struct ath__call *call, const struct ath_error *err) {
    call->result = err->code;
    call->err = *err;
    if (!call->err.operation[0])
        snprintf(call->err.operation, sizeof call->err.operation, "%s", call->operation);
    call->err.attempts = call->io.attempts;
    end_later(call);
}

static void fail_waiting_for_keys(struct ath__call *call) {
    struct ath_error err;
    ath__list_remove(&call->io.node);
    ath__err_set(&err, ATH_ERR_CREDENTIALS, "%s waited for credentials in vain", call->operation);
    ath__call_fail(call, &err);
}

static void begin_attempt(struct ath__call *call) {
    ath__timer_set(
        call->runtime, &call->io.timer, ath__now_ns(call->runtime) + call->io.timeout_ns);
    ath__account_await_keys(call->account, call);
}

/* The timer means: the result is told, or keys did not come, or a pause is over. */
static void timer_fire(struct ath__timer *timer) {
    struct ath__call *call = ATH__CONTAINER(timer, struct ath__call, io.timer);
    if (call->result) {
        leave_lane(call);
        call->done(call);
    } else if (ath__list_is_linked(&call->io.node)) {
        fail_waiting_for_keys(call);
    } else {
        begin_attempt(call);
    }
}

void ath__call_start(struct ath__call *call) {
    if (ath__uuid4(call->io.invocation_id)) {
        struct ath_error err;
        ath__err_set(&err, ATH_ERR_SYSTEM, "no random numbers");
        ath__call_fail(call, &err);
        return;
    }
    begin_attempt(call);
}

void ath__call_set_op(struct ath__call *call, struct ath_op *op) {
    bool waits_for_keys = ath__list_is_linked(&call->io.node) && call->io.timer.node.index != 0;
    call->op = op;
    if (waits_for_keys)
        ath__account_ask_for_keys(call->account, call);
}

void ath__call_keys_ready(struct ath__call *call) {
    ath__timer_stop(call->runtime, &call->io.timer);
    ath__lane_enter(call->lane, call);
}

/* -- sending
 * ----------------------------------------------------------------------------------------- */

int ath__call_add_header(
    struct ath__call *call, struct ath__request *request, const char *name, const char *value) {
    char *copy = ath__arena_copy(&call->io.arena, ath__slice_str(value));
    if (!copy)
        return ATH_ERR_NOMEM;
    return ath__request_add(request, ath__slice_str(name), ath__slice_str(copy));
}

int ath__call_add_common(struct ath__call *call, struct ath__request *request) {
    const struct ath__config *config = &call->client->config;
    char text[80];
    int rc = ath__call_add_header(call, request, "amz-sdk-invocation-id", call->io.invocation_id);
    uint32_t attempts_max = config->transient_attempts > config->retry_attempts
                                ? config->transient_attempts
                                : config->retry_attempts;
    snprintf(text, sizeof text, "attempt=%u; max=%u", call->io.attempts, attempts_max);
    if (!rc)
        rc = ath__call_add_header(call, request, "amz-sdk-request", text);
    if (!rc)
        rc = ath__call_add_header(call, request, "User-Agent", config->user_agent);
    if (!rc && config->trace_id)
        rc = ath__call_add_header(call, request, "X-Amzn-Trace-Id", config->trace_id);
    return rc;
}

static int add_headers(struct ath__call *call, struct ath__request *request) {
    char text[160];
    int rc = ath__call_add_header(call, request, "Host", call->client->config.athena.authority);
    if (!rc)
        rc = ath__call_add_header(call, request, "Content-Type", "application/x-amz-json-1.1");
    snprintf(text, sizeof text, "AmazonAthena.%s", call->operation);
    if (!rc)
        rc = ath__call_add_header(call, request, "X-Amz-Target", text);
    return rc ? rc : ath__call_add_common(call, request);
}

static int build_athena(struct ath__call *call, struct ath_error *err) {
    const struct ath__url *url = &call->client->config.athena;
    struct ath__request *request = ath__arena_alloc(&call->io.arena, sizeof *request);
    char *path = ath__arena_alloc(&call->io.arena, strlen(url->path) + 2);
    if (!request || !path)
        return ath__err_nomem(err);
    memcpy(path, url->path, strlen(url->path));
    memcpy(path + strlen(url->path), "/", 2);
    *request = (struct ath__request){
        .method = "POST",
        .host = ath__slice_str(url->authority),
        .path = ath__slice_str(path),
        .body = ath__buf_slice(&call->body),
    };
    int rc = add_headers(call, request);
    if (rc)
        return ath__err_set(err, rc, "%s: %s", call->operation, ath_error_text(rc));
    struct ath__signing signing = {
        .service = "athena",
        .region = call->client->config.region,
        .key = &call->account->io.signing_key,
    };
    rc = ath__account_sign(
        call->account, request, &signing, &call->io.arena, &call->io.keys_version, err);
    if (rc)
        return rc;
    struct ath__exchange *x = &call->io.x;
    x->route = &call->client->route;
    x->method = request->method;
    x->target = path;
    x->headers = request->headers;
    x->headers_count = request->headers_count;
    x->body = request->body;
    x->body_max = call->answer_max;
    x->owner = call;
    return 0;
}

void ath__call_send(struct ath__call *call) {
    struct ath_error err;
    uint64_t now_ns = ath__now_ns(call->runtime);
    if (call->io.deadline_ns == 0)
        call->io.deadline_ns = now_ns + call->io.timeout_ns;
    else /* waiting for our own bucket is not held against the call */
        call->io.deadline_ns += now_ns - call->io.wait_from_ns;
    call->io.attempts++;
    ath__exchange_clear(&call->io.x);
    ath__exchange_init(&call->io.x);
    ath__arena_clear(&call->io.arena);
    if (call->kind->build(call, &err)) {
        ath__call_fail(call, &err);
        return;
    }
    call->io.x.deadline_ns = call->io.deadline_ns;
    call->io.on_wire = true;
    ATH__COUNT(call->client, calls, 1);
    ATH__COUNT(call->client, by_api[call->api], 1);
    if (call->io.attempts > 1)
        ATH__COUNT(call->client, retries, 1);
    call->runtime->http->ops->submit(call->runtime->http, &call->io.x);
}

/* -- answers
 * ------------------------------------------------------------------------------------------- */

static void learn_skew(struct ath__call *call) {
    int64_t date_s;
    if (!ath__time_parse_http(ath__exchange_header(&call->io.x, "Date"), &date_s))
        return;
    int64_t skew_s = date_s - ath__account_now_s(call->account);
    bool noticed = skew_s > SKEW_NOTICED_S || skew_s < -SKEW_NOTICED_S;
    if (noticed && !call->account->skew_s)
        ATH__LOG(
            ATH_LOG_WARNING, "net", "this machine's clock is off by %lld s", (long long)-skew_s);
    atomic_store_explicit(&call->account->skew_s, noticed ? skew_s : 0, memory_order_relaxed);
}

static void transport_error(struct ath__call *call) {
    const struct ath__exchange *x = &call->io.x;
    ath__err_set(
        &call->err,
        x->result,
        "%s: %s",
        call->operation,
        x->message[0] ? x->message : ath_error_text(x->result));
    call->retry_class = ath__retry_class_of_transport(x->result);
}

static void service_error(struct ath__call *call) {
    if (call->io.x.status != 407) {
        call->kind->read_error(call);
        return;
    }
    /* Not AWS's: a proxy that forwards http. */
    ath__err_set(
        &call->err,
        ATH_ERR_PROXY,
        "%s: the proxy wants other credentials (HTTP status 407)",
        call->operation);
    call->err.http_status = call->io.x.status;
    call->retry_class = ATH__RETRY_NEVER;
}

static bool is_athena_success(const struct ath__call *call) {
    return call->io.x.status == 200;
}

static void read_athena_error(struct ath__call *call) {
    const struct ath__exchange *x = &call->io.x;
    struct ath__aws_error aws;
    ath__aws_error_parse(
        x->status,
        ath__exchange_header(x, "x-amzn-ErrorType"),
        ath__buf_slice(&x->answer),
        call->client->config.retry_codes,
        call->account->skew_s,
        &aws);
    ath__aws_error_fill(
        &aws,
        call->operation,
        x->status,
        ath__exchange_header(x, "x-amzn-RequestId"),
        call->io.attempts,
        &call->err);
    call->retry_class = aws.retry;
}

static const struct ath__call_kind s_athena_kind = {
    .size = sizeof(struct ath__call),
    .build = build_athena,
    .is_success = is_athena_success,
    .read_error = read_athena_error,
};

/* Milliseconds before the next attempt, or negative when there is to be none. */
static double pause_ms(struct ath__call *call) {
    const struct ath__config *config = &call->client->config;
    double unit = ath__random_unit(call->runtime);
    if (call->retry_class == ATH__RETRY_TRANSIENT) {
        if (++call->io.transients >= config->transient_attempts)
            return -1;
        call->io.retry_cost = COST_TRANSIENT;
        return unit * fmin(TRANSIENT_BASE_MS * exp2(call->io.transients - 1), TRANSIENT_MAX_MS);
    }
    if (++call->io.refusals >= config->retry_attempts)
        return -1;
    call->io.retry_cost = COST_THROTTLE;
    double delay = config->retry_multiplier_ms * pow(config->retry_base, call->io.refusals - 1);
    delay = fmin(delay, config->retry_delay_max_ms);
    uint64_t hint_ms;
    if (ath__slice_to_u64(ath__exchange_header(&call->io.x, "x-amz-retry-after"), &hint_ms))
        delay = fmin(fmax((double)hint_ms, delay), delay + 5000);
    return delay + unit * config->retry_multiplier_ms;
}

/* Tries again after a pause when count, quota and deadline allow it. */
static bool retry_later(struct ath__call *call) {
    double delay_ms = pause_ms(call);
    uint64_t at_ns = ath__now_ns(call->runtime) + (uint64_t)(fmax(delay_ms, 0) * (double)ATH__MS);
    if (delay_ms < 0 || at_ns >= call->io.deadline_ns ||
        !ath__retry_quota_take(&call->account->io.retry_quota, call->io.retry_cost))
        return false;
    ATH__LOG(
        ATH_LOG_INFO,
        "retry",
        "%s: attempt %u failed (%s, request %s), again in %.0f ms",
        call->operation,
        call->io.attempts,
        call->err.service_code[0] ? call->err.service_code : ath_error_name(call->err.code),
        call->err.request_id[0] ? call->err.request_id : "-",
        delay_ms);
    call->io.wait_from_ns = at_ns;
    leave_lane(call);
    ath__timer_set(call->runtime, &call->io.timer, at_ns);
    return true;
}

static bool again_now(struct ath__call *call, bool *done_before) {
    if (*done_before || ath__now_ns(call->runtime) >= call->io.deadline_ns)
        return false;
    *done_before = true;
    leave_lane(call);
    begin_attempt(call);
    return true;
}

static bool wait_at_gate(struct ath__call *call) {
    ath__gate_close(call->account);
    ath__lane_enter_again(call->lane, call);
    leave_lane(call);
    return true;
}

/* A refusal teaches the lane its pace. The first one of a call is not its own fault: it goes back
 * to its place and out at that pace; those that follow pause as well. */
static bool refused(struct ath__call *call) {
    struct ath__lane *lane = call->lane;
    ATH__COUNT(call->client, refusals, 1);
    ath__bucket_refused(&lane->bucket, ath__now_ns(call->runtime));
    if (call->caller_paces)
        return false;
    if (call->io.refusals > 0 || call->client->config.retry_attempts < 2 ||
        ath__exchange_header(&call->io.x, "x-amz-retry-after").len ||
        !ath__retry_quota_take(&call->account->io.retry_quota, COST_THROTTLE))
        return retry_later(call);
    call->io.refusals = 1;
    call->io.retry_cost = COST_THROTTLE;
    ath__lane_enter_again(lane, call);
    leave_lane(call);
    return true;
}

/* True when the call goes on. */
static bool try_again(struct ath__call *call) {
    if (call->unwanted && !call->io.maybe_sent)
        return false;
    switch (call->retry_class) {
    case ATH__RETRY_TRANSIENT:
        return !call->caller_paces && retry_later(call);
    case ATH__RETRY_THROTTLE:
        return refused(call);
    case ATH__RETRY_QUERY_LIMIT:
        ATH__COUNT(call->client, refusals, 1);
        return call->api == ATH__API_START ? wait_at_gate(call) : retry_later(call);
    case ATH__RETRY_EXPIRED:
        if (call->account->keys_source == ATH__KEYS_STATIC)
            return false;
        ath__account_keys_expired(call->account, call->io.keys_version);
        return again_now(call, &call->io.retried_expired);
    case ATH__RETRY_SKEW:
        return again_now(call, &call->io.retried_skew);
    case ATH__RETRY_ELSEWHERE:
        return again_now(call, &call->io.retried_elsewhere);
    default:
        return false;
    }
}

bool ath__call_reject(struct ath__call *call, struct ath_error *err) {
    err->attempts = call->io.attempts;
    ath__err_operation(err, call->operation);
    call->err = *err;
    call->retry_class = ATH__RETRY_TRANSIENT;
    return try_again(call);
}

void ath__call_exchange_done(struct ath__exchange *x) {
    struct ath__call *call = x->owner;
    call->io.on_wire = false;
    ATH__COUNT(call->client, bytes_sent, x->bytes_sent);
    ATH__COUNT(call->client, bytes_received, x->bytes_received);
    if (x->result ? x->request_sent : x->status < 400 || x->status >= 500)
        call->io.maybe_sent = true; /* any other answer is a definite refusal */
    if (x->result == 0)
        learn_skew(call);
    else if (call->kind->broken)
        call->kind->broken(call);
    if (x->result == 0 && call->kind->is_success(call)) {
        ath__retry_quota_give(
            &call->account->io.retry_quota, call->io.retry_cost ? call->io.retry_cost : 1);
        call->answer = ath__buf_slice(&x->answer);
        leave_lane(call);
        call->done(call);
        return;
    }
    if (x->result)
        transport_error(call);
    else
        service_error(call);
    call->err.attempts = call->io.attempts;
    if (try_again(call))
        return;
    snprintf(call->err.operation, sizeof call->err.operation, "%s", call->operation);
    call->result = call->err.code ? call->err.code : ATH_ERR_SERVICE;
    leave_lane(call);
    call->done(call);
}
