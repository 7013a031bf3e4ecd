/* Error answers. The first two bytes give the status, the rest is the body and the header. */
#include "fuzz.h"

#include "aws/error_parse.h"
#include "base/utf8.h"

#include <stdlib.h>

static void check_text(const char *text, size_t cap) {
    size_t len = strnlen(text, cap);
    if (len == cap || !ath__utf8_is_valid(text, len))
        abort();
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct ath_slice text = ath__slice((const char *)data + 2, size - 2);
    struct ath__aws_error out;
    struct ath_error err;
    int status = data[0] * 4 + data[1] % 4;
    ath__aws_error_parse(status, text, text, "A,B", (int64_t)data[1] * 4 - 512, &out);
    check_text(out.code, sizeof out.code);
    check_text(out.message, sizeof out.message);
    check_text(out.reason, sizeof out.reason);
    if (!out.code[0] || out.kind >= 0)
        abort();
    ath__aws_error_fill(&out, "StartQueryExecution", status, text, 1, &err);
    check_text(err.message, sizeof err.message);
    check_text(err.service_code, sizeof err.service_code);
    check_text(err.request_id, sizeof err.request_id);
    return 0;
}
