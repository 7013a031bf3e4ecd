#include "testing.h"

#include "aws/athena.h"

#include <stdio.h>

#define TOKEN "0123456789abcdef0123456789abcdef"

static struct ath_query_options make_options(const char *sql) {
    struct ath_query_options o = {.size = sizeof o};
    o.sql = ath__slice_str(sql);
    return o;
}

static void test_start_build_writes_only_what_is_given(void **state) {
    (void)state;
    struct ath_query_options o = make_options("SELECT 1");
    struct ath__buf out;
    ath__buf_init(&out, 1 << 20);
    assert_int_equal(ath__athena_start_build(&o, TOKEN, &out, NULL), 0);
    assert_slice(
        ath__buf_slice(&out),
        "{\"QueryString\":\"SELECT 1\",\"ClientRequestToken\":\"" TOKEN "\"}");
    ath__buf_clear(&out);
}

static void test_start_build_writes_every_member(void **state) {
    (void)state;
    static const char *const parameters[] = {"'a\"b'", "1"};
    struct ath_query_options o = make_options("SELECT \"\xc3\xa9\"\n\\");
    struct ath__buf out;
    o.database = "db";
    o.catalog = "AwsDataCatalog";
    o.work_group = "wg-1";
    o.output_location = "s3://b/p/";
    o.encryption_option = "SSE_KMS";
    o.kms_key = "arn:aws:kms:k";
    o.expected_bucket_owner = "123456789012";
    o.acl_option = "BUCKET_OWNER_FULL_CONTROL";
    o.parameters = parameters;
    o.parameters_count = 2;
    o.result_reuse = ATH_ON;
    assert_int_equal(ath__athena_start_check(&o, NULL), 0);
    ath__buf_init(&out, 1 << 20);
    assert_int_equal(ath__athena_start_build(&o, TOKEN, &out, NULL), 0);
    assert_slice(
        ath__buf_slice(&out),
        "{\"QueryString\":\"SELECT \\\"\xc3\xa9\\\"\\n\\\\\","
        "\"ClientRequestToken\":\"" TOKEN "\","
        "\"QueryExecutionContext\":{\"Database\":\"db\",\"Catalog\":\"AwsDataCatalog\"},"
        "\"ResultConfiguration\":{\"OutputLocation\":\"s3://b/p/\","
        "\"EncryptionConfiguration\":{\"EncryptionOption\":\"SSE_KMS\",\"KmsKey\":"
        "\"arn:aws:kms:k\"},\"ExpectedBucketOwner\":\"123456789012\","
        "\"AclConfiguration\":{\"S3AclOption\":\"BUCKET_OWNER_FULL_CONTROL\"}},"
        "\"WorkGroup\":\"wg-1\",\"ExecutionParameters\":[\"'a\\\"b'\",\"1\"],"
        "\"ResultReuseConfiguration\":{\"ResultReuseByAgeConfiguration\":{\"Enabled\":true,"
        "\"MaxAgeInMinutes\":60}}}");
    ath__buf_clear(&out);
}

static void test_start_build_reports_a_small_buffer(void **state) {
    (void)state;
    struct ath_query_options o = make_options("SELECT 1");
    struct ath_error err = {0};
    struct ath__buf out;
    ath__buf_init(&out, 20);
    assert_int_equal(ath__athena_start_build(&o, TOKEN, &out, &err), ATH_ERR_TOO_LARGE);
    assert_int_equal(err.code, ATH_ERR_TOO_LARGE);
    ath__buf_clear(&out);
}

static void expect_refusal(const struct ath_query_options *o, const char *member) {
    struct ath_error err = {0};
    assert_int_equal(ath__athena_start_check(o, &err), ATH_ERR_INVALID);
    assert_contains(err.message, member);
}

static void test_start_check_refuses_bad_sql(void **state) {
    (void)state;
    struct ath_query_options o = make_options("");
    expect_refusal(&o, "sql");
    o.sql = ath__slice("a\0b", 3);
    expect_refusal(&o, "NUL");
    o.sql = ath__slice("\xff", 1);
    expect_refusal(&o, "UTF-8");
    char *big = test_malloc(ATH_SQL_BYTES_MAX + 1);
    memset(big, 'x', ATH_SQL_BYTES_MAX + 1);
    o.sql = ath__slice(big, ATH_SQL_BYTES_MAX);
    assert_int_equal(ath__athena_start_check(&o, NULL), 0);
    o.sql.len++;
    expect_refusal(&o, "262144");
    test_free(big);
}

static void test_start_check_names_the_member(void **state) {
    (void)state;
    static const char *const empty[] = {""}, *const bytes[] = {"a", "\xc3"};
    char text[600];
    memset(text, 'd', sizeof text);
    text[256] = '\0';
#define REFUSE(member, value)                                                                      \
    do {                                                                                           \
        struct ath_query_options o = make_options("S");                                            \
        o.member = value;                                                                          \
        expect_refusal(&o, #member);                                                               \
    } while (0)
    REFUSE(database, text);
    REFUSE(database, "\xff");
    REFUSE(work_group, "a b");
    REFUSE(work_group, text);
    text[256] = 'd';
    text[257] = '\0';
    REFUSE(catalog, text);
    REFUSE(output_location, "http://x/");
    REFUSE(output_location, "s3:///x");
    REFUSE(encryption_option, "AES");
    REFUSE(kms_key, "k");
    REFUSE(expected_bucket_owner, "12345678901");
    REFUSE(expected_bucket_owner, "12345678901x");
    REFUSE(acl_option, "public-read");
    REFUSE(result_reuse, 2);
    REFUSE(result_reuse_minutes, 10081);
    REFUSE(page_rows, 1001);
    REFUSE(page_rows, -1);
    REFUSE(poll_interval_ms, -1);
    REFUSE(timeout_ms, -1);
    REFUSE(rows_ahead_bytes, -1);
    REFUSE(client_request_token, "short");
    struct ath_query_options o = make_options("S");
    o.parameters_count = 1;
    o.parameters = empty;
    expect_refusal(&o, "parameters[0]");
    o.parameters_count = 2;
    o.parameters = bytes;
    expect_refusal(&o, "parameters[1]");
    o.parameters = NULL;
    expect_refusal(&o, "parameters");
#undef REFUSE
}

static void test_start_check_counts_characters_not_bytes(void **state) {
    (void)state;
    struct ath_query_options o = make_options("S");
    char text[2 * 255 + 1] = "";
    for (size_t i = 0; i < 255; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 3);
    o.database = text;
    assert_int_equal(ath__athena_start_check(&o, NULL), 0);
}

static void test_start_parse_copies_the_id(void **state) {
    (void)state;
    char id[129];
    const char *body = "{\"New\":[{}],\"QueryExecutionId\":\"ab-1\"}";
    assert_int_equal(ath__athena_start_parse(ath__slice_str(body), id, NULL), 0);
    assert_string_equal(id, "ab-1");
}

static void test_start_parse_refuses_other_answers(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "{\"QueryExecutionId\":\"\"}",
        "{\"QueryExecutionId\":1}",
        "{\"QueryExecutionId\":null}",
        "{\"QueryExecutionId\":\"a b\"}",
        "{\"QueryExecutionId\":\"a\\nb\"}",
        "{\"QueryExecutionId\":\"a\",\"QueryExecutionId\":\"b\"}",
        "{\"QueryExecutionId\":\"a\"} x",
        "{\"QueryExecutionId\":\"a\"",
        "<html>"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char id[129];
        struct ath_error err = {0};
        assert_int_equal(
            ath__athena_start_parse(ath__slice_str(bodies[i]), id, &err), ATH_ERR_PROTOCOL);
        assert_contains(err.message, "StartQueryExecution");
    }
    char id[129], body[256];
    snprintf(body, sizeof body, "{\"QueryExecutionId\":\"%0129d\"}", 1);
    assert_int_equal(ath__athena_start_parse(ath__slice_str(body), id, NULL), ATH_ERR_PROTOCOL);
}

static void test_results_and_stop_build_bodies(void **state) {
    (void)state;
    struct ath__buf out;
    ath__buf_init(&out, 4096);
    assert_int_equal(ath__athena_results_build("q", NULL, 0, &out), 0);
    assert_slice(ath__buf_slice(&out), "{\"QueryExecutionId\":\"q\",\"MaxResults\":1000}");
    out.len = 0;
    assert_int_equal(ath__athena_results_build("q", "t/+=", 7, &out), 0);
    assert_slice(
        ath__buf_slice(&out),
        "{\"QueryExecutionId\":\"q\",\"NextToken\":\"t/+=\",\"MaxResults\":7}");
    out.len = 0;
    assert_int_equal(ath__athena_stop_build("q", &out), 0);
    assert_slice(ath__buf_slice(&out), "{\"QueryExecutionId\":\"q\"}");
    ath__buf_clear(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_build_writes_only_what_is_given),
        cmocka_unit_test(test_start_build_writes_every_member),
        cmocka_unit_test(test_start_build_reports_a_small_buffer),
        cmocka_unit_test(test_start_check_refuses_bad_sql),
        cmocka_unit_test(test_start_check_names_the_member),
        cmocka_unit_test(test_start_check_counts_characters_not_bytes),
        cmocka_unit_test(test_start_parse_copies_the_id),
        cmocka_unit_test(test_start_parse_refuses_other_answers),
        cmocka_unit_test(test_results_and_stop_build_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
