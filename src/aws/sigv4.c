#include "aws/sigv4.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CANONICAL_MAX (1u << 20)
#define QUERY_PAIRS_MAX 64
#define DIGEST_LEN 32
#define BLOCK_LEN 64
#define ALGORITHM "AWS4-HMAC-SHA256"

/* -- digests ----------------------------------------------------------------------------------- */

/* Fetching an algorithm costs more than a signature, so it is done once for the process. */
static EVP_MD *s_sha256;
static pthread_once_t s_sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void) {
    s_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *get_sha256(void) {
    return pthread_once(&s_sha256_once, fetch_sha256) == 0 ? s_sha256 : NULL;
}

static int digest(struct ath_slice data, unsigned char out[DIGEST_LEN]) {
    const EVP_MD *md = get_sha256();
    const void *ptr = data.ptr ? data.ptr : "";
    return md && EVP_Digest(ptr, data.len, out, NULL, md, NULL) == 1 ? 0 : ATH_ERR_SYSTEM;
}

static void write_hex(const unsigned char *bytes, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

int ath__sha256_hex(struct ath_slice data, char out[65]) {
    unsigned char bytes[DIGEST_LEN];
    if (digest(data, bytes))
        return ATH_ERR_SYSTEM;
    write_hex(bytes, sizeof bytes, out);
    return 0;
}

int ath__uuid4(char out[37]) {
    unsigned char bytes[16];
    char hex[33];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return ATH_ERR_SYSTEM;
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    write_hex(bytes, sizeof bytes, hex);
    for (size_t from = 0, to = 0; from < 32; from++) {
        if (from == 8 || from == 12 || from == 16 || from == 20)
            out[to++] = '-';
        out[to++] = hex[from];
    }
    out[36] = '\0';
    return 0;
}

/* HMAC (RFC 2104) by hand on one digest context: EVP_MAC costs several times as much per call. */
struct hmac {
    EVP_MD_CTX *ctx;
    const EVP_MD *md;
};

static int hash_padded(
    const struct hmac *h,
    const unsigned char block[BLOCK_LEN],
    unsigned char pad,
    const void *data,
    size_t len,
    unsigned char out[DIGEST_LEN]) {
    unsigned char padded[BLOCK_LEN];
    for (size_t i = 0; i < sizeof padded; i++)
        padded[i] = block[i] ^ pad;
    int ok = EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1 &&
             EVP_DigestUpdate(h->ctx, padded, sizeof padded) == 1 &&
             EVP_DigestUpdate(h->ctx, data, len) == 1 && EVP_DigestFinal_ex(h->ctx, out, NULL) == 1;
    OPENSSL_cleanse(padded, sizeof padded);
    return ok ? 0 : ATH_ERR_SYSTEM;
}

/* `block` is the key padded with zeros; `out` may be where the key came from. */
static int compute_hmac(
    const struct hmac *h,
    const unsigned char block[BLOCK_LEN],
    struct ath_slice data,
    unsigned char out[DIGEST_LEN]) {
    unsigned char inner[DIGEST_LEN];
    int rc = hash_padded(h, block, 0x36, data.ptr ? data.ptr : "", data.len, inner);
    if (!rc)
        rc = hash_padded(h, block, 0x5c, inner, sizeof inner, out);
    OPENSSL_cleanse(inner, sizeof inner);
    return rc;
}

/* "AWS4" + secret as an HMAC key. */
static int
pad_secret(const struct hmac *h, struct ath_slice secret, unsigned char block[BLOCK_LEN]) {
    memset(block, 0, BLOCK_LEN);
    if (secret.len <= BLOCK_LEN - 4) {
        memcpy(block, "AWS4", 4);
        memcpy(block + 4, secret.ptr, secret.len);
        return 0;
    }
    int ok = EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1 &&
             EVP_DigestUpdate(h->ctx, "AWS4", 4) == 1 &&
             EVP_DigestUpdate(h->ctx, secret.ptr, secret.len) == 1 &&
             EVP_DigestFinal_ex(h->ctx, block, NULL) == 1;
    return ok ? 0 : ATH_ERR_SYSTEM;
}

/* -- the request ------------------------------------------------------------------------------- */

static bool has_breaks(struct ath_slice text) {
    return text.len > 0 && (memchr(text.ptr, '\r', text.len) || memchr(text.ptr, '\n', text.len) ||
                            memchr(text.ptr, '\0', text.len));
}

int ath__request_add(struct ath__request *request, struct ath_slice name, struct ath_slice value) {
    if (request->headers_count >= ATH__REQUEST_HEADERS_MAX || name.len == 0 || has_breaks(name) ||
        has_breaks(value))
        return ATH_ERR_INVALID;
    request->headers[request->headers_count++] = (struct ath__header){name, value};
    return 0;
}

static void remove_header(struct ath__request *request, const char *name) {
    size_t kept = 0;
    for (size_t i = 0; i < request->headers_count; i++)
        if (!ath__slice_eq_nocase(request->headers[i].name, ath__slice_str(name)))
            request->headers[kept++] = request->headers[i];
    request->headers_count = kept;
}

/* -- canonical request ------------------------------------------------------------------------- */

static bool is_unreserved(char c) {
    return ath__is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static int add_encoded(struct ath__buf *out, struct ath_slice text) {
    static const char digits[] = "0123456789ABCDEF";
    int rc = 0;
    for (size_t i = 0; !rc && i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        rc = is_unreserved(text.ptr[i]) ? ath__buf_add_char(out, text.ptr[i])
                                        : ath__buf_add(out, escape, sizeof escape);
    }
    return rc;
}

/* Dot segments and double slashes go, each segment of the encoded path is encoded once more. */
static int add_normal_path(struct ath__buf *out, struct ath_slice path) {
    size_t base = out->len;
    struct ath_slice rest = path;
    int rc = 0;
    while (!rc && rest.len > 0) {
        struct ath_slice segment = ath__slice_split(&rest, '/');
        if (segment.len == 0 || ath__slice_is(segment, "."))
            continue;
        if (ath__slice_is(segment, "..")) {
            while (out->len > base && out->ptr[--out->len] != '/')
                continue;
            continue;
        }
        rc = ath__buf_add_char(out, '/');
        if (!rc)
            rc = add_encoded(out, segment);
    }
    if (!rc && (out->len == base || path.ptr[path.len - 1] == '/'))
        rc = ath__buf_add_char(out, '/');
    return rc;
}

static int add_path(struct ath__buf *out, struct ath_slice path, bool single_encode) {
    if (path.len == 0)
        return ath__buf_add_char(out, '/');
    return single_encode ? ath__buf_add_slice(out, path) : add_normal_path(out, path);
}

static int compare_slices(struct ath_slice a, struct ath_slice b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct pair {
    struct ath_slice name, value;
};

static int compare_pairs(const void *a, const void *b) {
    const struct pair *left = a, *right = b;
    int order = compare_slices(left->name, right->name);
    return order ? order : compare_slices(left->value, right->value);
}

static int add_query(struct ath__buf *out, struct ath_slice query) {
    struct pair pairs[QUERY_PAIRS_MAX];
    size_t count = 0;
    while (query.len > 0) {
        struct ath_slice value = ath__slice_split(&query, '&');
        if (value.len == 0)
            continue;
        if (count == QUERY_PAIRS_MAX)
            return ATH_ERR_INVALID;
        struct ath_slice name = ath__slice_split(&value, '=');
        pairs[count++] = (struct pair){name, value};
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        if (i > 0)
            rc = ath__buf_add_char(out, '&');
        if (!rc)
            rc = ath__buf_add_slice(out, pairs[i].name);
        if (!rc)
            rc = ath__buf_add_char(out, '=');
        if (!rc)
            rc = ath__buf_add_slice(out, pairs[i].value);
    }
    return rc;
}

static bool is_signed(struct ath_slice name) {
    static const char *const unsigned_names[] = {
        "authorization",
        "baggage",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    };
    for (size_t i = 0; i < sizeof unsigned_names / sizeof *unsigned_names; i++)
        if (ath__slice_eq_nocase(name, ath__slice_str(unsigned_names[i])))
            return false;
    return true;
}

static int compare_names(struct ath_slice a, struct ath_slice b) {
    size_t len = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < len; i++) {
        int order = (unsigned char)ath__to_lower(a.ptr[i]) - (unsigned char)ath__to_lower(b.ptr[i]);
        if (order)
            return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* The signed headers with Host, by name; equal names keep their order. Returns their number. */
static size_t sort_headers(
    const struct ath__request *request, struct ath__header sorted[ATH__REQUEST_HEADERS_MAX + 1]) {
    bool has_host = false;
    size_t count = 0;
    for (size_t i = 0; i <= request->headers_count; i++) {
        struct ath__header header = {ATH__SLICE_LIT("host"), request->host};
        if (i < request->headers_count) {
            header = request->headers[i];
            has_host |= ath__slice_eq_nocase(header.name, ATH__SLICE_LIT("host"));
        } else if (has_host) {
            break;
        }
        if (!is_signed(header.name))
            continue;
        size_t at = count++;
        for (; at > 0 && compare_names(sorted[at - 1].name, header.name) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = header;
    }
    return count;
}

static int add_lower(struct ath__buf *out, struct ath_slice name) {
    int rc = ath__buf_reserve(out, name.len);
    for (size_t i = 0; !rc && i < name.len; i++)
        out->ptr[out->len++] = ath__to_lower(name.ptr[i]);
    return rc;
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Trimmed, runs of blanks as one. */
static int add_value(struct ath__buf *out, struct ath_slice value) {
    int rc = ath__buf_reserve(out, value.len);
    size_t begin = out->len, at = 0;
    while (!rc && at < value.len) {
        size_t from = at;
        while (at < value.len && !is_blank(value.ptr[at]))
            at++;
        if (at > from && out->len > begin)
            out->ptr[out->len++] = ' ';
        memcpy(out->ptr + out->len, value.ptr + from, at - from);
        out->len += at - from;
        while (at < value.len && is_blank(value.ptr[at]))
            at++;
    }
    return rc;
}

static int add_headers(
    const struct ath__request *request, struct ath__buf *out, struct ath__buf *out_signed_names) {
    struct ath__header sorted[ATH__REQUEST_HEADERS_MAX + 1];
    size_t count = sort_headers(request, sorted);
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        bool is_repeated = i > 0 && compare_names(sorted[i - 1].name, sorted[i].name) == 0;
        if (is_repeated) {
            out->len--; /* the LF */
            rc = ath__buf_add_char(out, ',');
        } else {
            if (i > 0)
                rc = ath__buf_add_char(out_signed_names, ';');
            if (!rc)
                rc = add_lower(out_signed_names, sorted[i].name);
            if (!rc)
                rc = add_lower(out, sorted[i].name);
            if (!rc)
                rc = ath__buf_add_char(out, ':');
        }
        if (!rc)
            rc = add_value(out, sorted[i].value);
        if (!rc)
            rc = ath__buf_add_char(out, '\n');
    }
    return rc;
}

int ath__sigv4_canonical(
    const struct ath__request *request,
    bool single_encode,
    const char *payload_hash,
    struct ath__buf *out,
    struct ath__buf *out_signed_names) {
    char hash[65];
    int rc = payload_hash ? 0 : ath__sha256_hex(request->body, hash);
    if (!rc)
        rc = ath__buf_add_str(out, request->method);
    if (!rc)
        rc = ath__buf_add_char(out, '\n');
    if (!rc)
        rc = add_path(out, request->path, single_encode);
    if (!rc)
        rc = ath__buf_add_char(out, '\n');
    if (!rc)
        rc = add_query(out, request->query);
    if (!rc)
        rc = ath__buf_add_char(out, '\n');
    size_t names_from = out_signed_names->len;
    if (!rc)
        rc = add_headers(request, out, out_signed_names);
    if (!rc)
        rc = ath__buf_add_char(out, '\n');
    if (!rc)
        rc = ath__buf_add(
            out, out_signed_names->ptr + names_from, out_signed_names->len - names_from);
    if (!rc)
        rc = ath__buf_add_char(out, '\n');
    return rc ? rc : ath__buf_add_str(out, payload_hash ? payload_hash : hash);
}

int ath__sigv4_string_to_sign(
    struct ath_slice canonical, const char *amz_date, const char *scope, struct ath__buf *out) {
    char hash[65];
    int rc = ath__sha256_hex(canonical, hash);
    const char *const parts[] = {ALGORITHM "\n", amz_date, "\n", scope, "\n", hash};
    for (size_t i = 0; !rc && i < sizeof parts / sizeof *parts; i++)
        rc = ath__buf_add_str(out, parts[i]);
    return rc;
}

/* -- signing ----------------------------------------------------------------------------------- */

void ath__signing_key_clear(struct ath__signing_key *cache) {
    OPENSSL_cleanse(cache, sizeof *cache);
}

static int
derive_key(const struct hmac *h, struct ath_slice secret, struct ath__signing_key *cache) {
    const char *const steps[] = {cache->day, cache->region, cache->service, "aws4_request"};
    unsigned char block[BLOCK_LEN];
    int rc = pad_secret(h, secret, block);
    for (size_t i = 0; !rc && i < sizeof steps / sizeof *steps; i++) {
        rc = compute_hmac(h, block, ath__slice_str(steps[i]), cache->key);
        memset(block, 0, sizeof block);
        memcpy(block, cache->key, sizeof cache->key);
    }
    OPENSSL_cleanse(block, sizeof block);
    return rc;
}

/* Makes `cache` the key for these values, deriving it when it is another's. */
static int use_key(
    const struct hmac *h,
    struct ath_slice secret,
    const char *day,
    const char *region,
    const char *service,
    struct ath__signing_key *cache) {
    unsigned char secret_digest[DIGEST_LEN];
    int rc = digest(secret, secret_digest);
    if (rc || (cache->is_set && strcmp(cache->day, day) == 0 &&
               strcmp(cache->region, region) == 0 && strcmp(cache->service, service) == 0 &&
               CRYPTO_memcmp(cache->secret_digest, secret_digest, DIGEST_LEN) == 0))
        return rc;
    ath__signing_key_clear(cache);
    memcpy(cache->day, day, strlen(day) + 1);
    memcpy(cache->region, region, strlen(region) + 1);
    memcpy(cache->service, service, strlen(service) + 1);
    memcpy(cache->secret_digest, secret_digest, DIGEST_LEN);
    rc = derive_key(h, secret, cache);
    if (rc)
        ath__signing_key_clear(cache);
    else
        cache->is_set = true;
    return rc;
}

/* What one signature works with. */
struct signing {
    struct hmac hmac;
    struct ath__buf canonical, names, text;
    char amz_date[17], day[9], scope[128], signature[65];
};

static int sign_text(struct signing *s, const struct ath__signing_key *cache) {
    unsigned char block[BLOCK_LEN] = {0}, mac[DIGEST_LEN];
    memcpy(block, cache->key, sizeof cache->key);
    int rc = compute_hmac(&s->hmac, block, ath__buf_slice(&s->text), mac);
    write_hex(mac, sizeof mac, s->signature);
    OPENSSL_cleanse(block, sizeof block);
    return rc;
}

static int add_authorization(
    struct ath__request *request,
    const struct ath__keys *keys,
    struct signing *s,
    struct ath__arena *arena) {
    const struct ath_slice parts[] = {
        ATH__SLICE_LIT(ALGORITHM " Credential="),
        keys->access_key_id,
        ATH__SLICE_LIT("/"),
        ath__slice_str(s->scope),
        ATH__SLICE_LIT(", SignedHeaders="),
        ath__buf_slice(&s->names),
        ATH__SLICE_LIT(", Signature="),
        ath__slice_str(s->signature),
    };
    size_t len = 0, count = sizeof parts / sizeof *parts;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *value = ath__arena_alloc(arena, len);
    if (!value)
        return ATH_ERR_NOMEM;
    char *at = value;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    return ath__request_add(request, ATH__SLICE_LIT("Authorization"), ath__slice(value, len));
}

static int add_copied(
    struct ath__request *request,
    struct ath_slice name,
    struct ath_slice value,
    struct ath__arena *arena) {
    char *copy = ath__arena_copy(arena, value);
    return copy ? ath__request_add(request, name, ath__slice(copy, value.len)) : ATH_ERR_NOMEM;
}

static int prepare(
    struct signing *s,
    struct ath__request *request,
    const struct ath__keys *keys,
    int64_t unix_s,
    struct ath__arena *arena) {
    static const char *const replaced[] = {"X-Amz-Date", "X-Amz-Security-Token", "Authorization"};
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++)
        remove_header(request, replaced[i]);
    ath__time_format_basic(unix_s, s->amz_date);
    memcpy(s->day, s->amz_date, 8);
    s->day[8] = '\0';
    int rc = add_copied(request, ATH__SLICE_LIT("X-Amz-Date"), ath__slice_str(s->amz_date), arena);
    if (!rc && keys->session_token.len > 0)
        rc =
            add_copied(request, ATH__SLICE_LIT("X-Amz-Security-Token"), keys->session_token, arena);
    if (rc)
        return rc;
    /* Room at once, so that growing leaves no copies of the token behind. */
    size_t need = 512 + 3 * request->path.len + request->query.len + 2 * QUERY_PAIRS_MAX;
    for (size_t i = 0; i < request->headers_count; i++)
        need += 2 * request->headers[i].name.len + request->headers[i].value.len + 4;
    return ath__buf_reserve(&s->canonical, need);
}

static int sign(
    struct signing *s,
    struct ath__request *request,
    const struct ath__keys *keys,
    const char *region,
    const char *service,
    struct ath__signing_key *cache,
    struct ath__arena *arena) {
    int rc = use_key(&s->hmac, keys->secret_access_key, s->day, region, service, cache);
    const char *const parts[] = {s->day, "/", region, "/", service, "/aws4_request"};
    size_t len = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(s->scope + len, parts[i], strlen(parts[i]) + 1);
        len += strlen(parts[i]);
    }
    if (!rc)
        rc = ath__sigv4_string_to_sign(
            ath__buf_slice(&s->canonical), s->amz_date, s->scope, &s->text);
    if (!rc)
        rc = sign_text(s, cache);
    return rc ? rc : add_authorization(request, keys, s, arena);
}

static int explain(int rc, struct ath_error *err) {
    switch (rc) {
    case 0:
        return 0;
    case ATH_ERR_NOMEM:
        return ath__err_nomem(err);
    case ATH_ERR_SYSTEM:
        return ath__err_set(err, rc, "libcrypto could not compute SHA-256");
    default:
        return ath__err_set(
            err, ATH_ERR_INVALID, "the request cannot be signed: too many or malformed headers");
    }
}

int ath__sigv4_sign(
    struct ath__request *request,
    const struct ath__keys *keys,
    const char *region,
    const char *service,
    int64_t unix_s,
    bool single_encode,
    const char *payload_hash,
    struct ath__signing_key *cache,
    struct ath__arena *arena,
    struct ath_error *err) {
    struct signing s = {0};
    if (strlen(region) >= sizeof cache->region || strlen(service) >= sizeof cache->service)
        return ath__err_set(err, ATH_ERR_INVALID, "the region or service name is too long");
    if (keys->access_key_id.len == 0 || keys->secret_access_key.len == 0)
        return ath__err_set(err, ATH_ERR_INVALID, "an access key id and a secret are needed");
    ath__buf_init(&s.canonical, CANONICAL_MAX);
    ath__buf_init(&s.names, CANONICAL_MAX);
    ath__buf_init(&s.text, 512);
    s.hmac = (struct hmac){EVP_MD_CTX_new(), get_sha256()};
    int rc = s.hmac.ctx && s.hmac.md ? 0 : ATH_ERR_SYSTEM;
    if (!rc)
        rc = prepare(&s, request, keys, unix_s, arena);
    if (!rc)
        rc = ath__sigv4_canonical(request, single_encode, payload_hash, &s.canonical, &s.names);
    if (!rc)
        rc = sign(&s, request, keys, region, service, cache, arena);
    EVP_MD_CTX_free(s.hmac.ctx);
    ath__buf_wipe(&s.canonical);
    ath__buf_clear(&s.names);
    ath__buf_clear(&s.text);
    return explain(rc, err);
}

/* -- presigning -------------------------------------------------------------------------------- */

static int add_parameter(struct ath__buf *out, const char *name, struct ath_slice value) {
    int rc = out->len > 0 ? ath__buf_add_char(out, '&') : 0;
    if (!rc)
        rc = ath__buf_add_str(out, name);
    if (!rc)
        rc = ath__buf_add_char(out, '=');
    return rc ? rc : add_encoded(out, value);
}

/* Scope, date and the parameters that the signature covers. */
static int add_parameters(
    struct signing *s,
    const struct ath__keys *keys,
    const char *region,
    const char *service,
    int32_t expires_s,
    struct ath__buf *query) {
    char expires[16];
    struct ath__buf credential;
    snprintf(expires, sizeof expires, "%d", expires_s);
    snprintf(s->scope, sizeof s->scope, "%s/%s/%s/aws4_request", s->day, region, service);
    ath__buf_init(&credential, CANONICAL_MAX);
    int rc = ath__buf_add_slice(&credential, keys->access_key_id);
    if (!rc)
        rc = ath__buf_add_char(&credential, '/');
    if (!rc)
        rc = ath__buf_add_str(&credential, s->scope);
    if (!rc)
        rc = add_parameter(query, "X-Amz-Algorithm", ATH__SLICE_LIT(ALGORITHM));
    if (!rc)
        rc = add_parameter(query, "X-Amz-Credential", ath__buf_slice(&credential));
    if (!rc)
        rc = add_parameter(query, "X-Amz-Date", ath__slice_str(s->amz_date));
    if (!rc)
        rc = add_parameter(query, "X-Amz-Expires", ath__slice_str(expires));
    if (!rc && keys->session_token.len > 0)
        rc = add_parameter(query, "X-Amz-Security-Token", keys->session_token);
    if (!rc)
        rc = add_parameter(query, "X-Amz-SignedHeaders", ATH__SLICE_LIT("host"));
    ath__buf_clear(&credential);
    return rc;
}

static int presign(
    struct signing *s,
    struct ath__request *request,
    const struct ath__keys *keys,
    const char *region,
    const char *service,
    int32_t expires_s,
    struct ath__buf *query) {
    struct ath__signing_key key = {0};
    int rc = add_parameters(s, keys, region, service, expires_s, query);
    request->query = ath__buf_slice(query);
    if (!rc)
        rc = ath__sigv4_canonical(request, true, "UNSIGNED-PAYLOAD", &s->canonical, &s->names);
    if (!rc)
        rc = ath__sigv4_string_to_sign(
            ath__buf_slice(&s->canonical), s->amz_date, s->scope, &s->text);
    if (!rc)
        rc = use_key(&s->hmac, keys->secret_access_key, s->day, region, service, &key);
    if (!rc)
        rc = sign_text(s, &key);
    ath__signing_key_clear(&key);
    return rc ? rc : add_parameter(query, "X-Amz-Signature", ath__slice_str(s->signature));
}

int ath__sigv4_presign(
    const struct ath__request *request,
    const struct ath__keys *keys,
    const char *region,
    const char *service,
    int64_t unix_s,
    int32_t expires_s,
    struct ath__buf *query,
    struct ath_error *err) {
    struct ath__signing_key *sizes = NULL;
    struct ath__request copy = *request;
    struct signing s = {0};
    if (strlen(region) >= sizeof sizes->region || strlen(service) >= sizeof sizes->service)
        return ath__err_set(err, ATH_ERR_INVALID, "the region or service name is too long");
    if (keys->access_key_id.len == 0 || keys->secret_access_key.len == 0)
        return ath__err_set(err, ATH_ERR_INVALID, "an access key id and a secret are needed");
    ath__buf_init(&s.canonical, CANONICAL_MAX);
    ath__buf_init(&s.names, CANONICAL_MAX);
    ath__buf_init(&s.text, 512);
    ath__time_format_basic(unix_s, s.amz_date);
    memcpy(s.day, s.amz_date, 8);
    s.hmac = (struct hmac){EVP_MD_CTX_new(), get_sha256()};
    int rc = s.hmac.ctx && s.hmac.md ? 0 : ATH_ERR_SYSTEM;
    if (!rc)
        rc = presign(&s, &copy, keys, region, service, expires_s, query);
    EVP_MD_CTX_free(s.hmac.ctx);
    ath__buf_wipe(&s.canonical);
    ath__buf_clear(&s.names);
    ath__buf_clear(&s.text);
    return explain(rc, err);
}
