#include "s3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

enum { BLOCK = 256 << 10, PACE_AHEAD = 128 << 10 };

/* Bytes [first, end) of an object of size bytes. */
struct span {
    uint64_t first;
    uint64_t end;
    uint64_t size;
    bool partial;
};

/* An object and where its bytes are: in a table, else kept ones, else generated from seed. */
struct source {
    uint64_t size;
    const struct table *table;
    char *bytes; /* a copy of its own */
    uint64_t seed;
    bool absent; /* the bytes were not kept */
    char etag[STORE_ETAG_SIZE];
};

/* A paced answer. */
struct pace {
    struct stub *stub;
    struct MHD_Connection *connection;
    struct source source;
    uint64_t first;
    int64_t start_ns;
    double bytes_per_ns;
};

struct reply stub_s3_error(unsigned status, const char *code, const char *message) {
    struct text body = {0};
    stub_text_format(
        &body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Error><Code>%s</Code><Message>%s</Message></Error>",
        code,
        message);
    return stub_reply(status, &body, "application/xml");
}

struct reply stub_s3_empty(unsigned status) {
    return (struct reply){status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)};
}

const char *stub_s3_header(const struct s3_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

bool stub_s3_argument(const struct s3_request *request, const char *name, const char **value) {
    const char *found = NULL;
    bool there =
        MHD_lookup_connection_value_n(
            request->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &found, NULL) ==
        MHD_YES;
    if (value)
        *value = found ? found : "";
    return there;
}

/* The result of a finished query, "<folders>/<id>.csv". */
static bool find_result(struct stub *stub, const char *path, struct source *source) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    if (len != STUB_ID_SIZE - 1 + 4 || strcmp(name + len - 4, ".csv") != 0)
        return false;
    pthread_mutex_lock(&stub->lock);
    const struct query *query = stub_query_find(&stub->queries, name, len - 4);
    bool found = query && stub_query_state(query, stub_now_ns()) == STATE_SUCCEEDED;
    struct query copy = found ? *query : (struct query){0};
    pthread_mutex_unlock(&stub->lock);
    source->table = found ? stub_table_get(copy.shape, copy.cols) : NULL;
    if (!source->table)
        return false;
    source->size = stub_table_csv_size(source->table, copy.rows);
    snprintf(
        source->etag,
        sizeof source->etag,
        "\"%08x%08x%016" PRIx64 "\"",
        (unsigned)copy.shape + 1,
        (unsigned)copy.cols,
        copy.rows);
    return true;
}

static bool find_written(struct stub *stub, const char *path, struct source *source) {
    pthread_mutex_lock(&stub->lock);
    const struct object *object = stub_store_find(&stub->store, path);
    if (object) {
        source->size = object->size;
        source->seed = object->seed;
        source->absent = !object->generated && !object->bytes;
        if (object->bytes) {
            source->bytes = malloc(object->size + 1);
            source->absent = !source->bytes;
        }
        if (source->bytes)
            memcpy(source->bytes, object->bytes, object->size);
        stub_store_etag(source->etag, object->number);
    }
    pthread_mutex_unlock(&stub->lock);
    return object != NULL;
}

static bool find_object(const struct s3_request *request, struct source *source) {
    if (find_written(request->stub, request->path, source))
        return true;
    if (!stub_pattern_find(request->key, &source->size, &source->seed))
        return find_result(request->stub, request->path, source);
    snprintf(
        source->etag,
        sizeof source->etag,
        "\"%016" PRIx64 "%016" PRIx64 "\"",
        source->seed + 2,
        source->size);
    return true;
}

static struct iovec bytes_at(const struct source *source, uint64_t at) {
    return source->table ? stub_table_csv_at(source->table, at) : stub_pattern_at(source->seed, at);
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
        if (count == 0 || span->size == 0)
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

static struct MHD_Response *point(const struct source *source, const struct span *span) {
    size_t block = source->table ? source->table->csv.bytes.len : PATTERN_SIZE;
    size_t max = (size_t)((span->end - span->first) / block) + 4;
    struct MHD_IoVec *iov = calloc(max, sizeof *iov);
    if (!iov)
        return NULL;
    unsigned pieces = 0;
    for (uint64_t at = span->first; at < span->end; pieces++) {
        struct iovec piece = bytes_at(source, at);
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
    struct iovec piece = bytes_at(&pace->source, pace->first + done);
    if (piece.iov_len > max)
        piece.iov_len = max;
    memcpy(out, piece.iov_base, piece.iov_len);
    return (ssize_t)piece.iov_len;
}

static struct MHD_Response *
pour(const struct s3_request *request, const struct source *source, const struct span *span) {
    struct stub *stub = request->stub;
    struct pace *pace = calloc(1, sizeof *pace);
    if (!pace)
        return NULL;
    pthread_mutex_lock(&stub->lock);
    double mbps = stub->settings.s3_mbps;
    pthread_mutex_unlock(&stub->lock);
    if (mbps <= 0) {
        free(pace);
        return point(source, span);
    }
    *pace = (struct pace){stub, request->connection, *source, span->first, 0, mbps * 1e-3};
    struct MHD_Response *response =
        MHD_create_response_from_callback(span->end - span->first, BLOCK, read_paced, pace, free);
    if (!response)
        free(pace);
    return response;
}

/* The bytes of the span. Those of a written object go with the answer. */
static struct MHD_Response *
fill(const struct s3_request *request, struct source *source, const struct span *span) {
    if (!source->bytes)
        return pour(request, source, span);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        (size_t)(span->end - span->first), source->bytes + span->first, MHD_RESPMEM_MUST_COPY);
    free(source->bytes);
    source->bytes = NULL;
    return response;
}

static struct reply
send_object(const struct s3_request *request, struct source *source, const struct span *span) {
    struct reply reply = {
        span->partial ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, fill(request, source, span)};
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
    MHD_add_response_header(reply.response, MHD_HTTP_HEADER_ETAG, source->etag);
    MHD_add_response_header(reply.response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    MHD_add_response_header(
        reply.response, MHD_HTTP_HEADER_LAST_MODIFIED, "Mon, 01 Jan 2024 00:00:00 GMT");
    MHD_add_response_header(
        reply.response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    return reply;
}

static struct reply answer_object(const struct s3_request *request, struct source *source) {
    if (source->absent && strcmp(request->method, "GET") == 0)
        return stub_s3_error(
            MHD_HTTP_NOT_IMPLEMENTED, "NotImplemented", "The bytes of large objects are not kept");
    const char *match = stub_s3_header(request, MHD_HTTP_HEADER_IF_MATCH);
    if (match && strcmp(match, source->etag) != 0 && strcmp(match, "*") != 0)
        return stub_s3_error(
            MHD_HTTP_PRECONDITION_FAILED,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold");
    const char *none_match = stub_s3_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (none_match && (strcmp(none_match, source->etag) == 0 || strcmp(none_match, "*") == 0))
        return stub_s3_empty(MHD_HTTP_NOT_MODIFIED);
    struct span span = {0, source->size, source->size, false};
    if (!read_range(stub_s3_header(request, MHD_HTTP_HEADER_RANGE), &span))
        return stub_s3_error(
            MHD_HTTP_RANGE_NOT_SATISFIABLE,
            "InvalidRange",
            "The requested range is not satisfiable");
    return send_object(request, source, &span);
}

static struct reply answer_bucket(const struct s3_request *request) {
    struct text body = {0};
    if (stub_s3_argument(request, "list-type", NULL))
        return stub_s3_list(request);
    if (strcmp(request->method, "HEAD") == 0)
        return stub_s3_empty(MHD_HTTP_OK);
    if (stub_s3_argument(request, "location", NULL))
        stub_text_puts(&body, "<LocationConstraint/>");
    else if (stub_s3_argument(request, "versioning", NULL))
        stub_text_puts(&body, "<VersioningConfiguration/>");
    else
        return stub_s3_error(MHD_HTTP_NOT_IMPLEMENTED, "NotImplemented", "not served here");
    return stub_reply(MHD_HTTP_OK, &body, "application/xml");
}

static bool is_sub_resource(const struct s3_request *request) {
    static const char *const names[] = {"tagging", "annotation", "acl", "attributes", "uploadId"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (stub_s3_argument(request, names[i], NULL))
            return true;
    return false;
}

/* Objects have no tags and no annotations. */
static struct reply answer_sub_resource(const struct s3_request *request) {
    struct text body = {0};
    if (stub_s3_argument(request, "tagging", NULL))
        stub_text_puts(&body, "<Tagging><TagSet></TagSet></Tagging>");
    else if (stub_s3_argument(request, "annotation", NULL))
        stub_text_puts(&body, "<ListObjectAnnotationsResult></ListObjectAnnotationsResult>");
    else
        return stub_s3_error(MHD_HTTP_NOT_IMPLEMENTED, "NotImplemented", "not served here");
    return stub_reply(MHD_HTTP_OK, &body, "application/xml");
}

static struct reply answer_get(const struct s3_request *request) {
    if (!*request->key)
        return answer_bucket(request);
    if (is_sub_resource(request))
        return answer_sub_resource(request);
    struct source source = {0};
    if (!find_object(request, &source))
        return stub_s3_error(MHD_HTTP_NOT_FOUND, "NoSuchKey", "The specified key does not exist.");
    struct reply reply = answer_object(request, &source);
    free(source.bytes);
    return reply;
}

/* What a request is counted as. */
static enum api api_of(const struct s3_request *request) {
    const char *method = request->method;
    if (!*request->key) {
        if (strcmp(method, "POST") == 0)
            return API_S3_DELETE_MANY;
        return stub_s3_argument(request, "list-type", NULL) ? API_S3_LIST : API_S3_BUCKET;
    }
    if (strcmp(method, "GET") == 0)
        return API_S3_GET;
    if (strcmp(method, "HEAD") == 0)
        return API_S3_HEAD;
    bool upload = stub_s3_argument(request, "uploadId", NULL);
    if (strcmp(method, "DELETE") == 0)
        return upload ? API_S3_ABORT : API_S3_DELETE;
    if (strcmp(method, "POST") == 0)
        return upload ? API_S3_COMPLETE : API_S3_CREATE;
    if (stub_s3_header(request, "x-amz-copy-source"))
        return upload ? API_S3_PART_COPY : API_S3_COPY;
    return upload ? API_S3_PART : API_S3_PUT;
}

struct reply stub_s3_answer(
    struct stub *stub,
    struct MHD_Connection *connection,
    const char *url,
    const char *method,
    const struct text *body,
    uint64_t received) {
    const char *slash = strchr(url + 1, '/');
    struct s3_request request = {
        stub, connection, method, url + 1, slash ? slash + 1 : "", body, received};
    pthread_mutex_lock(&stub->lock);
    bool allowed = stub_quota_take(&stub->quotas[api_of(&request)], stub_now_ns());
    pthread_mutex_unlock(&stub->lock);
    if (!allowed)
        return stub_s3_error(
            MHD_HTTP_SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.");
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return answer_get(&request);
    if (strcmp(method, "PUT") == 0)
        return stub_s3_put(&request);
    if (strcmp(method, "POST") == 0)
        return stub_s3_post(&request);
    if (strcmp(method, "DELETE") == 0)
        return stub_s3_delete(&request);
    return stub_s3_error(MHD_HTTP_METHOD_NOT_ALLOWED, "MethodNotAllowed", "not served here");
}
