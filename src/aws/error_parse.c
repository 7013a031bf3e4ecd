#include "aws/error_parse.h"

#include "base/err.h"
#include "base/json_skip.h"
#include "base/utf8.h"

#include <stdio.h>

#define DEPTH_MAX 32
#define SKEW_POSSIBLE_S 240

/* -- codes ------------------------------------------------------------------------------------- */

static const struct ath__error_rule rules[] = {
    {"TooManyRequestsException", ATH_ERR_THROTTLED, ATH__RETRY_QUERY_LIMIT},
    {"ThrottlingException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"Throttling", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"ThrottledException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"RequestThrottledException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"RequestThrottled", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"ProvisionedThroughputExceededException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"TransactionInProgressException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"RequestLimitExceeded", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"BandwidthLimitExceeded", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"LimitExceededException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"SlowDown", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"PriorRequestNotComplete", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"EC2ThrottledException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
    {"RequestTimeout", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"RequestTimeoutException", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"InternalServerException", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"InternalFailure", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"InternalError", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"ServiceUnavailable", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"ServiceUnavailableException", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
    {"ExpiredTokenException", ATH_ERR_CREDENTIALS, ATH__RETRY_EXPIRED},
    {"ExpiredToken", ATH_ERR_CREDENTIALS, ATH__RETRY_EXPIRED},
    {"RequestTimeTooSkewed", ATH_ERR_SERVICE, ATH__RETRY_SKEW},
    {"RequestExpired", ATH_ERR_SERVICE, ATH__RETRY_SKEW},
    {"RequestInTheFuture", ATH_ERR_SERVICE, ATH__RETRY_SKEW},
    {"UnrecognizedClientException", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"InvalidClientTokenId", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"InvalidAccessKeyId", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"InvalidToken", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"MissingAuthenticationTokenException", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"MissingAuthenticationToken", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"IncompleteSignatureException", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"InvalidSignatureException", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"SignatureDoesNotMatch", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"AuthFailure", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
    {"AccessDeniedException", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
    {"AccessDenied", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
    {"UnauthorizedOperation", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
    {"ResourceNotFoundException", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
    {"EntityNotFoundException", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
};

void ath__error_apply(const struct ath__error_rule *own, size_t count, struct ath__aws_error *out) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(out->code, own[i].code) != 0)
            continue;
        out->kind = own[i].kind;
        out->retry = own[i].retry;
        return;
    }
}

bool ath__skew_explains(int64_t skew_s) {
    return skew_s > SKEW_POSSIBLE_S || skew_s < -SKEW_POSSIBLE_S;
}

static bool is_possible_skew(const char *code) {
    static const char *const codes[] = {
        "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

static bool is_listed(const char *list, const char *code) {
    struct ath_slice rest = ath__slice_str(list);
    while (rest.len > 0)
        if (ath__slice_is(ath__slice_trim(ath__slice_split(&rest, ',')), code))
            return true;
    return false;
}

static void class_by_status(int status, struct ath__aws_error *out) {
    out->kind = ATH_ERR_SERVICE;
    out->retry = ATH__RETRY_NEVER;
    if (status == 429 || status == 509) {
        out->kind = ATH_ERR_THROTTLED;
        out->retry = ATH__RETRY_THROTTLE;
    } else if (status == 408 || (status >= 500 && status != 501 && status != 505)) {
        out->retry = ATH__RETRY_TRANSIENT;
    } else if (status == 401 || status == 403) {
        out->kind = ATH_ERR_ACCESS;
    } else if (status == 404) {
        out->kind = ATH_ERR_NOT_FOUND;
    }
}

/* A MetadataException carries what Glue or a Lambda function said, in its text. */
static void class_by_text(struct ath__aws_error *out) {
    if (strstr(out->message, "ThrottlingException") || strstr(out->message, "Rate exceeded") ||
        strstr(out->message, "TooManyRequestsException")) {
        out->kind = ATH_ERR_THROTTLED;
        out->retry = ATH__RETRY_THROTTLE;
    } else if (strstr(out->message, "EntityNotFoundException")) {
        out->kind = ATH_ERR_NOT_FOUND;
        out->retry = ATH__RETRY_NEVER;
    }
}

static void
classify(int status, const char *extra_codes, int64_t skew_s, struct ath__aws_error *out) {
    class_by_status(status, out);
    ath__error_apply(rules, sizeof rules / sizeof *rules, out);
    if (out->retry == ATH__RETRY_QUERY_LIMIT && out->reason[0] &&
        strcmp(out->reason, "CONCURRENT_QUERY_LIMIT_EXCEEDED") != 0)
        out->retry = ATH__RETRY_THROTTLE;
    if (strcmp(out->code, "MetadataException") == 0)
        class_by_text(out);
    if (is_possible_skew(out->code) && ath__skew_explains(skew_s))
        out->retry = ATH__RETRY_SKEW;
    if (is_listed(extra_codes, out->code)) {
        out->kind = ATH_ERR_THROTTLED;
        if (out->retry != ATH__RETRY_QUERY_LIMIT)
            out->retry = ATH__RETRY_THROTTLE;
    }
}

/* -- texts ------------------------------------------------------------------------------------- */

void ath__error_line(char *out, size_t size, struct ath_slice text) {
    text = ath__slice_trim(text);
    size_t len = text.len ? ath__utf8_cut(text.ptr, text.len, size - 1) : 0;
    if (len)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
    bool is_utf8 = ath__utf8_is_valid(out, len);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)out[i];
        if (byte < 0x20 || byte == 0x7f)
            out[i] = ' ';
        else if ((byte & 0x80) && !is_utf8)
            out[i] = '?';
    }
}

/* "ns#Code:uri" gives Code; false when nothing usable is left. */
static bool copy_code(char *out, size_t size, struct ath_slice text) {
    struct ath_slice code = ath__slice_split(&text, ':');
    while (memchr(code.ptr ? code.ptr : "", '#', code.len))
        ath__slice_split(&code, '#');
    code = ath__slice_trim(code);
    if (code.len == 0 || code.len >= size)
        return false;
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        if (c < '!' || c > '~')
            return false;
    }
    memcpy(out, code.ptr, code.len);
    out[code.len] = '\0';
    return true;
}

/* A string value, decoded as far as it fits into `scratch`; other values are skipped. */
static int
take_string(struct ath__json_cursor *c, char *scratch, size_t size, struct ath_slice *out_text) {
    struct ath__json_string string;
    *out_text = (struct ath_slice){NULL, 0};
    if (ath__json_peek(c) != '"')
        return ath__json_skip_value(c);
    int rc = ath__json_string_raw(c, &string);
    if (rc)
        return rc;
    *out_text = string.text; /* also when it is longer than any record: shown as it stands */
    if (string.has_escapes && string.text.len <= size)
        *out_text = ath__slice(scratch, ath__json_string_decode(&string, scratch));
    return 0;
}

/* Reads code, message and reason; false when the body is no JSON object. */
static bool scan_body(struct ath_slice body, struct ath__aws_error *out) {
    struct ath__json_cursor c;
    struct ath__json_walk walk = {false};
    struct ath__json_string key;
    struct ath_slice text;
    char scratch[8192];
    int rc;
    ath__json_init(&c, body, DEPTH_MAX);
    while ((rc = ath__json_object_next(&c, &walk, &key)) == 1) {
        if (take_string(&c, scratch, sizeof scratch, &text))
            return false;
        if (ath__json_string_is(&key, "__type"))
            copy_code(out->code, sizeof out->code, text);
        else if (ath__json_string_is(&key, "message") || ath__json_string_is(&key, "Message"))
            ath__error_line(out->message, sizeof out->message, text);
        else if (ath__json_string_is(&key, "Reason"))
            ath__error_line(out->reason, sizeof out->reason, text);
    }
    return rc == 0 && ath__json_end(&c) == 0;
}

void ath__aws_error_parse(
    int status,
    struct ath_slice error_type,
    struct ath_slice body,
    const char *extra_codes,
    int64_t skew_s,
    struct ath__aws_error *out) {
    *out = (struct ath__aws_error){.kind = ATH_ERR_SERVICE};
    if (!scan_body(body, out)) {
        *out = (struct ath__aws_error){.kind = ATH_ERR_SERVICE};
        ath__error_line(out->message, sizeof out->message, body);
    }
    if (!out->code[0] && !copy_code(out->code, sizeof out->code, error_type))
        snprintf(out->code, sizeof out->code, "%d", status);
    classify(status, extra_codes, skew_s, out);
}

int ath__retry_class_of_transport(int code) {
    switch (code) {
    case ATH_ERR_CONNECT:
    case ATH_ERR_IO:
    case ATH_ERR_TIMEOUT:
    case ATH_ERR_PROTOCOL:
        return ATH__RETRY_TRANSIENT;
    default:
        return ATH__RETRY_NEVER;
    }
}

void ath__aws_error_fill(
    const struct ath__aws_error *aws,
    const char *operation,
    int status,
    struct ath_slice request_id,
    uint32_t attempts,
    struct ath_error *err) {
    if (!err)
        return;
    char nothing[64];
    snprintf(nothing, sizeof nothing, "HTTP status %d without a message", status);
    ath__err_set(
        err,
        aws->kind,
        "An error occurred (%s) when calling the %s operation: %s",
        aws->code,
        operation,
        aws->message[0] ? aws->message : nothing);
    err->http_status = status;
    err->attempts = attempts;
    snprintf(err->operation, sizeof err->operation, "%s", operation);
    snprintf(err->service_code, sizeof err->service_code, "%s", aws->code);
    ath__error_line(err->request_id, sizeof err->request_id, request_id);
}
