/* The query machine: start, follow, stop, end. Result pages are in pages.c. */
#include "engine/internal.h"

#include "aws/check.h"

#include <stdio.h>

#define STOP_WAIT_NS (2 * ATH__SECOND) /* after that the end is told, Stop answered or not */
#define TIMERS 2

static const struct ath__op_type s_query_type;
static void timeout_fire(struct ath__timer *timer);

static struct ath__query *query_of(struct ath_op *op) {
    return ATH__CONTAINER(op, struct ath__query, op);
}

struct ath__query *ath__query_of_op(struct ath_op *op) {
    return op->type == &s_query_type ? query_of(op) : NULL;
}

/* -- the end
 * -------------------------------------------------------------------------------------------- */

static void drop_work(struct ath__query *query) {
    struct ath__runtime *runtime = query->op.runtime;
    ath__call_free(query->io.call);
    ath__call_free(query->io.stop_call);
    query->io.call = query->io.stop_call = NULL;
    ath__poll_remove(query);
    ath__pages_clear(query);
    ath__timer_stop(runtime, &query->io.timeout_timer);
    ath__timer_stop(runtime, &query->io.stop_timer);
    if (query->io.is_counted) {
        query->io.is_counted = false;
        ath__timers_unreserve(runtime, TIMERS);
        ATH__COUNT(query->op.client, queries_in_flight, (uint_fast64_t)-1);
        ATH__COUNT(query->op.client, queries_finished, 1);
    }
}

void ath__query_end(struct ath__query *query, const struct ath_error *err) {
    query->io.phase = ATH__QUERY_ENDED;
    drop_work(query);
    ath__op_finish(&query->op, err);
}

static void end_with(struct ath__query *query, int code, const char *message) {
    struct ath_error err;
    ath__err_set(&err, code, "%s", message);
    ath__query_end(query, &err);
}

/* The error of a query that was given up here. */
static void given_up(const struct ath__query *query, struct ath_error *err) {
    if (query->io.starved)
        ath__err_nomem(err);
    else if (query->io.timed_out)
        ath__err_set(
            err,
            ATH_ERR_TIMEOUT,
            "the query did not end within %.3f s and %s",
            (double)query->timeout_ms / 1000,
            query->keep_running ? "is not waited for any longer" : "was stopped");
    else
        ath__err_set(err, ATH_ERR_CANCELLED, "the query was cancelled");
}

static void end_given_up(struct ath__query *query) {
    struct ath_error err;
    given_up(query, &err);
    ath__query_end(query, &err);
}

/* -- stop
 * -----------------------------------------------------------------------------------------------
 */

static void stop_done(struct ath__call *call) {
    struct ath__query *query = call->owner;
    if (call->result)
        ATH__LOG(
            ATH_LOG_WARNING,
            "query",
            "query %s: StopQueryExecution failed: %s",
            query->op.shared.query_id,
            call->err.message);
    ath__call_free(call);
    query->io.stop_call = NULL;
    if (query->io.phase == ATH__QUERY_STOPPING)
        end_given_up(query);
    else
        ath__poll_hurry(query);
}

static void send_stop(struct ath__query *query) {
    if (query->io.stop_call)
        return;
    struct ath__call *call = ath__call_new(
        query->op.client, query->op.account, &query->op, ATH__API_STOP, "StopQueryExecution");
    if (call && ath__athena_stop_build(query->op.shared.query_id, &call->body)) {
        ath__call_free(call);
        call = NULL;
    }
    if (!call) {
        ATH__LOG(
            ATH_LOG_ERROR, "query", "query %s: no memory to stop it", query->op.shared.query_id);
        return;
    }
    call->owner = query;
    call->done = stop_done;
    query->io.stop_call = call;
    ath__call_start(call);
}

/* Tells the end although Stop is not answered; the call goes on. */
static void stop_fire(struct ath__timer *timer) {
    struct ath__query *query = ATH__CONTAINER(timer, struct ath__query, io.stop_timer);
    struct ath_error err;
    given_up(query, &err);
    ath__op_tell_done(&query->op, &err);
}

static void limit_wait(struct ath__query *query) {
    if (query->io.stop_timer.node.index == 0)
        ath__timer_set(
            query->op.runtime,
            &query->io.stop_timer,
            ath__now_ns(query->op.runtime) + STOP_WAIT_NS);
}

/* The query is given up: from now on only the answer of Stop matters. */
static void give_up(struct ath__query *query) {
    if (query->keep_running) {
        end_given_up(query);
        return;
    }
    query->io.phase = ATH__QUERY_STOPPING;
    ath__poll_remove(query);
    send_stop(query);
    if (!query->io.stop_call) {
        end_given_up(query);
        return;
    }
    ath__timer_stop(query->op.runtime, &query->io.timeout_timer);
    limit_wait(query);
}

/* -- start
 * ---------------------------------------------------------------------------------------------- */

static void follow(struct ath__query *query) {
    query->io.phase = ATH__QUERY_POLLING;
    if (ath__poll_add(query, query->work_group)) {
        query->io.starved = true; /* what cannot be followed is stopped */
        give_up(query);
        return;
    }
    if (query->io.interrupted)
        send_stop(query);
}

static void start_done(struct ath__call *call) {
    struct ath__query *query = call->owner;
    struct ath__account *account = call->account;
    struct ath_error err = {0};
    char id[129];
    bool given = query->io.cancelled || query->io.timed_out;
    int rc = call->result;
    if (rc)
        err = call->err;
    else
        rc = ath__athena_start_parse(call->answer, id, &err);
    if (rc)
        ath__err_operation(&err, call->operation);
    ath__call_free(call);
    query->io.call = NULL;
    if (rc) {
        if (given || query->io.interrupted)
            given_up(query, &err);
        ath__query_end(query, &err);
        return;
    }
    ath__gate_query_started(account);
    pthread_mutex_lock(&query->op.lock);
    memcpy(query->op.shared.query_id, id, sizeof id);
    pthread_mutex_unlock(&query->op.lock);
    ath__op_emit(&query->op, ATH_EVENT_STARTED, NULL);
    if (given)
        give_up(query);
    else
        follow(query);
}

static void start_call(struct ath__query *query) {
    struct ath__call *call = ath__call_new(
        query->op.client, query->op.account, &query->op, ATH__API_START, "StartQueryExecution");
    if (!call) {
        end_with(query, ATH_ERR_NOMEM, "out of memory");
        return;
    }
    ath__buf_clear(&call->body);
    call->body = query->start_body;
    ath__buf_init(&query->start_body, 0);
    call->owner = query;
    call->done = start_done;
    query->io.call = call;
    query->io.phase = ATH__QUERY_STARTING;
    ath__call_start(call);
}

static void query_start(struct ath_op *op, unsigned commands) {
    struct ath__query *query = query_of(op);
    bool unwanted = commands & (ATH__OP_CANCEL | ATH__OP_ABANDON | ATH__OP_INTERRUPT);
    if (unwanted && !query->is_attached) {
        end_given_up(query);
        return;
    }
    if (ath__timers_reserve(op->runtime, TIMERS)) {
        end_with(query, ATH_ERR_NOMEM, "out of memory");
        return;
    }
    query->io.is_counted = true;
    ATH__COUNT(op->client, queries_started, 1);
    ATH__COUNT(op->client, queries_in_flight, 1);
    query->io.timeout_timer.fire = timeout_fire;
    query->io.stop_timer.fire = stop_fire;
    if (query->timeout_ms)
        ath__timer_set(
            op->runtime,
            &query->io.timeout_timer,
            ath__now_ns(op->runtime) + (uint64_t)query->timeout_ms * ATH__MS);
    if (!query->is_attached) {
        start_call(query);
        return;
    }
    ath__op_emit(op, ATH_EVENT_STARTED, NULL);
    follow(query);
}

/* -- looks
 * ---------------------------------------------------------------------------------------------- */

static void end_unsuccessful(struct ath__query *query, struct ath_execution *execution) {
    const struct ath_execution_info *info = ath__execution_get_info(execution);
    struct ath_error err;
    bool failed = execution->state == ATH_QUERY_FAILED;
    const char *reason = info->state_change_reason ? info->state_change_reason
                         : failed                  ? "the query failed and AWS gave no reason"
                                                   : "the query was cancelled";
    ath__err_set(&err, failed ? ATH_ERR_QUERY_FAILED : ATH_ERR_QUERY_CANCELLED, "%s", reason);
    ath__query_end(query, &err);
}

static void ended_at_aws(struct ath__query *query, struct ath_execution *execution) {
    struct ath__account *account = query->op.account;
    ath__poll_remove(query);
    ath__timer_stop(query->op.runtime, &query->io.timeout_timer);
    ath__call_free(query->io.stop_call);
    query->io.stop_call = NULL;
    ath__gate_query_ended(account);
    if (execution->state != ATH_QUERY_SUCCEEDED) {
        end_unsuccessful(query, execution);
    } else if (query->no_rows) {
        ath__op_emit(&query->op, ATH_EVENT_RESULT, NULL);
        ath__query_end(query, NULL);
    } else {
        query->io.phase = ATH__QUERY_READING;
        ath__pages_start(query);
    }
}

void ath__query_looked(struct ath__query *query, const struct ath__status *status) {
    struct ath_op *op = &query->op;
    bool ended = status->state >= ATH_QUERY_SUCCEEDED;
    if (status->state == query->io.last_state && !op->notify_state)
        return;
    query->io.last_state = status->state;
    struct ath_execution *execution = ath__execution_new(status, query->is_attached);
    if (!execution) {
        if (ended)
            end_with(query, ATH_ERR_NOMEM, "out of memory");
        return;
    }
    pthread_mutex_lock(&op->lock);
    struct ath_execution *old = op->shared.execution;
    op->shared.execution = ath_execution_retain(execution);
    pthread_mutex_unlock(&op->lock);
    ath_execution_release(old);
    if (op->notify_state)
        ath__op_emit(op, ATH_EVENT_STATE, execution);
    if (ended)
        ended_at_aws(query, execution);
    ath_execution_release(execution);
}

void ath__query_look_failed(struct ath__query *query, const struct ath_error *err) {
    ath__query_end(query, err);
}

/* -- commands
 * ------------------------------------------------------------------------------------------- */

static void cancel(struct ath__query *query, bool discard) {
    switch (query->io.phase) {
    case ATH__QUERY_STARTING:
        query->io.cancelled = true;
        query->io.call->unwanted = true;
        if (!ath__call_may_have_arrived(query->io.call))
            end_given_up(query);
        else
            limit_wait(query);
        break;
    case ATH__QUERY_POLLING:
        query->io.cancelled = true;
        give_up(query);
        break;
    case ATH__QUERY_READING:
        if (discard)
            end_given_up(query);
        break;
    default:
        break;
    }
}

static void timeout_fire(struct ath__timer *timer) {
    struct ath__query *query = ATH__CONTAINER(timer, struct ath__query, io.timeout_timer);
    query->io.timed_out = true;
    cancel(query, false);
}

static void interrupt(struct ath__query *query) {
    query->io.interrupted = true;
    if (query->io.phase == ATH__QUERY_STARTING) {
        query->io.call->unwanted = true;
        if (!ath__call_may_have_arrived(query->io.call))
            end_given_up(query);
    } else if (query->io.phase == ATH__QUERY_POLLING) {
        send_stop(query);
    }
}

static void query_command(struct ath_op *op, unsigned commands) {
    struct ath__query *query = query_of(op);
    if (commands & (ATH__OP_CANCEL | ATH__OP_ABANDON))
        cancel(query, commands & (ATH__OP_DISCARD | ATH__OP_ABANDON));
    else if (commands & ATH__OP_INTERRUPT)
        interrupt(query);
    if (op->io.is_live && (commands & ATH__OP_CREDIT))
        ath__pages_credit(query);
}

static void query_abort(struct ath_op *op) {
    end_with(query_of(op), ATH_ERR_SHUTDOWN, "the library is shutting down");
}

static bool query_wants_stop(const struct ath_op *op) {
    const struct ath__query *query =
        ATH__CONTAINER((struct ath_op *)(uintptr_t)op, struct ath__query, op);
    return !query->keep_running &&
           (query->io.phase == ATH__QUERY_STOPPING || query->io.phase == ATH__QUERY_POLLING ||
            (query->io.phase == ATH__QUERY_STARTING && ath__call_may_have_arrived(query->io.call)));
}

static void query_free(struct ath_op *op) {
    struct ath__query *query = query_of(op);
    ath__buf_clear(&query->start_body);
    ath__free(query->work_group);
    ath__free(query);
}

static const struct ath__op_type s_query_type = {
    .start = query_start,
    .command = query_command,
    .abort = query_abort,
    .wants_stop = query_wants_stop,
    .free = query_free,
};

/* -- the caller's side
 * ---------------------------------------------------------------------------------- */

static int check_reading(const struct ath_query_options *options, struct ath_error *err) {
    if (options->page_rows < 0 || options->page_rows > 1000)
        return ath__err_set(
            err, ATH_ERR_INVALID, "page_rows: %d is not 1..1000", options->page_rows);
    if (options->poll_interval_ms < 0)
        return ath__err_set(err, ATH_ERR_INVALID, "poll_interval_ms: must not be negative");
    if (options->timeout_ms < 0)
        return ath__err_set(err, ATH_ERR_INVALID, "timeout_ms: must not be negative");
    if (options->rows_ahead_bytes < 0)
        return ath__err_set(err, ATH_ERR_INVALID, "rows_ahead_bytes: must not be negative");
    return 0;
}

static int fill_query(
    struct ath__query *query, const struct ath_query_options *options, struct ath_error *err) {
    query->page_rows = options->page_rows ? options->page_rows : 1000;
    query->timeout_ms = options->timeout_ms;
    query->rows_ahead_bytes =
        options->rows_ahead_bytes ? (size_t)options->rows_ahead_bytes : (size_t)8 << 20;
    query->keep_running = options->keep_running;
    query->no_rows = options->no_rows;
    query->decode_text = options->decode_text;
    query->op.notify_state = options->notify_state;
    query->io.poll.sql_len = (uint32_t)options->sql.len;
    query->io.poll.interval_is_set = options->poll_interval_ms > 0;
    query->io.poll.interval_max_ns =
        (options->poll_interval_ms ? (uint64_t)options->poll_interval_ms : 1000) * ATH__MS;
    ath__buf_init(&query->io.page_body, 0);
    if (options->work_group) {
        query->work_group = ath__strdup(options->work_group);
        if (!query->work_group)
            return ath__err_nomem(err);
    }
    return 0;
}

static int new_query(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_query_options *options,
    struct ath__query **out_query,
    struct ath_error *err) {
    struct ath__query *query = ath__alloc_zero(sizeof *query);
    if (!query)
        return ath__err_nomem(err);
    int rc = ath__op_init(&query->op, &s_query_type, client, queue, options->user, err);
    if (rc) {
        ath__free(query);
        return rc;
    }
    rc = fill_query(query, options, err);
    if (rc)
        ath_op_release(&query->op);
    else
        *out_query = query;
    return rc;
}

static int submit(struct ath__query *query, struct ath_op **out_op, struct ath_error *err) {
    *out_op = &query->op; /* before anyone can hear of it */
    int rc = ath__op_submit(&query->op, err);
    if (rc) {
        *out_op = NULL;
        ath_op_release(&query->op);
    }
    return rc;
}

int ath_query_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_query_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_query_options options;
    struct ath__query *query;
    char token[37];
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (!rc)
        rc = ath__athena_start_check(&options, err);
    if (!rc)
        rc = check_reading(&options, err);
    if (!rc && !options.client_request_token && ath__uuid4(token))
        rc = ath__err_set(err, ATH_ERR_SYSTEM, "no random numbers");
    if (!rc)
        rc = new_query(client, queue, &options, &query, err);
    if (rc)
        return rc;
    ath__buf_init(&query->start_body, 16u << 20);
    rc = ath__athena_start_build(
        &options,
        options.client_request_token ? options.client_request_token : token,
        &query->start_body,
        err);
    if (rc) {
        ath_op_release(&query->op);
        return rc;
    }
    return submit(query, out_op, err);
}

int ath_query_attach(
    struct ath_client *client,
    struct ath_queue *queue,
    const char *query_id,
    const struct ath_query_options *given,
    bool stop_on_cancel,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_query_options options;
    struct ath__query *query;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (!rc)
        rc = check_reading(&options, err);
    if (!rc && (!query_id || !ath__is_plain_id(ath__slice_str(query_id))))
        rc = ath__err_set(err, ATH_ERR_INVALID, "query_id: not a QueryExecutionId");
    if (!rc)
        rc = new_query(client, queue, &options, &query, err);
    if (rc)
        return rc;
    query->is_attached = true;
    query->keep_running = !stop_on_cancel;
    snprintf(query->op.shared.query_id, sizeof query->op.shared.query_id, "%s", query_id);
    return submit(query, out_op, err);
}

void ath_query_interrupt(struct ath_op *op) {
    if (!ath__op_is_forked(op) && !ath_op_is_done(op))
        ath__mailbox_post(op->runtime, &op->mailbox, ATH__OP_INTERRUPT);
}

const char *ath_query_id(const struct ath_op *op) {
    struct ath_op *inner = (struct ath_op *)(uintptr_t)op;
    if (ath__op_is_forked(op))
        return NULL;
    pthread_mutex_lock(&inner->lock);
    const char *id = inner->shared.query_id[0] ? inner->shared.query_id : NULL;
    pthread_mutex_unlock(&inner->lock);
    return id;
}

struct ath_execution *ath_query_execution(struct ath_op *op) {
    if (ath__op_is_forked(op))
        return NULL;
    pthread_mutex_lock(&op->lock);
    struct ath_execution *execution = ath_execution_retain(op->shared.execution);
    pthread_mutex_unlock(&op->lock);
    return execution;
}
