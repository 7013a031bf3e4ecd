#include "testing.h"

#include "aws/error_parse.h"

static struct ath__aws_error parse(int status, const char *type, const char *body) {
    struct ath__aws_error out;
    ath__aws_error_parse(status, ath__slice_str(type), ath__slice_str(body), NULL, 0, &out);
    return out;
}

static void test_aws_error_parse_cleans_the_code(void **state) {
    (void)state;
    static const char *const types[] = {
        "InvalidRequestException",
        "com.amazonaws.athena#InvalidRequestException",
        "InvalidRequestException:http://internal/x#y",
        "a#b#InvalidRequestException:urn:x"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char body[256] = "{\"__type\":\"";
        strcat(body, types[i]);
        strcat(body, "\",\"Message\":\"line 1:8\"}");
        struct ath__aws_error e = parse(400, "", body);
        assert_string_equal(e.code, "InvalidRequestException");
        assert_string_equal(e.message, "line 1:8");
        e = parse(400, types[i], "{}");
        assert_string_equal(e.code, "InvalidRequestException");
        assert_int_equal(e.kind, ATH_ERR_SERVICE);
        assert_int_equal(e.retry, ATH__RETRY_NEVER);
    }
}

static void test_aws_error_parse_takes_any_body(void **state) {
    (void)state;
    struct ath__aws_error e = parse(502, "", "<html>\nbad\tgateway\xff</html>");
    assert_string_equal(e.code, "502");
    assert_string_equal(e.message, "<html> bad gateway?</html>");
    assert_int_equal(e.retry, ATH__RETRY_TRANSIENT);
    e = parse(400, "", "");
    assert_string_equal(e.code, "400");
    assert_string_equal(e.message, "");
    e = parse(400, "", "{\"__type\":\"A B\",\"message\":7}");
    assert_string_equal(e.code, "400");
    char body[3000];
    memset(body, 'x', sizeof body);
    body[sizeof body - 1] = '\0';
    e = parse(400, "", body);
    assert_int_equal(strlen(e.message), sizeof e.message - 1);
}

static void test_aws_error_parse_classes(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *code;
        int kind, retry;
    } cases[] = {
        {400, "ThrottlingException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
        {503, "SlowDown", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
        {400, "LimitExceededException", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
        {400, "TooManyRequestsException", ATH_ERR_THROTTLED, ATH__RETRY_QUERY_LIMIT},
        {429, "Whatever", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE},
        {500, "InternalServerException", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
        {400, "RequestTimeout", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
        {504, "X", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT},
        {501, "X", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
        {400, "AccessDeniedException", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
        {403, "X", ATH_ERR_ACCESS, ATH__RETRY_NEVER},
        {400, "ExpiredTokenException", ATH_ERR_CREDENTIALS, ATH__RETRY_EXPIRED},
        {403, "UnrecognizedClientException", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
        {403, "InvalidSignatureException", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER},
        {403, "RequestTimeTooSkewed", ATH_ERR_SERVICE, ATH__RETRY_SKEW},
        {400, "ResourceNotFoundException", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
        {404, "X", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER},
        {400, "MetadataException", ATH_ERR_SERVICE, ATH__RETRY_NEVER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__aws_error e = parse(cases[i].status, cases[i].code, "{}");
        if (e.kind != cases[i].kind || e.retry != cases[i].retry)
            fail_msg("%s: kind %d, retry %d", cases[i].code, e.kind, e.retry);
    }
}

static void test_aws_error_parse_reads_the_reason(void **state) {
    (void)state;
    struct ath__aws_error e = parse(
        400,
        "",
        "{\"__type\":\"TooManyRequestsException\",\"Reason\":\"CONCURRENT_QUERY_LIMIT_EXCEEDED\"}");
    assert_string_equal(e.reason, "CONCURRENT_QUERY_LIMIT_EXCEEDED");
    assert_int_equal(e.retry, ATH__RETRY_QUERY_LIMIT);
    e = parse(400, "", "{\"__type\":\"TooManyRequestsException\",\"Reason\":\"RATE\"}");
    assert_int_equal(e.retry, ATH__RETRY_THROTTLE);
}

static void test_aws_error_parse_looks_into_metadata_errors(void **state) {
    (void)state;
    struct ath__aws_error e = parse(
        400,
        "MetadataException",
        "{\"Message\":\"Rate exceeded (Service: AWSGlue; Status Code: 400)\"}");
    assert_int_equal(e.retry, ATH__RETRY_THROTTLE);
    e = parse(400, "MetadataException", "{\"Message\":\"EntityNotFoundException from catalog\"}");
    assert_int_equal(e.kind, ATH_ERR_NOT_FOUND);
}

static void test_aws_error_parse_weighs_the_skew(void **state) {
    (void)state;
    static const int64_t skews[] = {240, -240, 241, -241};
    for (size_t i = 0; i < 4; i++) {
        struct ath__aws_error e;
        ath__aws_error_parse(
            403,
            ath__slice_str("InvalidSignatureException"),
            ath__slice_str("{}"),
            NULL,
            skews[i],
            &e);
        assert_int_equal(e.retry, i < 2 ? ATH__RETRY_NEVER : ATH__RETRY_SKEW);
    }
}

static void test_aws_error_parse_honours_extra_codes(void **state) {
    (void)state;
    struct ath__aws_error e;
    ath__aws_error_parse(400, ath__slice_str("Odd"), ath__slice_str("{}"), "Other, Odd ,", 0, &e);
    assert_int_equal(e.kind, ATH_ERR_THROTTLED);
    assert_int_equal(e.retry, ATH__RETRY_THROTTLE);
    ath__aws_error_parse(400, ath__slice_str("Od"), ath__slice_str("{}"), "Other, Odd", 0, &e);
    assert_int_equal(e.retry, ATH__RETRY_NEVER);
}

static void test_retry_class_of_transport_table(void **state) {
    (void)state;
    static const int transient[] = {ATH_ERR_CONNECT, ATH_ERR_IO, ATH_ERR_TIMEOUT, ATH_ERR_PROTOCOL};
    static const int final[] = {ATH_ERR_DNS, ATH_ERR_TLS, ATH_ERR_PROXY, ATH_ERR_TOO_LARGE};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ath__retry_class_of_transport(transient[i]), ATH__RETRY_TRANSIENT);
        assert_int_equal(ath__retry_class_of_transport(final[i]), ATH__RETRY_NEVER);
    }
}

static void test_aws_error_fill_writes_the_record(void **state) {
    (void)state;
    struct ath__aws_error e =
        parse(400, "", "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}");
    struct ath_error err = {0};
    ath__aws_error_fill(&e, "StartQueryExecution", 400, ath__slice_str("req-1"), 5, &err);
    assert_string_equal(
        err.message,
        "An error occurred (ThrottlingException) when calling the StartQueryExecution operation: "
        "Rate exceeded");
    assert_int_equal(err.code, ATH_ERR_THROTTLED);
    assert_int_equal(err.http_status, 400);
    assert_int_equal(err.attempts, 5);
    assert_string_equal(err.operation, "StartQueryExecution");
    assert_string_equal(err.service_code, "ThrottlingException");
    assert_string_equal(err.request_id, "req-1");
    e = parse(503, "", "");
    ath__aws_error_fill(&e, "GetQueryExecution", 503, ath__slice(NULL, 0), 1, &err);
    assert_contains(err.message, "HTTP status 503");
    assert_string_equal(err.request_id, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aws_error_parse_cleans_the_code),
        cmocka_unit_test(test_aws_error_parse_takes_any_body),
        cmocka_unit_test(test_aws_error_parse_classes),
        cmocka_unit_test(test_aws_error_parse_reads_the_reason),
        cmocka_unit_test(test_aws_error_parse_looks_into_metadata_errors),
        cmocka_unit_test(test_aws_error_parse_weighs_the_skew),
        cmocka_unit_test(test_aws_error_parse_honours_extra_codes),
        cmocka_unit_test(test_retry_class_of_transport_table),
        cmocka_unit_test(test_aws_error_fill_writes_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
