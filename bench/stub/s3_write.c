#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "s3.h"

enum { PATH_SIZE = 1300 };

static const uint64_t PART_MIN = 5u << 20, COPY_MAX = (uint64_t)5 << 30;

static struct reply no_memory(void) {
    return (struct reply){0};
}

static struct reply invalid(const char *message) {
    return stub_s3_error(MHD_HTTP_BAD_REQUEST, "InvalidArgument", message);
}

static struct reply no_upload(void) {
    return stub_s3_error(MHD_HTTP_NOT_FOUND, "NoSuchUpload", "There is no such upload.");
}

static void write_part_etag(char *out, uint64_t upload, unsigned long part) {
    snprintf(out, STORE_ETAG_SIZE, "\"%016" PRIx64 "%016lx\"", upload, part);
}

static struct reply done(const char *etag) {
    struct reply reply = stub_s3_empty(MHD_HTTP_OK);
    if (reply.response)
        MHD_add_response_header(reply.response, MHD_HTTP_HEADER_ETAG, etag);
    return reply;
}

static struct reply xml(struct text *body) {
    return stub_reply(MHD_HTTP_OK, body, "application/xml");
}

/* Size of the payload, which may come in the chunks of a signed or trailed stream. */
static uint64_t payload_size(const struct s3_request *request) {
    const char *decoded = stub_s3_header(request, "x-amz-decoded-content-length");
    return decoded ? strtoull(decoded, NULL, 10) : request->received;
}

/* Writes the payload of a kept body to out, at most size bytes; returns how many there were. */
static size_t read_payload(const struct s3_request *request, char *out, size_t size) {
    const struct text *body = request->body;
    if (!stub_s3_header(request, "x-amz-decoded-content-length")) {
        size_t len = body->len < size ? body->len : size;
        if (len)
            memcpy(out, body->data, len);
        return len;
    }
    size_t at = 0, len = 0;
    while (at < body->len) {
        const char *line = body->data + at;
        const char *end = memchr(line, '\n', body->len - at);
        char digits[17] = {0};
        for (size_t i = 0; end && i < 16 && strchr("0123456789abcdefABCDEF", line[i]); i++)
            digits[i] = line[i];
        size_t chunk = end ? strtoul(digits, NULL, 16) : 0;
        size_t start = end ? (size_t)(end + 1 - body->data) : 0;
        if (chunk == 0 || chunk > body->len - start || chunk > size - len)
            break;
        memcpy(out + len, body->data + start, chunk);
        len += chunk;
        at = start + chunk + 2;
    }
    return len;
}

static struct reply put_object(const struct s3_request *request) {
    struct stub *stub = request->stub;
    uint64_t size = payload_size(request);
    char etag[STORE_ETAG_SIZE], *bytes = NULL;
    size_t len = 0;
    if (size <= STORE_KEEP_MAX) {
        bytes = malloc(size + 1);
        if (!bytes)
            return no_memory();
        len = read_payload(request, bytes, (size_t)size);
    }
    const char *none_match = stub_s3_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    pthread_mutex_lock(&stub->lock);
    bool refused = none_match && stub_store_find(&stub->store, request->path);
    struct object *object = refused ? NULL : stub_store_put(&stub->store, request->path, size);
    if (object) {
        stub->store.received += size;
        stub_store_etag(etag, object->number);
        if (bytes && len == size) {
            stub_store_keep(&stub->store, object, bytes);
            bytes = NULL;
        }
    }
    pthread_mutex_unlock(&stub->lock);
    free(bytes);
    if (refused)
        return stub_s3_error(
            MHD_HTTP_PRECONDITION_FAILED, "PreconditionFailed", "The object is there already");
    return object ? done(etag) : no_memory();
}

/* What the header names as source: size, and the seed when its content is generated. */
static bool find_copied(const struct s3_request *request, struct object *copied) {
    char path[PATH_SIZE];
    const char *from = stub_s3_header(request, "x-amz-copy-source");
    from += *from == '/';
    if (strlen(from) >= sizeof path)
        return false;
    memcpy(path, from, strlen(from) + 1);
    path[strcspn(path, "?")] = '\0';
    MHD_http_unescape(path);
    const char *slash = strchr(path, '/');
    pthread_mutex_lock(&request->stub->lock);
    const struct object *found = stub_store_find(&request->stub->store, path);
    if (found)
        *copied = (struct object){
            .size = found->size, .seed = found->seed, .generated = found->generated};
    pthread_mutex_unlock(&request->stub->lock);
    if (found)
        return true;
    copied->generated = slash && stub_pattern_find(slash + 1, &copied->size, &copied->seed);
    return copied->generated;
}

static struct reply copied_result(const char *element, const char *etag) {
    struct text body = {0};
    stub_text_format(
        &body,
        "<%s><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>%s</ETag></%s>",
        element,
        etag,
        element);
    return xml(&body);
}

static struct reply copy_object(const struct s3_request *request, const struct object *source) {
    struct stub *stub = request->stub;
    char etag[STORE_ETAG_SIZE];
    if (source->size > COPY_MAX)
        return stub_s3_error(
            MHD_HTTP_BAD_REQUEST,
            "InvalidRequest",
            "The specified copy source is larger than the maximum allowable size");
    pthread_mutex_lock(&stub->lock);
    struct object *object = stub_store_put(&stub->store, request->path, source->size);
    if (object) {
        object->generated = source->generated;
        object->seed = source->seed;
        stub_store_etag(etag, object->number);
    }
    pthread_mutex_unlock(&stub->lock);
    return object ? copied_result("CopyObjectResult", etag) : no_memory();
}

/* Size of the range of a copied part; false when it is not inside the source. */
static bool copied_size(const struct s3_request *request, uint64_t size, uint64_t *part) {
    const char *range = stub_s3_header(request, "x-amz-copy-source-range");
    uint64_t first, last;
    if (!range) {
        *part = size;
        return true;
    }
    if (sscanf(range, "bytes=%" SCNu64 "-%" SCNu64, &first, &last) != 2 || last < first ||
        last >= size)
        return false;
    *part = last - first + 1;
    return true;
}

static struct reply
put_part(const struct s3_request *request, const char *id, const struct object *source) {
    struct stub *stub = request->stub;
    const char *value;
    uint64_t size = payload_size(request);
    char etag[STORE_ETAG_SIZE];
    stub_s3_argument(request, "partNumber", &value);
    unsigned long number = strtoul(value, NULL, 10);
    if (source && !copied_size(request, source->size, &size))
        return invalid("The range is not inside the source");
    pthread_mutex_lock(&stub->lock);
    struct upload *upload = stub_store_upload(&stub->store, request->path, id);
    bool taken = upload && stub_store_part(upload, number, size);
    if (taken) {
        write_part_etag(etag, upload->id, number);
        if (!source)
            stub->store.received += size;
    }
    pthread_mutex_unlock(&stub->lock);
    if (!upload)
        return no_upload();
    if (!taken)
        return invalid("The part number is not one of 1 to 10,000");
    return source ? copied_result("CopyPartResult", etag) : done(etag);
}

struct reply stub_s3_put(const struct s3_request *request) {
    const char *id;
    struct object source = {0};
    bool part = stub_s3_argument(request, "uploadId", &id);
    bool copy = stub_s3_header(request, "x-amz-copy-source") != NULL;
    if (!*request->key)
        return stub_s3_empty(MHD_HTTP_OK);
    if (copy && !find_copied(request, &source))
        return stub_s3_error(MHD_HTTP_NOT_FOUND, "NoSuchKey", "The specified key does not exist.");
    if (part)
        return put_part(request, id, copy ? &source : NULL);
    return copy ? copy_object(request, &source) : put_object(request);
}

static struct reply create_upload(const struct s3_request *request) {
    struct stub *stub = request->stub;
    pthread_mutex_lock(&stub->lock);
    struct upload *upload = stub_store_open(&stub->store, request->path);
    uint64_t id = upload ? upload->id : 0;
    pthread_mutex_unlock(&stub->lock);
    if (!id)
        return no_memory();
    struct text body = {0};
    stub_text_format(
        &body,
        "<InitiateMultipartUploadResult><UploadId>%016" PRIx64
        "</UploadId></InitiateMultipartUploadResult>",
        id);
    return xml(&body);
}

/* The whole size by the parts that the body names in order; NULL, or what is wrong. */
static const char *
sum_parts(const struct upload *upload, const struct text *body, uint64_t *total) {
    static const char tag[] = "<PartNumber>";
    const char *at = body->data, *end = at ? at + body->len : at;
    uint64_t last = PART_MIN;
    *total = 0;
    for (size_t named = 0; at; named++) {
        at = memmem(at, (size_t)(end - at), tag, sizeof tag - 1);
        if (!at)
            return named ? NULL : "MalformedXML";
        at += sizeof tag - 1;
        unsigned long number = strtoul(at, NULL, 10);
        if (number < 1 || number > upload->count || upload->sizes[number - 1] == UINT64_MAX)
            return "InvalidPart";
        if (last < PART_MIN)
            return "EntityTooSmall";
        last = upload->sizes[number - 1];
        *total += last;
    }
    return "MalformedXML";
}

static struct reply complete_upload(const struct s3_request *request, const char *id) {
    struct stub *stub = request->stub;
    uint64_t size = 0;
    char etag[STORE_ETAG_SIZE];
    struct object *object = NULL;
    struct text body = {0};
    stub_text_add(&body, request->body->data, request->body->len);
    stub_text_puts(&body, "x"); /* digits at the end of the body stop here */
    pthread_mutex_lock(&stub->lock);
    struct upload *upload = stub_store_upload(&stub->store, request->path, id);
    const char *wrong = upload ? sum_parts(upload, &body, &size) : NULL;
    if (upload && !wrong)
        object = stub_store_put(&stub->store, request->path, size);
    if (object) {
        stub_store_etag(etag, object->number);
        stub_store_close(&stub->store, upload);
    }
    pthread_mutex_unlock(&stub->lock);
    stub_text_clear(&body);
    if (!upload)
        return no_upload();
    if (wrong)
        return stub_s3_error(MHD_HTTP_BAD_REQUEST, wrong, "The list of parts is not right");
    if (!object)
        return no_memory();
    stub_text_format(
        &body,
        "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>",
        etag);
    return xml(&body);
}

/* Undoes XML's five names in place. */
static void unescape(char *text) {
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    char *out = text;
    while (*text) {
        size_t i = 0;
        while (i < 5 && strncmp(text, names[i], strlen(names[i])) != 0)
            i++;
        *out++ = i < 5 ? "&<>\"'"[i] : *text;
        text += i < 5 ? strlen(names[i]) : 1;
    }
    *out = '\0';
}

/* Removes the object of a <Key> of len bytes. */
static void delete_named(const struct s3_request *request, const char *name, size_t len) {
    char path[2 * PATH_SIZE];
    size_t bucket = strcspn(request->path, "/");
    if (bucket + 2 + len > sizeof path)
        return;
    memcpy(path, request->path, bucket);
    path[bucket] = '/';
    memcpy(path + bucket + 1, name, len);
    path[bucket + 1 + len] = '\0';
    unescape(path + bucket + 1);
    stub_store_remove(&request->stub->store, path);
}

static struct reply delete_many(const struct s3_request *request) {
    static const char tag[] = "<Key>";
    const struct text *in = request->body;
    struct text out = {0};
    bool quiet = in->data && memmem(in->data, in->len, "<Quiet>true", 11);
    const char *at = in->data, *end = at ? at + in->len : at;
    size_t count = 0;
    stub_text_puts(&out, "<DeleteResult>");
    pthread_mutex_lock(&request->stub->lock);
    while (at && (at = memmem(at, (size_t)(end - at), tag, sizeof tag - 1))) {
        at += sizeof tag - 1;
        const char *stop = memchr(at, '<', (size_t)(end - at));
        if (!stop)
            break;
        delete_named(request, at, (size_t)(stop - at));
        if (!quiet) {
            stub_text_puts(&out, "<Deleted><Key>");
            stub_text_add(&out, at, (size_t)(stop - at));
            stub_text_puts(&out, "</Key></Deleted>");
        }
        count++;
        at = stop;
    }
    request->stub->store.deleted += count;
    pthread_mutex_unlock(&request->stub->lock);
    if (count >= 1 && count <= 1000) {
        stub_text_puts(&out, "</DeleteResult>");
        return xml(&out);
    }
    stub_text_clear(&out);
    return stub_s3_error(MHD_HTTP_BAD_REQUEST, "MalformedXML", "1 to 1,000 keys are needed");
}

struct reply stub_s3_post(const struct s3_request *request) {
    const char *id;
    if (!*request->key && stub_s3_argument(request, "delete", NULL))
        return delete_many(request);
    if (stub_s3_argument(request, "uploads", NULL))
        return create_upload(request);
    if (stub_s3_argument(request, "uploadId", &id))
        return complete_upload(request, id);
    return stub_s3_error(MHD_HTTP_NOT_IMPLEMENTED, "NotImplemented", "not served here");
}

struct reply stub_s3_delete(const struct s3_request *request) {
    struct stub *stub = request->stub;
    const char *id;
    bool abort = stub_s3_argument(request, "uploadId", &id);
    pthread_mutex_lock(&stub->lock);
    struct upload *upload = abort ? stub_store_upload(&stub->store, request->path, id) : NULL;
    if (upload) {
        stub_store_close(&stub->store, upload);
    } else if (!abort) {
        stub_store_remove(&stub->store, request->path);
        stub->store.deleted++;
    }
    pthread_mutex_unlock(&stub->lock);
    return abort && !upload ? no_upload() : stub_s3_empty(MHD_HTTP_NO_CONTENT);
}
