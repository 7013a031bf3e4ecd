#include "testing.h"

#include "aws/s3.h"

static int set_up(void **state) {
    struct ath__buf *out = test_malloc(sizeof *out);
    ath__buf_init(out, 1 << 16);
    *state = out;
    return 0;
}

static int tear_down(void **state) {
    ath__buf_clear(*state);
    test_free(*state);
    return 0;
}

#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static void test_query_build_encodes_names_and_values(void **state) {
    struct ath__buf *out = *state;
    const struct ath_s3_pair pairs[] = {
        {"list-type", "2"}, {"delete", ""}, {"uploads", NULL}, {"prefix", "a/b c+\xc3\xa9~"}};
    assert_int_equal(ath__s3_query_build(pairs, 4, out), 0);
    assert_slice(ath__buf_slice(out), "list-type=2&delete=&uploads=&prefix=a%2Fb%20c%2B%C3%A9~");
    assert_int_equal(ath__s3_query_build(pairs, 1, out), 0);
    assert_true(ath__slice_ends(ath__buf_slice(out), "~&list-type=2"));
    out->len = 0;
    assert_int_equal(ath__s3_query_build(NULL, 0, out), 0);
    assert_int_equal(out->len, 0);
}

static void test_encode_covers_every_byte(void **state) {
    struct ath__buf *out = *state;
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    assert_int_equal(ath__s3_encode(ath__slice(bytes, 256), false, out), 0);
    assert_int_equal(out->len, 66 + 3 * (256 - 66));
    out->len = 0;
    assert_int_equal(ath__s3_encode(ath__slice_str("/-._~%"), true, out), 0);
    assert_slice(ath__buf_slice(out), "/-._~%25");
    struct ath__buf small;
    ath__buf_init(&small, 8);
    assert_int_equal(ath__s3_encode(ath__slice(bytes, 256), false, &small), ATH_ERR_TOO_LARGE);
    ath__buf_clear(&small);
}

static void test_complete_build_lists_parts(void **state) {
    struct ath__buf *out = *state;
    const struct ath__s3_part parts[] = {
        {1, ATH__SLICE_INIT("\"e1\""), ATH__SLICE_INIT("AAAA")},
        {10000, ATH__SLICE_INIT("\"e2\""), {NULL, 0}}};
    assert_int_equal(ath__s3_complete_build(parts, 2, "ChecksumCRC32", out), 0);
    assert_slice(
        ath__buf_slice(out),
        "<CompleteMultipartUpload" XMLNS "><Part><PartNumber>1</PartNumber>"
        "<ETag>&quot;e1&quot;</ETag><ChecksumCRC32>AAAA</ChecksumCRC32></Part>"
        "<Part><PartNumber>10000</PartNumber><ETag>&quot;e2&quot;</ETag></Part>"
        "</CompleteMultipartUpload>");
    const struct ath__s3_part none = {0, ATH__SLICE_INIT("e"), {NULL, 0}};
    assert_int_equal(ath__s3_complete_build(&none, 1, NULL, out), ATH_ERR_INVALID);
}

static void test_delete_build_escapes_keys(void **state) {
    struct ath__buf *out = *state;
    const struct ath_slice keys[] = {
        ATH__SLICE_INIT("a<b>&\"c\r\n\t]]>"), ATH__SLICE_INIT("\xc3\xa9"), ATH__SLICE_INIT("c")};
    const char *const versions[] = {NULL, "v&1", ""};
    assert_int_equal(ath__s3_delete_build(keys, versions, 3, out), 0);
    assert_slice(
        ath__buf_slice(out),
        "<Delete" XMLNS "><Object><Key>a&lt;b&gt;&amp;&quot;c&#13;&#10;&#9;]]&gt;</Key></Object>"
        "<Object><Key>\xc3\xa9</Key><VersionId>v&amp;1</VersionId></Object>"
        "<Object><Key>c</Key></Object><Quiet>true</Quiet></Delete>");
    const struct ath_slice bad[] = {ATH__SLICE_INIT("a\x01")};
    assert_int_equal(ath__s3_delete_build(bad, NULL, 1, out), ATH_ERR_INVALID);
    const struct ath_slice empty[] = {{NULL, 0}};
    assert_int_equal(ath__s3_delete_build(empty, NULL, 1, out), ATH_ERR_INVALID);
}

static void test_key_fits_xml_by_characters(void **state) {
    (void)state;
    assert_true(ath__s3_key_fits_xml(ath__slice_str("a\t\r\n\x7f\xc2\x85")));
    assert_true(ath__s3_key_fits_xml(ath__slice_str("\xef\xbf\xbd\xf4\x8f\xbf\xbf")));
    assert_false(ath__s3_key_fits_xml(ath__slice_str("a\x1f")));
    assert_false(ath__s3_key_fits_xml(ath__slice("\0", 1)));
    assert_false(ath__s3_key_fits_xml(ath__slice_str("\xef\xbf\xbe")));
    assert_false(ath__s3_key_fits_xml(ath__slice_str("x\xef\xbf\xbf")));
    assert_false(ath__s3_key_fits_xml(ath__slice_str("\xff")));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_query_build_encodes_names_and_values),
        CASE(test_encode_covers_every_byte),
        CASE(test_complete_build_lists_parts),
        CASE(test_delete_build_escapes_keys),
        CASE(test_key_fits_xml_by_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
