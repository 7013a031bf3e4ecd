/*
 * S3's REST API: addresses, request parts, answers. Pure. The engine drives these (engine/s3_*.c);
 * files: s3_address.c, s3_build.c, s3_page.c, s3_parse.c, s3_error.c, on s3_xml.c; checksum.c.
 */
#ifndef ATH_AWS_S3_H
#define ATH_AWS_S3_H

#include "aws/checksum.h"
#include "aws/config.h"
#include "aws/error_parse.h"
#include "aws/sigv4.h"
#include "base/buf.h"

#include <athena/s3.h>

/* Where a request goes: strings live in the arena given to ath__s3_locate. */
struct ath__s3_place {
    bool https;
    uint16_t port;
    const char *host;      /* to connect to */
    const char *authority; /* the Host header */
    const char *path;      /* encoded once, begins with '/': prefix, bucket when path style, key */
};

/*
 * The place of an object, of a bucket (`key` empty) or of the service (`bucket` NULL too). `region`
 * NULL: the configuration's. Virtual-host style on AWS for names that a certificate covers, else
 * path style; config->s3_addressing decides otherwise. Errors: INVALID (a region, bucket or key
 * that cannot be), UNSUPPORTED (ARNs, buckets of S3 Express and Outposts), CONFIG (s3_accelerate
 * together with path style, FIPS or a configured endpoint), NOMEM.
 */
int ath__s3_locate(
    const struct ath__config *config,
    const char *region,
    const char *bucket,
    struct ath_slice key,
    struct ath__arena *arena,
    struct ath__s3_place *out,
    struct ath_error *err);
bool ath__s3_is_aws(const struct ath__config *config);

/* Appends the encoded query "a=b&c=" of unencoded pairs (a NULL value is an empty one), after a '&'
 * when `out` holds something already. NOMEM, TOO_LARGE. */
int ath__s3_query_build(const struct ath_s3_pair *pairs, size_t count, struct ath__buf *out);
/* Appends `text`, all but unreserved characters percent-encoded ('/' too unless keep_slash). */
int ath__s3_encode(struct ath_slice text, bool keep_slash, struct ath__buf *out);
/* The same into room for 3 * text.len bytes; returns how many it took. No NUL. */
size_t ath__s3_encode_to(struct ath_slice text, bool keep_slash, char *out);

/* XML bodies. INVALID when a text holds what XML 1.0 cannot carry, or a key is empty; NOMEM,
 * TOO_LARGE. */
struct ath__s3_part {
    int32_t number;
    struct ath_slice etag;
    struct ath_slice checksum; /* base64, may be empty */
};
/* `checksum_element` as of ath__checksum_element(); NULL: none. */
int ath__s3_complete_build(
    const struct ath__s3_part *parts,
    size_t count,
    const char *checksum_element,
    struct ath__buf *out);
/* Quiet: the answer lists failures only. */
int ath__s3_delete_build(
    const struct ath_slice *keys,
    const char *const *version_ids, /* NULL, or NULL or empty entries */
    size_t count,
    struct ath__buf *out);
/* False for keys with characters XML 1.0 cannot carry. */
bool ath__s3_key_fits_xml(struct ath_slice key);

/*
 * Answers. Strict: UTF-8, depth and sizes bounded, DTDs and entities refused; namespaces and
 * unknown elements are ignored. PROTOCOL says what is wrong.
 */

/* Any body is accepted; without one (HEAD) the code is the status in digits.
 * ConditionalRequestConflict is TRANSIENT, which is right for PutObject: CompleteMultipartUpload
 * must not be repeated on it. Redirects (301, 307, AuthorizationHeaderMalformed ...) are NEVER: the
 * caller follows `out_region`, which is the bucket's region whenever the answer tells it (also the
 * one in use), else "". NOMEM leaves `out` filled by the status alone. */
int ath__s3_error_parse(
    int status,
    struct ath_slice body,
    struct ath_slice redirect_region, /* header x-amz-bucket-region */
    const char *extra_codes,
    int64_t skew_s,
    struct ath__aws_error *out,
    char out_region[64]);
/* A 200 answer that holds an <Error> (copy, complete, delete): true, and `out` filled as for status
 * 500. */
bool ath__s3_is_error_in_success(
    struct ath_slice body, const char *extra_codes, struct ath__aws_error *out);

/* Append to the buffer, which must be empty: the id to put into the query unencoded. */
int ath__s3_upload_parse(struct ath_slice body, struct ath__buf *upload_id, struct ath_error *err);
/* ETag of CopyObjectResult, CopyPartResult, CompleteMultipartUploadResult, with its quotes. */
int ath__s3_etag_parse(struct ath_slice body, struct ath__buf *etag, struct ath_error *err);
/* 0 when the answer is one whole document, whatever it says. */
int ath__s3_document_check(struct ath_slice body, struct ath_error *err);

/* The page's entries. `next` is emptied and receives what the next request's query has in place of
 * this one's, encoded ("continuation-token=...", "key-marker=...&version-id-marker=...",
 * "part-number-marker=..."); it stays empty on the last page. ath_s3_page_entries() and
 * ath_s3_page_release() are defined here too. */
int ath__s3_page_parse(
    int kind,
    struct ath_slice body,
    struct ath_s3_page **out_page,
    struct ath__buf *next,
    struct ath_error *err);
/* What the page takes in memory. */
size_t ath__s3_page_bytes(const struct ath_s3_page *page);

/* Failures of a DeleteResult, appended as copies. A zeroed record is ready for use; after an error
 * it holds what it held before. */
struct ath__s3_failures {
    struct ath__arena arena;
    struct ath_s3_failure *items;
    size_t count, cap;
};
int ath__s3_delete_parse(
    struct ath_slice body, struct ath__s3_failures *failures, struct ath_error *err);
void ath__s3_failures_clear(struct ath__s3_failures *failures);

#endif
