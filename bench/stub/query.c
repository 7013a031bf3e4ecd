#include "query.h"

#include <ctype.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const state_names[] = {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"};

const char *stub_state_name(enum state state) {
    return state_names[state];
}

/* The text after "name=" where name stands as a word, or NULL. */
static const char *find_directive(const char *sql, const char *name) {
    size_t len = strlen(name);
    for (const char *at = strstr(sql, name); at; at = strstr(at + 1, name))
        if (at[len] == '=' && (at == sql || !(isalnum((unsigned char)at[-1]) || at[-1] == '_')))
            return at + len + 1;
    return NULL;
}

static bool
read_number(const char *sql, const char *name, uint64_t min, uint64_t max, uint64_t *value) {
    const char *at = find_directive(sql, name);
    if (!at)
        return true;
    char *end;
    uint64_t n = strtoull(at, &end, 10);
    if (!isdigit((unsigned char)*at) || isalnum((unsigned char)*end) || n < min || n > max)
        return false;
    *value = n;
    return true;
}

static const char *read_directives(struct query *query, const char *sql, uint64_t *run_ms) {
    uint64_t cols = 10, fail = 0;
    *run_ms = 100;
    query->rows = 1;
    if (!read_number(sql, "run_ms", 0, 86400000, run_ms))
        return "run_ms must be 0..86400000";
    if (!read_number(sql, "rows", 0, 1000000000, &query->rows))
        return "rows must be 0..1000000000";
    if (!read_number(sql, "cols", 1, STUB_COLS_MAX, &cols))
        return "cols must be 1..200";
    if (!read_number(sql, "fail", 0, 1, &fail))
        return "fail must be 0 or 1";
    const char *shape = find_directive(sql, "shape");
    if (shape && strncmp(shape, "nested", 6) == 0)
        query->shape = SHAPE_NESTED;
    else if (shape && strncmp(shape, "mixed", 5) != 0)
        return "shape must be mixed or nested";
    query->cols = (int)cols;
    query->fail = fail == 1;
    return NULL;
}

static void write_constant(struct query *query, const char *workgroup, const char *location) {
    struct text *out = &query->constant;
    stub_text_puts(
        out,
        "\"EngineVersion\":{\"EffectiveEngineVersion\":\"Athena engine version 3\","
        "\"SelectedEngineVersion\":\"AUTO\"},\"Query\":");
    stub_text_json(out, query->sql.data, query->sql.len);
    stub_text_format(out, ",\"QueryExecutionContext\":{},\"QueryExecutionId\":\"%s\",", query->id);
    stub_text_puts(out, "\"ResultConfiguration\":{\"OutputLocation\":");
    struct text uri = {0};
    stub_text_format(&uri, "%s%s.csv", location, query->id);
    stub_text_json(out, uri.data, uri.len);
    out->failed |= uri.failed;
    stub_text_clear(&uri);
    stub_text_puts(
        out,
        "},\"ResultReuseConfiguration\":{\"ResultReuseByAgeConfiguration\":"
        "{\"Enabled\":false}},\"StatementType\":\"DML\",\"SubstatementType\":\"SELECT\","
        "\"WorkGroup\":");
    stub_text_json(out, workgroup, strlen(workgroup));
}

static void free_query(struct query *query) {
    free(query->token_copy);
    stub_text_clear(&query->sql);
    stub_text_clear(&query->constant);
    free(query);
}

static int compare_tokens(const void *a, const void *b) {
    const struct query *left = a, *right = b;
    return strcmp(left->token, right->token);
}

static bool append_query(struct queries *queries, struct query *query) {
    if (queries->count == queries->cap) {
        size_t cap = queries->cap ? 2 * queries->cap : 256;
        struct query **items = realloc(queries->items, cap * sizeof(struct query *));
        if (!items)
            return false;
        queries->items = items;
        queries->cap = cap;
    }
    if (query->token && !tsearch(query, &queries->tokens, compare_tokens))
        return false;
    queries->items[queries->count++] = query;
    return true;
}

struct query *stub_query_start(
    struct queries *queries,
    const char *sql,
    const char *token,
    const char *workgroup,
    const char *location,
    int64_t now_ns,
    const char **problem) {
    uint64_t run_ms;
    *problem = NULL;
    struct query *query = calloc(1, sizeof *query);
    if (!query)
        return NULL;
    *problem = read_directives(query, sql, &run_ms);
    if (*problem) {
        free_query(query);
        return NULL;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    query->submitted = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    query->start_ns = now_ns;
    query->end_ns = now_ns + (int64_t)run_ms * 1000000;
    snprintf(
        query->id,
        sizeof query->id,
        "%08" PRIx32 "-0000-4000-8000-%012" PRIx64,
        queries->epoch,
        (uint64_t)queries->count & 0xffffffffffff);
    stub_text_puts(&query->sql, sql);
    write_constant(query, workgroup, location);
    bool failed = query->sql.failed || query->constant.failed;
    if (token && !failed)
        failed = !(query->token = query->token_copy = strdup(token));
    if (failed || !append_query(queries, query)) {
        free_query(query);
        return NULL;
    }
    return query;
}

struct query *stub_query_find(const struct queries *queries, const char *id, size_t len) {
    if (len != STUB_ID_SIZE - 1)
        return NULL;
    char digits[13] = {0};
    memcpy(digits, id + 24, 12);
    uint64_t index = strtoull(digits, NULL, 16);
    if (index >= queries->count || memcmp(queries->items[index]->id, id, len) != 0)
        return NULL;
    return queries->items[index];
}

struct query *stub_query_find_token(const struct queries *queries, const char *token) {
    struct query key = {.token = token};
    struct query **found = tfind(&key, &queries->tokens, compare_tokens);
    return found ? *found : NULL;
}

enum state stub_query_state(const struct query *query, int64_t now_ns) {
    if (query->cancelled)
        return STATE_CANCELLED;
    if (now_ns >= query->end_ns)
        return query->fail ? STATE_FAILED : STATE_SUCCEEDED;
    int64_t queued_ns = (query->end_ns - query->start_ns) / 20;
    return now_ns < query->start_ns + queued_ns ? STATE_QUEUED : STATE_RUNNING;
}

void stub_query_stop(struct query *query, int64_t now_ns) {
    if (query->cancelled || now_ns >= query->end_ns)
        return;
    query->cancelled = true;
    query->end_ns = now_ns;
}

size_t stub_queries_active(struct queries *queries, int64_t now_ns) {
    size_t active = 0;
    while (queries->oldest_active < queries->count &&
           queries->items[queries->oldest_active]->end_ns <= now_ns)
        queries->oldest_active++;
    for (size_t i = queries->oldest_active; i < queries->count; i++)
        active += queries->items[i]->end_ns > now_ns;
    return active;
}

static void keep_node(void *node) {
    (void)node;
}

void stub_queries_reset(struct queries *queries) {
    tdestroy(queries->tokens, keep_node);
    for (size_t i = 0; i < queries->count; i++)
        free_query(queries->items[i]);
    free(queries->items);
    *queries = (struct queries){.epoch = queries->epoch + 1};
}

void stub_query_describe(const struct query *query, int64_t now_ns, struct text *out) {
    enum state state = stub_query_state(query, now_ns);
    bool ended = state >= STATE_SUCCEEDED;
    int64_t ms = ((ended ? query->end_ns : now_ns) - query->start_ns) / 1000000;

    stub_text_puts(out, "{");
    stub_text_add(out, query->constant.data, query->constant.len);
    stub_text_format(
        out,
        ",\"Statistics\":{\"DataScannedInBytes\":%d,\"EngineExecutionTimeInMillis\":%" PRId64
        ",\"QueryQueueTimeInMillis\":%" PRId64 ",\"TotalExecutionTimeInMillis\":%" PRId64 "}",
        ended ? 4096 : 0,
        ms,
        ms / 20,
        ms);
    stub_text_format(
        out,
        ",\"Status\":{\"State\":\"%s\",\"SubmissionDateTime\":%.3f",
        state_names[state],
        query->submitted);
    if (ended)
        stub_text_format(out, ",\"CompletionDateTime\":%.3f", query->submitted + (double)ms / 1000);
    if (state == STATE_FAILED)
        stub_text_puts(
            out,
            ",\"StateChangeReason\":\"SYNTAX_ERROR: asked for by fail=1\","
            "\"AthenaError\":{\"ErrorCategory\":2,\"ErrorType\":1006,"
            "\"Retryable\":false,\"ErrorMessage\":\"SYNTAX_ERROR: asked for by fail=1\"}");
    if (state == STATE_CANCELLED)
        stub_text_puts(out, ",\"StateChangeReason\":\"Query was cancelled by user\"");
    stub_text_puts(out, "}}");
}
