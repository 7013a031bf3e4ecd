/* Places of buckets and keys: "FLAGS bucket NUL key". Whatever the names hold, the host stays S3's
 * and the path decodes to what was given. */
#include "fuzz.h"

#include "aws/s3.h"
#include "base/ascii.h"

#include <stdlib.h>

static int hex_value(char c) {
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

static void check_path(const char *path, struct ath_slice key) {
    char decoded[8192];
    size_t len = 0;
    for (const char *p = path; *p; p++) {
        if (*p == '%') {
            decoded[len++] = (char)(hex_value(p[1]) << 4 | hex_value(p[2]));
            p += 2;
            continue;
        }
        if (!ath__is_alnum(*p) && !strchr("-._~/", *p))
            abort();
        decoded[len++] = *p;
    }
    if (path[0] != '/' || len < key.len)
        abort();
    if (key.len && memcmp(decoded + len - key.len, key.ptr, key.len) != 0)
        abort();
}

static void check_host(const struct ath__config *config, const char *host) {
    for (const char *p = host; *p; p++)
        if (!ath__is_alnum(*p) && *p != '-' && *p != '.')
            abort();
    if (!ath__slice_ends(
            ath__slice_str(host), config->s3.host ? "store.example" : ".amazonaws.com"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__arena arena = {0};
    struct ath__s3_place place;
    struct ath_error err;
    char bucket[300];
    if (size == 0)
        return 0;
    struct ath_slice key = ath__slice((const char *)data + 1, size - 1);
    struct ath_slice name = ath__slice_split(&key, '\0');
    if (name.len >= sizeof bucket)
        return 0;
    memcpy(bucket, name.ptr, name.len);
    bucket[name.len] = '\0';
    struct ath__config config = {
        .region = "us-east-1",
        .s3_addressing = data[0] & 3,
        .s3_accelerate = data[0] >> 2 & 1,
        .use_fips = data[0] >> 3 & 1,
        .use_dualstack = data[0] >> 4 & 1};
    if (data[0] >> 5 & 1)
        config.s3 = (struct ath__url){
            .host = "store.example",
            .authority = "store.example:9000",
            .path = "",
            .port = 9000,
            .https = data[0] >> 6 & 1};
    if (ath__s3_locate(&config, NULL, name.len ? bucket : NULL, key, &arena, &place, &err) == 0) {
        check_host(&config, place.host);
        check_path(place.path, key);
    }
    ath__arena_clear(&arena);
    return 0;
}
