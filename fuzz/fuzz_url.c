/* Endpoint URLs: what is accepted, put together again, gives the same parts. */
#include "fuzz.h"

#include "aws/url.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath__arena arena = {0};
    struct ath__url first, second;
    struct ath_error err;
    if (ath__url_parse(ath__slice((const char *)data, size), &arena, &first, &err) == 0) {
        char text[4096];
        snprintf(
            text,
            sizeof text,
            "%s://%s%s",
            first.https ? "https" : "http",
            first.authority,
            first.path);
        if (ath__url_parse(ath__slice_str(text), &arena, &second, &err) ||
            strcmp(first.host, second.host) != 0 || first.port != second.port ||
            strcmp(first.path, second.path) != 0 ||
            strcmp(first.authority, second.authority) != 0 || first.https != second.https)
            abort();
    }
    ath__arena_clear(&arena);
    return 0;
}
