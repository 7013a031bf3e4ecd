#include "aws/endpoint.h"
#include "aws/s3.h"
#include "base/ascii.h"
#include "base/err.h"
#include "base/utf8.h"

#include <stdio.h>

#define KEY_MAX 1024
#define HOST_MAX 253

enum addressing { BY_HOST = 0, BY_PATH = 1, BY_VIRTUAL_HOST = 2 };

bool ath__s3_is_aws(const struct ath__config *config) {
    return config->s3.host == NULL;
}

/* -- checks ------------------------------------------------------------------------------------ */

/* The part of a text to show in a message. */
static int shown_len(struct ath_slice text) {
    return ath__utf8_is_valid(text.ptr, text.len) ? (int)ath__utf8_cut(text.ptr, text.len, 80) : 0;
}

/* Bucket names never hold what would change the meaning of a host or a path. */
static int check_bucket(bool is_aws, struct ath_slice name, struct ath_error *err) {
    int shown = shown_len(name);
    if (ath__slice_starts(name, "arn:"))
        return ath__err_set(
            err,
            ATH_ERR_UNSUPPORTED,
            "the bucket '%.*s' is an ARN: access points are not supported by this version, use the "
            "bucket's name or the access point's alias",
            shown,
            name.ptr);
    if (is_aws && (ath__slice_ends(name, "--x-s3") || ath__slice_ends(name, "--xa-s3") ||
                   ath__slice_ends(name, "--op-s3")))
        return ath__err_set(
            err,
            ATH_ERR_UNSUPPORTED,
            "the bucket '%.*s' is one of S3 Express or Outposts, which this version does not "
            "support",
            shown,
            name.ptr);
    size_t min = is_aws ? 3 : 1, max = is_aws ? 63 : 255;
    bool is_well = name.len >= min && name.len <= max && !ath__slice_is(name, ".") &&
                   !ath__slice_is(name, "..");
    for (size_t i = 0; is_well && i < name.len; i++) {
        char c = name.ptr[i];
        is_well = ath__is_alnum(c) || c == '-' || c == '.' || c == '_';
    }
    if (is_well)
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_INVALID,
        "the bucket name '%.*s' is not %zu to %zu letters, digits, '.', '-' and '_'",
        shown,
        name.ptr,
        min,
        max);
}

static int check_key(const char *bucket, struct ath_slice key, struct ath_error *err) {
    const char *wrong = NULL;
    if (key.len == 0)
        return 0;
    if (!bucket)
        return ath__err_set(err, ATH_ERR_INVALID, "a key needs a bucket");
    if (key.len > KEY_MAX)
        wrong = "is longer than 1,024 bytes";
    else if (memchr(key.ptr, '\0', key.len))
        wrong = "holds a NUL byte";
    else if (!ath__utf8_is_valid(key.ptr, key.len))
        return ath__err_set(err, ATH_ERR_INVALID, "a key in bucket '%s' is not UTF-8", bucket);
    if (!wrong)
        return 0;
    return ath__err_set(err, ATH_ERR_INVALID, "the key '%.*s' %s", shown_len(key), key.ptr, wrong);
}

/* Four numbers and dots, or IPv6: there is no name to put a bucket before. */
static bool is_address(const char *host) {
    size_t dots = 0;
    for (const char *p = host; *p; p++) {
        if (*p == ':')
            return true;
        if (!ath__is_digit(*p) && *p != '.')
            return false;
        dots += *p == '.';
    }
    return dots == 3;
}

/* Labels of lower-case letters, digits and inner '-'; dots only over http, as a wildcard
 * certificate covers one label. */
static bool fits_host(const char *bucket, bool https) {
    size_t len = strlen(bucket);
    if (len < 3 || len > 63 || is_address(bucket) || (https && strchr(bucket, '.')))
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = bucket[i];
        bool is_edge =
            i == 0 || i == len - 1 || bucket[i - 1] == '.' || (i + 1 < len && bucket[i + 1] == '.');
        if (!ath__is_digit(c) && !(c >= 'a' && c <= 'z') && ((c != '-' && c != '.') || is_edge))
            return false;
    }
    return true;
}

static int check_accelerate(const struct ath__config *config, struct ath_error *err) {
    const char *other = NULL;
    if (config->s3.host)
        other = "a configured S3 endpoint";
    else if (config->use_fips)
        other = "FIPS endpoints";
    else if (config->s3_addressing == BY_PATH)
        other = "path-style addressing";
    return other ? ath__err_set(
                       err,
                       ATH_ERR_CONFIG,
                       "S3 transfer acceleration cannot be joined with %s",
                       other)
                 : 0;
}

/* -- the place --------------------------------------------------------------------------------- */

static char *put(char *at, const char *text) {
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

/* prefix/[bucket/]key; `bucket` NULL: not in the path. */
static const char *
make_path(const char *prefix, const char *bucket, struct ath_slice key, struct ath__arena *arena) {
    size_t size = strlen(prefix) + (bucket ? strlen(bucket) + 1 : 0) + 1 + 3 * key.len + 1;
    char *path = ath__arena_alloc(arena, size), *at = path;
    if (!path)
        return NULL;
    at = put(at, prefix);
    if (bucket) {
        *at++ = '/';
        at = put(at, bucket);
    }
    if (!bucket || key.len > 0)
        *at++ = '/';
    at += ath__s3_encode_to(key, true, at);
    *at = '\0';
    return path;
}

/* S3's dual-stack names have the suffix of the others, unlike those of newer services. */
static void
aws_host(const struct ath__config *config, const char *region, bool is_accelerated, char out[256]) {
    const char *suffix = ath__region_suffix(region, false);
    const char *stack = config->use_dualstack ? ".dualstack" : "";
    if (is_accelerated)
        snprintf(out, 256, "s3-accelerate%s.%s", stack, suffix);
    else
        snprintf(out, 256, "s3%s%s.%s.%s", config->use_fips ? "-fips" : "", stack, region, suffix);
}

static const char *join(const char *bucket, const char *host, struct ath__arena *arena) {
    size_t bucket_len = strlen(bucket), host_len = strlen(host);
    char *text = ath__arena_alloc(arena, bucket_len + 1 + host_len + 1);
    if (!text)
        return NULL;
    memcpy(text, bucket, bucket_len);
    text[bucket_len] = '.';
    memcpy(text + bucket_len + 1, host, host_len + 1);
    return text;
}

/* `virtual_bucket` NULL: path style. */
static int fill(
    const char *host,
    const char *authority,
    const char *prefix,
    const char *virtual_bucket,
    const char *path_bucket,
    struct ath_slice key,
    struct ath__arena *arena,
    struct ath__s3_place *out) {
    if (virtual_bucket) {
        out->host = join(virtual_bucket, host, arena);
        out->authority =
            strcmp(host, authority) ? join(virtual_bucket, authority, arena) : out->host;
    } else {
        out->host = ath__arena_copy(arena, ath__slice_str(host));
        out->authority =
            strcmp(host, authority) ? ath__arena_copy(arena, ath__slice_str(authority)) : out->host;
    }
    out->path = make_path(prefix, path_bucket, key, arena);
    return out->host && out->authority && out->path ? 0 : ATH_ERR_NOMEM;
}

static int fill_configured(
    const struct ath__config *config,
    const char *bucket,
    struct ath_slice key,
    struct ath__arena *arena,
    struct ath__s3_place *out) {
    const struct ath__url *url = &config->s3;
    bool is_virtual = bucket && config->s3_addressing == BY_VIRTUAL_HOST &&
                      !is_address(url->host) && fits_host(bucket, url->https) &&
                      strlen(bucket) + 1 + strlen(url->host) <= HOST_MAX;
    out->https = url->https;
    out->port = url->port;
    return fill(
        url->host,
        url->authority,
        url->path,
        is_virtual ? bucket : NULL,
        is_virtual ? NULL : bucket,
        key,
        arena,
        out);
}

static int fill_aws(
    const struct ath__config *config,
    const char *region,
    const char *bucket,
    struct ath_slice key,
    struct ath__arena *arena,
    struct ath__s3_place *out,
    struct ath_error *err) {
    char host[256];
    /* Buckets are made, removed and listed at the region's own host. */
    bool is_accelerated = config->s3_accelerate && bucket && key.len > 0;
    bool is_virtual = bucket && config->s3_addressing != BY_PATH && fits_host(bucket, true);
    if (is_accelerated && !is_virtual)
        return ath__err_set(
            err,
            ATH_ERR_INVALID,
            "the bucket '%s' has a name that S3 transfer acceleration does not allow",
            bucket);
    out->https = true;
    out->port = 443;
    aws_host(config, region, is_accelerated, host);
    return fill(
        host, host, "", is_virtual ? bucket : NULL, is_virtual ? NULL : bucket, key, arena, out);
}

int ath__s3_locate(
    const struct ath__config *config,
    const char *region,
    const char *bucket,
    struct ath_slice key,
    struct ath__arena *arena,
    struct ath__s3_place *out,
    struct ath_error *err) {
    bool is_aws = ath__s3_is_aws(config);
    int rc = 0;
    *out = (struct ath__s3_place){0};
    if (!region)
        region = config->region;
    if (!ath__region_is_valid(region))
        rc = ath__err_set(err, ATH_ERR_INVALID, "the region '%.80s' cannot be one", region);
    if (!rc && bucket)
        rc = check_bucket(is_aws, ath__slice_str(bucket), err);
    if (!rc)
        rc = check_key(bucket, key, err);
    if (!rc && config->s3_accelerate)
        rc = check_accelerate(config, err);
    if (rc)
        return rc;
    rc = is_aws ? fill_aws(config, region, bucket, key, arena, out, err)
                : fill_configured(config, bucket, key, arena, out);
    return rc == ATH_ERR_NOMEM ? ath__err_nomem(err) : rc;
}
