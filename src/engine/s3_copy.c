/* Copies on the server: options, and what a copy in parts needs of its source. */
#include "engine/s3_upload.h"

#include <stdio.h>

#define COPY_PART_BYTES (128 * ATH__MIB)
/* Parts carry no bytes of ours: more at once cost nothing and save round trips. */
#define PARALLEL_DEFAULT 64u
#define META "x-amz-meta-"
#define SOURCE "x-amz-copy-source-"

/* -- the source -------------------------------------------------------------------------------- */

static int repeat_header(
    struct ath__s3_upload *up, struct ath__s3_call *s, const char *name, struct ath_slice value) {
    if (ath__s3_pair_has(up->s3.headers, up->s3.headers_count, name))
        return 0;
    const char *text = ath__arena_copy(&s->texts, value);
    return text ? ath__s3_call_header(s, name, text) : ATH_ERR_NOMEM;
}

static int repeat_own_metadata(struct ath__s3_upload *up, struct ath__s3_call *s) {
    struct ath_slice rest = ath__buf_slice(&up->io.source_head);
    int rc = 0;
    while (!rc && rest.len) {
        struct ath_slice value = ath__slice_split(&rest, '\n');
        struct ath_slice name = ath__slice_split(&value, ':');
        if (!value.ptr || !ath__s3_name_starts(name, META))
            continue;
        const char *copy = ath__arena_copy(&s->texts, name);
        rc = copy ? repeat_header(up, s, copy, ath__slice_trim(value)) : ATH_ERR_NOMEM;
    }
    return rc;
}

static bool replaces_metadata(const struct ath__s3_upload *up) {
    for (size_t i = 0; i < up->s3.headers_count; i++)
        if (ath__slice_eq_nocase(
                ath__slice_str(up->s3.headers[i].name), ATH__SLICE_LIT("x-amz-metadata-directive")))
            return ath__slice_eq_nocase(
                ath__slice_str(up->s3.headers[i].value), ATH__SLICE_LIT("REPLACE"));
    return false;
}

int ath__s3_copy_metadata(struct ath__s3_upload *up, struct ath__s3_call *s) {
    static const char *const names[] = {
        "Content-Type",
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Expires",
    };
    struct ath__exchange head = {.head = up->io.source_head};
    int rc = 0;
    if (replaces_metadata(up))
        return 0;
    for (size_t i = 0; !rc && i < sizeof names / sizeof *names; i++) {
        struct ath_slice value = ath__exchange_header(&head, names[i]);
        if (value.ptr)
            rc = repeat_header(up, s, names[i], value);
    }
    return rc ? rc : repeat_own_metadata(up, s);
}

int ath__s3_copy_source_keys(struct ath__s3_upload *up, struct ath__s3_call *s) {
    int rc = 0;
    for (size_t i = 0; !rc && i < up->s3.headers_count; i++) {
        struct ath_slice name = ath__slice_str(up->s3.headers[i].name);
        char text[80];
        if (!ath__s3_name_starts(name, SOURCE) || !strstr(name.ptr, "-customer-"))
            continue;
        snprintf(text, sizeof text, "x-amz-%s", name.ptr + sizeof SOURCE - 1);
        const char *copy = ath__arena_copy(&s->texts, ath__slice_str(text));
        rc = copy ? ath__s3_call_header(s, copy, up->s3.headers[i].value) : ATH_ERR_NOMEM;
    }
    return rc;
}

/* -- options ----------------------------------------------------------------------------------- */

static int make_copy_source(struct ath__s3_upload *up, struct ath_error *err) {
    struct ath__buf text;
    struct ath_s3_pair version = {"versionId", up->source_version_id};
    struct ath__buf query;
    ath__buf_init(&text, 16u << 10);
    ath__buf_init(&query, 8192);
    int rc = ath__buf_add_str(&text, up->source_bucket);
    if (!rc)
        rc = ath__buf_add_char(&text, '/');
    if (!rc)
        rc = ath__s3_encode(up->source_key, true, &text);
    if (!rc && up->source_version_id)
        rc = ath__s3_query_build(&version, 1, &query);
    if (!rc && query.len)
        rc = ath__buf_add_char(&text, '?');
    if (!rc && query.len)
        rc = ath__buf_add_slice(&text, ath__buf_slice(&query));
    if (!rc) {
        up->copy_source = ath__arena_copy(&up->s3.arena, ath__buf_slice(&text));
        rc = up->copy_source ? 0 : ATH_ERR_NOMEM;
    }
    ath__buf_clear(&text);
    ath__buf_clear(&query);
    return rc ? ath__err_set(err, rc, "copy: the source: %s", ath_error_text(rc)) : 0;
}

static int check_copy(const struct ath_s3_copy_options *options, struct ath_error *err) {
    if (!options->bucket || !options->source_bucket || !options->key.len ||
        !options->source_key.len)
        return ath__err_set(err, ATH_ERR_INVALID, "copy: both buckets and keys are needed");
    if (options->multipart_from > ATH__S3_PART_MAX)
        return ath__err_set(err, ATH_ERR_INVALID, "multipart_from: more than 5 GiB");
    return ath__s3_check_parts(options->part_bytes, options->parallel, err);
}

static int fill_copy(
    struct ath__s3_upload *up, const struct ath_s3_copy_options *options, struct ath_error *err) {
    struct ath__s3_place place;
    struct ath__arena scratch = {0};
    int rc = ath__s3_locate(
        &up->s3.op.client->config,
        NULL,
        options->source_bucket,
        options->source_key,
        &scratch,
        &place,
        err);
    ath__arena_clear(&scratch);
    up->source = ATH__S3_COPY;
    up->source_bucket = options->source_bucket;
    up->source_key = options->source_key;
    up->source_version_id = options->source_version_id;
    up->part_bytes = options->part_bytes ? options->part_bytes : COPY_PART_BYTES;
    up->parallel = options->parallel ? options->parallel : PARALLEL_DEFAULT;
    up->multipart_from = options->multipart_from ? options->multipart_from : ATH__S3_PART_MAX;
    if (!rc)
        rc = ath__s3_copy_text(&up->s3, &up->source_bucket, err);
    if (!rc)
        rc = ath__s3_copy_slice(&up->s3, &up->source_key, err);
    if (!rc)
        rc = ath__s3_copy_text(&up->s3, &up->source_version_id, err);
    if (!rc)
        rc = make_copy_source(up, err);
    return rc ? rc
              : ath__s3_op_fill(
                    &up->s3,
                    options->bucket,
                    options->key,
                    options->headers,
                    options->headers_count,
                    err);
}

int ath_s3_copy_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_s3_copy_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_s3_copy_options options;
    struct ath__s3_upload *up;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (!rc)
        rc = check_copy(&options, err);
    if (!rc)
        rc = ath__s3_upload_new(client, queue, options.user, &up, err);
    if (rc)
        return rc;
    rc = fill_copy(up, &options, err);
    return ath__s3_op_submit(&up->s3, rc, false, out_op, err);
}
