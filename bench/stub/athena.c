#include "athena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"

enum { BATCH_MAX = 50, PAGE_MAX = 1000 };

static const char content_type[] = "application/x-amz-json-1.1";
static const char target_prefix[] = "AmazonAthena.";
static const char default_location[] = "s3://stub-results/athena/";

struct reply stub_athena_json(struct text *body) {
    return stub_reply(MHD_HTTP_OK, body, content_type);
}

struct reply stub_athena_error(unsigned status, const char *type, const char *message) {
    struct text body = {0};
    stub_text_format(&body, "{\"__type\":\"%s\",\"message\":", type);
    stub_text_json(&body, message, strlen(message));
    stub_text_puts(&body, "}");
    return stub_reply(status, &body, content_type);
}

struct reply stub_athena_invalid(const char *message) {
    struct text body = {0};
    stub_text_puts(
        &body,
        "{\"__type\":\"InvalidRequestException\","
        "\"AthenaErrorCode\":\"INVALID_INPUT\",\"Message\":");
    stub_text_json(&body, message, strlen(message));
    stub_text_puts(&body, "}");
    return stub_reply(MHD_HTTP_BAD_REQUEST, &body, content_type);
}

static struct reply no_such_query(const char *id) {
    char message[256];
    snprintf(message, sizeof message, "QueryExecution %.128s was not found", id);
    return stub_athena_invalid(message);
}

static const char *string_member(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static struct query *find_query(struct stub *stub, const char *id) {
    return stub_query_find(&stub->queries, id, strlen(id));
}

static struct reply answer_id(const struct query *query) {
    struct text body = {0};
    stub_text_format(&body, "{\"QueryExecutionId\":\"%s\"}", query->id);
    return stub_athena_json(&body);
}

static struct reply too_many_queries(void) {
    struct text body = {0};
    stub_text_puts(
        &body,
        "{\"__type\":\"TooManyRequestsException\","
        "\"Message\":\"You have exceeded the limit for the number of queries you can "
        "run concurrently. Please reduce the number of concurrent queries submitted by "
        "this account.\",\"Reason\":\"CONCURRENT_QUERY_LIMIT_EXCEEDED\"}");
    return stub_reply(MHD_HTTP_BAD_REQUEST, &body, content_type);
}

static struct reply start_query(struct stub *stub, const json_t *input) {
    const char *sql = string_member(input, "QueryString");
    const char *token = string_member(input, "ClientRequestToken");
    const char *workgroup = string_member(input, "WorkGroup");
    const char *output =
        string_member(json_object_get(input, "ResultConfiguration"), "OutputLocation");
    int64_t now_ns = stub_now_ns();

    if (!sql || !*sql || strlen(sql) > 262144)
        return stub_athena_invalid("QueryString must have 1 to 262144 bytes");
    if (token && (strlen(token) < 32 || strlen(token) > 128))
        return stub_athena_invalid("ClientRequestToken must have 32 to 128 characters");
    struct query *query = token ? stub_query_find_token(&stub->queries, token) : NULL;
    if (query) {
        if (query->sql.len != strlen(sql) || memcmp(query->sql.data, sql, query->sql.len) != 0)
            return stub_athena_invalid("Idempotent parameters do not match");
        return answer_id(query);
    }
    uint64_t limit = stub->settings.active_limit;
    if (limit && stub_queries_active(&stub->queries, now_ns) >= limit)
        return too_many_queries();
    struct text location = {0};
    stub_text_puts(&location, output && *output ? output : default_location);
    if (!location.failed && location.data[location.len - 1] != '/')
        stub_text_puts(&location, "/");
    stub_text_add(&location, "", 1);
    const char *problem = "out of memory";
    if (!location.failed)
        query = stub_query_start(
            &stub->queries,
            sql,
            token,
            workgroup ? workgroup : "primary",
            location.data,
            now_ns,
            &problem);
    stub_text_clear(&location);
    if (!query)
        return stub_athena_invalid(problem ? problem : "out of memory");
    return answer_id(query);
}

static struct reply stop_query(struct stub *stub, const json_t *input) {
    const char *id = string_member(input, "QueryExecutionId");
    struct query *query = id ? find_query(stub, id) : NULL;
    if (!query)
        return no_such_query(id ? id : "");
    stub_query_stop(query, stub_now_ns());
    struct text body = {0};
    stub_text_puts(&body, "{}");
    return stub_athena_json(&body);
}

static struct reply get_query(struct stub *stub, const json_t *input) {
    const char *id = string_member(input, "QueryExecutionId");
    struct query *query = id ? find_query(stub, id) : NULL;
    if (!query)
        return no_such_query(id ? id : "");
    struct text body = {0};
    query->looks++;
    stub_text_puts(&body, "{\"QueryExecution\":");
    stub_query_describe(query, stub_now_ns(), &body);
    stub_text_puts(&body, "}");
    return stub_athena_json(&body);
}

static struct reply get_queries(struct stub *stub, const json_t *input) {
    const json_t *ids = json_object_get(input, "QueryExecutionIds");
    size_t count = json_array_size(ids);
    if (count < 1 || count > BATCH_MAX)
        return stub_athena_invalid("QueryExecutionIds must have 1 to 50 members");
    struct text body = {0}, unknown = {0};
    int64_t now_ns = stub_now_ns();
    stub_text_puts(&body, "{\"QueryExecutions\":[");
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        struct query *query = id ? find_query(stub, id) : NULL;
        if (query) {
            query->looks++;
            stub_text_puts(&body, first ? "" : ",");
            first = false;
            stub_query_describe(query, now_ns, &body);
            continue;
        }
        stub_text_puts(
            &unknown, unknown.len ? ",{\"QueryExecutionId\":" : "{\"QueryExecutionId\":");
        stub_text_json(&unknown, id ? id : "", id ? strlen(id) : 0);
        stub_text_puts(
            &unknown, ",\"ErrorCode\":\"INTERNAL_ERROR\",\"ErrorMessage\":\"not found\"}");
    }
    stub_text_puts(&body, "],\"UnprocessedQueryExecutionIds\":[");
    stub_text_add(&body, unknown.data, unknown.len);
    stub_text_puts(&body, "]}");
    body.failed |= unknown.failed;
    stub_text_clear(&unknown);
    return stub_athena_json(&body);
}

static struct reply list_queries(struct stub *stub, const json_t *input) {
    json_int_t max = json_integer_value(json_object_get(input, "MaxResults"));
    size_t limit = max >= 1 && max <= 50 ? (size_t)max : 50;
    size_t count = stub->queries.count;
    struct text body = {0};
    stub_text_puts(&body, "{\"QueryExecutionIds\":[");
    for (size_t i = 0; i < limit && i < count; i++)
        stub_text_format(&body, "%s\"%s\"", i ? "," : "", stub->queries.items[count - 1 - i]->id);
    stub_text_puts(&body, "]}");
    return stub_athena_json(&body);
}

/* Reads a NextToken: "<entry>-<query id>", where entry 0 is the row of labels. */
static bool read_token(const char *token, const struct query *query, uint64_t *entry) {
    char *end;
    *entry = strtoull(token, &end, 10);
    return end != token && *end == '-' && strcmp(end + 1, query->id) == 0 && *entry >= 1 &&
           *entry <= query->rows;
}

/* Points a response at the bytes of the entries [entry, entry + count) of the rendered table. */
static struct reply
send_page(const struct query *query, const struct table *table, uint64_t entry, uint64_t count) {
    uint64_t next = entry + count;
    uint64_t rows = entry == 0 ? count - 1 : count;
    struct text frame = {0};
    stub_text_puts(&frame, "{");
    if (next < query->rows + 1)
        stub_text_format(&frame, "\"NextToken\":\"%" PRIu64 "-%s\",", next, query->id);
    stub_text_puts(&frame, "\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":[");
    stub_text_add(&frame, table->column_info.data, table->column_info.len);
    stub_text_puts(&frame, "]},\"Rows\":[");
    if (entry == 0) {
        stub_text_add(&frame, table->json_head.data, table->json_head.len);
        stub_text_puts(&frame, rows ? "," : "");
    }
    struct iovec iov[4] = {{0}};
    size_t pieces = 1 + stub_ring_rows(&table->json, entry == 0 ? 0 : entry - 1, rows, iov + 1, 2);
    if (rows)
        iov[pieces - 1].iov_len--; /* the comma of the last row */
    size_t head = frame.len;
    stub_text_puts(&frame, "]},\"UpdateCount\":0}");
    if (frame.failed) {
        stub_text_clear(&frame);
        return (struct reply){0};
    }
    iov[0] = (struct iovec){frame.data, head};
    iov[pieces++] = (struct iovec){frame.data + head, frame.len - head};
    struct MHD_IoVec pointed[4];
    for (size_t i = 0; i < pieces; i++)
        pointed[i] = (struct MHD_IoVec){iov[i].iov_base, iov[i].iov_len};
    struct reply reply = {
        MHD_HTTP_OK, MHD_create_response_from_iovec(pointed, (unsigned)pieces, free, frame.data)};
    if (reply.response)
        MHD_add_response_header(reply.response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    else
        stub_text_clear(&frame);
    return reply;
}

static struct reply get_results(struct stub *stub, const json_t *input) {
    const char *id = string_member(input, "QueryExecutionId");
    const char *token = string_member(input, "NextToken");
    const json_t *max = json_object_get(input, "MaxResults");
    uint64_t limit = max ? (uint64_t)json_integer_value(max) : PAGE_MAX;
    struct query *query = id ? find_query(stub, id) : NULL;
    uint64_t entry = 0;

    if (!query)
        return no_such_query(id ? id : "");
    if (limit < 1 || limit > PAGE_MAX)
        return stub_athena_invalid("MaxResults must be 1 to 1000");
    enum state state = stub_query_state(query, stub_now_ns());
    if (state != STATE_SUCCEEDED) {
        char message[128];
        snprintf(
            message,
            sizeof message,
            state < STATE_SUCCEEDED ? "Query has not yet finished. Current state: %s"
                                    : "Query did not finish successfully. Final query state: %s",
            stub_state_name(state));
        return stub_athena_invalid(message);
    }
    if (token && !read_token(token, query, &entry))
        return stub_athena_invalid("NextToken is not of this query");
    const struct table *table = stub_table_get(query->shape, query->cols);
    if (!table)
        return stub_athena_error(
            MHD_HTTP_INTERNAL_SERVER_ERROR, "InternalServerException", "out of memory");
    uint64_t left = query->rows + 1 - entry;
    return send_page(query, table, entry, left < limit ? left : limit);
}

static struct reply dispatch(struct stub *stub, enum api api, const json_t *input) {
    switch (api) {
    case API_START:
        return start_query(stub, input);
    case API_STOP:
        return stop_query(stub, input);
    case API_GET:
        return get_query(stub, input);
    case API_BATCH_GET:
        return get_queries(stub, input);
    case API_RESULTS:
        return get_results(stub, input);
    case API_LIST_EXECUTIONS:
        return list_queries(stub, input);
    case API_LIST_DATABASES:
        return stub_catalog_databases();
    case API_LIST_TABLES:
        return stub_catalog_tables(input);
    case API_GET_TABLE:
        return stub_catalog_table(input);
    default: /* S3's */
        break;
    }
    return stub_athena_error(
        MHD_HTTP_BAD_REQUEST, "UnknownOperationException", "not served by the stub");
}

struct reply stub_athena_answer(struct stub *stub, const char *target, const struct text *body) {
    enum api api = API_COUNT;
    if (strncmp(target, target_prefix, sizeof target_prefix - 1) == 0)
        api = stub_api_find(target + sizeof target_prefix - 1);
    if (api == API_COUNT)
        return stub_athena_error(
            MHD_HTTP_BAD_REQUEST, "UnknownOperationException", "not served by the stub");
    json_t *input = json_loadb(body->len ? body->data : "{}", body->len ? body->len : 2, 0, NULL);
    if (!json_is_object(input)) {
        json_decref(input);
        return stub_athena_error(
            MHD_HTTP_BAD_REQUEST, "SerializationException", "body is no JSON object");
    }
    pthread_mutex_lock(&stub->lock);
    struct reply reply =
        stub_quota_take(&stub->quotas[api], stub_now_ns())
            ? dispatch(stub, api, input)
            : stub_athena_error(MHD_HTTP_BAD_REQUEST, "ThrottlingException", "Rate exceeded");
    pthread_mutex_unlock(&stub->lock);
    json_decref(input);
    return reply;
}
