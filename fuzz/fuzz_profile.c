/* Config and credentials files. */
#include "fuzz.h"

#include "aws/profile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int has_kinds = 0; has_kinds < 2; has_kinds++) {
        struct ath__arena arena = {0};
        struct ath__profile_file file;
        struct ath_error err;
        int rc = ath__profile_parse(
            ath__slice((const char *)data, size), "FILE", has_kinds, &arena, &file, &err);
        for (const struct ath__profile_entry *e = file.entries; e; e = e->next)
            if (rc || !e->section || !*e->key || !e->line)
                abort();
        ath__arena_clear(&arena);
    }
    return 0;
}
