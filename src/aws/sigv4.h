/* Signature Version 4 (AWS IAM user guide, "Create a signed AWS API request"). Pure. */
#ifndef ATH_AWS_SIGV4_H
#define ATH_AWS_SIGV4_H

#include "base/arena.h"
#include "base/header.h"

#include <athena/error.h>

/* What is signed with. Slices belong to the caller. */
struct ath__keys {
    struct ath_slice access_key_id;
    struct ath_slice secret_access_key;
    struct ath_slice session_token; /* empty: none */
};

/* The derived key of one (secret, day, region, service); zeroed = empty. */
struct ath__signing_key {
    bool is_set;
    char day[9];
    char region[64];
    char service[32];
    unsigned char secret_digest[32]; /* SHA-256 of the secret it was made from */
    unsigned char key[32];
};
void ath__signing_key_clear(struct ath__signing_key *cache); /* wipes */

/* A request on its way to the wire. headers: room for ATH__REQUEST_HEADERS_MAX. */
#define ATH__REQUEST_HEADERS_MAX 56
struct ath__request {
    const char *method;
    struct ath_slice host;  /* the Host value: with the port when it is not the default one */
    struct ath_slice path;  /* encoded, begins with '/' */
    struct ath_slice query; /* encoded, without '?', may be empty */
    struct ath__header headers[ATH__REQUEST_HEADERS_MAX];
    size_t headers_count;
    struct ath_slice body;
};
/* Appends; ATH_ERR_INVALID when full, or when name or value hold CR, LF or NUL. */
int ath__request_add(struct ath__request *request, struct ath_slice name, struct ath_slice value);

/*
 * Adds X-Amz-Date, X-Amz-Security-Token (when there is one) and Authorization for time `unix_s`.
 * Host is signed whether or not it stands among the headers. `single_encode` is S3's rule for the
 * path (encoded once, not normalised). `payload_hash` NULL = SHA-256 of the body. New header values
 * are allocated in `arena`. Scratch copies of secrets are wiped.
 * Errors: NOMEM, INVALID (region or service too long, headers full), SYSTEM (libcrypto).
 */
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
    struct ath_error *err);

/*
 * Appends to `query`, which holds the request's own (request->query is its text), the parameters
 * that sign the URL for `expires_s` seconds; S3's rule for the path, the payload unsigned. The
 * request has no header but Host. Errors as above.
 */
struct ath__buf;
int ath__sigv4_presign(
    const struct ath__request *request,
    const struct ath__keys *keys,
    const char *region,
    const char *service,
    int64_t unix_s,
    int32_t expires_s,
    struct ath__buf *query,
    struct ath_error *err);

/* The steps, for tests and for presigning. Each appends to `out`. */
int ath__sigv4_canonical(
    const struct ath__request *request,
    bool single_encode,
    const char *payload_hash,
    struct ath__buf *out,
    struct ath__buf *out_signed_names);
int ath__sigv4_string_to_sign(
    struct ath_slice canonical, const char *amz_date, const char *scope, struct ath__buf *out);

/* Hex digest of bytes: 64 characters and a NUL. 0 or ATH_ERR_SYSTEM. */
int ath__sha256_hex(struct ath_slice data, char out[65]);
/* A random UUID (version 4) in text form. 0 or ATH_ERR_SYSTEM. */
int ath__uuid4(char out[37]);

#endif
