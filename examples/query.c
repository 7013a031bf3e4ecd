/*
 * Runs one query and prints its rows as tab-separated text.
 *
 *     cc query.c $(pkg-config --cflags --libs athena) -o query
 *     ./query "SELECT 1 AS one" s3://my-bucket/results/
 *
 * Region, credentials and endpoints come from the environment and the AWS profile files.
 */
#include <athena/athena.h>

#include <inttypes.h>
#include <stdio.h>

static int fail(const char *what, const struct ath_error *err) {
    fprintf(stderr, "%s: %s (%s)\n", what, err->message, ath_error_name(err->code));
    return 1;
}

/* With decode_text every column is text: offsets and bytes. */
static void print_batch(const struct ath_batch *batch) {
    for (size_t row = 0; row < ath_batch_rows(batch); row++) {
        for (size_t i = 0; i < ath_batch_columns(batch); i++) {
            const struct ath_column *column = ath_batch_column(batch, i);
            bool present = !column->validity || (column->validity[row / 8] >> (row % 8) & 1);
            const char *text = (const char *)column->values + column->offsets[row];
            int len = present ? column->offsets[row + 1] - column->offsets[row] : 0;
            printf("%s%.*s", i ? "\t" : "", present ? len : 4, present ? text : "NULL");
        }
        putchar('\n');
    }
}

static int print_rows(struct ath_op *op, struct ath_error *err) {
    struct ath_batch *batch;
    for (;;) {
        int rc = ath_query_batch_next(op, &batch, err);
        if (rc < 0)
            return rc;
        if (rc > 0) {
            print_batch(batch);
            ath_batch_release(batch);
        } else if (ath_op_is_done(op) && ath_query_batch_next(op, &batch, err) == 0) {
            return 0; /* done, and nothing came in between */
        } else {
            ath_op_wait(op, ATH_WAIT_BATCH | ATH_WAIT_DONE, -1);
        }
    }
}

static int run(struct ath_client *client, const char *sql, const char *location) {
    struct ath_error err = {0};
    struct ath_query_options options = ATH_QUERY_OPTIONS_INIT;
    struct ath_op *op;
    size_t count;
    options.sql.ptr = sql;
    while (sql[options.sql.len])
        options.sql.len++;
    options.output_location = location;
    options.decode_text = true;
    if (ath_query_start(client, NULL, &options, &op, &err))
        return fail("start", &err);
    ath_op_wait(op, ATH_WAIT_RESULT, -1);
    const struct ath_column_info *columns = ath_query_columns(op, &count);
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? "\t" : "", columns[i].name);
    if (count)
        putchar('\n');
    int rc = print_rows(op, &err);
    if (rc)
        fail(ath_query_id(op) ? ath_query_id(op) : "query", &err);
    struct ath_execution *execution = ath_query_execution(op);
    if (execution) {
        struct ath_execution_info info;
        ath_execution_info(execution, &info, sizeof info);
        fprintf(
            stderr,
            "%s: %" PRId64 " ms, %" PRId64 " bytes scanned\n",
            info.query_id,
            info.total_ms,
            info.data_scanned_bytes);
        ath_execution_release(execution);
    }
    ath_op_release(op);
    return rc ? 1 : 0;
}

int main(int argc, char **argv) {
    struct ath_error err = {0};
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_client *client;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s SQL [s3://bucket/prefix/]\n", argv[0]);
        return 2;
    }
    if (ath_client_new(&options, &client, &err))
        return fail("client", &err);
    int rc = run(client, argv[1], argc > 2 ? argv[2] : NULL);
    ath_client_release(client);
    return rc;
}
