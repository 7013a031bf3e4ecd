#include "testing.h"

#include "aws/s3.h"

#include <stdio.h>

static struct ath_error s_err;

typedef int(parse_fn)(struct ath_slice body, struct ath__buf *out, struct ath_error *err);

static void take(parse_fn *parse, const char *body, const char *expected) {
    struct ath__buf out;
    ath__buf_init(&out, 2000);
    if (parse(ath__slice_str(body), &out, &s_err))
        fail_msg("%s", s_err.message);
    assert_slice(ath__buf_slice(&out), expected);
    ath__buf_clear(&out);
}

static void refuse(parse_fn *parse, const char *body) {
    struct ath__buf out;
    ath__buf_init(&out, 2000);
    assert_int_equal(parse(ath__slice_str(body), &out, &s_err), ATH_ERR_PROTOCOL);
    assert_int_equal(s_err.code, ATH_ERR_PROTOCOL);
    ath__buf_clear(&out);
}

static void test_upload_parse_takes_the_id(void **state) {
    (void)state;
    take(
        ath__s3_upload_parse,
        "<?xml version=\"1.0\"?><InitiateMultipartUploadResult xmlns=\"x\"><Bucket>b</Bucket>"
        "<Key>k</Key><UploadId>VX.Vp_c-~</UploadId></InitiateMultipartUploadResult>",
        "VX.Vp_c-~");
    take(
        ath__s3_upload_parse,
        "<InitiateMultipartUpload><UploadId>1</UploadId></InitiateMultipartUpload>",
        "1");
}

static void test_upload_parse_refuses(void **state) {
    (void)state;
    static const char *const contents[] = {
        "",
        "<UploadId/>",
        "<UploadId>a b</UploadId>",
        "<UploadId>a\nb</UploadId>",
        "<UploadId>\xc3\xa9</UploadId>",
        "<UploadId>a</UploadId><UploadId>b</UploadId>",
        "<x><UploadId>nested</UploadId></x>"};
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        char body[200];
        snprintf(
            body,
            sizeof body,
            "<InitiateMultipartUploadResult>%s</InitiateMultipartUploadResult>",
            contents[i]);
        refuse(ath__s3_upload_parse, body);
    }
    refuse(ath__s3_upload_parse, "<UploadId>a</UploadId>");
    refuse(ath__s3_upload_parse, "<Error><UploadId>a</UploadId></Error>");
    refuse(ath__s3_upload_parse, "");
}

static void test_document_check_wants_one_whole_document(void **state) {
    (void)state;
    static const char *const whole[] = {
        "<CopyObjectResult></CopyObjectResult>",
        "<a><b>x</b><c/></a>\n",
        "<?xml version='1.0'?><a/>"};
    static const char *const broken[] = {"<a><b>x</b>", "<a>", "no", "<a/><b/>", "<a></b>"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        assert_int_equal(ath__s3_document_check(ath__slice_str(whole[i]), NULL), 0);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(ath__s3_document_check(ath__slice_str(broken[i]), NULL), ATH_ERR_PROTOCOL);
}

static void test_etag_parse_of_each_answer(void **state) {
    (void)state;
    static const char *const roots[] = {
        "CopyObjectResult", "CopyPartResult", "CompleteMultipartUploadResult"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        char body[300];
        snprintf(
            body,
            sizeof body,
            "\n  \n<%s><Location>http://x</Location><ETag>&quot;3858f622-2&quot;</ETag>"
            "<ChecksumType>FULL_OBJECT</ChecksumType></%s>",
            roots[i],
            roots[i]);
        take(ath__s3_etag_parse, body, "\"3858f622-2\"");
    }
    refuse(ath__s3_etag_parse, "<Error><Code>InternalError</Code></Error>");
    refuse(ath__s3_etag_parse, "<CopyObjectResult></CopyObjectResult>");
}

#define FAILURE(key)                                                                               \
    "<Error><Key>" key "</Key><VersionId>v</VersionId><Code>AccessDenied</Code>"                   \
    "<Message>no</Message></Error>"

static void test_delete_parse_appends_failures(void **state) {
    (void)state;
    struct ath__s3_failures failures = {.count = 0};
    for (int i = 0; i < 40; i++)
        assert_int_equal(
            ath__s3_delete_parse(
                ATH__SLICE_LIT("<DeleteResult xmlns='x'><Deleted><Key>ok</Key></Deleted>" FAILURE(
                    "a&amp;b") "<Error><Key>c</Key><Code>X</Code></Error></DeleteResult>"),
                &failures,
                &s_err),
            0);
    assert_int_equal(failures.count, 80);
    assert_slice(failures.items[78].key, "a&b");
    assert_slice(failures.items[78].version_id, "v");
    assert_slice(failures.items[78].code, "AccessDenied");
    assert_slice(failures.items[78].message, "no");
    assert_slice(failures.items[79].key, "c");
    assert_int_equal(failures.items[79].version_id.len, 0);
    assert_int_equal(ath__s3_delete_parse(ATH__SLICE_LIT("<DeleteResult/>"), &failures, &s_err), 0);
    assert_int_equal(failures.count, 80);
    ath__s3_failures_clear(&failures);
    assert_null(failures.items);
}

static void test_delete_parse_cut_at_every_byte(void **state) {
    (void)state;
    static const char body[] = "<DeleteResult>" FAILURE("a") FAILURE("b") "</DeleteResult>";
    struct ath__s3_failures failures = {.count = 0};
    for (size_t len = 0; len < sizeof body - 1; len++) {
        assert_int_equal(
            ath__s3_delete_parse(ath__slice(body, len), &failures, &s_err), ATH_ERR_PROTOCOL);
        assert_int_equal(failures.count, 0);
    }
    assert_int_equal(ath__s3_delete_parse(ath__slice_str(body), &failures, &s_err), 0);
    assert_int_equal(failures.count, 2);
    ath__s3_failures_clear(&failures);
}

static void test_delete_parse_refuses(void **state) {
    (void)state;
    struct ath__s3_failures failures = {.count = 0};
    assert_int_equal(
        ath__s3_delete_parse(
            ATH__SLICE_LIT("<DeleteResult><Error><Key>k</Key></Error></DeleteResult>"),
            &failures,
            &s_err),
        ATH_ERR_PROTOCOL);
    assert_contains(s_err.message, "no code");
    assert_int_equal(
        ath__s3_delete_parse(ATH__SLICE_LIT("<Error><Code>X</Code></Error>"), &failures, &s_err),
        ATH_ERR_PROTOCOL);
    struct ath__buf body;
    ath__buf_init(&body, 1 << 20);
    assert_int_equal(ath__buf_add_str(&body, "<DeleteResult>"), 0);
    for (int i = 0; i < 1001; i++)
        assert_int_equal(ath__buf_add_str(&body, "<Error><Code>X</Code></Error>"), 0);
    assert_int_equal(ath__buf_add_str(&body, "</DeleteResult>"), 0);
    assert_int_equal(
        ath__s3_delete_parse(ath__buf_slice(&body), &failures, &s_err), ATH_ERR_PROTOCOL);
    assert_contains(s_err.message, "more failures");
    assert_int_equal(failures.count, 0);
    ath__buf_clear(&body);
    ath__s3_failures_clear(&failures);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upload_parse_takes_the_id),
        cmocka_unit_test(test_upload_parse_refuses),
        cmocka_unit_test(test_document_check_wants_one_whole_document),
        cmocka_unit_test(test_etag_parse_of_each_answer),
        cmocka_unit_test(test_delete_parse_appends_failures),
        cmocka_unit_test(test_delete_parse_cut_at_every_byte),
        cmocka_unit_test(test_delete_parse_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
