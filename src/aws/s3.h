/*
 * S3's REST API: addresses, request parts, answers. Pure. The engine drives these (engine/s3_*.c);
 * files: s3_address.c, s3_build.c, s3_parse.c (expat), s3_error.c, checksum.c.
 */
#ifndef ATH_AWS_S3_H
#define ATH_AWS_S3_H

#include "aws/config.h"
#include "aws/error_parse.h"
#include "aws/sigv4.h"
#include "base/buf.h"

#include <athena/s3.h>

/* Where a request goes: strings live in the arena given to ath__s3_locate. */
struct ath__s3_place {
    bool https;
    const char *host; /* to connect to */
    uint16_t port;
    const char *authority; /* the Host header */
    const char *path;      /* encoded once, begins with '/': prefix, bucket when path style, key */
};
/* `region` NULL: the configuration's. Virtual-host on AWS for names that allow it, else path style;
 * options.s3_addressing decides otherwise. INVALID names a bucket or key that cannot be. */
int ath__s3_locate(
    const struct ath__config *config,
    const char *region,
    const char *bucket,
    struct ath_slice key,
    struct ath__arena *arena,
    struct ath__s3_place *out,
    struct ath_error *err);
bool ath__s3_is_aws(const struct ath__config *config);

/* Encoded query string "a=b&c=" out of unencoded pairs, appended to `out`. */
int ath__s3_query_build(const struct ath_s3_pair *pairs, size_t count, struct ath__buf *out);
/* Percent-encodes all but unreserved characters ('/' too unless keep_slash). */
int ath__s3_encode(struct ath_slice text, bool keep_slash, struct ath__buf *out);

/* XML bodies. */
struct ath__s3_part {
    int32_t number;
    struct ath_slice etag;
    struct ath_slice checksum; /* base64, may be empty */
};
int ath__s3_complete_build(
    const struct ath__s3_part *parts,
    size_t count,
    const char *checksum_element,
    struct ath__buf *out);
int ath__s3_delete_build(
    const struct ath_slice *keys,
    const char *const *version_ids,
    size_t count,
    struct ath__buf *out);
/* False for keys with characters XML 1.0 cannot carry. */
bool ath__s3_key_fits_xml(struct ath_slice key);

/* Answers. Strict: bounded depth and sizes, unknown elements ignored, DTDs and entities refused. */
int ath__s3_error_parse(
    int status,
    struct ath_slice body,            /* empty for HEAD */
    struct ath_slice redirect_region, /* header x-amz-bucket-region */
    const char *extra_codes,
    int64_t skew_s,
    struct ath__aws_error *out,
    char out_region[64]); /* the right region when the answer tells one, else "" */
/* A 200 answer that holds an <Error> (copy, complete, delete): true, and `out` filled. */
bool ath__s3_is_error_in_success(
    struct ath_slice body, const char *extra_codes, struct ath__aws_error *out);
int ath__s3_upload_parse(struct ath_slice body, struct ath__buf *upload_id, struct ath_error *err);
/* ETag of CopyObjectResult, CopyPartResult, CompleteMultipartUploadResult. */
int ath__s3_etag_parse(struct ath_slice body, struct ath__buf *etag, struct ath_error *err);
/* The page's entries; `next` receives what the next request needs (continuation-token, or
 * key-marker and version-id-marker/upload-id-marker as a ready query string part), empty on the
 * last page. */
int ath__s3_page_parse(
    int kind,
    struct ath_slice body,
    struct ath_s3_page **out_page,
    struct ath__buf *next,
    struct ath_error *err);
/* Failures of a DeleteResult, appended as copies into `arena`-backed growing array. */
struct ath__s3_failures {
    struct ath__arena arena;
    struct ath_s3_failure *items;
    size_t count, cap;
};
int ath__s3_delete_parse(
    struct ath_slice body, struct ath__s3_failures *failures, struct ath_error *err);
void ath__s3_failures_clear(struct ath__s3_failures *failures);

/* Checksums (hardware instructions by run-time choice, plain-C twins). State in and out. */
enum ath__checksum {
    ATH__CHECKSUM_NONE,
    ATH__CHECKSUM_CRC32,
    ATH__CHECKSUM_CRC32C,
    ATH__CHECKSUM_CRC64NVME
};
uint64_t ath__checksum_update(int algorithm, uint64_t state, const void *data, size_t len);
/* Base64 of the big-endian value, NUL-terminated: 9 or 13 characters. */
void ath__checksum_text(int algorithm, uint64_t state, char out[16]);
const char *ath__checksum_header(int algorithm); /* "x-amz-checksum-crc32", ... */
/* CRC of a concatenation out of the CRCs of its parts. */
uint64_t ath__checksum_combine(int algorithm, uint64_t first, uint64_t second, uint64_t second_len);

#endif
