#include "testing.h"

#include "aws/s3.h"

#include <stdio.h>

static struct ath__aws_error s_out;
static char s_region[64];

static int parse(int status, const char *body, const char *region, int64_t skew_s) {
    return ath__s3_error_parse(
        status, ath__slice_str(body), ath__slice_str(region), NULL, skew_s, &s_out, s_region);
}

static void check_code(int status, const char *code, int kind, int retry) {
    char body[300];
    snprintf(
        body,
        sizeof body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>m &amp; n"
        "</Message><RequestId>R</RequestId><HostId>H</HostId></Error>",
        code);
    assert_int_equal(parse(status, body, NULL, 0), 0);
    assert_string_equal(s_out.code, code);
    assert_string_equal(s_out.message, "m & n");
    if (s_out.kind != kind || s_out.retry != retry)
        fail_msg("%s: kind %d, retry %d", code, s_out.kind, s_out.retry);
}

static void test_error_parse_classes_of_codes(void **state) {
    (void)state;
    check_code(503, "SlowDown", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE);
    check_code(503, "ServiceUnavailable", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE);
    check_code(503, "Whatever", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE);
    check_code(429, "TooManyRequests", ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE);
    check_code(500, "InternalError", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT);
    check_code(502, "Whatever", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT);
    check_code(400, "RequestTimeout", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT);
    check_code(400, "BadDigest", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT);
    check_code(400, "IncompleteBody", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT);
    check_code(409, "ConditionalRequestConflict", ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT);
    check_code(409, "OperationAborted", ATH_ERR_SERVICE, ATH__RETRY_NEVER);
    check_code(409, "BucketNotEmpty", ATH_ERR_SERVICE, ATH__RETRY_NEVER);
    check_code(412, "PreconditionFailed", ATH_ERR_SERVICE, ATH__RETRY_NEVER);
    check_code(416, "InvalidRange", ATH_ERR_SERVICE, ATH__RETRY_NEVER);
    check_code(501, "NotImplemented", ATH_ERR_SERVICE, ATH__RETRY_NEVER);
    check_code(400, "ExpiredToken", ATH_ERR_CREDENTIALS, ATH__RETRY_EXPIRED);
    check_code(400, "InvalidToken", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER);
    check_code(403, "InvalidAccessKeyId", ATH_ERR_CREDENTIALS, ATH__RETRY_NEVER);
    check_code(403, "RequestTimeTooSkewed", ATH_ERR_SERVICE, ATH__RETRY_SKEW);
    check_code(403, "AccessDenied", ATH_ERR_ACCESS, ATH__RETRY_NEVER);
    check_code(403, "InvalidObjectState", ATH_ERR_ACCESS, ATH__RETRY_NEVER);
    check_code(404, "NoSuchKey", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER);
    check_code(404, "NoSuchBucket", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER);
    check_code(404, "NoSuchUpload", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER);
    check_code(404, "Whatever", ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER);
}

static void test_error_parse_without_body(void **state) {
    (void)state;
    static const struct {
        int status, kind, retry;
        const char *message;
    } heads[] = {
        {404, ATH_ERR_NOT_FOUND, ATH__RETRY_NEVER, "Not Found"},
        {403, ATH_ERR_ACCESS, ATH__RETRY_NEVER, "Forbidden"},
        {412, ATH_ERR_SERVICE, ATH__RETRY_NEVER, "Precondition Failed"},
        {400, ATH_ERR_SERVICE, ATH__RETRY_NEVER, "Bad Request"},
        {500, ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT, "Internal Server Error"},
        {503, ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE, "Slow Down"},
        {429, ATH_ERR_THROTTLED, ATH__RETRY_THROTTLE, "Too Many Requests"},
        {599, ATH_ERR_SERVICE, ATH__RETRY_TRANSIENT, ""},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char code[8];
        assert_int_equal(parse(heads[i].status, NULL, NULL, 0), 0);
        snprintf(code, sizeof code, "%d", heads[i].status);
        assert_string_equal(s_out.code, code);
        assert_string_equal(s_out.message, heads[i].message);
        assert_int_equal(s_out.kind, heads[i].kind);
        assert_int_equal(s_out.retry, heads[i].retry);
        assert_string_equal(s_region, "");
    }
    assert_int_equal(parse(403, NULL, NULL, -241), 0);
    assert_int_equal(s_out.retry, ATH__RETRY_SKEW);
}

static void test_error_parse_finds_the_region(void **state) {
    (void)state;
    static const char *const codes[] = {
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException"};
    char body[200];
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        snprintf(
            body,
            sizeof body,
            "<Error><Code>%s</Code><Region>eu-west-1</Region></Error>",
            codes[i]);
        assert_int_equal(parse(400, body, NULL, 0), 0);
        assert_string_equal(s_region, "eu-west-1");
        assert_int_equal(s_out.retry, ATH__RETRY_NEVER);
        assert_int_equal(s_out.kind, ATH_ERR_SERVICE);
    }
    assert_int_equal(parse(301, body, "us-east-2", 0), 0);
    assert_string_equal(s_region, "us-east-2");
    assert_int_equal(parse(301, NULL, "ap-south-1", 0), 0);
    assert_string_equal(s_region, "ap-south-1");
    assert_int_equal(
        parse(403, "<Error><Code>AccessDenied</Code><Region>x</Region></Error>", NULL, 0), 0);
    assert_string_equal(s_region, "");
}

static void test_error_parse_refuses_regions_that_are_none(void **state) {
    (void)state;
    static const char *const regions[] = {
        "evil.com/",
        "a.b",
        "Upper",
        "-a",
        "a b",
        "a@b",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    char body[300];
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        snprintf(
            body,
            sizeof body,
            "<Error><Code>PermanentRedirect</Code><Region>%s</Region></Error>",
            regions[i]);
        assert_int_equal(parse(301, body, regions[i], 0), 0);
        assert_string_equal(s_region, "");
    }
}

static void test_error_parse_of_other_bodies(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "<html><body>Bad Gateway</body></html>",
        "<Error><Code>SlowDown",
        "not XML \xff",
        "<!DOCTYPE Error [<!ENTITY a \"b\">]><Error><Code>&a;</Code></Error>",
        "<Error><Message>no code</Message></Error>",
        "{\"message\":\"json\"}",
        "\0\0",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        assert_int_equal(parse(502, bodies[i], NULL, 0), 0);
        assert_string_equal(s_out.code, "502");
        assert_int_equal(s_out.retry, ATH__RETRY_TRANSIENT);
    }
}

static void test_error_parse_keeps_to_one_line_that_fits(void **state) {
    (void)state;
    char body[6000] = "<Error><Code>X</Code><Message>line\nline ";
    for (int i = 0; i < 1000; i++)
        strcat(body, "\xc3\xa9");
    strcat(body, "</Message></Error>");
    assert_int_equal(parse(400, body, NULL, 0), 0);
    assert_null(strchr(s_out.message, '\n'));
    assert_int_equal(strlen(s_out.message), 1022);
}

static void test_error_parse_with_codes_of_the_program(void **state) {
    (void)state;
    struct ath_slice body = ATH__SLICE_LIT("<Error><Code>InvalidArgument</Code></Error>");
    struct ath_slice none = {NULL, 0};
    assert_int_equal(
        ath__s3_error_parse(400, body, none, "A,InvalidArgument", 0, &s_out, s_region), 0);
    assert_int_equal(s_out.retry, ATH__RETRY_THROTTLE);
}

static void test_is_error_in_success(void **state) {
    (void)state;
    static const char slow[] = "  \n<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>";
    static const char blanks[] = "   \r\n  <Error><Code>InternalError</Code></Error>";
    assert_true(ath__s3_is_error_in_success(ath__slice_str(slow), NULL, &s_out));
    assert_int_equal(s_out.retry, ATH__RETRY_THROTTLE);
    assert_true(ath__s3_is_error_in_success(ath__slice_str(blanks), NULL, &s_out));
    assert_int_equal(s_out.retry, ATH__RETRY_TRANSIENT);
    assert_true(ath__s3_is_error_in_success(
        ATH__SLICE_LIT("<Error><Code>Unheard</Code></Error>"), NULL, &s_out));
    assert_int_equal(s_out.retry, ATH__RETRY_TRANSIENT);
    assert_true(ath__s3_is_error_in_success(
        ATH__SLICE_LIT("<Error><Code>PreconditionFailed</Code></Error>"), NULL, &s_out));
    assert_int_equal(s_out.retry, ATH__RETRY_NEVER);
    assert_false(ath__s3_is_error_in_success(
        ATH__SLICE_LIT("<CopyObjectResult><Error/></CopyObjectResult>"), NULL, &s_out));
    assert_false(ath__s3_is_error_in_success(ath__slice(NULL, 0), NULL, &s_out));
    assert_false(ath__s3_is_error_in_success(ATH__SLICE_LIT("  \n"), NULL, &s_out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_parse_classes_of_codes),
        cmocka_unit_test(test_error_parse_without_body),
        cmocka_unit_test(test_error_parse_finds_the_region),
        cmocka_unit_test(test_error_parse_refuses_regions_that_are_none),
        cmocka_unit_test(test_error_parse_of_other_bodies),
        cmocka_unit_test(test_error_parse_keeps_to_one_line_that_fits),
        cmocka_unit_test(test_error_parse_with_codes_of_the_program),
        cmocka_unit_test(test_is_error_in_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
