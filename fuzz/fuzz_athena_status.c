/* GetQueryExecution's and BatchGetQueryExecution's answers: slices lie within the body, and what is
 * left without the Query is still one JSON object. */
#include "fuzz.h"

#include "aws/athena.h"

#include <jansson.h>
#include <stdlib.h>

static void check_within(struct ath_slice body, struct ath_slice part) {
    if (part.len > 0 && (part.ptr < body.ptr || part.ptr + part.len > body.ptr + body.len))
        abort();
}

static void check_status(struct ath_slice body, const struct ath__status *status) {
    json_error_t error;
    check_within(body, status->id);
    check_within(body, status->query);
    check_within(body, status->json_head);
    check_within(body, status->json_tail);
    size_t len = status->json_head.len + status->json_tail.len;
    char *text = malloc(len + 1);
    if (!text)
        return;
    memcpy(text, status->json_head.ptr, status->json_head.len);
    if (status->json_tail.len)
        memcpy(text + status->json_head.len, status->json_tail.ptr, status->json_tail.len);
    json_t *tree = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    if (!tree && json_error_code(&error) != json_error_numeric_overflow &&
        json_error_code(&error) != json_error_null_byte_in_key)
        abort();
    if (tree &&
        (!json_is_object(tree) || (status->query.len > 0 && json_object_get(tree, "Query") &&
                                   !json_is_null(json_object_get(tree, "Query")))))
        abort();
    json_decref(tree);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_slice body = ath__slice((const char *)data, size);
    static struct ath__status_list list;
    struct ath__status status;
    struct ath_error err;
    if (ath__athena_get_parse(body, &status, &err) == 0)
        check_status(body, &status);
    if (ath__athena_batch_parse(body, &list, &err) == 0) {
        for (size_t i = 0; i < list.count; i++)
            check_status(body, &list.items[i]);
        for (size_t i = 0; i < list.missing_count; i++) {
            check_within(body, list.missing[i].id);
            check_within(body, list.missing[i].code);
        }
    }
    return 0;
}
