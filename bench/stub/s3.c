#include "s3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 << 10, PACE_AHEAD = 128 << 10 };

/* Bytes [first, end) of an object of size bytes. */
struct span {
    uint64_t first;
    uint64_t end;
    uint64_t size;
    bool partial;
};

/* A paced answer. */
struct pace {
    struct stub *stub;
    struct MHD_Connection *connection;
    const struct table *table;
    uint64_t first;
    int64_t start_ns;
    double bytes_per_ns;
};

static struct reply answer_error(unsigned status, const char *code, const char *message) {
    struct text body = {0};
    stub_text_format(
        &body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Error><Code>%s</Code><Message>%s</Message></Error>",
        code,
        message);
    return stub_reply(status, &body, "application/xml");
}

/* Copies what describes the finished query of a path ".../<id>.csv"; false when there is none. */
static bool find_object(struct stub *stub, const char *path, struct query *copy) {
    const char *name = strrchr(path, '/') + 1;
    size_t len = strlen(name);
    if (len != STUB_ID_SIZE - 1 + 4 || strcmp(name + len - 4, ".csv") != 0)
        return false;
    pthread_mutex_lock(&stub->lock);
    const struct query *query = stub_query_find(&stub->queries, name, len - 4);
    bool found = query && stub_query_state(query, stub_now_ns()) == STATE_SUCCEEDED;
    if (found)
        *copy = *query;
    pthread_mutex_unlock(&stub->lock);
    return found;
}

/* Reads one range. False: none of its bytes exists. Malformed or several ranges mean the whole
 * object. */
static bool read_range(const char *range, struct span *span) {
    if (!range || strncmp(range, "bytes=", 6) != 0 || strchr(range, ','))
        return true;
    const char *from = range + 6;
    char *after;
    if (*from == '-') {
        uint64_t count = strtoull(from + 1, NULL, 10);
        if (count == 0)
            return false;
        span->first = count >= span->size ? 0 : span->size - count;
        span->partial = true;
        return true;
    }
    uint64_t first = strtoull(from, &after, 10);
    if (after == from || *after != '-')
        return true;
    from = after + 1;
    uint64_t last = strtoull(from, &after, 10);
    if (after != from && last < first)
        return true;
    if (first >= span->size)
        return false;
    span->first = first;
    if (after != from && last < span->size)
        span->end = last + 1;
    span->partial = true;
    return true;
}

static struct MHD_Response *point(const struct table *table, const struct span *span) {
    size_t max = (size_t)((span->end - span->first) / table->csv.bytes.len) + 4;
    struct MHD_IoVec *iov = calloc(max, sizeof *iov);
    if (!iov)
        return NULL;
    unsigned pieces = 0;
    for (uint64_t at = span->first; at < span->end; pieces++) {
        struct iovec piece = stub_table_csv_at(table, at);
        if (piece.iov_len > span->end - at)
            piece.iov_len = (size_t)(span->end - at);
        iov[pieces] = (struct MHD_IoVec){piece.iov_base, piece.iov_len};
        at += piece.iov_len;
    }
    struct MHD_Response *response = MHD_create_response_from_iovec(iov, pieces, NULL, NULL);
    free(iov);
    return response;
}

static ssize_t read_paced(void *cls, uint64_t done, char *out, size_t max) {
    struct pace *pace = cls;
    int64_t now_ns = stub_now_ns();
    if (pace->start_ns == 0)
        pace->start_ns = now_ns;
    double due = (double)done - PACE_AHEAD;
    int64_t due_ns = pace->start_ns + (int64_t)(due / pace->bytes_per_ns);
    if (due_ns > now_ns && stub_delay_hold(pace->stub->delay, pace->connection, due_ns))
        return 0;
    struct iovec piece = stub_table_csv_at(pace->table, pace->first + done);
    if (piece.iov_len > max)
        piece.iov_len = max;
    memcpy(out, piece.iov_base, piece.iov_len);
    return (ssize_t)piece.iov_len;
}

static struct MHD_Response *pour(
    struct stub *stub,
    struct MHD_Connection *connection,
    const struct table *table,
    const struct span *span,
    double mbps) {
    struct pace *pace = calloc(1, sizeof *pace);
    if (!pace)
        return NULL;
    *pace = (struct pace){stub, connection, table, span->first, 0, mbps * 1e-3};
    struct MHD_Response *response =
        MHD_create_response_from_callback(span->end - span->first, BLOCK, read_paced, pace, free);
    if (!response)
        free(pace);
    return response;
}

static struct reply send_object(
    struct stub *stub,
    struct MHD_Connection *connection,
    const struct table *table,
    const struct span *span,
    const char *etag) {
    pthread_mutex_lock(&stub->lock);
    double mbps = stub->settings.s3_mbps;
    pthread_mutex_unlock(&stub->lock);
    struct reply reply = {span->partial ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, NULL};
    reply.response = mbps > 0 ? pour(stub, connection, table, span, mbps) : point(table, span);
    if (!reply.response)
        return reply;
    if (span->partial) {
        char range[80];
        snprintf(
            range,
            sizeof range,
            "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
            span->first,
            span->end - 1,
            span->size);
        MHD_add_response_header(reply.response, MHD_HTTP_HEADER_CONTENT_RANGE, range);
    }
    MHD_add_response_header(reply.response, MHD_HTTP_HEADER_ETAG, etag);
    MHD_add_response_header(reply.response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    MHD_add_response_header(
        reply.response, MHD_HTTP_HEADER_LAST_MODIFIED, "Mon, 01 Jan 2024 00:00:00 GMT");
    MHD_add_response_header(
        reply.response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    return reply;
}

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

struct reply
stub_s3_answer(struct stub *stub, struct MHD_Connection *connection, const char *path, bool get) {
    pthread_mutex_lock(&stub->lock);
    bool allowed = stub_quota_take(&stub->quotas[get ? API_S3_GET : API_S3_HEAD], stub_now_ns());
    pthread_mutex_unlock(&stub->lock);
    if (!allowed)
        return answer_error(
            MHD_HTTP_SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.");
    struct query query;
    if (!find_object(stub, path, &query))
        return answer_error(MHD_HTTP_NOT_FOUND, "NoSuchKey", "The specified key does not exist.");
    const struct table *table = stub_table_get(query.shape, query.cols);
    if (!table)
        return (struct reply){0};
    char etag[48];
    snprintf(
        etag,
        sizeof etag,
        "\"%08x%08x%016" PRIx64 "\"",
        (unsigned)query.shape + 1,
        (unsigned)query.cols,
        query.rows);
    const char *match = header(connection, MHD_HTTP_HEADER_IF_MATCH);
    if (match && strcmp(match, etag) != 0 && strcmp(match, "*") != 0)
        return answer_error(
            MHD_HTTP_PRECONDITION_FAILED,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold");
    const char *none_match = header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (none_match && (strcmp(none_match, etag) == 0 || strcmp(none_match, "*") == 0))
        return (struct reply){
            MHD_HTTP_NOT_MODIFIED,
            MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)};
    struct span span = {0, 0, stub_table_csv_size(table, query.rows), false};
    span.end = span.size;
    if (!read_range(header(connection, MHD_HTTP_HEADER_RANGE), &span))
        return answer_error(
            MHD_HTTP_RANGE_NOT_SATISFIABLE,
            "InvalidRange",
            "The requested range is not satisfiable");
    return send_object(stub, connection, table, &span, etag);
}
