#include "aws/athena.h"

int ath__athena_stop_build(const char *query_id, struct ath__buf *out) {
    /* Both ask by the id alone. */
    return ath__athena_get_build(query_id, out);
}
