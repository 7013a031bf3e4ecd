/* An S3 bucket that exists in memory only, behind the scripted transport. */
#ifndef ATH_TESTS_ENGINE_STORE_H
#define ATH_TESTS_ENGINE_STORE_H

#include "harness.h"

#include <athena/s3.h>

#define MIB ((size_t)1 << 20)

struct store_object {
    char key[64];
    char *bytes;
    size_t len;
    char etag[80];
    char content_type[64];
};

struct store_part {
    char *bytes;
    size_t len;
    char etag[40];
};

struct store_upload {
    char key[64];
    struct store_part parts[64];
    bool is_aborted, is_complete;
    uint64_t at_ns; /* of the world */
};

/*
 * Operations by letter: G GetObject, H HeadObject, P PutObject, C CreateMultipartUpload,
 * U UploadPart, u UploadPartCopy, c CopyObject, M CompleteMultipartUpload, A AbortMultipartUpload,
 * L a list, l ListMultipartUploads, p ListParts, D DeleteObjects, d DeleteObject.
 */
struct store_request {
    struct store *s;
    const struct ath__exchange *x;
    struct ath__fake_answer *a;
    char op;
    unsigned nth; /* of its letter, from 1 */
    char key[64];
    const char *query;
};
/* Before or after the store has done it. Before: true when the answer is decided. */
typedef bool store_fault(const struct store_request *r);

struct store {
    struct world w;
    struct store_object objects[32];
    size_t objects_count;
    struct store_upload uploads[8];
    size_t uploads_count;
    store_fault *before, *after;
    unsigned count[128];
    char log[4096]; /* the letters, in order */
    char head[512];
    char *body;
    size_t list_max;
    bool hold;
    bool ranges_as_200; /* with Content-Range, as some servers do */
    uint64_t latency_ns;
    uint64_t mib_ns; /* what a MiB of an answer takes more */
};

/* Opens the world; AWS's names, no keys, when `options` is NULL. */
void store_open(struct store *s, const struct ath_client_options *options);
bool store_try_open(
    struct store *s, const struct ath_client_options *options, struct ath_error *err);
void store_close(struct store *s);
struct store_object *store_put(struct store *s, const char *key, const char *bytes, size_t len);
struct store_object *store_find(struct store *s, const char *key);
/* A header of a request, "" when absent; valid until the next call. */
const char *store_header(const struct ath__exchange *x, const char *name);
void store_error(const struct store_request *r, int status, const char *code);
/* The request has arrived, its answer never does. */
void store_lose(const struct store_request *r);
/* Bytes that differ everywhere. */
char *store_pattern(size_t len);
/* Parts that are neither completed nor aborted. */
size_t store_open_uploads(const struct store *s);

/* Of "bucket": a put of "k" in parts of 5 MiB, a get in ranges of 10 bytes, a single call. */
struct ath_s3_put_options store_put_options(const char *bytes, size_t len);
struct ath_s3_get_options store_get_options(const char *key);
struct ath_s3_call_options
store_call_options(const char *operation, const char *method, const char *key);
/* These fail the test when the operation does not begin. */
struct ath_op *store_start_put(struct store *s, const struct ath_s3_put_options *options);
struct ath_op *store_start_get(struct store *s, const struct ath_s3_get_options *options);
struct ath_op *store_start_call(struct store *s, const struct ath_s3_call_options *options);
/* Runs until the operation is done, asserts that it ended, and returns its code. */
int store_finish(struct store *s, struct ath_op *op, struct ath_error *err);
/* Copies what a stream has ready; returns its length. */
size_t store_take_chunks(struct ath_op *op, char *out);

#endif
