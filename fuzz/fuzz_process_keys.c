/* credential_process: the answer, and the command line. */
#include "fuzz.h"

#include "aws/process_keys.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_slice text = ath__slice((const char *)data, size);
    struct ath__arena arena = {0};
    struct ath__process_keys keys;
    struct ath_error err;
    char **argv;
    if (ath__process_keys_parse(text, &arena, &keys, &err) == 0 &&
        (!*keys.access_key_id || !*keys.secret_access_key))
        abort();
    if (ath__command_split(text, &arena, &argv, &err) == 0) {
        size_t len = 0;
        if (!argv[0] || !*argv[0])
            abort();
        for (size_t i = 0; argv[i]; i++)
            len += strlen(argv[i]);
        if (len > size)
            abort();
    }
    ath__arena_clear(&arena);
    return 0;
}
