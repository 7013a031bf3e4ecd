#include "aws/athena.h"
#include "aws/check.h"
#include "aws/json_write.h"

#include "base/err.h"
#include "base/json_skip.h"

#define DEPTH_MAX 32
#define BATCH_MAX 50

int ath__athena_get_build(const char *query_id, struct ath__buf *out) {
    struct ath__json_writer w;
    ath__json_writer_init(&w, out);
    ath__json_open(&w, NULL, '{');
    ath__json_put_text(&w, "QueryExecutionId", query_id);
    ath__json_close(&w, '}');
    return w.rc;
}

int ath__athena_batch_build(const char *const *query_ids, size_t count, struct ath__buf *out) {
    struct ath__json_writer w;
    ath__json_writer_init(&w, out);
    ath__json_open(&w, NULL, '{');
    ath__json_open(&w, "QueryExecutionIds", '[');
    for (size_t i = 0; i < count; i++)
        ath__json_put_text(&w, NULL, query_ids[i]);
    ath__json_close(&w, ']');
    ath__json_close(&w, '}');
    return w.rc;
}

int ath__query_state_parse(struct ath_slice text) {
    static const struct {
        const char *name;
        int state;
    } states[] = {
        {"QUEUED", ATH_QUERY_QUEUED},
        {"RUNNING", ATH_QUERY_RUNNING},
        {"SUCCEEDED", ATH_QUERY_SUCCEEDED},
        {"FAILED", ATH_QUERY_FAILED},
        {"CANCELLED", ATH_QUERY_CANCELLED},
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (ath__slice_is(text, states[i].name))
            return states[i].state;
    return ATH_QUERY_UNKNOWN;
}

static int scan_id(struct ath__json_cursor *c, struct ath_slice *out_id) {
    struct ath__json_string id;
    if (out_id->ptr)
        return ath__json_fail(c, "QueryExecutionId comes twice");
    int rc = ath__json_string_raw(c, &id);
    if (!rc && !ath__is_plain_id(id.text))
        rc = ath__json_fail(c, "QueryExecutionId is malformed");
    if (!rc)
        *out_id = id.text;
    return rc;
}

/* The Status object; -1 in out_state until its State was seen. */
static int scan_state(struct ath__json_cursor *c, int *out_state) {
    struct ath__json_walk walk = {false};
    struct ath__json_string key, state;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (!ath__json_string_is(&key, "State")) {
            rc = ath__json_skip_value(c);
        } else if (*out_state >= 0) {
            rc = ath__json_fail(c, "State comes twice");
        } else {
            rc = ath__json_string_raw(c, &state);
            if (!rc)
                *out_state = ath__query_state_parse(state.text);
        }
        if (rc)
            return rc;
    }
    return rc;
}

/* Where the Query member lies within its object, so that it can be left out with its comma. */
struct cut {
    const char *from; /* NULL: none seen */
    const char *to;   /* NULL: the next key or the closing brace */
};

static int scan_query(
    struct ath__json_cursor *c,
    const struct ath__json_string *key,
    const char *previous_end,
    struct ath__status *out,
    struct cut *cut) {
    struct ath__json_string query;
    if (ath__json_peek(c) == 'n')
        return ath__json_skip_value(c);
    if (cut->from)
        return ath__json_fail(c, "Query comes twice");
    int rc = ath__json_string_raw(c, &query);
    if (rc)
        return rc;
    out->query = ath__json_string_quoted(&query);
    /* Behind another member the comma before goes too, else the one that follows. */
    cut->from = previous_end ? previous_end : key->text.ptr - 1;
    cut->to = previous_end ? c->at : NULL;
    return 0;
}

static int scan_member(
    struct ath__json_cursor *c,
    const struct ath__json_string *key,
    const char *previous_end,
    struct ath__status *out,
    struct cut *cut) {
    if (ath__json_string_is(key, "Query"))
        return scan_query(c, key, previous_end, out, cut);
    if (ath__json_string_is(key, "Status"))
        return scan_state(c, &out->state);
    if (ath__json_string_is(key, "QueryExecutionId"))
        return scan_id(c, &out->id);
    return ath__json_skip_value(c);
}

/* One QueryExecution object. */
static int scan_execution(struct ath__json_cursor *c, struct ath__status *out) {
    struct ath__json_walk walk = {false};
    struct ath__json_string key;
    struct cut cut = {NULL, NULL};
    const char *previous_end = NULL;
    int rc;
    *out = (struct ath__status){.state = -1};
    ath__json_skip_blank(c);
    const char *begin = c->at;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (cut.from && !cut.to)
            cut.to = key.text.ptr - 1;
        rc = scan_member(c, &key, previous_end, out, &cut);
        if (rc)
            return rc;
        previous_end = c->at;
    }
    if (rc)
        return rc;
    if (!out->id.ptr)
        return ath__json_fail(c, "QueryExecutionId is missing");
    if (out->state < 0)
        return ath__json_fail(c, "Status.State is missing");
    if (cut.from && !cut.to)
        cut.to = c->at - 1;
    const char *head_end = cut.from ? cut.from : c->at;
    out->json_head = ath__slice(begin, (size_t)(head_end - begin));
    out->json_tail = cut.from ? ath__slice(cut.to, (size_t)(c->at - cut.to)) : ath__slice(NULL, 0);
    return 0;
}

static int scan_get(struct ath__json_cursor *c, struct ath__status *out) {
    struct ath__json_walk walk = {false};
    struct ath__json_string key;
    bool seen = false;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (!ath__json_string_is(&key, "QueryExecution")) {
            rc = ath__json_skip_value(c);
        } else if (seen) {
            rc = ath__json_fail(c, "QueryExecution comes twice");
        } else {
            seen = true;
            rc = scan_execution(c, out);
        }
        if (rc)
            return rc;
    }
    if (!rc)
        rc = ath__json_end(c);
    if (!rc && !seen)
        rc = ath__json_fail(c, "QueryExecution is missing");
    return rc;
}

static int scan_executions(struct ath__json_cursor *c, struct ath__status_list *out) {
    struct ath__json_walk walk = {false};
    int rc;
    while ((rc = ath__json_array_next(c, &walk)) == 1) {
        if (out->count == BATCH_MAX)
            return ath__json_fail(c, "more than 50 executions");
        rc = scan_execution(c, &out->items[out->count]);
        if (rc)
            return rc;
        out->count++;
    }
    return rc;
}

static int scan_unprocessed(struct ath__json_cursor *c, struct ath__unprocessed *out) {
    struct ath__json_walk walk = {false};
    struct ath__json_string key, code;
    int rc;
    *out = (struct ath__unprocessed){{NULL, 0}, {NULL, 0}};
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (ath__json_string_is(&key, "QueryExecutionId")) {
            rc = scan_id(c, &out->id);
        } else if (ath__json_string_is(&key, "ErrorCode") && ath__json_peek(c) == '"') {
            rc = ath__json_string_raw(c, &code);
            out->code = rc ? out->code : code.text;
        } else {
            rc = ath__json_skip_value(c);
        }
        if (rc)
            return rc;
    }
    if (!rc && !out->id.ptr)
        rc = ath__json_fail(c, "QueryExecutionId is missing");
    return rc;
}

static int scan_missing(struct ath__json_cursor *c, struct ath__status_list *out) {
    struct ath__json_walk walk = {false};
    int rc;
    while ((rc = ath__json_array_next(c, &walk)) == 1) {
        if (out->missing_count == BATCH_MAX)
            return ath__json_fail(c, "more than 50 unprocessed ids");
        rc = scan_unprocessed(c, &out->missing[out->missing_count]);
        if (rc)
            return rc;
        out->missing_count++;
    }
    return rc;
}

static int scan_batch(struct ath__json_cursor *c, struct ath__status_list *out) {
    struct ath__json_walk walk = {false};
    struct ath__json_string key;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        bool is_array = ath__json_peek(c) == '[';
        if (is_array && ath__json_string_is(&key, "QueryExecutions"))
            rc = out->count ? ath__json_fail(c, "QueryExecutions comes twice")
                            : scan_executions(c, out);
        else if (is_array && ath__json_string_is(&key, "UnprocessedQueryExecutionIds"))
            rc = out->missing_count ? ath__json_fail(c, "UnprocessedQueryExecutionIds comes twice")
                                    : scan_missing(c, out);
        else if (
            ath__json_peek(c) != 'n' && (ath__json_string_is(&key, "QueryExecutions") ||
                                         ath__json_string_is(&key, "UnprocessedQueryExecutionIds")))
            rc = ath__json_fail(c, "a list was expected");
        else
            rc = ath__json_skip_value(c);
        if (rc)
            return rc;
    }
    return rc ? rc : ath__json_end(c);
}

int ath__athena_get_parse(struct ath_slice body, struct ath__status *out, struct ath_error *err) {
    struct ath__json_cursor c;
    ath__json_init(&c, body, DEPTH_MAX);
    *out = (struct ath__status){0};
    return scan_get(&c, out) ? ath__refuse_answer("GetQueryExecution", &c, err) : 0;
}

int ath__athena_batch_parse(
    struct ath_slice body, struct ath__status_list *out, struct ath_error *err) {
    struct ath__json_cursor c;
    ath__json_init(&c, body, DEPTH_MAX);
    out->count = out->missing_count = 0;
    return scan_batch(&c, out) ? ath__refuse_answer("BatchGetQueryExecution", &c, err) : 0;
}
