/* The scripted library's S3: operations answer, deliver and take what a test says. Memory that is
 * lent is touched like the I/O thread would, so that a sanitizer sees it given back too early. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 64

struct ath_s3_chunk {
    size_t len;
    char bytes[];
};

struct ath_s3_page {
    size_t count;
    struct ath_s3_entry entries[];
};

struct fake_s3 {
    int status;
    char *head;
    struct ath_slice body; /* of the answer */
    int64_t size;
    uint64_t transferred;
    struct ath_slice lent;
    char *into;
    size_t into_len;
    void *parts[PARTS_MAX]; /* chunks or pages */
    void (*drop)(void *part);
    size_t first;
    size_t last;
    struct ath_s3_failure *failures;
    size_t failures_count;
    size_t room;
    bool ended;
};

EXPORT void fake_s3_answer(
    uint64_t token, int status, const char *head, const char *body, size_t body_len, int64_t size);
EXPORT int fake_s3_store(uint64_t token, size_t offset, const char *bytes, size_t len);
EXPORT size_t fake_s3_lent(uint64_t token, char *out, size_t cap);
EXPORT void fake_s3_chunk(uint64_t token, const char *bytes, size_t len);
EXPORT void fake_s3_page(uint64_t token, const struct ath_s3_entry *entries, size_t count);
EXPORT void fake_s3_failures(uint64_t token, const struct ath_s3_failure *failures, size_t count);
EXPORT void fake_s3_room(uint64_t token, size_t bytes);
EXPORT int fake_s3_parts_alive(void);
EXPORT int fake_s3_touches(void);

static int parts_alive;
static int touches;
static volatile unsigned sum;

/* -- the script */

static struct ath_slice slice_copy(const char *bytes, size_t len) {
    char *result = calloc(1, len + 1);
    if (len > 0)
        memcpy(result, bytes, len);
    return (struct ath_slice){result, len};
}

static void slice_free(struct ath_slice slice) {
    free((void *)(uintptr_t)slice.ptr);
}

void fake_s3_answer(
    uint64_t token, int status, const char *head, const char *body, size_t body_len, int64_t size) {
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    op->s3->status = status;
    op->s3->head = strdup(head);
    op->s3->body = slice_copy(body, body_len);
    op->s3->size = size;
    fake_post(op, ATH_EVENT_RESULT, 0, NULL);
    pthread_mutex_unlock(&fake_lock);
}

int fake_s3_store(uint64_t token, size_t offset, const char *bytes, size_t len) {
    pthread_mutex_lock(&fake_lock);
    struct fake_s3 *s3 = fake_find(token)->s3;
    int fits = s3->into && offset + len <= s3->into_len;
    if (fits) {
        memcpy(s3->into + offset, bytes, len);
        s3->transferred += len;
    }
    pthread_mutex_unlock(&fake_lock);
    return fits;
}

size_t fake_s3_lent(uint64_t token, char *out, size_t cap) {
    pthread_mutex_lock(&fake_lock);
    struct ath_slice lent = fake_find(token)->s3->lent;
    memcpy(out, lent.ptr, lent.len < cap ? lent.len : cap);
    pthread_mutex_unlock(&fake_lock);
    return lent.len;
}

static void add_part(uint64_t token, void *part) {
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    op->s3->parts[op->s3->last++ % PARTS_MAX] = part;
    parts_alive++;
    fake_post(op, ATH_EVENT_BATCH, 0, NULL);
    pthread_mutex_unlock(&fake_lock);
}

void fake_s3_chunk(uint64_t token, const char *bytes, size_t len) {
    struct ath_s3_chunk *chunk = malloc(sizeof(*chunk) + len);
    chunk->len = len;
    memcpy(chunk->bytes, bytes, len);
    add_part(token, chunk);
}

/* All texts of an entry, as they lie in the structure. */
static struct ath_slice *texts_of(struct ath_s3_entry *entry) {
    return &entry->key;
}

enum { ENTRY_TEXTS = 7 };

void fake_s3_page(uint64_t token, const struct ath_s3_entry *entries, size_t count) {
    struct ath_s3_page *page = malloc(sizeof(*page) + (count + 1) * sizeof(*entries));
    page->count = count;
    for (size_t i = 0; i < count; i++) {
        page->entries[i] = entries[i];
        struct ath_slice *texts = texts_of(&page->entries[i]);
        for (int text = 0; text < ENTRY_TEXTS; text++)
            if (texts[text].len > 0)
                texts[text] = slice_copy(texts[text].ptr, texts[text].len);
            else
                texts[text].ptr = NULL;
    }
    add_part(token, page);
}

void fake_s3_failures(uint64_t token, const struct ath_s3_failure *failures, size_t count) {
    pthread_mutex_lock(&fake_lock);
    struct fake_s3 *s3 = fake_find(token)->s3;
    s3->failures = calloc(count + 1, sizeof(*failures));
    s3->failures_count = count;
    for (size_t i = 0; i < count; i++) {
        struct ath_slice *to = &s3->failures[i].key;
        const struct ath_slice *from = &failures[i].key;
        for (int text = 0; text < 4; text++)
            to[text] = slice_copy(from[text].ptr, from[text].len);
    }
    pthread_mutex_unlock(&fake_lock);
}

void fake_s3_room(uint64_t token, size_t bytes) {
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    op->s3->room = bytes;
    fake_post(op, ATH_EVENT_BATCH, 0, NULL);
    pthread_mutex_unlock(&fake_lock);
}

int fake_s3_parts_alive(void) {
    return parts_alive;
}

int fake_s3_touches(void) {
    return touches;
}

/* -- for fake_athena.c */

bool fake_s3_is_ready(const struct fake_s3 *s3) {
    return s3 && (s3->first != s3->last || s3->room > 0);
}

/* What the I/O thread may do until a detach returns. */
void fake_s3_touch(struct fake_s3 *s3) {
    if (!s3)
        return;
    touches += s3->lent.len > 0 || s3->into;
    for (size_t i = 0; i < s3->lent.len; i++)
        sum += (unsigned char)s3->lent.ptr[i];
    if (s3->into)
        memset(s3->into, '~', s3->into_len);
    s3->lent = (struct ath_slice){NULL, 0};
    s3->into = NULL;
}

void fake_s3_free(struct fake_s3 *s3) {
    if (!s3)
        return;
    while (s3->first != s3->last)
        s3->drop(s3->parts[s3->first++ % PARTS_MAX]);
    for (size_t i = 0; i < s3->failures_count; i++)
        for (int text = 0; text < 4; text++)
            slice_free((&s3->failures[i].key)[text]);
    free(s3->failures);
    slice_free(s3->body);
    free(s3->head);
    free(s3);
}

/* -- the library */

struct note {
    char *at;
    size_t left;
};

static void add(struct note *note, const char *name, const char *value) {
    int len = value ? snprintf(note->at, note->left, "|%s=%s", name, value) : 0;
    note->at += len;
    note->left -= (size_t)len;
}

static void add_slice(struct note *note, const char *name, struct ath_slice value) {
    char text[1100];
    snprintf(text, sizeof(text), "%.*s", (int)value.len, value.len ? value.ptr : "");
    add(note, name, value.ptr ? text : NULL);
}

static void add_number(struct note *note, const char *name, int64_t value, int64_t usual) {
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    add(note, name, value == usual ? NULL : text);
}

static void
add_pairs(struct note *note, const char *name, const struct ath_s3_pair *pairs, size_t count) {
    char text[256];
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%s:%s", pairs[i].name, pairs[i].value);
        add(note, name, text);
    }
}

static void drop_chunk(void *part) {
    ath_s3_chunk_release(part);
}

static void drop_page(void *part) {
    ath_s3_page_release(part);
}

/* A new operation, its text begun; a bucket called "refused" is refused. */
static int begin(
    const char *name,
    struct ath_queue *queue,
    const char *bucket,
    void (*drop)(void *part),
    struct ath_op **out_op,
    struct note *out_note,
    struct ath_error *err) {
    if (bucket && strcmp(bucket, "refused") == 0)
        return fake_fail(err, ATH_ERR_INVALID, "bucket: no such name");
    struct ath_op *op = *out_op = fake_op_new(queue, NULL);
    op->s3 = calloc(1, sizeof(*op->s3));
    op->s3->size = -1;
    op->s3->drop = drop;
    int len = snprintf(op->text, sizeof(op->text), "%s", name);
    *out_note = (struct note){op->text + len, sizeof(op->text) - (size_t)len};
    add(out_note, "bucket", bucket);
    return 0;
}

int ath_s3_call_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_call_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct note note;
    (void)client;
    if (begin("call", queue, options->bucket, drop_chunk, out_op, &note, err) != 0)
        return err->code;
    struct fake_s3 *s3 = (*out_op)->s3;
    add(&note, "operation", options->operation);
    add(&note, "method", options->method);
    add_slice(&note, "key", options->key);
    add_pairs(&note, "query", options->query, options->query_count);
    add_pairs(&note, "header", options->headers, options->headers_count);
    add_number(&note, "into", (int64_t)options->into_len, 0);
    s3->lent = options->body;
    s3->into = options->into;
    s3->into_len = options->into_len;
    return 0;
}

int ath_s3_get_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_get_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct note note;
    (void)client;
    if (begin("get", queue, options->bucket, drop_chunk, out_op, &note, err) != 0)
        return err->code;
    struct fake_s3 *s3 = (*out_op)->s3;
    add_slice(&note, "key", options->key);
    add(&note, "version_id", options->version_id);
    add(&note, "if_match", options->if_match);
    add_number(&note, "offset", (int64_t)options->offset, 0);
    add_number(&note, "length", options->length, -1);
    add_number(&note, "into", (int64_t)options->into_len, 0);
    add_number(&note, "part_bytes", (int64_t)options->part_bytes, 0);
    add_number(&note, "parallel", options->parallel, 0);
    add_pairs(&note, "header", options->headers, options->headers_count);
    s3->into = options->into;
    s3->into_len = options->into_len;
    return 0;
}

int ath_s3_put_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_put_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct note note;
    (void)client;
    if (begin("put", queue, options->bucket, drop_chunk, out_op, &note, err) != 0)
        return err->code;
    add_slice(&note, "key", options->key);
    add(&note, "path", options->path);
    add_number(&note, "stream", options->is_stream, 0);
    add(&note, "if_none_match", options->if_none_match);
    add(&note, "if_match", options->if_match);
    add_number(&note, "part_bytes", (int64_t)options->part_bytes, 0);
    add_number(&note, "parallel", options->parallel, 0);
    add_pairs(&note, "header", options->headers, options->headers_count);
    (*out_op)->s3->lent = options->body;
    return 0;
}

int ath_s3_copy_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_copy_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct note note;
    (void)client;
    if (begin("copy", queue, options->bucket, drop_chunk, out_op, &note, err) != 0)
        return err->code;
    add_slice(&note, "key", options->key);
    add(&note, "source_bucket", options->source_bucket);
    add_slice(&note, "source_key", options->source_key);
    add(&note, "source_version_id", options->source_version_id);
    add_number(&note, "multipart_from", (int64_t)options->multipart_from, 0);
    add_number(&note, "part_bytes", (int64_t)options->part_bytes, 0);
    add_number(&note, "parallel", options->parallel, 0);
    add_pairs(&note, "header", options->headers, options->headers_count);
    return 0;
}

int ath_s3_list_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_list_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct note note;
    (void)client;
    if (begin("list", queue, options->bucket, drop_page, out_op, &note, err) != 0)
        return err->code;
    add_number(&note, "kind", options->kind, 0);
    add(&note, "prefix", options->prefix);
    add(&note, "delimiter", options->delimiter);
    add(&note, "start_after", options->start_after);
    add_slice(&note, "key", options->key);
    add(&note, "upload_id", options->upload_id);
    add_number(&note, "page_keys", options->page_keys, 0);
    add_number(&note, "keys_max", options->keys_max, 0);
    add_pairs(&note, "header", options->headers, options->headers_count);
    return 0;
}

int ath_s3_delete_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_delete_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct note note;
    (void)client;
    if (begin("delete", queue, options->bucket, drop_chunk, out_op, &note, err) != 0)
        return err->code;
    for (size_t i = 0; i < options->count; i++) {
        add_slice(&note, "key", options->keys[i]);
        if (options->version_ids)
            add(&note, "version_id", options->version_ids[i]);
    }
    add_pairs(&note, "header", options->headers, options->headers_count);
    return 0;
}

/* A URL as long as its query says: "&length=N". */
int ath_s3_presign(
    struct ath_client *client,
    const char *method,
    const char *bucket,
    struct ath_slice key,
    const struct ath_s3_pair *query,
    size_t query_count,
    int32_t expires_s,
    char *url,
    size_t url_size,
    struct ath_error *err) {
    (void)client;
    if (expires_s < 1)
        return fake_fail(err, ATH_ERR_INVALID, "expires_s: not 1..604,800");
    size_t length = query_count > 0 ? (size_t)strtoul(query[0].value, NULL, 10) : 0;
    if (length >= url_size)
        return fake_fail(err, ATH_ERR_TOO_LARGE, "the URL is too long");
    snprintf(
        url, url_size, "%s/%s/%.*s/%d/", method, bucket, (int)key.len, key.ptr, (int)expires_s);
    for (size_t at = strlen(url); at < length; at++) {
        url[at] = 'x';
        url[at + 1] = '\0';
    }
    return 0;
}

/* What the script has said by now: it may be saying it at this moment, on another thread. */
static struct fake_s3 told(const struct ath_op *op) {
    struct fake_s3 copy = {.size = -1};
    pthread_mutex_lock(&fake_lock);
    if (op->s3)
        copy = *op->s3;
    pthread_mutex_unlock(&fake_lock);
    return copy;
}

int ath_s3_status(const struct ath_op *op) {
    return told(op).status;
}

/* Knows one header, so that a wrong name shows. */
struct ath_slice ath_s3_header(const struct ath_op *op, const char *name) {
    const char *head = told(op).head;
    if (!head || strcmp(name, "etag") != 0)
        return (struct ath_slice){NULL, 0};
    const char *at = strstr(head, "ETag: ");
    return at ? (struct ath_slice){at + 6, strcspn(at + 6, "\r\n")} : (struct ath_slice){NULL, 0};
}

struct ath_slice ath_s3_head(const struct ath_op *op) {
    const char *head = told(op).head;
    return head ? (struct ath_slice){head, strlen(head)} : (struct ath_slice){NULL, 0};
}

struct ath_slice ath_s3_body(const struct ath_op *op) {
    return told(op).body;
}

int64_t ath_s3_object_size(const struct ath_op *op) {
    return told(op).size;
}

uint64_t ath_s3_transferred(const struct ath_op *op) {
    return told(op).transferred;
}

static int
next_part(struct ath_op *op, void (*drop)(void *part), void **out_part, struct ath_error *err) {
    int code = 0;
    if (!op->s3 || op->s3->drop != drop)
        return fake_fail(err, ATH_ERR_STATE, "not of this operation");
    pthread_mutex_lock(&fake_lock);
    if (op->s3->first != op->s3->last) {
        *out_part = op->s3->parts[op->s3->first++ % PARTS_MAX];
        code = 1;
    } else if (op->finished && op->error.code != 0) {
        *err = op->error;
        code = err->code;
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}

int ath_s3_chunk_next(struct ath_op *op, struct ath_s3_chunk **out_chunk, struct ath_error *err) {
    void *part = NULL;
    int code = next_part(op, drop_chunk, &part, err);
    *out_chunk = part;
    return code;
}

struct ath_slice ath_s3_chunk_bytes(const struct ath_s3_chunk *chunk) {
    return (struct ath_slice){chunk->bytes, chunk->len};
}

void ath_s3_chunk_release(struct ath_s3_chunk *chunk) {
    free(chunk);
    parts_alive--;
}

int ath_s3_page_next(struct ath_op *op, struct ath_s3_page **out_page, struct ath_error *err) {
    void *part = NULL;
    int code = next_part(op, drop_page, &part, err);
    *out_page = part;
    return code;
}

const struct ath_s3_entry *ath_s3_page_entries(const struct ath_s3_page *page, size_t *out_count) {
    *out_count = page->count;
    return page->entries;
}

void ath_s3_page_release(struct ath_s3_page *page) {
    for (size_t i = 0; i < page->count; i++)
        for (int text = 0; text < ENTRY_TEXTS; text++)
            slice_free(texts_of(&page->entries[i])[text]);
    free(page);
    parts_alive--;
}

int ath_s3_put_write(struct ath_op *op, struct ath_slice bytes, struct ath_error *err) {
    struct fake_s3 *s3 = op->s3;
    if (!s3 || s3->ended)
        return fake_fail(err, ATH_ERR_STATE, "put_write: after the end");
    if (bytes.len > s3->room)
        return 1;
    pthread_mutex_lock(&fake_lock);
    s3->room -= bytes.len;
    s3->transferred += bytes.len;
    pthread_mutex_unlock(&fake_lock);
    return 0;
}

int ath_s3_put_end(struct ath_op *op, struct ath_error *err) {
    if (!op->s3 || op->s3->ended)
        return fake_fail(err, ATH_ERR_STATE, "put_end: after the end");
    op->s3->ended = true;
    return 0;
}

const struct ath_s3_failure *ath_s3_delete_failures(const struct ath_op *op, size_t *out_count) {
    *out_count = op->s3 ? op->s3->failures_count : 0;
    return op->s3 ? op->s3->failures : NULL;
}
