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
struct store;
/* Before or after the store has done it; `nth` of its letter from 1. Before: true when decided. */
typedef bool store_fault(
    struct store *s,
    char op,
    unsigned nth,
    const struct ath__exchange *x,
    struct ath__fake_answer *a);

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
void store_error(struct store *s, struct ath__fake_answer *a, int status, const char *code);
/* Bytes that differ everywhere. */
char *store_pattern(size_t len);
/* Parts that are neither completed nor aborted. */
size_t store_open_uploads(const struct store *s);

#endif
