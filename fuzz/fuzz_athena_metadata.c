/* Pages of ListDatabases and ListTableMetadata and the table of GetTableMetadata: the items joined
 * are a JSON array; a refused page leaves nothing. */
#include "fuzz.h"

#include "aws/athena.h"

#include <jansson.h>
#include <stdlib.h>

static void check_items(const struct ath__buf *items) {
    struct ath__buf text;
    json_error_t error;
    ath__buf_init(&text, 1 << 22);
    if (ath__buf_add_char(&text, '[') || ath__buf_add_slice(&text, ath__buf_slice(items)) ||
        ath__buf_add_char(&text, ']'))
        abort();
    json_t *tree = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &error);
    if (!tree && json_error_code(&error) != json_error_numeric_overflow &&
        json_error_code(&error) != json_error_null_byte_in_key)
        abort();
    json_decref(tree);
    ath__buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_slice body = ath__slice((const char *)data, size);
    for (int kind = ATH_METADATA_DATABASES; kind <= ATH_METADATA_TABLES; kind++) {
        struct ath__buf items;
        struct ath_error err;
        char token[1025];
        ath__buf_init(&items, 1 << 20);
        for (int page = 0; page < 2; page++) {
            size_t before = items.len;
            int rc = ath__athena_metadata_parse(kind, body, &items, token, &err);
            if (rc && (items.len != before || *token))
                abort();
            if (strlen(token) > 1024)
                abort();
        }
        check_items(&items);
        ath__buf_clear(&items);
    }
    return 0;
}
