/*
 * Amazon S3 and servers that speak its REST API: single calls, and transfers of whole objects by
 * many parallel requests. Operations are those of athena/queue.h: each ends with one
 * ATH_EVENT_DONE, may name a queue, and is cancelled, detached and released by ath_op_*().
 *
 * Addresses: virtual-host style on AWS, path style for addresses and configured endpoints (or as
 * the client's options say); a bucket in another region is found by AWS's redirect and remembered.
 * Retries by class within one deadline, as Athena's calls; it grows by a second for each 256 KiB
 * that a request carries or has room for. SlowDown slows all requests to that bucket. Keys are
 * UTF-8 of at most 1,024 bytes and are sent as they are: dots and double slashes count.
 */
#ifndef ATHENA_S3_H
#define ATHENA_S3_H

#include <athena/client.h>
#include <athena/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A query parameter (unencoded) or a header. */
struct ath_s3_pair {
    const char *name;
    const char *value;
};

/* -- one request ----------------------------------------------------------------------------------
 */

/*
 * Any operation of S3's REST API. `body` is lent: it must stay unchanged until DONE or until
 * ath_op_detach() has returned. `into` (optional, lent likewise) receives a successful answer's
 * body, at most `into_len` bytes (more is ATH_ERR_TOO_LARGE); without it the body is kept by the
 * operation. Everything else is copied.
 */
struct ath_s3_call_options {
    size_t size;
    const char *operation; /* S3's name, for messages and retries: "HeadObject" */
    const char *method;    /* GET, HEAD, PUT, POST, DELETE */
    const char *bucket;    /* NULL: the service itself (ListBuckets) */
    struct ath_slice key;  /* empty: the bucket */
    const struct ath_s3_pair *query;
    size_t query_count;
    const struct ath_s3_pair *headers; /* Range, If-Match, x-amz-*, Content-Type, ... */
    size_t headers_count;
    struct ath_slice body;
    void *into;
    size_t into_len;
    void *user;
};
#ifdef __cplusplus
#define ATH_S3_CALL_OPTIONS_INIT                                                                   \
    { sizeof(struct ath_s3_call_options) }
#else
#define ATH_S3_CALL_OPTIONS_INIT                                                                   \
    { .size = sizeof(struct ath_s3_call_options) }
#endif
ATH_API int ath_s3_call_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_call_options *options,
    struct ath_op **out_op,
    struct ath_error *err);

/* The answer of a finished call or of a transfer's decisive call (the first range of a get, the
 * PutObject, CompleteMultipartUpload or CopyObject): status 0 before; the value of a header (any
 * case), ptr NULL when absent; all header lines; the body that was kept. Live with the operation.
 */
ATH_API int ath_s3_status(const struct ath_op *op);
ATH_API struct ath_slice ath_s3_header(const struct ath_op *op, const char *name);
ATH_API struct ath_slice ath_s3_head(const struct ath_op *op);
ATH_API struct ath_slice ath_s3_body(const struct ath_op *op);

/* -- get
 * --------------------------------------------------------------------------------------------- */

/*
 * Reads `length` bytes of an object from `offset` by parallel ranges that all carry If-Match, so
 * bytes of two versions never mix. With `into` (lent, at least `length` bytes when that is given)
 * they go to their place as they arrive; without it they are an ordered stream of chunks. A whole
 * object whose checksum (CRC32, CRC32C, CRC64NVME) comes along is compared with it: ATH_ERR_IO.
 */
struct ath_s3_get_options {
    size_t size;
    const char *bucket;
    struct ath_slice key;
    const char *version_id;
    const char *if_match; /* an ETag with its quotes; NULL: that of the first answer */
    uint64_t offset;
    int64_t length; /* -1: to the end. Past the end is cut, as a file's read is */
    void *into;
    size_t into_len;
    const struct ath_s3_pair *headers; /* further headers of each request (SSE-C, payer) */
    size_t headers_count;
    uint64_t part_bytes; /* 0: 8 MiB, of a stream 4 MiB */
    uint32_t parallel;   /* ranges at once; 0: by size, at most 16 */
    void *user;
};
#ifdef __cplusplus
#define ATH_S3_GET_OPTIONS_INIT                                                                    \
    { sizeof(struct ath_s3_get_options) }
#else
#define ATH_S3_GET_OPTIONS_INIT                                                                    \
    { .size = sizeof(struct ath_s3_get_options) }
#endif
/* Events: RESULT when size and headers are known, BATCH when a chunk is ready (stream), DONE. */
ATH_API int ath_s3_get_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_get_options *options,
    struct ath_op **out_op,
    struct ath_error *err);
/* The object's whole size, -1 while unknown; bytes delivered or stored so far, for a deletion the
 * keys in answered batches (any thread). */
ATH_API int64_t ath_s3_object_size(const struct ath_op *op);
ATH_API uint64_t ath_s3_transferred(const struct ath_op *op);

/* The next bytes of a stream, in order: 1 and a chunk, 0 when none is ready (wait for BATCH or
 * DONE), or an error. The chunk is the caller's: ath_s3_chunk_release(). */
struct ath_s3_chunk;
ATH_API int
ath_s3_chunk_next(struct ath_op *op, struct ath_s3_chunk **out_chunk, struct ath_error *err);
ATH_API struct ath_slice ath_s3_chunk_bytes(const struct ath_s3_chunk *chunk);
ATH_API void ath_s3_chunk_release(struct ath_s3_chunk *chunk);

/* -- put
 * --------------------------------------------------------------------------------------------- */

/*
 * Writes an object: one PutObject up to `part_bytes`, else a multipart upload with parallel parts,
 * aborted when anything fails or the operation is cancelled; DONE waits for that abort at most two
 * seconds. A completion already on the wire is let through: DONE tells whether the object is there.
 * When the answer of a conditional put is lost, the object's ETag tells whose it is; when that of
 * CreateMultipartUpload is, uploads of the key that began meanwhile and have no part are aborted at
 * the end. The source is `body` (lent), or a file (`path`), or, with `is_stream`, what
 * ath_s3_put_write() brings. The checksum is that which a header x-amz-checksum-algorithm names
 * (CRC32, CRC32C, CRC64NVME; others are ATH_ERR_UNSUPPORTED), else CRC32 as the client's options
 * say. A sum among the headers (Content-MD5, x-amz-checksum-crc32, ...) goes along with one
 * PutObject; with parts it is ATH_ERR_UNSUPPORTED.
 */
struct ath_s3_put_options {
    size_t size;
    const char *bucket;
    struct ath_slice key;
    struct ath_slice body;
    const char *path;
    bool is_stream;
    const struct ath_s3_pair
        *headers; /* of PutObject or CreateMultipartUpload: Content-Type, ... */
    size_t headers_count;
    const char *if_none_match; /* "*": only when there is no such object */
    const char *if_match;
    uint64_t part_bytes; /* 0: 8 MiB, more when 10,000 parts would not do; 5 MiB..5 GiB */
    uint32_t parallel;   /* parts at once; 0: 8 */
    void *user;
};
#ifdef __cplusplus
#define ATH_S3_PUT_OPTIONS_INIT                                                                    \
    { sizeof(struct ath_s3_put_options) }
#else
#define ATH_S3_PUT_OPTIONS_INIT                                                                    \
    { .size = sizeof(struct ath_s3_put_options) }
#endif
ATH_API int ath_s3_put_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_put_options *options,
    struct ath_op **out_op,
    struct ath_error *err);
/* Copies bytes into the stream: one part always, more while the client's byte budget has room. 0:
 * taken; 1: full, nothing taken, wait for BATCH (ATH_WAIT_BATCH) and give them again; or an error.
 */
ATH_API int ath_s3_put_write(struct ath_op *op, struct ath_slice bytes, struct ath_error *err);
/* The end of the stream: the object appears when DONE comes with 0. */
ATH_API int ath_s3_put_end(struct ath_op *op, struct ath_error *err);

/* -- copy, list, delete
 * --------------------------------------------------------------------------------- */

/* Server-side copy: CopyObject up to 5 GiB (or `multipart_from`), else parallel UploadPartCopy. */
struct ath_s3_copy_options {
    size_t size;
    const char *source_bucket;
    struct ath_slice source_key;
    const char *source_version_id;
    const char *bucket;
    struct ath_slice key;
    const struct ath_s3_pair *headers;
    size_t headers_count;
    uint64_t multipart_from; /* 0: 5 GiB */
    uint64_t part_bytes;     /* 0: 128 MiB */
    uint32_t parallel;       /* 0: 64 */
    void *user;
};
#ifdef __cplusplus
#define ATH_S3_COPY_OPTIONS_INIT                                                                   \
    { sizeof(struct ath_s3_copy_options) }
#else
#define ATH_S3_COPY_OPTIONS_INIT                                                                   \
    { .size = sizeof(struct ath_s3_copy_options) }
#endif
ATH_API int ath_s3_copy_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_copy_options *options,
    struct ath_op **out_op,
    struct ath_error *err);

/* What to list. */
enum ath_s3_list_kind {
    ATH_S3_LIST_OBJECTS = 1,  /* ListObjectsV2 */
    ATH_S3_LIST_VERSIONS = 2, /* ListObjectVersions */
    ATH_S3_LIST_UPLOADS = 3,  /* ListMultipartUploads */
    ATH_S3_LIST_BUCKETS = 4,  /* ListBuckets */
    ATH_S3_LIST_PARTS = 5,    /* ListParts: key and upload_id */
};
struct ath_s3_list_options {
    size_t size;
    int kind;
    const char *bucket;
    const char *prefix;
    const char *delimiter;
    const char *start_after;
    struct ath_slice key;  /* PARTS */
    const char *upload_id; /* PARTS */
    int32_t page_keys;     /* 0: 1,000 */
    int64_t keys_max;      /* end after so many; 0: all */
    const struct ath_s3_pair *headers;
    size_t headers_count;
    void *user;
};
#ifdef __cplusplus
#define ATH_S3_LIST_OPTIONS_INIT                                                                   \
    { sizeof(struct ath_s3_list_options) }
#else
#define ATH_S3_LIST_OPTIONS_INIT                                                                   \
    { .size = sizeof(struct ath_s3_list_options) }
#endif
/* All pages, the next one asked for while the last is read. Events: BATCH when a page is ready,
 * DONE. */
ATH_API int ath_s3_list_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_list_options *options,
    struct ath_op **out_op,
    struct ath_error *err);

/* One entry; slices live with the page, empty when absent. */
enum ath_s3_entry_type {
    ATH_S3_OBJECT = 1,
    ATH_S3_PREFIX = 2,
    ATH_S3_VERSION = 3,
    ATH_S3_DELETE_MARKER = 4,
    ATH_S3_UPLOAD = 5,
    ATH_S3_BUCKET = 6,
    ATH_S3_PART = 7,
};
struct ath_s3_entry {
    int type;
    bool is_latest;
    int32_t part_number;
    int64_t bytes;
    double last_modified;  /* seconds since 1970 */
    struct ath_slice key;  /* key, prefix or bucket name; decoded */
    struct ath_slice etag; /* with quotes, as S3 sends it */
    struct ath_slice storage_class;
    struct ath_slice version_id;
    struct ath_slice upload_id;
    struct ath_slice owner_id;
    struct ath_slice owner_name;
};
struct ath_s3_page;
ATH_API int
ath_s3_page_next(struct ath_op *op, struct ath_s3_page **out_page, struct ath_error *err);
ATH_API const struct ath_s3_entry *
ath_s3_page_entries(const struct ath_s3_page *page, size_t *out_count);
ATH_API void ath_s3_page_release(struct ath_s3_page *page);

/* Deletes many objects of one bucket: DeleteObjects in batches of 1,000, in parallel; keys that XML
 * cannot carry by DeleteObject. `keys` and `version_ids` (NULL, or NULL entries) are copied. DONE
 * with 0 also when single keys were refused: ath_s3_delete_failures() lists them. */
struct ath_s3_delete_options {
    size_t size;
    const char *bucket;
    const struct ath_slice *keys;
    const char *const *version_ids;
    size_t count;
    const struct ath_s3_pair *headers;
    size_t headers_count;
    void *user;
};
#ifdef __cplusplus
#define ATH_S3_DELETE_OPTIONS_INIT                                                                 \
    { sizeof(struct ath_s3_delete_options) }
#else
#define ATH_S3_DELETE_OPTIONS_INIT                                                                 \
    { .size = sizeof(struct ath_s3_delete_options) }
#endif
struct ath_s3_failure {
    struct ath_slice key;
    struct ath_slice version_id;
    struct ath_slice code;
    struct ath_slice message;
};
ATH_API int ath_s3_delete_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_delete_options *options,
    struct ath_op **out_op,
    struct ath_error *err);
ATH_API const struct ath_s3_failure *
ath_s3_delete_failures(const struct ath_op *op, size_t *out_count);

/* -- presigned URLs
 * ---------------------------------------------------------------------------------------- */

/* A URL that allows `method` on the object for `expires_s` (1..604,800) seconds to whoever has it.
 * Signs with the keys in use now (ATH_ERR_CREDENTIALS when there are none). Writes a NUL-terminated
 * text; ATH_ERR_TOO_LARGE when `url_size` does not hold it (8 KiB nearly always does). */
ATH_API int ath_s3_presign(
    struct ath_client *client,
    const char *method,
    const char *bucket,
    struct ath_slice key,
    const struct ath_s3_pair *query,
    size_t query_count,
    int32_t expires_s,
    char *url,
    size_t url_size,
    struct ath_error *err);

#ifdef __cplusplus
}
#endif

#endif
