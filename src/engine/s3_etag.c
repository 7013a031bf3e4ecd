/* What was stored, by its ETags: of parts, and of the object that is expected. */
#include "engine/s3_upload.h"

#include <stdio.h>

#define MD5_MAX ((size_t)16 << 20) /* digested in one go */

static bool read_hex16(struct ath_slice etag, unsigned char out[16]) {
    if (etag.len != 34 || etag.ptr[0] != '"' || etag.ptr[33] != '"')
        return false;
    for (size_t i = 0; i < 16; i++) {
        unsigned value = 0;
        for (size_t j = 0; j < 2; j++) {
            char c = etag.ptr[1 + 2 * i + j];
            if (c >= '0' && c <= '9')
                value = value * 16 + (unsigned)(c - '0');
            else if (c >= 'a' && c <= 'f')
                value = value * 16 + (unsigned)(c - 'a' + 10);
            else
                return false;
        }
        out[i] = (unsigned char)value;
    }
    return true;
}

void ath__s3_expect_joined(struct ath__s3_upload *up) {
    struct ath__buf all;
    unsigned char one[16];
    char hex[33];
    bool plain = true;
    ath__buf_init(&all, 16 * (size_t)ATH__S3_PARTS_MAX);
    for (uint32_t i = 0; plain && i < up->io.parts_count; i++)
        plain = read_hex16(up->io.parts[i].etag, one) && ath__buf_add(&all, one, 16) == 0;
    if (plain && ath__md5_hex(ath__buf_slice(&all), hex) == 0)
        snprintf(
            up->io.expected_etag,
            sizeof up->io.expected_etag,
            "\"%s-%u\"",
            hex,
            up->io.parts_count);
    ath__buf_clear(&all);
}

void ath__s3_expect_whole(struct ath__s3_upload *up, struct ath_slice body) {
    char hex[33];
    if (body.len <= MD5_MAX && ath__md5_hex(body, hex) == 0)
        snprintf(up->io.expected_etag, sizeof up->io.expected_etag, "\"%s\"", hex);
}

/* -- parts ------------------------------------------------------------------------------------- */

int ath__s3_part_reserve(struct ath__s3_upload *up, uint32_t number) {
    if (number <= up->io.parts_cap)
        return 0;
    uint32_t cap = up->io.parts_cap ? 2 * up->io.parts_cap : 64;
    struct ath__s3_part *parts = ath__realloc_array(up->io.parts, cap, sizeof *parts);
    if (!parts)
        return ATH_ERR_NOMEM;
    up->io.parts = parts;
    char(*checksums)[16] = ath__realloc_array(up->io.checksums, cap, sizeof *checksums);
    if (!checksums)
        return ATH_ERR_NOMEM;
    up->io.checksums = checksums;
    up->io.parts_cap = cap;
    return 0;
}

int ath__s3_part_keep(struct ath__s3_upload *up, struct ath__s3_call *s, struct ath_error *err) {
    struct ath__s3_part *part = &up->io.parts[s->number - 1];
    struct ath_slice etag = ath__exchange_header(&s->call.io.x, "ETag");
    struct ath__buf text;
    int rc = 0;
    ath__buf_init(&text, 4096);
    if (up->source == ATH__S3_COPY) {
        rc = ath__s3_etag_parse(s->call.answer, &text, err);
        etag = ath__buf_slice(&text);
    }
    if (!rc && etag.len == 0)
        rc = ath__err_set(err, ATH_ERR_PROTOCOL, "%s: the answer has no ETag", s->call.operation);
    if (!rc) {
        part->number = (int32_t)s->number;
        part->etag = ath__slice(ath__arena_copy(&up->s3.arena, etag), etag.len);
        memcpy(up->io.checksums[s->number - 1], s->checksum_text, sizeof s->checksum_text);
        if (!part->etag.ptr)
            rc = ath__err_nomem(err);
    }
    ath__buf_clear(&text);
    return rc;
}
