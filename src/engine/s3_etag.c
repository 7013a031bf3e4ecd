/* The ETags that S3 gives to what was sent, where they are made of MD5. */
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
