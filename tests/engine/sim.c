/* The Athena in memory. */
#include "harness.h"

void sim_handle(void *user, const struct ath__exchange *x, struct ath__fake_answer *answer);

const char *sim_state_name(int state) {
    static const char *const names[] = {
        "?", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"};
    return names[state];
}

static char *new_scratch(struct world *w, size_t size) {
    char **at = &w->scratch[w->scratch_at++ % 8];
    free(*at);
    *at = malloc(size);
    if (!*at)
        abort();
    return *at;
}

void answer_body(struct world *w, struct ath__fake_answer *a, const char *format, ...) {
    va_list args;
    char *text = new_scratch(w, 4096);
    va_start(args, format);
    vsnprintf(text, 4096, format, args);
    va_end(args);
    a->body = text;
}

void answer_error(struct ath__fake_answer *a, int status, const char *code, const char *message) {
    static char texts[8][512];
    static unsigned at;
    char *text = texts[at++ % 8];
    const char *extra = strcmp(code, "TooManyRequestsException") == 0
                            ? ",\"Reason\":\"CONCURRENT_QUERY_LIMIT_EXCEEDED\""
                            : "";
    snprintf(
        text, sizeof texts[0], "{\"__type\":\"%s\",\"message\":\"%s\"%s}", code, message, extra);
    a->status = status;
    a->body = text;
}

bool body_text(const char *body, const char *key, char *out, size_t size) {
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\"", key);
    const char *at = strstr(body, pattern);
    if (!at || !(at = strchr(at + strlen(pattern), '"')))
        return false;
    const char *end = strchr(at + 1, '"');
    snprintf(out, size, "%.*s", (int)(end - at - 1), at + 1);
    return true;
}

struct sim_query *sim_find(struct world *w, const char *id) {
    for (size_t i = 0; i < w->queries_count; i++) {
        size_t guess = strlen(id) == 36 ? (size_t)strtoul(id + 24, NULL, 10) : i;
        if (guess < w->queries_count && strcmp(w->queries[guess].id, id) == 0)
            return &w->queries[guess];
        if (strcmp(w->queries[i].id, id) == 0)
            return &w->queries[i];
    }
    return NULL;
}

static int state_of(const struct world *w, const struct sim_query *q) {
    if (q->stopped_ns && q->stopped_ns < q->started_ns + w->duration_ns)
        return ATH_QUERY_CANCELLED;
    if (w->now_ns < q->started_ns + w->duration_ns)
        return w->now_ns < q->started_ns + w->duration_ns / 4 ? ATH_QUERY_QUEUED
                                                              : ATH_QUERY_RUNNING;
    return w->end_state;
}

static size_t active(const struct world *w) {
    size_t count = 0;
    for (size_t i = 0; i < w->queries_count; i++)
        count += state_of(w, &w->queries[i]) < ATH_QUERY_SUCCEEDED;
    return count;
}

static void start(struct world *w, const char *body, struct ath__fake_answer *a) {
    char token[132] = "";
    body_text(body, "ClientRequestToken", token, sizeof token);
    struct sim_query *q = NULL;
    for (size_t i = 0; i < w->queries_count && w->queries_count < 1000; i++)
        if (strcmp(w->queries[i].token, token) == 0)
            q = &w->queries[i];
    if (!q && w->active_max && active(w) >= w->active_max) {
        answer_error(a, 400, "TooManyRequestsException", "You have exceeded the limit");
        w->calls[w->calls_count - 1].refused = true;
        w->refused++;
        return;
    }
    if (!q) {
        if ((w->queries_count & (w->queries_count - 1)) == 0)
            w->queries = realloc(
                w->queries, (w->queries_count ? 2 * w->queries_count : 1) * sizeof *w->queries);
        q = &w->queries[w->queries_count];
        *q = (struct sim_query){.started_ns = w->now_ns};
        snprintf(q->id, sizeof q->id, "00000000-0000-4000-8000-%012zu", w->queries_count++);
        snprintf(q->token, sizeof q->token, "%s", token);
        body_text(body, "WorkGroup", q->work_group, sizeof q->work_group);
    }
    q->starts++;
    answer_body(w, a, "{\"QueryExecutionId\":\"%s\"}", q->id);
}

static int print_status(struct world *w, struct sim_query *q, char *out, size_t size) {
    int state = state_of(w, q);
    q->looks++;
    if (state >= ATH_QUERY_SUCCEEDED && !q->end_seen_ns)
        q->end_seen_ns = w->now_ns;
    return snprintf(
        out,
        size,
        "{\"QueryExecutionId\":\"%s\",\"Query\":\"SELECT 1\",\"StatementType\":\"DML\","
        "\"WorkGroup\":\"primary\",\"ResultConfiguration\":{\"OutputLocation\":"
        "\"s3://bucket/prefix/%s.csv\"},\"Status\":{\"State\":\"%s\",\"StateChangeReason\":\"%s\","
        "\"SubmissionDateTime\":1700000000.5},\"Statistics\":{\"DataScannedInBytes\":7}}",
        q->id,
        q->id,
        sim_state_name(state),
        w->reason && state == w->end_state ? w->reason : "");
}

static void get(struct world *w, const char *body, struct ath__fake_answer *a) {
    char id[132] = "", text[1024];
    body_text(body, "QueryExecutionId", id, sizeof id);
    struct sim_query *q = sim_find(w, id);
    if (!q) {
        answer_error(a, 400, "InvalidRequestException", "QueryExecution was not found");
        return;
    }
    print_status(w, q, text, sizeof text);
    answer_body(w, a, "{\"QueryExecution\":%s}", text);
}

static void batch(struct world *w, const char *body, struct ath__fake_answer *a) {
    char *text = new_scratch(w, 60 * 1024);
    size_t len = (size_t)snprintf(text, 64, "{\"QueryExecutions\":["), ids = 0;
    const char *at = strchr(body, '[');
    while (at && (at = strchr(at, '"'))) {
        char id[132];
        const char *end = strchr(at + 1, '"');
        snprintf(id, sizeof id, "%.*s", (int)(end - at - 1), at + 1);
        struct sim_query *q = sim_find(w, id);
        if (q) {
            if (text[len - 1] == '}')
                text[len++] = ',';
            len += (size_t)print_status(w, q, text + len, 1024);
        }
        ids++;
        at = end + 1;
    }
    snprintf(text + len, 64, "],\"UnprocessedQueryExecutionIds\":[]}");
    if (ids > w->largest_batch)
        w->largest_batch = ids;
    w->calls[w->calls_count - 1].ids = ids;
    a->body = text;
}

static void stop(struct world *w, const char *body, struct ath__fake_answer *a) {
    char id[132] = "";
    body_text(body, "QueryExecutionId", id, sizeof id);
    struct sim_query *q = sim_find(w, id);
    if (q && !q->stopped_ns && !w->keeps_running)
        q->stopped_ns = w->now_ns;
    a->body = "{}";
}

static void results(struct world *w, const char *body, struct ath__fake_answer *a) {
    char token[64] = "", value[4096];
    body_text(body, "NextToken", token, sizeof token);
    unsigned page = token[0] ? (unsigned)strtoul(token + 1, NULL, 10) : 0;
    size_t size = 1024 + (size_t)w->rows_per_page * (w->value_len + 64), len;
    char *text = new_scratch(w, size);
    memset(value, '7', w->value_len);
    value[w->value_len] = '\0';
    len = (size_t)snprintf(text, size, "{\"ResultSet\":{\"Rows\":[");
    if (page == 0)
        len += (size_t)snprintf(text + len, size - len, "{\"Data\":[{\"VarCharValue\":\"x\"}]}");
    for (unsigned row = 0; row < w->rows_per_page; row++)
        len += (size_t)snprintf(
            text + len,
            size - len,
            "%s{\"Data\":[{\"VarCharValue\":\"%s\"}]}",
            row || page == 0 ? "," : "",
            value);
    len += (size_t)snprintf(
        text + len,
        size - len,
        "],\"ResultSetMetadata\":{\"ColumnInfo\":[{\"CatalogName\":\"hive\",\"SchemaName\":\"\","
        "\"TableName\":\"\",\"Name\":\"x\",\"Label\":\"x\",\"Type\":\"varchar\","
        "\"Precision\":2147483647,\"Scale\":0,\"Nullable\":\"UNKNOWN\",\"CaseSensitive\":true}]}}");
    if (page + 1 < w->pages)
        len += (size_t)snprintf(text + len, size - len, ",\"NextToken\":\"t%u\"", page + 1);
    snprintf(text + len, size - len, "}");
    a->body = text;
}

/* False when the call is over its quota. */
static bool within_quota(struct world *w, int api) {
    struct sim_bucket *b = &w->buckets[api];
    b->tokens += (double)(w->now_ns - b->at_ns) / 1e9 * b->rate;
    b->at_ns = w->now_ns;
    if (b->tokens > b->burst)
        b->tokens = b->burst;
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}

static void note(struct world *w, int api) {
    if ((w->calls_count & (w->calls_count - 1)) == 0)
        w->calls = realloc(w->calls, (w->calls_count ? 2 * w->calls_count : 1) * sizeof *w->calls);
    w->calls[w->calls_count++] = (struct sim_call){.at_ns = w->now_ns, .api = api};
    w->count[api]++;
}

void sim_handle(void *user, const struct ath__exchange *x, struct ath__fake_answer *answer) {
    static void (*const handlers[])(struct world *, const char *, struct ath__fake_answer *) = {
        start, stop, get, batch, results};
    static const char *const names[] = {
        "StartQueryExecution",
        "StopQueryExecution",
        "GetQueryExecution",
        "BatchGetQueryExecution",
        "GetQueryResults",
    };
    struct world *w = user;
    int api = SIM_OTHER;
    for (size_t i = 0; i < x->headers_count; i++)
        for (int k = 0; k < SIM_OTHER; k++)
            if (ath__slice_is(x->headers[i].name, "X-Amz-Target") &&
                ath__slice_ends(x->headers[i].value, names[k]) &&
                x->headers[i].value.len == strlen("AmazonAthena.") + strlen(names[k]))
                api = k;
    char *body = new_scratch(w, x->body.len + 1);
    memcpy(body, x->body.ptr, x->body.len);
    body[x->body.len] = '\0';
    note(w, api);
    *answer = (struct ath__fake_answer){
        .delay_ns = w->latency_ns, .hold = w->hold[api], .head = w->head, .body = "{}"};
    if (w->override && w->override(w, api, body, answer))
        return;
    if (w->quotas && !within_quota(w, api)) {
        w->calls[w->calls_count - 1].refused = true;
        w->refused++;
        answer_error(answer, 400, "ThrottlingException", "Rate exceeded");
    } else if (api < SIM_OTHER) {
        handlers[api](w, body, answer);
    }
}
