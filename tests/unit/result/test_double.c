#include "result/double.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t s_random = 88172645463325252u;

static uint64_t next_random(void) {
    s_random ^= s_random << 13;
    s_random ^= s_random >> 7;
    s_random ^= s_random << 17;
    return s_random;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The C library's strtod is exact; infinite results are refused. */
static void check_like_strtod(const char *text) {
    double value = 0, wanted = strtod(text, NULL);
    bool is_good = ath__double_parse(ath__slice_str(text), &value);
    if (is_good != (isfinite(wanted) != 0) || (is_good && bits_of(value) != bits_of(wanted)))
        fail_msg("%s: %d %.17g instead of %.17g", text, is_good, value, wanted);
}

static void test_double_forms(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1",
        "1.0",
        "-1.5",
        "1.0E10",
        "1.0E-5",
        "1e+22",
        "1e23",
        "123456789",
        "0.1",
        "007.5",
        "1E0",
        "0e999",
        "0.000000000000000000000000000000000001",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.0000000000000000000000001",
        "1.7976931348623157E308",
        "1.7976931348623159E308",
        "4.9E-324",
        "2.4703282292062327E-324",
        "2.4703282292062328E-324",
        "2.2250738585072014E-308",
        "2.2250738585072011E-308",
        "1e-400",
        "1e400",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "18446744073709551615",
        "18446744073709551616",
        "9999999999999999999",
        "99999999999999999999",
        "0.3333333333333333333333333333333333333",
        "100000000000000000000000000000000000000000",
        "6.02214076E23",
        "8.5E65",
        "8.5E-65",
        "1E65",
        "1E-65",
        "1e66",
        "1e-66",
        "0.500000000000000166",
        "3.5028246666440005E-46"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_like_strtod(texts[i]);
}

static void test_double_words(void **state) {
    (void)state;
    double value = 0;
    assert_true(ath__double_parse(ath__slice_str("NaN"), &value) && isnan(value));
    assert_true(ath__double_parse(ath__slice_str("Infinity"), &value) && value > 0 && isinf(value));
    assert_true(
        ath__double_parse(ath__slice_str("-Infinity"), &value) && value < 0 && isinf(value));
}

static void test_double_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",      "-",   "+1",       ".5",  "5.",   "1.e5", "e5",
                                      "1e",    "1e+", "1e-",      " 1",  "1 ",   "1,5",  "0x1p3",
                                      "nan",   "inf", "infinity", "INF", "-NaN", "1.5f", "1..5",
                                      "1.5.5", "--1", "1e5e5",    "1_0", "NaN ", "1e5.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value;
        if (ath__double_parse(ath__slice_str(bad[i]), &value))
            fail_msg("'%s' was taken as %g", bad[i], value);
    }
    char text[402];
    double value;
    memset(text, '1', sizeof text);
    text[1] = '.';
    assert_true(ath__double_parse(ath__slice(text, 400), &value));
    assert_false(ath__double_parse(ath__slice(text, 401), &value));
}

static void test_double_random_bits(void **state) {
    (void)state;
    for (int i = 0; i < 300000; i++) {
        char text[64];
        uint64_t bits = next_random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        sprintf(text, "%.*e", (int)(next_random() % 22), value);
        check_like_strtod(text);
    }
}

static void test_double_random_decimals(void **state) {
    (void)state;
    for (int i = 0; i < 300000; i++) {
        char text[64];
        uint64_t digits = next_random() >> (next_random() % 64);
        int point = (int)(next_random() % 140) - 70;
        sprintf(text, "%" PRIu64 "e%d", digits, point);
        check_like_strtod(text);
        sprintf(
            text, "-%" PRIu64 ".%0*" PRIu64, digits >> 40, 1 + i % 20, next_random() >> (i % 64));
        check_like_strtod(text);
    }
}

/* Just at, below and above the middle between two neighbours, where rounding is hardest. */
static void test_double_halfway(void **state) {
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[512];
        uint64_t mantissa = (next_random() >> 11) | UINT64_C(1) << 52;
        int shift = (int)(next_random() % 11);
        u128 middle = ((u128)mantissa * 2 + 1) << shift;
        for (int delta = -1; delta <= 1; delta++) {
            u128 value = delta < 0 ? middle - 1 : middle + (unsigned)delta;
            sprintf(text, "%" PRIu64, (uint64_t)value);
            if (value >> 64)
                continue;
            check_like_strtod(text);
            size_t len = strlen(text);
            sprintf(text + len, "E%d", (int)(next_random() % 60) - 30);
            check_like_strtod(text);
        }
    }
}

static void test_double_ignores_locale(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    double value = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_NUMERIC, names[i]))
            break;
    bool is_good = ath__double_parse(ath__slice_str("1.00000000000000000000000005"), &value);
    setlocale(LC_NUMERIC, "C");
    assert_true(is_good && value == 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_forms),
        cmocka_unit_test(test_double_words),
        cmocka_unit_test(test_double_refused),
        cmocka_unit_test(test_double_random_bits),
        cmocka_unit_test(test_double_random_decimals),
        cmocka_unit_test(test_double_halfway),
        cmocka_unit_test(test_double_ignores_locale),
    };
    return cmocka_run_group_tests_name("double", tests, NULL, NULL);
}
