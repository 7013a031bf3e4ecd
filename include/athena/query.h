/*
 * Queries: start or attach, follow, cancel; and the catalogue calls. Stands on the AWS operations
 * StartQueryExecution, GetQueryExecution, BatchGetQueryExecution, StopQueryExecution,
 * GetQueryResults, ListDatabases, GetTableMetadata and ListTableMetadata.
 */
#ifndef ATHENA_QUERY_H
#define ATHENA_QUERY_H

#include <athena/client.h>
#include <athena/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATH_SQL_BYTES_MAX 262144 /* AWS's limit for QueryString, in bytes of UTF-8 */

/* A switch that may be left to the service's default. */
enum ath_toggle { ATH_UNSET = 0, ATH_ON = 1, ATH_OFF = -1 };

/* NULL and 0 mean "not sent" or the default. Everything is copied before the call returns. */
struct ath_query_options {
    size_t size;
    struct ath_slice sql;
    const char *database;
    const char *catalog;
    const char *work_group;
    const char *output_location;   /* s3://bucket/prefix/ */
    const char *encryption_option; /* SSE_S3, SSE_KMS, CSE_KMS */
    const char *kms_key;
    const char *expected_bucket_owner;
    const char *acl_option;        /* BUCKET_OWNER_FULL_CONTROL */
    const char *const *parameters; /* ExecutionParameters: SQL literals as text, in order */
    size_t parameters_count;
    int result_reuse;             /* enum ath_toggle */
    int32_t result_reuse_minutes; /* 0..10080, used with ATH_ON; ATH_ON with 0 sends 60 */
    const char
        *client_request_token; /* 32..128 characters; NULL: a random one, kept over retries */

    int32_t page_rows;        /* MaxResults of result pages, 1..1000; 1000 */
    int32_t poll_interval_ms; /* longest pause between looks; 0: 1,000, and 5,000 after 5 minutes */
    int64_t timeout_ms;       /* stop the query when it has not ended after this time; 0: never */
    int32_t rows_ahead_bytes; /* result data decoded ahead of the reader; 0: 8 MiB */
    bool notify_state;        /* an ATH_EVENT_STATE for each look */
    bool keep_running;        /* cancel and release leave the query running at AWS */
    bool no_rows;             /* finish with the state; read no result page */
    bool decode_text;         /* leave every column as text */
    void *user;               /* comes back in every event */
};
#ifdef __cplusplus
#define ATH_QUERY_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct ath_query_options), {                                                        \
            NULL, 0                                                                                \
        }                                                                                          \
    }
#else
#define ATH_QUERY_OPTIONS_INIT                                                                     \
    { .size = sizeof(struct ath_query_options) }
#endif

/*
 * Starts a query; returns at once. Events: STARTED, STATE..., RESULT, BATCH..., DONE; a failed or
 * cancelled query goes to DONE at once with ATH_ERR_QUERY_FAILED, ATH_ERR_QUERY_CANCELLED,
 * ATH_ERR_TIMEOUT or ATH_ERR_CANCELLED. DONE with 0 comes when the last page has been read; batches
 * not taken yet stay with the operation. `queue` may be NULL.
 * Errors at the call: INVALID (empty SQL, NUL or bad UTF-8 in it, more than ATH_SQL_BYTES_MAX
 * bytes, an option out of range), FORKED, NOMEM. Everything else arrives with DONE.
 */
ATH_API int ath_query_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_query_options *options,
    struct ath_op **out_op,
    struct ath_error *err);

/* Follows a query that was started elsewhere. Uses the members from page_rows on; cancel and
 * release do not stop it unless `stop_on_cancel`. */
ATH_API int ath_query_attach(
    struct ath_client *client,
    struct ath_queue *queue,
    const char *query_id,
    const struct ath_query_options *options,
    bool stop_on_cancel,
    struct ath_op **out_op,
    struct ath_error *err);

/*
 * Asks AWS to stop the query, as soon as its id is known, and goes on following it: DONE comes with
 * ATH_ERR_QUERY_CANCELLED (or as the query ended before that). A start that has not left this
 * machine is given up with ATH_ERR_CANCELLED. Does nothing once the query has ended. Never blocks.
 */
ATH_API void ath_query_interrupt(struct ath_op *op);

/* The QueryExecutionId, NULL before STARTED. Valid while the operation lives. */
ATH_API const char *ath_query_id(const struct ath_op *op);

/* -- execution: the status of a query as AWS told it last ---------------------------------------
 */

/* The state of a query; UNKNOWN stands for one that this version has no name for. */
enum ath_query_state {
    ATH_QUERY_UNKNOWN = 0,
    ATH_QUERY_QUEUED = 1,
    ATH_QUERY_RUNNING = 2,
    ATH_QUERY_SUCCEEDED = 3,
    ATH_QUERY_FAILED = 4,
    ATH_QUERY_CANCELLED = 5,
};

/* The newest snapshot with a reference for the caller, or NULL before the first look. */
ATH_API struct ath_execution *ath_query_execution(struct ath_op *op);
ATH_API struct ath_execution *ath_execution_retain(struct ath_execution *execution);
ATH_API struct ath_execution *ath_execution_release(struct ath_execution *execution);

/*
 * The fields most programs want. Strings are NUL-terminated and live as long as the snapshot;
 * NULL when AWS sent none. Times are seconds since 1970 (UTC) with a fraction, 0 when absent;
 * other numbers are -1 when absent.
 */
struct ath_execution_info {
    int state; /* enum ath_query_state */
    const char *query_id;
    const char *state_change_reason;
    const char *statement_type;    /* DDL, DML, UTILITY */
    const char *substatement_type; /* SELECT, INSERT, CREATE_TABLE_AS_SELECT, ... */
    const char *work_group;
    const char *database;
    const char *catalog;
    const char *output_location;
    const char *data_manifest_location;
    const char *error_message;
    int32_t error_category; /* 1 system, 2 user, 3 other */
    int32_t error_type;
    int32_t retryable; /* 1, 0, -1 */
    double submission_time;
    double completion_time;
    int64_t data_scanned_bytes;
    int64_t engine_ms;
    int64_t queue_ms;
    int64_t planning_ms;
    int64_t preprocessing_ms;
    int64_t processing_ms;
    int64_t total_ms;
    int32_t reused_previous_result; /* 1, 0, -1 */
};
ATH_API void ath_execution_info(
    const struct ath_execution *execution, struct ath_execution_info *out_info, size_t info_size);

/* The whole QueryExecution object as AWS sent it, as JSON; the `Query` member is left out except
 * for attached queries. Lives as long as the snapshot. */
ATH_API struct ath_slice ath_execution_json(const struct ath_execution *execution);

/* -- catalogue -----------------------------------------------------------------------------------
 */

/* Which catalogue call to make. */
enum ath_metadata_kind {
    ATH_METADATA_DATABASES = 1, /* ListDatabases: all pages */
    ATH_METADATA_TABLE = 2,     /* GetTableMetadata */
    ATH_METADATA_TABLES = 3,    /* ListTableMetadata: all pages */
};
struct ath_metadata_options {
    size_t size;
    int kind;
    const char *catalog;    /* required */
    const char *database;   /* TABLE and TABLES */
    const char *table;      /* TABLE */
    const char *expression; /* TABLES: a regular expression of Athena's */
    const char *work_group;
    int32_t page_size; /* MaxResults of one call, 1..50; 0: 50 */
    void *user;
};
#ifdef __cplusplus
#define ATH_METADATA_OPTIONS_INIT                                                                  \
    { sizeof(struct ath_metadata_options) }
#else
#define ATH_METADATA_OPTIONS_INIT                                                                  \
    { .size = sizeof(struct ath_metadata_options) }
#endif

/* One event, DONE. The answer is then in ath_metadata_json(): a JSON array of AWS's Database or
 * TableMetadata objects over all pages, or one TableMetadata object for TABLE. */
ATH_API int ath_metadata_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_metadata_options *options,
    struct ath_op **out_op,
    struct ath_error *err);
ATH_API struct ath_slice ath_metadata_json(const struct ath_op *op);

/* Sends StopQueryExecution for any query id; one event, DONE, when AWS has answered. */
ATH_API int ath_query_stop(
    struct ath_client *client,
    struct ath_queue *queue,
    const char *query_id,
    void *user,
    struct ath_op **out_op,
    struct ath_error *err);

#ifdef __cplusplus
}
#endif

#endif
