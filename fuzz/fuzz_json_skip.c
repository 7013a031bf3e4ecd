/* The scanner against jansson: both accept or both refuse, and strings decode to the same value. */
#include "fuzz.h"

#include "base/json_skip.h"

#include <jansson.h>
#include <stdlib.h>

static void compare_string(struct ath_slice text, const json_t *tree) {
    struct ath__json_cursor c;
    struct ath__json_string string;
    ath__json_init(&c, text, 1);
    if (ath__json_string_raw(&c, &string))
        abort();
    char *value = malloc(string.text.len + 1);
    if (!value)
        return;
    size_t len = ath__json_string_decode(&string, value);
    if (len != json_string_length(tree) || memcmp(value, json_string_value(tree), len) != 0)
        abort();
    free(value);
}

/* What jansson refuses although it is JSON: numbers out of range, NULs in keys, and ours: depth. */
static bool is_excused(const json_error_t *error) {
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           code == json_error_stack_overflow || code == json_error_out_of_memory;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_slice text = ath__slice((const char *)data, size);
    struct ath__json_cursor c;
    json_error_t error;
    ath__json_init(&c, text, ATH__JSON_DEPTH_MAX);
    bool accepted = ath__json_skip_value(&c) == 0 && ath__json_end(&c) == 0;
    json_t *tree = json_loadb(size ? text.ptr : "", size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (accepted && !tree && !is_excused(&error))
        abort();
    /* A NUL behind the value is the end of the text to jansson. */
    if (!accepted && tree && strcmp(c.error, "nested too deeply") != 0 && !memchr(data, 0, size))
        abort();
    if (tree && json_is_string(tree))
        compare_string(text, tree);
    json_decref(tree);
    return 0;
}
