#include "testing.h"

#include "base/utf8.h"

/* Every code point's own form is valid, at any place in a word, and no cut of it is. */
static void test_utf8_every_character(void **state) {
    char text[16];
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code += code < 0x900 ? 1 : 0x61) {
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        memset(text, 'x', sizeof text);
        size_t at = code % 9, len = ath__utf8_encode(code, text + at);
        assert_int_equal(len, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        assert_true(ath__utf8_is_valid(text, sizeof text));
        assert_true(ath__utf8_is_ascii(text, sizeof text) == (code < 0x80));
        for (size_t cut = 1; cut < len; cut++)
            assert_false(ath__utf8_is_valid(text, at + cut));
    }
}

static void test_utf8_is_valid_refuses_other_forms(void **state) {
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3(",
        "\xe2\x82(",
        "1234567\xe2",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ath__utf8_is_valid(bad[i], strlen(bad[i])));
    assert_true(ath__utf8_is_valid(NULL, 0));
    assert_true(ath__utf8_is_ascii(NULL, 0));
    assert_true(ath__utf8_is_valid("a\0b", 3));
}

static void test_utf8_cut_never_splits(void **state) {
    const char *text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    static const size_t lens[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    (void)state;
    for (size_t max = 0; max < sizeof lens / sizeof *lens; max++)
        assert_int_equal(ath__utf8_cut(text, strlen(text), max), lens[max]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_every_character),
        cmocka_unit_test(test_utf8_is_valid_refuses_other_forms),
        cmocka_unit_test(test_utf8_cut_never_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
