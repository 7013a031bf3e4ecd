/* URLs that carry a signature. */
#include "engine/s3_internal.h"

#define EXPIRES_MAX 604800
#define URL_MAX (64u << 10)

static int fill_request(
    struct ath_client *client,
    const char *region,
    const char *bucket,
    struct ath_slice key,
    struct ath__buf *query,
    struct ath__arena *arena,
    struct ath__s3_place *place,
    struct ath__request *request,
    struct ath_error *err) {
    int rc = ath__s3_locate(&client->config, region, bucket, key, arena, place, err);
    if (rc)
        return rc;
    request->host = ath__slice_str(place->authority);
    request->path = ath__slice_str(place->path);
    request->query = ath__buf_slice(query);
    return 0;
}

static int sign(
    struct ath__account *account,
    const struct ath__request *request,
    const char *region,
    int32_t expires_s,
    struct ath__buf *query,
    struct ath_error *err) {
    if (account->keys_source == ATH__KEYS_UNSIGNED ||
        ath__account_keys_stale(account, ath__account_now_s(account), 0))
        return ath__err_set(err, ATH_ERR_CREDENTIALS, "presign: there are no usable keys now");
    pthread_mutex_lock(&account->lock);
    struct ath__keys keys = {
        ath__slice_str(account->shared.access_key_id),
        ath__slice_str(account->shared.secret_access_key),
        ath__slice_str(account->shared.session_token),
    };
    int64_t now_s = ath__account_server_s(account);
    int rc = ath__sigv4_presign(request, &keys, region, "s3", now_s, expires_s, query, err);
    pthread_mutex_unlock(&account->lock);
    return rc;
}

static int write_url(
    const struct ath__s3_place *place,
    const struct ath__buf *query,
    char *url,
    size_t url_size,
    struct ath_error *err) {
    const struct ath_slice parts[] = {
        ath__slice_str(place->https ? "https://" : "http://"),
        ath__slice_str(place->authority),
        ath__slice_str(place->path),
        ath__slice_str("?"),
        ath__buf_slice(query),
    };
    size_t len = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        len += parts[i].len;
    if (len >= url_size)
        return ath__err_set(err, ATH_ERR_TOO_LARGE, "presign: the URL has %zu characters", len);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(url, parts[i].ptr, parts[i].len);
        url += parts[i].len;
    }
    *url = '\0';
    return 0;
}

static int presign(
    struct ath_client *client,
    struct ath__account *account,
    struct ath__request *request,
    const char *bucket,
    struct ath_slice key,
    int32_t expires_s,
    struct ath__buf *query,
    char *url,
    size_t url_size,
    struct ath_error *err) {
    struct ath__arena arena = {0};
    struct ath__s3_place place;
    char learned[64];
    ath__s3_bucket_region(account, &client->config, bucket, learned);
    const char *region = learned[0] ? learned : client->config.region;
    int rc = fill_request(client, region, bucket, key, query, &arena, &place, request, err);
    if (!rc)
        rc = sign(account, request, region, expires_s, query, err);
    if (!rc)
        rc = write_url(&place, query, url, url_size, err);
    ath__arena_clear(&arena);
    return rc;
}

int ath_s3_presign(
    struct ath_client *client,
    const char *method,
    const char *bucket,
    struct ath_slice key,
    const struct ath_s3_pair *query,
    size_t query_count,
    int32_t expires_s,
    char *url,
    size_t url_size,
    struct ath_error *err) {
    struct ath__account *account;
    struct ath__buf text;
    if (!method || !*method || !bucket)
        return ath__err_set(err, ATH_ERR_INVALID, "presign: a method and a bucket are needed");
    if (expires_s < 1 || expires_s > EXPIRES_MAX)
        return ath__err_set(err, ATH_ERR_INVALID, "expires_s: %d is not 1..604,800", expires_s);
    for (size_t i = 0; i < query_count; i++)
        if (!query[i].name || !*query[i].name)
            return ath__err_set(err, ATH_ERR_INVALID, "query: number %zu has no name", i + 1);
    struct ath__request *request = ath__alloc_zero(sizeof *request);
    if (!request)
        return ath__err_nomem(err);
    request->method = method;
    ath__buf_init(&text, URL_MAX);
    int rc = ath__s3_query_build(query, query_count, &text);
    if (rc)
        ath__err_set(err, rc, "presign: the query: %s", ath_error_text(rc));
    if (!rc)
        rc = ath__client_bind(client, &account, err);
    if (!rc) {
        rc = presign(client, account, request, bucket, key, expires_s, &text, url, url_size, err);
        ath__account_release(account);
    }
    ath__buf_wipe(&text);
    ath__free(request);
    return rc;
}
