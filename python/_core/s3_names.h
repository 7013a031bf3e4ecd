/* The names of the S3 methods' parameters. */
#ifndef CORE_S3_NAMES_H
#define CORE_S3_NAMES_H

#define CORE_S3_NAMES(X)                                                                           \
    X(QUEUE, "queue")                                                                              \
    X(OPERATION, "operation")                                                                      \
    X(METHOD_NAME, "method")                                                                       \
    X(BUCKET, "bucket")                                                                            \
    X(KEY, "key")                                                                                  \
    X(QUERY, "query")                                                                              \
    X(HEADERS, "headers")                                                                          \
    X(BODY, "body")                                                                                \
    X(INTO, "into")                                                                                \
    X(USER, "user")                                                                                \
    X(VERSION_ID, "version_id")                                                                    \
    X(IF_MATCH, "if_match")                                                                        \
    X(IF_NONE_MATCH, "if_none_match")                                                              \
    X(OFFSET, "offset")                                                                            \
    X(LENGTH, "length")                                                                            \
    X(ALLOCATE, "allocate")                                                                        \
    X(HEAD, "head")                                                                                \
    X(PART_BYTES, "part_bytes")                                                                    \
    X(PARALLEL, "parallel")                                                                        \
    X(PATH, "path")                                                                                \
    X(STREAM, "stream")                                                                            \
    X(SOURCE_BUCKET, "source_bucket")                                                              \
    X(SOURCE_KEY, "source_key")                                                                    \
    X(SOURCE_VERSION_ID, "source_version_id")                                                      \
    X(MULTIPART_FROM, "multipart_from")                                                            \
    X(KIND, "kind")                                                                                \
    X(PREFIX, "prefix")                                                                            \
    X(DELIMITER, "delimiter")                                                                      \
    X(START_AFTER, "start_after")                                                                  \
    X(UPLOAD_ID, "upload_id")                                                                      \
    X(PAGE_KEYS, "page_keys")                                                                      \
    X(KEYS_MAX, "keys_max")                                                                        \
    X(KEYS, "keys")                                                                                \
    X(VERSION_IDS, "version_ids")                                                                  \
    X(EXPIRES, "expires")

/* Indices of the table of names. */
enum core_s3_name {
#define CORE_S3_NAME(name, text) CORE_S3_##name,
    CORE_S3_NAMES(CORE_S3_NAME)
#undef CORE_S3_NAME
        CORE_S3_NAMES_COUNT
};

#endif
