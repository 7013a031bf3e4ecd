#include "testing.h"

static void test_slice_eq_knows_empty_and_null(void **state) {
    struct ath_slice none = {NULL, 0};
    (void)state;
    assert_true(ath__slice_eq(none, ATH__SLICE_LIT("")));
    assert_true(ath__slice_is(none, ""));
    assert_true(ath__slice_eq(ath__slice_str(NULL), none));
    assert_false(ath__slice_is(ATH__SLICE_LIT("ab"), "abc"));
    assert_true(ath__slice_is(ath__slice("abc", 2), "ab"));
    assert_false(ath__slice_eq(ath__slice("a\0b", 3), ath__slice("a\0c", 3)));
}

static void test_slice_eq_nocase_is_ascii_only(void **state) {
    (void)state;
    assert_true(
        ath__slice_eq_nocase(ATH__SLICE_LIT("Content-Type"), ATH__SLICE_LIT("cONTENT-tYPE")));
    assert_false(ath__slice_eq_nocase(ATH__SLICE_LIT("@["), ATH__SLICE_LIT("`{")));
    assert_false(ath__slice_eq_nocase(ATH__SLICE_LIT("\xc3\x84"), ATH__SLICE_LIT("\xc3\xa4")));
    assert_false(ath__slice_eq_nocase(ATH__SLICE_LIT("a"), ATH__SLICE_LIT("ab")));
}

static void test_slice_starts_and_ends(void **state) {
    (void)state;
    assert_true(ath__slice_starts(ATH__SLICE_LIT("HTTP/1.1"), "HTTP/"));
    assert_false(ath__slice_starts(ATH__SLICE_LIT("HTT"), "HTTP/"));
    assert_true(ath__slice_ends(ATH__SLICE_LIT("x GMT"), " GMT"));
    assert_false(ath__slice_ends(ATH__SLICE_LIT("GMT"), " GMT"));
    assert_true(ath__slice_ends(ath__slice(NULL, 0), ""));
}

static void test_slice_trim_both_ends(void **state) {
    (void)state;
    assert_slice(ath__slice_trim(ATH__SLICE_LIT(" \t\r\na b\r\n")), "a b");
    assert_slice(ath__slice_trim(ATH__SLICE_LIT(" \t ")), "");
    assert_slice(ath__slice_trim(ATH__SLICE_LIT("\va")), "\va");
}

static void test_slice_split_to_the_end(void **state) {
    struct ath_slice rest = ATH__SLICE_LIT("a,,b");
    (void)state;
    assert_slice(ath__slice_split(&rest, ','), "a");
    assert_slice(ath__slice_split(&rest, ','), "");
    assert_non_null(rest.ptr);
    assert_slice(ath__slice_split(&rest, ','), "b");
    assert_null(rest.ptr);
    rest = ATH__SLICE_LIT("a,");
    assert_slice(ath__slice_split(&rest, ','), "a");
    assert_non_null(rest.ptr); /* a separator was there, nothing behind it */
    assert_int_equal(rest.len, 0);
}

static void test_slice_to_u64_takes_digits_only(void **state) {
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "99999999999999999999"};
    uint64_t value = 7;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ath__slice_to_u64(ath__slice_str(bad[i]), &value));
    assert_int_equal(value, 7);
    assert_true(ath__slice_to_u64(ATH__SLICE_LIT("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(ath__slice_to_u64(ATH__SLICE_LIT("000000000000000000000000012"), &value));
    assert_int_equal(value, 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_eq_knows_empty_and_null),
        cmocka_unit_test(test_slice_eq_nocase_is_ascii_only),
        cmocka_unit_test(test_slice_starts_and_ends),
        cmocka_unit_test(test_slice_trim_both_ends),
        cmocka_unit_test(test_slice_split_to_the_end),
        cmocka_unit_test(test_slice_to_u64_takes_digits_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
