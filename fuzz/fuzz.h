/* What every target has: the entry that libFuzzer and the replay call. */
#ifndef ATH_FUZZ_H
#define ATH_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Unlike assert(), in every build. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
