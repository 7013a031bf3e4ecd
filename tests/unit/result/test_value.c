#include "result/value.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void check_int(const char *text, bool is_good, int64_t wanted) {
    int64_t value = 0;
    assert_int_equal(ath__value_int64(ath__slice_str(text), &value), is_good);
    if (is_good)
        assert_int_equal(value, wanted);
}

static void test_value_int64(void **state) {
    (void)state;
    check_int("0", true, 0);
    check_int("-0", true, 0);
    check_int("12345678", true, 12345678);
    check_int("-123456789012345678", true, -123456789012345678);
    check_int("9223372036854775807", true, INT64_MAX);
    check_int("-9223372036854775808", true, INT64_MIN);
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "--1",
        "0x1",
        "1_0",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
        "12345678:",
        "/1",
        "1234567\xff",
        "12345678901234567a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_int(bad[i], false, 0);
}

/* Every byte at every place of numbers of every length: digits alone are taken. */
static void test_value_int64_every_byte(void **state) {
    (void)state;
    for (size_t len = 1; len <= 19; len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                char text[20];
                int64_t value;
                memset(text, '1', len);
                text[at] = (char)byte;
                bool wanted = (byte >= '0' && byte <= '9') || (byte == '-' && at == 0 && len > 1);
                assert_int_equal(ath__value_int64(ath__slice(text, len), &value), wanted);
            }
}

static void test_value_bool(void **state) {
    (void)state;
    bool value = false;
    assert_true(ath__value_bool(ath__slice_str("true"), &value));
    assert_true(value);
    assert_true(ath__value_bool(ath__slice_str("false"), &value));
    assert_false(value);
    static const char *const bad[] = {"", "True", "FALSE", "1", "t", "truee", "fals"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ath__value_bool(ath__slice_str(bad[i]), &value));
}

__extension__ typedef __int128 i128;

static void
check_decimal(const char *text, int32_t precision, int32_t scale, bool is_good, i128 wanted) {
    uint8_t bytes[16];
    assert_int_equal(ath__value_decimal(ath__slice_str(text), precision, scale, bytes), is_good);
    if (is_good)
        assert_memory_equal(bytes, &wanted, 16);
}

static void test_value_decimal(void **state) {
    (void)state;
    check_decimal("0.00", 10, 2, true, 0);
    check_decimal("12.34", 10, 2, true, 1234);
    check_decimal("-12.34", 4, 2, true, -1234);
    check_decimal("007.10", 4, 2, true, 710);
    check_decimal("0.123", 3, 3, true, 123);
    check_decimal("42", 2, 0, true, 42);
    check_decimal("0", 1, 0, true, 0);
    i128 big = 1;
    for (int i = 0; i < 38; i++)
        big *= 10;
    check_decimal("99999999999999999999999999999999999999", 38, 0, true, big - 1);
    check_decimal("-0.99999999999999999999999999999999999999", 38, 38, true, 1 - big);
    static const struct {
        const char *text;
        int32_t precision, scale;
    } bad[] = {
        {"", 10, 2},      {"-", 10, 2},     {".12", 10, 2},
        {"1.2", 10, 2},   {"1.234", 10, 2}, {"1,23", 10, 2},
        {"12", 10, 2},    {"-0.00", 10, 2}, {"-0", 10, 0},
        {"123.45", 4, 2}, {"1.00", 2, 2},   {"1.", 10, 0},
        {"1e2", 10, 0},   {"+1.00", 10, 2}, {"1.0a", 10, 2},
        {"a.00", 10, 2},  {"100", 2, 0},    {"999999999999999999999999999999999999999", 38, 0},
        {"1.-1", 10, 2},  {"12.", 10, 2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_decimal(bad[i].text, bad[i].precision, bad[i].scale, false, 0);
}

static void check_date(const char *text, bool is_good, int64_t wanted) {
    int32_t days = 0;
    assert_int_equal(ath__value_date(ath__slice_str(text), &days), is_good);
    if (is_good)
        assert_int_equal(days, wanted);
}

static void test_value_date(void **state) {
    (void)state;
    check_date("1970-01-01", true, 0);
    check_date("1969-12-31", true, -1);
    check_date("2000-02-29", true, 11016);
    check_date("0000-01-01", true, -719528);
    check_date("9999-12-31", true, 2932896);
    check_date("-0001-12-31", true, -719529);
    check_date("+12345-06-07", true, ath__days_from_civil(12345, 6, 7));
    check_date("12345-06-07", true, ath__days_from_civil(12345, 6, 7));
    check_date("5881580-07-11", true, INT32_MAX);
    check_date("-5877641-06-23", true, INT32_MIN);
    static const char *const bad[] = {
        "",
        "1970-1-1",
        "1970-01-01 ",
        "1970/01/01",
        "197-01-01",
        "1900-02-29",
        "1970-13-01",
        "1970-00-01",
        "1970-01-00",
        "1970-04-31",
        "1970-01-0a",
        "197a-01-01",
        "--970-01-01",
        "5881580-07-12",
        "-5877641-06-22",
        "12345678-01-01",
        "1970-01-01T00:00:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_date(bad[i], false, 0);
}

static void test_value_date_of_many_days(void **state) {
    (void)state;
    for (int64_t days = -720000; days < 2932897; days += 3) {
        int64_t year;
        unsigned month, day;
        char text[32];
        ath__civil_from_days(days, &year, &month, &day);
        sprintf(text, year < 0 ? "%05d-%02u-%02u" : "%04d-%02u-%02u", (int)year, month, day);
        int32_t read = 0;
        if (!ath__value_date(ath__slice_str(text), &read) || read != days)
            fail_msg("%s is not day %d", text, (int)days);
    }
}

static void check_time(const char *text, bool is_good, int64_t wanted) {
    int64_t us = 0;
    assert_int_equal(ath__value_time(ath__slice_str(text), &us), is_good);
    if (is_good)
        assert_int_equal(us, wanted);
}

static void test_value_time(void **state) {
    (void)state;
    check_time("00:00:00", true, 0);
    check_time("23:59:59.999999", true, INT64_C(86399999999));
    check_time("01:02:03.4", true, INT64_C(3723400000));
    check_time("01:02:03.000", true, INT64_C(3723000000));
    check_time("01:02:03.123456000000", true, INT64_C(3723123456));
    static const char *const bad[] = {
        "",
        "24:00:00",
        "23:60:00",
        "23:59:60",
        "1:02:03",
        "01:02",
        "01:02:03.",
        "01:02:03.a",
        "01:02:03.1234567",
        "01:02:03.0000000000000",
        "01:02:03,5",
        "01:02:03 ",
        "01-02-03",
        "0a:00:00",
        "01:02:03.1234560a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_time(bad[i], false, 0);
}

static void check_timestamp(const char *text, bool is_good, int64_t wanted) {
    int64_t us = 0;
    assert_int_equal(ath__value_timestamp(ath__slice_str(text), &us), is_good);
    if (is_good)
        assert_int_equal(us, wanted);
}

static void test_value_timestamp(void **state) {
    (void)state;
    check_timestamp("1970-01-01 00:00:00.000", true, 0);
    check_timestamp("1969-12-31 23:59:59.999999", true, -1);
    check_timestamp("2024-02-29 12:34:56.789", true, INT64_C(1709210096789000));
    check_timestamp("0001-01-01 00:00:00", true, INT64_C(-62135596800000000));
    check_timestamp("9999-12-31 23:59:59.999999", true, INT64_C(253402300799999999));
    check_timestamp("294247-01-10 04:00:54.775807", true, INT64_MAX);
    check_timestamp("+12345-01-01 00:00:00", true, ath__days_from_civil(12345, 1, 1) * 86400000000);
    static const char *const bad[] = {
        "",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00",
        "1970-01-01  00:00:00",
        "1970-01-01 00:00:00 UTC",
        "1970-02-30 00:00:00",
        "294247-01-10 04:00:54.775808",
        "5881580-07-11 00:00:00",
        "1970-01-01 00:00:00.1234567",
        " 1970-01-01 00:00:00",
        "          ",
        "1970-01-01 00:00:00Z",
        "1970-01-01 25:00:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_timestamp(bad[i], false, 0);
}

static void check_hex(const char *text, bool is_good, const char *wanted, size_t wanted_len) {
    uint8_t bytes[64];
    size_t len = 0;
    assert_int_equal(ath__value_hex(ath__slice_str(text), bytes, &len), is_good);
    if (!is_good)
        return;
    assert_int_equal(len, wanted_len);
    if (len)
        assert_memory_equal(bytes, wanted, len);
}

static void test_value_hex(void **state) {
    (void)state;
    check_hex("", true, "", 0);
    check_hex("00", true, "\0", 1);
    check_hex("00 ff 10", true, "\x00\xff\x10", 3);
    check_hex("00ff10", true, "\x00\xff\x10", 3);
    check_hex("aB Cd", true, "\xab\xcd", 2);
    static const char *const bad[] = {
        "0",
        "0 0",
        "00 ",
        " 00",
        "00  ff",
        "00 ff10",
        "00ff 10",
        "0g",
        "00-ff",
        "00 f",
        "000",
        "@0",
        "`0",
        "00 ff\t10"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_hex(bad[i], false, NULL, 0);
}

/* Every byte in every place of a date and a time. */
static void test_value_timestamp_every_byte(void **state) {
    (void)state;
    const char *good = "2024-12-28 11:15:16.123";
    int64_t us;
    for (size_t place = 0; place < strlen(good); place++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[32];
            strcpy(text, good);
            text[place] = (char)byte;
            bool is_digit = byte >= '0' && byte <= '9';
            bool may_be =
                good[place] >= '0' && good[place] <= '9' ? is_digit : text[place] == good[place];
            bool is_taken = ath__value_timestamp((struct ath_slice){text, strlen(good)}, &us);
            assert_true(may_be || !is_taken);
            assert_true(is_taken || text[place] != good[place]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_int64),
        cmocka_unit_test(test_value_int64_every_byte),
        cmocka_unit_test(test_value_bool),
        cmocka_unit_test(test_value_decimal),
        cmocka_unit_test(test_value_date),
        cmocka_unit_test(test_value_date_of_many_days),
        cmocka_unit_test(test_value_time),
        cmocka_unit_test(test_value_timestamp),
        cmocka_unit_test(test_value_timestamp_every_byte),
        cmocka_unit_test(test_value_hex),
    };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
