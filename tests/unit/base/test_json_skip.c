#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_skip.h"

#include <athena/error.h>

static int skip_all(const char *text, size_t len, unsigned depth) {
    struct ath__json_cursor c;
    ath__json_init(&c, ath__slice(text, len), depth);
    int rc = ath__json_skip_value(&c);
    return rc ? rc : ath__json_end(&c);
}

static int skip_text(const char *text) {
    return skip_all(text, strlen(text), 8);
}

static void test_skip_value_accepts_what_is_json(void **state) {
    (void)state;
    static const char *const good[] = {
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "1.5e+10",
        "-12E3",
        "\"\"",
        "\"a\\u00e9\\n\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,2,[3,{\"a\":[]}]]",
        "{\"a\":{\"b\":null},\"c\":\"d\"}",
        "\r\n\t[1 , 2]\n",
        "\"\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80\"",
        "[[[[[[[[]]]]]]]]"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (skip_text(good[i]))
            fail_msg("refused: %s", good[i]);
}

static void test_skip_value_refuses_what_is_not(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "True",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "0x1",
        "NaN",
        "\"",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\n\"",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "{1:2}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "truefalse",
        "\"\\",
        "\"\\u12",
        "[[[[[[[[[]]]]]]]]]",
        "\"12345678\t\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!skip_text(bad[i]))
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(skip_all("\"a\0b\"", 5, 8), ATH_ERR_PROTOCOL);
}

static void test_skip_value_never_reads_past_the_end(void **state) {
    (void)state;
    static const char text[] = "{\"ab\":[1.5e3,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\",true,null]}";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *copy = test_malloc(len + 1); /* with a guard of cmocka's behind it */
        memcpy(copy, text, len);
        assert_int_equal(skip_all(copy, len, 8), ATH_ERR_PROTOCOL);
        test_free(copy);
    }
}

static void test_object_next_walks_and_tells_keys(void **state) {
    (void)state;
    struct ath__json_cursor c;
    struct ath__json_walk walk = {false};
    struct ath__json_string key;
    ath__json_init(&c, ath__slice_str("{\"a\":1, \"\\u0062c\" : [2]}"), 4);
    assert_int_equal(ath__json_object_next(&c, &walk, &key), 1);
    assert_true(ath__json_string_is(&key, "a"));
    assert_int_equal(ath__json_skip_value(&c), 0);
    assert_int_equal(ath__json_object_next(&c, &walk, &key), 1);
    assert_true(ath__json_string_is(&key, "bc"));
    assert_false(ath__json_string_is(&key, "b"));
    assert_int_equal(ath__json_skip_value(&c), 0);
    assert_int_equal(ath__json_object_next(&c, &walk, &key), 0);
    assert_int_equal(ath__json_end(&c), 0);
}

static void test_string_decode_undoes_every_escape(void **state) {
    (void)state;
    static const char text[] =
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0000z\"";
    static const char wanted[] = "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z";
    struct ath__json_cursor c;
    struct ath__json_string string;
    char out[sizeof text];
    ath__json_init(&c, ath__slice_str(text), 1);
    assert_int_equal(ath__json_string_raw(&c, &string), 0);
    assert_true(string.has_escapes);
    assert_true(string.is_ascii);
    size_t len = ath__json_string_decode(&string, out);
    assert_int_equal(len, sizeof wanted - 1);
    assert_memory_equal(out, wanted, len);
}

/* Every special byte at every place relative to the words the scanner reads. */
static void test_string_raw_finds_bytes_at_any_offset(void **state) {
    (void)state;
    for (size_t before = 0; before < 20; before++)
        for (size_t after = 0; after < 20; after++) {
            static const char *const middles[] = {"\xc3\xa9", "\\n", "\x7f"};
            for (size_t m = 0; m < 4; m++) {
                char text[64] = "\"";
                const char *middle = m < 3 ? middles[m] : "\x1f";
                memset(text + 1, 'a', before);
                strcat(text, middle);
                memset(text + strlen(text), 'b', after);
                strcat(text, "\"");
                struct ath__json_cursor c;
                struct ath__json_string string;
                ath__json_init(&c, ath__slice_str(text), 1);
                int rc = ath__json_string_raw(&c, &string);
                assert_int_equal(rc, m == 3 ? ATH_ERR_PROTOCOL : 0);
                if (rc)
                    continue;
                assert_int_equal(string.text.len, strlen(text) - 2);
                assert_int_equal(string.is_ascii, m != 0);
                assert_int_equal(string.has_escapes, m == 1);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skip_value_accepts_what_is_json),
        cmocka_unit_test(test_skip_value_refuses_what_is_not),
        cmocka_unit_test(test_skip_value_never_reads_past_the_end),
        cmocka_unit_test(test_object_next_walks_and_tells_keys),
        cmocka_unit_test(test_string_decode_undoes_every_escape),
        cmocka_unit_test(test_string_raw_finds_bytes_at_any_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
