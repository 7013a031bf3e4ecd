/* The QueryExecution object and StartQueryExecution's answer. */
#include "fuzz.h"

#include "aws/athena.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_slice text = ath__slice((const char *)data, size);
    struct ath__arena arena = {0};
    struct ath_execution_info info;
    struct ath_error err;
    char id[129];
    if (ath__execution_parse(text, &arena, &info, &err) == 0 &&
        (info.state < ATH_QUERY_UNKNOWN || info.state > ATH_QUERY_CANCELLED))
        abort();
    ath__arena_clear(&arena);
    if (ath__athena_start_parse(text, id, &err) == 0 && (!*id || strlen(id) > 128))
        abort();
    return 0;
}
