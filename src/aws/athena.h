/*
 * Athena's operations: `build` writes a JSON 1.1 body, `parse` reads an answer. Pure; one .c file
 * each (athena_start.c, athena_status.c, athena_results.c, athena_stop.c, athena_metadata.c,
 * athena_execution.c).
 */
#ifndef ATH_AWS_ATHENA_H
#define ATH_AWS_ATHENA_H

#include "base/arena.h"
#include "base/buf.h"

#include <athena/query.h>

/* StartQueryExecution. Checks the options' ranges and limits (INVALID names the member). An empty
 * text counts as not given, except for sql and the parameters. */
int ath__athena_start_check(const struct ath_query_options *options, struct ath_error *err);
int ath__athena_start_build(
    const struct ath_query_options *options,
    const char *client_request_token,
    struct ath__buf *out,
    struct ath_error *err);
/* Copies QueryExecutionId; PROTOCOL when it is missing or not 1..128 plain characters. */
int ath__athena_start_parse(struct ath_slice body, char out_id[129], struct ath_error *err);

/* GetQueryExecution, BatchGetQueryExecution. */
int ath__athena_get_build(const char *query_id, struct ath__buf *out);
int ath__athena_batch_build(const char *const *query_ids, size_t count, struct ath__buf *out);

/*
 * One execution of an answer. Slices point into the body. The object's text without its Query
 * member is the concatenation of `json_head` and `json_tail`; `query` is the raw JSON string (with
 * quotes), empty when absent.
 */
struct ath__status {
    struct ath_slice id;
    int state; /* enum ath_query_state */
    struct ath_slice json_head;
    struct ath_slice json_tail;
    struct ath_slice query;
};
struct ath__unprocessed {
    struct ath_slice id;
    struct ath_slice code;
};
struct ath__status_list {
    struct ath__status items[50];
    size_t count;
    struct ath__unprocessed missing[50];
    size_t missing_count;
};
/* The state of AWS's name for it; ATH_QUERY_UNKNOWN for names this version does not know. */
int ath__query_state_parse(struct ath_slice text);
/* Strict scanners over the whole body (UTF-8 and structure checked, nesting at most 32): the Query
 * text is skipped, not decoded. */
int ath__athena_get_parse(struct ath_slice body, struct ath__status *out, struct ath_error *err);
int ath__athena_batch_parse(
    struct ath_slice body, struct ath__status_list *out, struct ath_error *err);

/* GetQueryResults; the answer is read by src/result. `next_token` NULL on the first page. */
int ath__athena_results_build(
    const char *query_id, const char *next_token, int32_t max_results, struct ath__buf *out);

/* StopQueryExecution; the answer has no content. */
int ath__athena_stop_build(const char *query_id, struct ath__buf *out);

/* ListDatabases, GetTableMetadata, ListTableMetadata. */
const char *ath__athena_metadata_operation(int kind);
int ath__athena_metadata_check(const struct ath_metadata_options *options, struct ath_error *err);
int ath__athena_metadata_build(
    const struct ath_metadata_options *options, const char *next_token, struct ath__buf *out);
/* Appends this page's items to `items` (comma-separated JSON, no brackets; for TABLE the object)
 * and copies NextToken into `next_token` ("" when it was the last page). */
int ath__athena_metadata_parse(
    int kind,
    struct ath_slice body,
    struct ath__buf *items,
    char next_token[1025],
    struct ath_error *err);

/*
 * The execution snapshot behind struct ath_execution: reads a QueryExecution object (jansson) into
 * the info record, strings copied into `arena`. PROTOCOL when a member has a wrong type.
 */
int ath__execution_parse(
    struct ath_slice json,
    struct ath__arena *arena,
    struct ath_execution_info *out,
    struct ath_error *err);

#endif
