/* S3's errors and small answers, the first byte is part of the status: texts are UTF-8 of one line,
 * a region can stand in a host name, ids can stand in a query. */
#include "fuzz.h"

#include "aws/endpoint.h"
#include "aws/s3.h"
#include "base/utf8.h"

#include <stdlib.h>

static void check_line(const char *text) {
    if (!ath__utf8_is_valid(text, strlen(text)))
        abort();
    for (; *text; text++)
        if ((unsigned char)*text < ' ')
            abort();
}

static void check_error(int status, struct ath_slice body) {
    struct ath__aws_error out;
    char region[64];
    if (ath__s3_error_parse(status, body, body, "X", 0, &out, region))
        abort();
    check_line(out.code);
    check_line(out.message);
    if (!out.code[0] || (region[0] && !ath__region_is_valid(region)))
        abort();
    struct ath_slice nothing = {NULL, 0};
    if (ath__s3_error_parse(status, body, nothing, NULL, 300, &out, region))
        abort();
    if (region[0] && !ath__region_is_valid(region))
        abort();
    if (ath__s3_is_error_in_success(body, NULL, &out))
        check_line(out.message);
}

static void check_value(struct ath_slice value) {
    if (value.len == 0 || value.len > 1024)
        abort();
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] <= ' ' || value.ptr[i] > '~')
            abort();
}

static void check_failures(struct ath_slice body) {
    struct ath__s3_failures failures = {.count = 0};
    struct ath_error err;
    int rc = ath__s3_delete_parse(body, &failures, &err);
    if (rc && failures.count)
        abort();
    for (size_t i = 0; i < failures.count; i++)
        if (failures.items[i].code.len == 0 ||
            !ath__utf8_is_valid(failures.items[i].key.ptr, failures.items[i].key.len))
            abort();
    ath__s3_failures_clear(&failures);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_error err;
    struct ath__buf out;
    if (size == 0)
        return 0;
    struct ath_slice body = ath__slice((const char *)data + 1, size - 1);
    check_error(300 + data[0], body);
    check_failures(body);
    ath__buf_init(&out, 2000);
    if (ath__s3_upload_parse(body, &out, &err) == 0)
        check_value(ath__buf_slice(&out));
    out.len = 0;
    if (ath__s3_etag_parse(body, &out, &err) == 0)
        check_value(ath__buf_slice(&out));
    ath__buf_clear(&out);
    return 0;
}
