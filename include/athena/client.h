/*
 * The client: who we are and where we talk to. Light; the threads, connections, caches and token
 * buckets behind it belong to the one runtime of the process.
 */
#ifndef ATHENA_CLIENT_H
#define ATHENA_CLIENT_H

#include <athena/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ath_client;

/* Where a client's keys come from. */
enum ath_credentials_source {
    /* Keys in the options when given, else environment, profile files, credential_process. */
    ATH_CREDENTIALS_CHAIN = 0,
    /* The program supplies keys with ath_client_credentials_set(), asked for by an
     * ATH_EVENT_CREDENTIALS event (or ath_client_credentials_wanted) when none are usable. */
    ATH_CREDENTIALS_EXTERNAL = 1,
    /* Send requests unsigned. For test servers. */
    ATH_CREDENTIALS_NONE = 2,
};

/*
 * Everything is optional; NULL and 0 mean the default. Strings are copied by ath_client_new().
 * Initialise with ATH_CLIENT_OPTIONS_INIT. Where a member has an environment variable or a profile
 * key, the order is: this member, the variable, the profile, the default.
 */
struct ath_client_options {
    size_t size; /* sizeof(struct ath_client_options), set by the initialiser */

    const char *region;          /* AWS_REGION, AWS_DEFAULT_REGION, `region` */
    const char *profile;         /* AWS_PROFILE; a named profile must exist */
    const char *endpoint_url;    /* Athena; AWS_ENDPOINT_URL_ATHENA, AWS_ENDPOINT_URL, `services` */
    const char *s3_endpoint_url; /* S3; AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, `services` */

    int credentials_source; /* enum ath_credentials_source */
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token;
    /* EXTERNAL: clients with the same scope share keys, status polling and token buckets; NULL: a
     * scope of its own. */
    const char *credentials_scope;

    const char *ca_file;     /* PEM; AWS_CA_BUNDLE, SSL_CERT_FILE, the distribution's file */
    int tls_verify_off;      /* 1: accept any certificate; must be asked for */
    const char *client_cert; /* PEM with the certificate (and key) for mutual TLS */
    const char *client_key;  /* PEM, when the key is in a file of its own */
    const char *http_proxy;  /* for http endpoints; http_proxy. "" = none */
    const char *https_proxy; /* for https endpoints; https_proxy, HTTPS_PROXY. "" = none */
    const char *no_proxy;    /* comma-separated hosts; no_proxy, NO_PROXY */
    const char *user_agent_extra;

    int use_fips;      /* 1 yes, -1 no, 0: AWS_USE_FIPS_ENDPOINT, `use_fips_endpoint` */
    int use_dualstack; /* 1 yes, -1 no, 0: AWS_USE_DUALSTACK_ENDPOINT, ... */

    int32_t connect_timeout_ms;   /* one connection, TLS included; 10,000 */
    int32_t read_timeout_ms;      /* silence on an open exchange; 60,000 */
    int32_t call_timeout_ms;      /* one API call with all its retries; 60,000 */
    int32_t start_timeout_ms;     /* StartQueryExecution with all its retries; 300,000 */
    int32_t connections_per_host; /* exchanges at once to one host; 64 */

    /* Retries of refused (throttled) calls: attempts in all, and the delay before attempt n+1:
     * min(multiplier * base^(n-1), max) plus a random part up to multiplier. */
    int32_t retry_attempts;      /* 5 */
    int32_t retry_multiplier_ms; /* 1,000 */
    int32_t retry_delay_max_ms;  /* 100,000 */
    double retry_base;           /* 2.0 */
    const char *retry_codes;     /* further error codes retried as throttling, comma-separated */
    int32_t transient_attempts;  /* attempts in all for broken connections and 5xx; 5 */

    /* Share of AWS's account-wide status quotas this process may use, (0, 1]; 1.0. */
    double quota_share;
    int64_t budget_bytes; /* undelivered result data held for this client; 64 MiB */

    int s3_addressing; /* 1 path, 2 virtual host, 0: `s3 = addressing_style`, else by the host */
    /* Checksums of requests: 1 whenever S3 supports them, 2 only where S3 requires them, 0:
     * AWS_REQUEST_CHECKSUM_CALCULATION, `request_checksum_calculation`, else 1 on AWS and 2 on
     * other servers. */
    int s3_checksums;
    int s3_accelerate;      /* 1 yes, -1 no, 0: `s3 = use_accelerate_endpoint` */
    int s3_payload_signing; /* 1 yes, -1 no, 0: `s3 = payload_signing_enabled`; http always does */
};
#ifdef __cplusplus
#define ATH_CLIENT_OPTIONS_INIT                                                                    \
    { sizeof(struct ath_client_options) }
#else
#define ATH_CLIENT_OPTIONS_INIT                                                                    \
    { .size = sizeof(struct ath_client_options) }
#endif

/*
 * Reads configuration (environment and profile files, on the calling thread), starts the runtime
 * when this is its first client, and returns a client. Opens no connection. Credentials that need
 * a process are not asked for yet.
 * Errors: INVALID (an option), CONFIG (unknown profile, no region, broken file, endpoint that does
 * not parse), CREDENTIALS (a source this version cannot use, or none), SYSTEM, NOMEM.
 */
ATH_API int ath_client_new(
    const struct ath_client_options *options,
    struct ath_client **out_client,
    struct ath_error *err);
ATH_API struct ath_client *ath_client_retain(struct ath_client *client);
ATH_API struct ath_client *ath_client_release(struct ath_client *client); /* returns NULL */

/*
 * ATH_CREDENTIALS_EXTERNAL: hands over keys. `expires_at` is seconds since 1970, 0 = never. Calls
 * that waited for keys go on. With `access_key_id` NULL, `reason` says why there are none and the
 * waiting calls fail with ATH_ERR_CREDENTIALS and that text.
 */
ATH_API int ath_client_credentials_set(
    struct ath_client *client,
    const char *access_key_id,
    const char *secret_access_key,
    const char *session_token,
    int64_t expires_at,
    const char *reason,
    struct ath_error *err);

/* True when external credentials are missing, refused, or within 15 minutes of their end. */
ATH_API bool ath_client_credentials_wanted(const struct ath_client *client);

/* Effective settings, valid while the client lives. */
ATH_API const char *ath_client_region(const struct ath_client *client);
ATH_API const char *ath_client_endpoint(const struct ath_client *client); /* Athena's URL */
ATH_API const char *ath_client_profile(const struct ath_client *client);  /* NULL: none in use */

/* Keys in use now, NULs when none are known yet. Copies into the caller's buffers; a secret that
 * does not fit is ATH_ERR_TOO_LARGE. `out_expires_at` 0 = never. */
struct ath_credentials {
    char access_key_id[132];
    char secret_access_key[260];
    char session_token[8192];
    int64_t expires_at;
};
ATH_API int ath_client_credentials(
    const struct ath_client *client, struct ath_credentials *out, struct ath_error *err);

/* Counters since the client was made. A "look" is one query's status read, alone or in a batch. */
struct ath_client_stats {
    size_t size;
    uint64_t queries_started;
    uint64_t queries_finished;
    uint64_t queries_in_flight;
    uint64_t calls;         /* API requests on the wire, retries included */
    uint64_t calls_start;   /* StartQueryExecution */
    uint64_t calls_get;     /* GetQueryExecution */
    uint64_t calls_batch;   /* BatchGetQueryExecution */
    uint64_t calls_results; /* GetQueryResults */
    uint64_t calls_stop;    /* StopQueryExecution */
    uint64_t looks;
    uint64_t refusals; /* throttled answers */
    uint64_t retries;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t rows;
    uint64_t connections_opened; /* by the whole process */
};
ATH_API void ath_client_stats(const struct ath_client *client, struct ath_client_stats *out_stats);

/*
 * Ends the runtime of this process: pending StopQueryExecution calls get up to `timeout_ms`, every
 * live operation its final event, then the I/O thread is joined (at most one second). Called by an
 * exit handler of the library as well; safe to call twice. A later ath_client_new() starts anew.
 * Returns the number of queries whose stop was not confirmed.
 */
ATH_API size_t ath_shutdown(int32_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
