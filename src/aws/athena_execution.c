#include "aws/athena.h"

#include "base/err.h"

#include <jansson.h>

/* A walk over members that stops at the first one of a wrong type. */
struct reader {
    struct ath__arena *arena;
    const char *wrong; /* the member's name */
    bool is_short;     /* of memory */
};

static bool is_absent(const json_t *value) {
    return !value || json_is_null(value);
}

static void
read_text(struct reader *r, const json_t *object, const char *key, const char **out_text) {
    const json_t *value = json_object_get(object, key);
    if (is_absent(value))
        return;
    if (!json_is_string(value)) {
        r->wrong = key;
        return;
    }
    size_t len = json_string_length(value);
    char *copy = ath__arena_copy(r->arena, ath__slice(json_string_value(value), len));
    r->is_short |= !copy;
    /* A NUL would hide what follows it. */
    for (size_t i = 0; copy && i < len; i++)
        if (!copy[i])
            copy[i] = '?';
    *out_text = copy;
}

static void read_i64(struct reader *r, const json_t *object, const char *key, int64_t *out_value) {
    const json_t *value = json_object_get(object, key);
    *out_value = -1;
    if (is_absent(value))
        return;
    if (json_is_integer(value))
        *out_value = json_integer_value(value);
    else if (json_is_real(value) && json_real_value(value) > -9e18 && json_real_value(value) < 9e18)
        *out_value = (int64_t)json_real_value(value);
    else
        r->wrong = key;
}

static void read_i32(struct reader *r, const json_t *object, const char *key, int32_t *out_value) {
    int64_t value;
    read_i64(r, object, key, &value);
    if (value < INT32_MIN || value > INT32_MAX) {
        r->wrong = key;
        value = -1;
    }
    *out_value = (int32_t)value;
}

static void read_flag(struct reader *r, const json_t *object, const char *key, int32_t *out_flag) {
    const json_t *value = json_object_get(object, key);
    *out_flag = is_absent(value) ? -1 : json_is_true(value);
    if (!is_absent(value) && !json_is_boolean(value))
        r->wrong = key;
}

static void read_time(struct reader *r, const json_t *object, const char *key, double *out_time) {
    const json_t *value = json_object_get(object, key);
    if (is_absent(value))
        return;
    if (json_is_number(value))
        *out_time = json_number_value(value);
    else
        r->wrong = key;
}

/* A member object; NULL (from which every read is absent) when there is none. */
static const json_t *read_object(struct reader *r, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (is_absent(value))
        return NULL;
    if (!json_is_object(value)) {
        r->wrong = key;
        return NULL;
    }
    return value;
}

static void read_status(struct reader *r, const json_t *status, struct ath_execution_info *out) {
    const char *state = NULL;
    read_text(r, status, "State", &state);
    out->state = ath__query_state_parse(ath__slice_str(state));
    read_text(r, status, "StateChangeReason", &out->state_change_reason);
    read_time(r, status, "SubmissionDateTime", &out->submission_time);
    read_time(r, status, "CompletionDateTime", &out->completion_time);
    const json_t *error = read_object(r, status, "AthenaError");
    read_i32(r, error, "ErrorCategory", &out->error_category);
    read_i32(r, error, "ErrorType", &out->error_type);
    read_flag(r, error, "Retryable", &out->retryable);
    read_text(r, error, "ErrorMessage", &out->error_message);
}

static void
read_statistics(struct reader *r, const json_t *statistics, struct ath_execution_info *out) {
    read_text(r, statistics, "DataManifestLocation", &out->data_manifest_location);
    read_i64(r, statistics, "DataScannedInBytes", &out->data_scanned_bytes);
    read_i64(r, statistics, "EngineExecutionTimeInMillis", &out->engine_ms);
    read_i64(r, statistics, "QueryQueueTimeInMillis", &out->queue_ms);
    read_i64(r, statistics, "QueryPlanningTimeInMillis", &out->planning_ms);
    read_i64(r, statistics, "ServicePreProcessingTimeInMillis", &out->preprocessing_ms);
    read_i64(r, statistics, "ServiceProcessingTimeInMillis", &out->processing_ms);
    read_i64(r, statistics, "TotalExecutionTimeInMillis", &out->total_ms);
    const json_t *reuse = read_object(r, statistics, "ResultReuseInformation");
    read_flag(r, reuse, "ReusedPreviousResult", &out->reused_previous_result);
}

static void
read_execution(struct reader *r, const json_t *execution, struct ath_execution_info *out) {
    read_text(r, execution, "QueryExecutionId", &out->query_id);
    read_text(r, execution, "StatementType", &out->statement_type);
    read_text(r, execution, "SubstatementType", &out->substatement_type);
    read_text(r, execution, "WorkGroup", &out->work_group);
    const json_t *context = read_object(r, execution, "QueryExecutionContext");
    read_text(r, context, "Database", &out->database);
    read_text(r, context, "Catalog", &out->catalog);
    const json_t *result = read_object(r, execution, "ResultConfiguration");
    read_text(r, result, "OutputLocation", &out->output_location);
    read_status(r, read_object(r, execution, "Status"), out);
    read_statistics(r, read_object(r, execution, "Statistics"), out);
}

int ath__execution_parse(
    struct ath_slice json,
    struct ath__arena *arena,
    struct ath_execution_info *out,
    struct ath_error *err) {
    json_error_t where;
    struct reader r = {.arena = arena};
    *out = (struct ath_execution_info){0};
    json_t *root = json_loadb(
        json.ptr ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!root && json_error_code(&where) == json_error_out_of_memory)
        return ath__err_nomem(err);
    if (!root)
        return ath__err_set(
            err, ATH_ERR_PROTOCOL, "QueryExecution is malformed at byte %d", where.position);
    if (!json_is_object(root))
        r.wrong = "QueryExecution";
    else
        read_execution(&r, root, out);
    json_decref(root);
    if (r.is_short)
        return ath__err_nomem(err);
    if (r.wrong)
        return ath__err_set(
            err, ATH_ERR_PROTOCOL, "%s of a QueryExecution has a wrong type", r.wrong);
    return 0;
}
