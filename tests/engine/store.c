#include "store.h"

#include "aws/digest.h"

#include <ctype.h>
#include <time.h>

const char *store_header(const struct ath__exchange *x, const char *name) {
    static char text[4][512];
    static unsigned at;
    char *out = text[at++ % 4];
    out[0] = '\0';
    for (size_t i = 0; i < x->headers_count; i++)
        if (ath__slice_eq_nocase(x->headers[i].name, ath__slice_str(name)))
            snprintf(out, 512, "%.*s", (int)x->headers[i].value.len, x->headers[i].value.ptr);
    return out;
}

char *store_pattern(size_t len) {
    char *bytes = malloc(len + 1);
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (char)(x >> 24);
    }
    return bytes;
}

struct store_object *store_find(struct store *s, const char *key) {
    for (size_t i = 0; i < s->objects_count; i++)
        if (strcmp(s->objects[i].key, key) == 0)
            return &s->objects[i];
    return NULL;
}

static void remove_object(struct store *s, const char *key) {
    struct store_object *object = store_find(s, key);
    if (!object)
        return;
    free(object->bytes);
    *object = s->objects[--s->objects_count];
}

struct store_object *store_put(struct store *s, const char *key, const char *bytes, size_t len) {
    char hex[33];
    struct store_object *object = store_find(s, key);
    if (!object) {
        object = &s->objects[s->objects_count++];
        memset(object, 0, sizeof *object);
        snprintf(object->key, sizeof object->key, "%s", key);
    }
    free(object->bytes);
    object->bytes = malloc(len + 1);
    if (len)
        memcpy(object->bytes, bytes, len);
    object->len = len;
    ath__md5_hex(ath__slice(bytes, len), hex);
    snprintf(object->etag, sizeof object->etag, "\"%s\"", hex);
    return object;
}

size_t store_open_uploads(const struct store *s) {
    size_t count = 0;
    for (size_t i = 0; i < s->uploads_count; i++)
        count += !s->uploads[i].is_aborted && !s->uploads[i].is_complete;
    return count;
}

/* -- requests ---------------------------------------------------------------------------------- */

static bool asks(const struct store_request *r, const char *name, char *out, size_t size) {
    const char *p = r->query;
    size_t len = strlen(name);
    while (*p) {
        size_t n = strcspn(p, "&");
        if (n >= len && strncmp(p, name, len) == 0 && (p[len] == '=' || n == len)) {
            size_t value = n > len ? n - len - 1 : 0;
            if (out)
                snprintf(out, size, "%.*s", (int)value, p + len + 1);
            return true;
        }
        p += n + (p[n] == '&');
    }
    return false;
}

static void say(const struct store_request *r, char *body) {
    free(r->s->body);
    r->s->body = body;
    r->a->body = body;
}

void store_error(const struct store_request *r, int status, const char *code) {
    char *body = malloc(256);
    snprintf(body, 256, "<Error><Code>%s</Code><Message>no</Message></Error>", code);
    say(r, body);
    r->a->status = status;
    r->a->body_len = 0;
}

void store_lose(const struct store_request *r) {
    *r->a = (struct ath__fake_answer){.result = ATH_ERR_IO, .request_sent = true};
}

static void get(const struct store_request *r, bool head) {
    struct store_object *object = store_find(r->s, r->key);
    const char *range = store_header(r->x, "Range"), *match = store_header(r->x, "If-Match");
    unsigned long long first = 0, last = 0;
    if (!object) {
        store_error(r, 404, "NoSuchKey");
        return;
    }
    if (*match && strcmp(match, object->etag) != 0) {
        store_error(r, 412, "PreconditionFailed");
        return;
    }
    if (head || !*range) {
        snprintf(
            r->s->head,
            sizeof r->s->head,
            "ETag: %s\r\nContent-Length: %zu\r\nContent-Type: %s\r\nx-amz-meta-colour: blue\r\n",
            object->etag,
            object->len,
            object->content_type);
        r->a->head = r->s->head;
        if (!head) {
            r->a->body = object->bytes;
            r->a->body_len = object->len;
        }
        if (!object->len)
            r->a->body = NULL;
        return;
    }
    assert_int_equal(sscanf(range, "bytes=%llu-%llu", &first, &last), 2);
    if (first >= object->len) {
        store_error(r, 416, "InvalidRange");
        return;
    }
    if (last >= object->len)
        last = object->len - 1;
    snprintf(
        r->s->head,
        sizeof r->s->head,
        "ETag: %s\r\nContent-Range: bytes %llu-%llu/%zu\r\n",
        object->etag,
        first,
        last,
        object->len);
    r->a->status = r->s->ranges_as_200 ? 200 : 206;
    r->a->head = r->s->head;
    r->a->body = object->bytes + first;
    r->a->body_len = (size_t)(last - first + 1);
}

static bool refuses_put(const struct store_request *r) {
    struct store_object *object = store_find(r->s, r->key);
    const char *match = store_header(r->x, "If-Match");
    if (strcmp(store_header(r->x, "If-None-Match"), "*") == 0 && object) {
        store_error(r, 412, "PreconditionFailed");
        return true;
    }
    if (*match && (!object || strcmp(object->etag, match) != 0)) {
        store_error(r, 412, "PreconditionFailed");
        return true;
    }
    return false;
}

static struct store_object *copy_source(const struct store_request *r) {
    const char *source = store_header(r->x, "x-amz-copy-source");
    const char *slash = strchr(source, '/');
    struct store_object *object = slash ? store_find(r->s, slash + 1) : NULL;
    if (!object)
        store_error(r, 404, "NoSuchKey");
    return object;
}

static void put(const struct store_request *r) {
    if (refuses_put(r))
        return;
    struct store_object *object = store_put(r->s, r->key, r->x->body.ptr, r->x->body.len);
    snprintf(
        object->content_type,
        sizeof object->content_type,
        "%s",
        store_header(r->x, "Content-Type"));
    snprintf(r->s->head, sizeof r->s->head, "ETag: %s\r\n", object->etag);
    r->a->head = r->s->head;
}

static void copy(const struct store_request *r) {
    struct store_object *source = copy_source(r);
    if (!source)
        return;
    char *bytes = malloc(source->len + 1);
    memcpy(bytes, source->bytes, source->len);
    struct store_object *object = store_put(r->s, r->key, bytes, source->len);
    free(bytes);
    char *body = malloc(256);
    snprintf(body, 256, "<CopyObjectResult><ETag>%s</ETag></CopyObjectResult>", object->etag);
    say(r, body);
}

static struct store_upload *find_upload(const struct store_request *r) {
    char id[16];
    assert_true(asks(r, "uploadId", id, sizeof id));
    size_t i = (size_t)atoi(id + 1);
    if (id[0] != 'u' || i >= r->s->uploads_count || r->s->uploads[i].is_aborted ||
        r->s->uploads[i].is_complete) {
        store_error(r, 404, "NoSuchUpload");
        return NULL;
    }
    return &r->s->uploads[i];
}

static void create(const struct store_request *r) {
    struct store_upload *upload = &r->s->uploads[r->s->uploads_count];
    memcpy(upload->key, r->key, sizeof upload->key);
    upload->at_ns = r->s->w.now_ns;
    char *body = malloc(256);
    snprintf(
        body,
        256,
        "<InitiateMultipartUploadResult><UploadId>u%zu</UploadId></InitiateMultipartUploadResult>",
        r->s->uploads_count++);
    say(r, body);
}

/* As Date has it or, `iso`, as S3's XML. */
static const char *format_time(uint64_t at_ns, bool iso) {
    static char text[64];
    time_t at = 1767225600 - 1 + (time_t)(at_ns / SECOND); /* the transport's clock */
    struct tm parts;
    gmtime_r(&at, &parts);
    if (iso)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    else
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

static void list_uploads(const struct store_request *r) {
    char prefix[64] = "", *body = malloc(16384);
    size_t len = (size_t)snprintf(body, 16384, "<ListMultipartUploadsResult>");
    asks(r, "prefix", prefix, sizeof prefix);
    for (size_t i = 0; i < r->s->uploads_count; i++) {
        struct store_upload *up = &r->s->uploads[i];
        if (!up->is_aborted && !up->is_complete && strncmp(up->key, prefix, strlen(prefix)) == 0)
            len += (size_t)snprintf(
                body + len,
                16384 - len,
                "<Upload><Key>%s</Key><UploadId>u%zu</UploadId><Initiated>%s</Initiated></Upload>",
                up->key,
                i,
                format_time(up->at_ns, true));
    }
    snprintf(body + len, 16384 - len, "</ListMultipartUploadsResult>");
    say(r, body);
    snprintf(r->s->head, sizeof r->s->head, "Date: %s\r\n", format_time(r->s->w.now_ns, false));
    r->a->head = r->s->head;
}

static void list_parts(const struct store_request *r) {
    struct store_upload *upload = find_upload(r);
    if (!upload)
        return;
    char *body = malloc(16384);
    size_t len = (size_t)snprintf(body, 16384, "<ListPartsResult>");
    for (int i = 1; i < 64; i++)
        if (upload->parts[i].bytes)
            len += (size_t)snprintf(
                body + len, 16384 - len, "<Part><PartNumber>%d</PartNumber></Part>", i);
    snprintf(body + len, 16384 - len, "</ListPartsResult>");
    say(r, body);
}

static void part(const struct store_request *r, bool copies) {
    char text[16], hex[33];
    unsigned long long first = 0, last = 0;
    struct store_upload *upload = find_upload(r);
    struct store_object *source = upload && copies ? copy_source(r) : NULL;
    struct ath_slice bytes = r->x->body;
    if (!upload || (copies && !source))
        return;
    assert_true(asks(r, "partNumber", text, sizeof text));
    int number = atoi(text);
    assert_in_range(number, 1, 63);
    if (copies) {
        assert_int_equal(
            sscanf(store_header(r->x, "x-amz-copy-source-range"), "bytes=%llu-%llu", &first, &last),
            2);
        assert_true(first <= last && last < source->len);
        bytes = ath__slice(source->bytes + first, (size_t)(last - first + 1));
    }
    struct store_part *at = &upload->parts[number];
    free(at->bytes);
    at->bytes = malloc(bytes.len + 1);
    memcpy(at->bytes, bytes.ptr, bytes.len);
    at->len = bytes.len;
    ath__md5_hex(bytes, hex);
    snprintf(at->etag, sizeof at->etag, "\"%s\"", hex);
    if (copies) {
        char *body = malloc(256);
        snprintf(body, 256, "<CopyPartResult><ETag>%s</ETag></CopyPartResult>", at->etag);
        say(r, body);
        return;
    }
    snprintf(r->s->head, sizeof r->s->head, "ETag: %s\r\n", at->etag);
    r->a->head = r->s->head;
}

static void complete(const struct store_request *r) {
    struct store_upload *upload = find_upload(r);
    if (!upload || refuses_put(r))
        return;
    size_t len = 0, count = 0;
    unsigned char digests[64 * 16];
    char hex[33];
    for (int i = 1; i < 64 && upload->parts[i].bytes; i++)
        len += upload->parts[i].len;
    char *bytes = malloc(len + 1);
    len = 0;
    for (int i = 1; i < 64 && upload->parts[i].bytes; i++) {
        memcpy(bytes + len, upload->parts[i].bytes, upload->parts[i].len);
        len += upload->parts[i].len;
        ath__md5(ath__slice(upload->parts[i].bytes, upload->parts[i].len), digests + 16 * count++);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "<PartNumber>%d</PartNumber>", i);
        assert_non_null(memmem(r->x->body.ptr, r->x->body.len, wanted, strlen(wanted)));
    }
    struct store_object *object = store_put(r->s, r->key, bytes, len);
    free(bytes);
    upload->is_complete = true;
    ath__md5_hex(ath__slice((char *)digests, 16 * count), hex);
    snprintf(object->etag, sizeof object->etag, "\"%s-%zu\"", hex, count);
    char *body = malloc(256);
    snprintf(
        body,
        256,
        "  <CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>",
        object->etag);
    say(r, body);
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct store_object *)a)->key, ((const struct store_object *)b)->key);
}

static void list(const struct store_request *r) {
    char after[64] = "", prefix[64] = "", max[16] = "1000";
    qsort(r->s->objects, r->s->objects_count, sizeof *r->s->objects, compare);
    if (!asks(r, "continuation-token", after, sizeof after))
        asks(r, "start-after", after, sizeof after);
    asks(r, "prefix", prefix, sizeof prefix);
    asks(r, "max-keys", max, sizeof max);
    size_t limit = (size_t)atoi(max), count = 0, at = 0;
    if (r->s->list_max && limit > r->s->list_max)
        limit = r->s->list_max;
    char *body = malloc(16384);
    size_t len = (size_t)snprintf(body, 16384, "<ListBucketResult>");
    const char *last = "";
    for (; at < r->s->objects_count && count < limit; at++) {
        struct store_object *o = &r->s->objects[at];
        if (strcmp(o->key, after) <= 0 || strncmp(o->key, prefix, strlen(prefix)) != 0)
            continue;
        len += (size_t)snprintf(
            body + len,
            16384 - len,
            "<Contents><Key>%s</Key><Size>%zu</Size><ETag>%s</ETag></Contents>",
            o->key,
            o->len,
            o->etag);
        last = o->key;
        count++;
    }
    if (at < r->s->objects_count && count)
        len += (size_t)snprintf(
            body + len,
            16384 - len,
            "<IsTruncated>true</IsTruncated><NextContinuationToken>%s</NextContinuationToken>",
            last);
    snprintf(body + len, 16384 - len, "</ListBucketResult>");
    say(r, body);
}

static void delete_many(const struct store_request *r) {
    char *text = calloc(1, r->x->body.len + 1), *p = text;
    memcpy(text, r->x->body.ptr, r->x->body.len);
    char *body = malloc(16384);
    size_t len = (size_t)snprintf(body, 16384, "<DeleteResult>");
    while ((p = strstr(p, "<Key>"))) {
        char key[64];
        p += 5;
        snprintf(key, sizeof key, "%.*s", (int)strcspn(p, "<"), p);
        if (strncmp(key, "locked", 6) == 0)
            len += (size_t)snprintf(
                body + len,
                16384 - len,
                "<Error><Key>%s</Key><Code>AccessDenied</Code><Message>no</Message></Error>",
                key);
        else
            remove_object(r->s, key);
    }
    snprintf(body + len, 16384 - len, "</DeleteResult>");
    free(text);
    say(r, body);
}

static char letter_of(const struct store_request *r) {
    const char *method = r->x->method;
    bool copies = *store_header(r->x, "x-amz-copy-source");
    if (strcmp(method, "HEAD") == 0)
        return 'H';
    if (strcmp(method, "GET") == 0)
        return asks(r, "uploads", NULL, 0)    ? 'l'
               : asks(r, "uploadId", NULL, 0) ? 'p'
               : r->key[0]                    ? 'G'
                                              : 'L';
    if (strcmp(method, "PUT") == 0)
        return asks(r, "partNumber", NULL, 0) ? (copies ? 'u' : 'U') : copies ? 'c' : 'P';
    if (strcmp(method, "POST") == 0)
        return asks(r, "uploads", NULL, 0) ? 'C' : asks(r, "delete", NULL, 0) ? 'D' : 'M';
    return asks(r, "uploadId", NULL, 0) ? 'A' : 'd';
}

static void act(const struct store_request *r) {
    struct store_upload *upload;
    switch (r->op) {
    case 'G':
    case 'H':
        get(r, r->op == 'H');
        break;
    case 'P':
        put(r);
        break;
    case 'c':
        copy(r);
        break;
    case 'C':
        create(r);
        break;
    case 'U':
    case 'u':
        part(r, r->op == 'u');
        break;
    case 'M':
        complete(r);
        break;
    case 'A':
        upload = find_upload(r);
        if (upload)
            upload->is_aborted = true;
        r->a->status = upload ? 204 : 404;
        break;
    case 'l':
        list_uploads(r);
        break;
    case 'p':
        list_parts(r);
        break;
    case 'L':
        list(r);
        break;
    case 'D':
        delete_many(r);
        break;
    default:
        remove_object(r->s, r->key);
        r->a->status = 204;
    }
}

static void handle(void *user, const struct ath__exchange *x, struct ath__fake_answer *answer) {
    struct store *s = user;
    const char *query = strchr(x->target, '?');
    struct store_request r = {.s = s, .x = x, .a = answer, .query = query ? query + 1 : ""};
    const char *key = x->target + 1;
    if (strncmp(key, "bucket/", 7) == 0) /* path style */
        key += 7;
    snprintf(r.key, sizeof r.key, "%.*s", (int)strcspn(key, "?"), key);
    r.op = letter_of(&r);
    r.nth = ++s->count[(unsigned char)r.op];
    size_t len = strlen(s->log);
    if (len + 1 < sizeof s->log)
        s->log[len] = r.op;
    *answer = (struct ath__fake_answer){.delay_ns = s->latency_ns, .hold = s->hold};
    if (s->before && s->before(&r))
        return;
    act(&r);
    answer->delay_ns += answer->body_len * s->mib_ns / MIB;
    if (s->after)
        s->after(&r);
}

/* -- begin and end ----------------------------------------------------------------------------- */

bool store_try_open(
    struct store *s, const struct ath_client_options *options, struct ath_error *err) {
    struct ath__fake_rule rule = {.handler = handle, .user = s};
    memset(s, 0, sizeof *s);
    world_init(&s->w);
    s->latency_ns = MS;
    bool ok = world_try_open(&s->w, options, err);
    world_rule(&s->w, &rule);
    return ok;
}

void store_open(struct store *s, const struct ath_client_options *options) {
    struct ath_error err = {0};
    if (!store_try_open(s, options, &err))
        fail_msg("cannot open the client: %s", err.message);
}

struct ath_s3_put_options store_put_options(const char *bytes, size_t len) {
    return (struct ath_s3_put_options){
        .size = sizeof(struct ath_s3_put_options),
        .bucket = "bucket",
        .key = ATH__SLICE_INIT("k"),
        .body = {bytes, len},
        .part_bytes = 5 * MIB,
    };
}

struct ath_s3_get_options store_get_options(const char *key) {
    return (struct ath_s3_get_options){
        .size = sizeof(struct ath_s3_get_options),
        .bucket = "bucket",
        .key = ath__slice_str(key),
        .length = -1,
        .part_bytes = 10,
    };
}

struct ath_s3_call_options
store_call_options(const char *operation, const char *method, const char *key) {
    return (struct ath_s3_call_options){
        .size = sizeof(struct ath_s3_call_options),
        .operation = operation,
        .method = method,
        .bucket = "bucket",
        .key = ath__slice_str(key),
    };
}

struct ath_op *store_start_put(struct store *s, const struct ath_s3_put_options *options) {
    struct ath_error err = {0};
    struct ath_op *op = NULL;
    if (ath_s3_put_start(s->w.client, s->w.queue, options, &op, &err))
        fail_msg("ath_s3_put_start: %s", err.message);
    return op;
}

struct ath_op *store_start_get(struct store *s, const struct ath_s3_get_options *options) {
    struct ath_error err = {0};
    struct ath_op *op = NULL;
    if (ath_s3_get_start(s->w.client, s->w.queue, options, &op, &err))
        fail_msg("ath_s3_get_start: %s", err.message);
    return op;
}

struct ath_op *store_start_call(struct store *s, const struct ath_s3_call_options *options) {
    struct ath_error err = {0};
    struct ath_op *op = NULL;
    if (ath_s3_call_start(s->w.client, s->w.queue, options, &op, &err))
        fail_msg("ath_s3_call_start: %s", err.message);
    return op;
}

int store_finish(struct store *s, struct ath_op *op, struct ath_error *err) {
    world_finish(&s->w, op, 500 * SECOND);
    return ath_op_error(op, err);
}

size_t store_take_chunks(struct ath_op *op, char *out) {
    struct ath_s3_chunk *chunk;
    size_t len = 0;
    while (ath_s3_chunk_next(op, &chunk, NULL) == 1) {
        struct ath_slice bytes = ath_s3_chunk_bytes(chunk);
        memcpy(out + len, bytes.ptr, bytes.len);
        len += bytes.len;
        ath_s3_chunk_release(chunk);
    }
    return len;
}

void store_close(struct store *s) {
    world_close(&s->w);
    for (size_t i = 0; i < s->objects_count; i++)
        free(s->objects[i].bytes);
    for (size_t i = 0; i < s->uploads_count; i++)
        for (size_t j = 0; j < 64; j++)
            free(s->uploads[i].parts[j].bytes);
    free(s->body);
}
