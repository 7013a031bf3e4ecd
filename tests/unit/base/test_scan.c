#include "base/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Byte by byte, as the words of the header say. */
static const char *scan_slowly(const char *p, const char *end, bool *has_high) {
    for (; p < end; p++) {
        unsigned char byte = (unsigned char)*p;
        if (byte == '"' || byte == '\\' || byte < 0x20)
            break;
        if (byte > 0x7f)
            *has_high = true;
    }
    return p;
}

static void check_all(const char *p, const char *end) {
    bool wanted_high = false, high = false;
    const char *wanted = scan_slowly(p, end, &wanted_high);
    assert_ptr_equal(ath__scan_plain(p, end, &high), wanted);
    assert_int_equal(high, wanted_high);
    high = false;
    assert_ptr_equal(ath__scan_string(p, end, &high), wanted);
    assert_int_equal(high, wanted_high);
    high = true;
    ath__scan_string(p, end, &high);
    assert_true(high);
}

static void test_scan_every_byte_everywhere(void **state) {
    (void)state;
    for (size_t len = 0; len <= 50; len++) {
        char *text = malloc(len + 1); /* so that a read past the end shows */
        assert_non_null(text);
        for (size_t at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                memset(text, 'x', len);
                text[at] = (char)byte;
                check_all(text, text + len);
            }
        free(text);
    }
}

static void test_scan_random(void **state) {
    (void)state;
    static const char alphabet[] = "abc \x7f\x80\xff\"\\\x1f\x20!#[]";
    unsigned seed = 1;
    for (int i = 0; i < 200000; i++) {
        char text[70];
        for (size_t at = 0; at < sizeof text; at++) {
            seed = seed * 1664525u + 1013904223u;
            /* mostly plain, so that runs get long */
            text[at] = seed >> 28 ? 'x' : alphabet[(seed >> 8) % (sizeof alphabet - 1)];
        }
        check_all(text + i % 16, text + sizeof text - i % 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_every_byte_everywhere),
        cmocka_unit_test(test_scan_random),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
