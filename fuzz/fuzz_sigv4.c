/* Signing: path, query and header values from the input, cut at LF. Whatever is signed has exactly
 * the lines the canonical form has. */
#include "fuzz.h"

#include "aws/sigv4.h"
#include "base/buf.h"

#include <stdlib.h>

static size_t count_lines(struct ath_slice text) {
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

static size_t count_names(struct ath_slice names) {
    size_t count = 1;
    for (size_t i = 0; i < names.len; i++)
        count += names.ptr[i] == ';';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_slice rest = ath__slice((const char *)data, size);
    bool single = size > 0 && data[0] & 1;
    struct ath__arena arena = {0};
    struct ath__signing_key cache = {0};
    struct ath__keys keys = {ATH__SLICE_LIT("A"), ATH__SLICE_LIT("s"), {NULL, 0}};
    struct ath__request request = {
        .method = "GET",
        .host = ATH__SLICE_LIT("h"),
        .path = ath__slice_split(&rest, '\n'),
        .query = ath__slice_split(&rest, '\n'),
    };
    struct ath__buf canonical, names;
    struct ath_error err;
    ath__buf_init(&canonical, 1 << 22);
    ath__buf_init(&names, 1 << 20);
    while (rest.len > 0) {
        struct ath_slice value = ath__slice_split(&rest, '\n');
        struct ath_slice name = ath__slice_split(&value, ':');
        if (memchr(name.len ? name.ptr : "", ';', name.len) == NULL)
            (void)ath__request_add(&request, name, value);
    }
    if (ath__sigv4_sign(&request, &keys, "r", "s", 0, single, NULL, &cache, &arena, &err) == 0) {
        if (ath__sigv4_canonical(&request, single, NULL, &canonical, &names))
            abort();
        if (count_lines(ath__buf_slice(&canonical)) != 6 + count_names(ath__buf_slice(&names)))
            abort();
    }
    ath__buf_clear(&canonical);
    ath__buf_clear(&names);
    ath__arena_clear(&arena);
    return 0;
}
