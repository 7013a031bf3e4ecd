#include "aws/athena.h"
#include "aws/json_write.h"

int ath__athena_results_build(
    const char *query_id, const char *next_token, int32_t max_results, struct ath__buf *out) {
    struct ath__json_writer w;
    ath__json_writer_init(&w, out);
    ath__json_open(&w, NULL, '{');
    ath__json_put_text(&w, "QueryExecutionId", query_id);
    ath__json_put_text(&w, "NextToken", next_token);
    ath__json_put_count(&w, "MaxResults", max_results > 0 ? max_results : 1000);
    ath__json_close(&w, '}');
    return w.rc;
}
