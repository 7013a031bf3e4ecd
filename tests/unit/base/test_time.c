#include "testing.h"

#include "base/time.h"

static void test_civil_there_and_back(void **state) {
    int64_t year;
    unsigned month, day;
    (void)state;
    assert_int_equal(ath__days_from_civil(1970, 1, 1), 0);
    assert_int_equal(ath__days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(ath__days_from_civil(1969, 12, 31), -1);
    for (int64_t days = -1000000; days < 4000000; days += 97) {
        ath__civil_from_days(days, &year, &month, &day);
        assert_true(ath__civil_is_valid(year, month, day));
        assert_int_equal(ath__days_from_civil(year, month, day), days);
    }
}

static void test_civil_is_valid_knows_leap_years(void **state) {
    (void)state;
    assert_true(ath__civil_is_valid(2000, 2, 29));
    assert_true(ath__civil_is_valid(2024, 2, 29));
    assert_false(ath__civil_is_valid(1900, 2, 29));
    assert_false(ath__civil_is_valid(2026, 2, 29));
    assert_false(ath__civil_is_valid(2026, 4, 31));
    assert_false(ath__civil_is_valid(2026, 13, 1));
    assert_false(ath__civil_is_valid(2026, 0, 1));
    assert_false(ath__civil_is_valid(2026, 1, 0));
}

static void test_time_format_basic(void **state) {
    static const struct {
        int64_t unix_s;
        const char *text;
    } cases[] = {
        {0, "19700101T000000Z"},
        {1440938160, "20150830T123600Z"},
        {-1, "19691231T235959Z"},
        {253402300799, "99991231T235959Z"},
        {253402300800, "00000101T000000Z"}, /* no year of four digits */
    };
    char text[17];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ath__time_format_basic(cases[i].unix_s, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_time_parse_http(void **state) {
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun,x06xNovx1994x08x49x37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
    };
    int64_t unix_s = 7;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ath__time_parse_http(ath__slice_str(bad[i]), &unix_s))
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(unix_s, 7);
    assert_true(ath__time_parse_http(ATH__SLICE_LIT("Sun, 06 Nov 1994 08:49:37 GMT"), &unix_s));
    assert_int_equal(unix_s, 784111777);
}

static void test_time_parse_iso(void **state) {
    static const struct {
        const char *text;
        int64_t unix_s;
    } good[] = {
        {"2015-08-30T12:36:00Z", 1440938160},
        {"2015-08-30 12:36:00Z", 1440938160},
        {"2015-08-30T12:36:00", 1440938160},
        {"2015-08-30T12:36:00.123456Z", 1440938160},
        {"2015-08-30T12:36:00UTC", 1440938160},
        {"2015-08-30T14:36:00+02:00", 1440938160},
        {"2015-08-30T07:06:00-0530", 1440938160},
        {"1969-12-31T23:59:59Z", -1},
    };
    static const char *const bad[] = {
        "2015-08-30",
        "2015-02-29T12:36:00Z",
        "2015-08-30T12:60:00Z",
        "2015-08-30T12:36:00z",
        "2015-08-30T12:36:00.Z",
        "2015-08-30T12:36:00+2",
        "2015-08-30T12:36:00+",
        "2015-08-30T12:36:00+02",
        "2015-08-30T12:36:00+02x00",
        "2015-08-30T12:36:00+02:60",
        "2015-08-30T12:36:00+24:00",
        "2015-08-30T12:36:00Zjunk",
        "2015/08/30T12:36:00Z",
        "+015-08-30T12:36:00Z",
    };
    int64_t unix_s;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(ath__time_parse_iso(ath__slice_str(good[i].text), &unix_s));
        assert_int_equal(unix_s, good[i].unix_s);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ath__time_parse_iso(ath__slice_str(bad[i]), &unix_s))
            fail_msg("taken: %s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil_there_and_back),
        cmocka_unit_test(test_civil_is_valid_knows_leap_years),
        cmocka_unit_test(test_time_format_basic),
        cmocka_unit_test(test_time_parse_http),
        cmocka_unit_test(test_time_parse_iso),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
