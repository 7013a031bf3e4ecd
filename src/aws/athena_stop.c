#include "aws/athena.h"
#include "aws/json_write.h"

int ath__athena_stop_build(const char *query_id, struct ath__buf *out) {
    struct ath__json_writer w;
    ath__json_writer_init(&w, out);
    ath__json_open(&w, NULL, '{');
    ath__json_put_text(&w, "QueryExecutionId", query_id);
    ath__json_close(&w, '}');
    return w.rc;
}
