/*
 * Region, endpoints, credentials and the rest from options, environment and profile files
 * (see the AWS SDKs and Tools Reference Guide). Reads files on the calling thread;
 * asks for no network.
 */
#ifndef ATH_AWS_CONFIG_H
#define ATH_AWS_CONFIG_H

#include "aws/process_keys.h"
#include "aws/proxy.h"
#include "aws/url.h"
#include "base/arena.h"

#include <athena/client.h>

enum ath__keys_source {
    ATH__KEYS_NONE = 0,
    ATH__KEYS_STATIC = 1,   /* the three strings below */
    ATH__KEYS_PROCESS = 2,  /* process_argv */
    ATH__KEYS_EXTERNAL = 3, /* ath_client_credentials_set() */
    ATH__KEYS_UNSIGNED = 4,
};

struct ath__config {
    struct ath__arena arena;
    const char *region;
    const char *profile; /* NULL: none in use */
    struct ath__url athena;
    bool athena_is_aws; /* the computed host, not a configured one */
    struct ath__url s3; /* host NULL: not configured, virtual hosts on AWS are used */
    bool use_fips, use_dualstack;
    int s3_addressing; /* 0 by the host, 1 path, 2 virtual host */
    int s3_checksums;  /* 1 when supported, 2 when required */
    bool s3_accelerate, s3_payload_signing;

    int keys_source;
    const char *keys_origin; /* for messages: "the environment", "profile 'x' in FILE" ... */
    const char *access_key_id;
    char *secret_access_key;
    char *session_token;    /* NULL: none */
    int64_t keys_expire_at; /* AWS_CREDENTIAL_EXPIRATION; 0 = never */
    char **process_argv;    /* NULL-ended */

    const char *ca_file; /* NULL only with tls_verify_off or http */
    bool tls_verify_off;
    const char *client_cert, *client_key;
    const char *athena_proxy; /* URL for the Athena host, no_proxy applied; NULL = direct */
    const char *http_proxy, *https_proxy, *no_proxy; /* effective, for other hosts; NULL = none */
    const char *user_agent;                          /* whole value */
    const char *trace_id;                            /* _X_AMZN_TRACE_ID inside Lambda, else NULL */

    uint32_t connect_timeout_ms, read_timeout_ms, call_timeout_ms, start_timeout_ms, host_max;
    uint32_t retry_attempts, retry_multiplier_ms, retry_delay_max_ms, transient_attempts;
    double retry_base;
    const char *retry_codes;
    double quota_share;
    int64_t budget_bytes;
};

/* Environment as a function, so that tests bring their own; NULL = the process's. */
typedef const char *(ath__getenv_fn)(const char *name, void *user);

/* Fills `out` (clear it also after an error). Errors as ath_client_new() names them. */
int ath__config_load(
    const struct ath_client_options *options,
    ath__getenv_fn *getenv_fn,
    void *user,
    struct ath__config *out,
    struct ath_error *err);
void ath__config_clear(struct ath__config *config);

#endif
