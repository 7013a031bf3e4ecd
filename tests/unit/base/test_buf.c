#include "hooks.h"

#include "base/buf.h"

static void test_buf_add_grows_to_max_and_no_further(void **state) {
    struct ath__buf buf;
    (void)state;
    ath__buf_init(&buf, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(ath__buf_add_char(&buf, (char)i), 0);
    assert_int_equal(ath__buf_add_char(&buf, 'x'), ATH_ERR_TOO_LARGE);
    assert_int_equal(ath__buf_reserve(&buf, SIZE_MAX), ATH_ERR_TOO_LARGE);
    assert_int_equal(buf.len, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(buf.ptr[i], (char)i);
    ath__buf_clear(&buf);
    assert_int_equal(buf.max, 1000);
    assert_int_equal(ath__buf_add_str(&buf, "again"), 0);
    assert_slice(ath__buf_slice(&buf), "again");
    ath__buf_clear(&buf);
}

static void test_buf_add_refused_memory_keeps_content(void **state) {
    struct hooks hooks;
    struct ath__buf buf;
    char large[2000] = {0};
    (void)state;
    hooks_set(&hooks);
    ath__buf_init(&buf, SIZE_MAX);
    assert_int_equal(ath__buf_add_slice(&buf, ATH__SLICE_LIT("kept")), 0);
    hooks.refuses = true;
    assert_int_equal(ath__buf_add(&buf, large, sizeof large), ATH_ERR_NOMEM);
    assert_slice(ath__buf_slice(&buf), "kept");
    ath__buf_clear(&buf);
    hooks_unset(&hooks);
}

static void test_buf_of_no_room_takes_nothing(void **state) {
    struct ath__buf buf;
    (void)state;
    ath__buf_init(&buf, 0);
    assert_int_equal(ath__buf_add(&buf, NULL, 0), 0);
    assert_int_equal(ath__buf_add_char(&buf, 'x'), ATH_ERR_TOO_LARGE);
    ath__buf_clear(&buf);
}

static void test_buf_add_u64_writes_every_digit(void **state) {
    struct ath__buf buf;
    (void)state;
    ath__buf_init(&buf, 100);
    assert_int_equal(ath__buf_add_u64(&buf, 0), 0);
    assert_int_equal(ath__buf_add_u64(&buf, 10), 0);
    assert_int_equal(ath__buf_add_u64(&buf, UINT64_MAX), 0);
    assert_slice(ath__buf_slice(&buf), "01018446744073709551615");
    ath__buf_clear(&buf);
}

static void test_buf_add_json_escapes(void **state) {
    struct ath__buf buf;
    const char text[] = "\"\\/\b\n\r\t\x1f\x7f \xc3\xa4\xf0\x9f\x98\x80\0end";
    (void)state;
    ath__buf_init(&buf, 200);
    assert_int_equal(ath__buf_add_json(&buf, ath__slice(text, sizeof text - 1)), 0);
    assert_slice(
        ath__buf_slice(&buf),
        "\"\\\"\\\\/\\u0008\\n\\r\\t\\u001f\x7f \xc3\xa4\xf0\x9f\x98\x80\\u0000end\"");
    buf.len = 0;
    assert_int_equal(ath__buf_add_json(&buf, ath__slice(NULL, 0)), 0);
    assert_slice(ath__buf_slice(&buf), "\"\"");
    ath__buf_clear(&buf);
}

static void test_buf_add_json_refuses_other_bytes(void **state) {
    static const char *const texts[] = {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80"};
    struct ath__buf buf;
    (void)state;
    ath__buf_init(&buf, 100);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(ath__buf_add_json(&buf, ath__slice_str(texts[i])), ATH_ERR_INVALID);
    assert_int_equal(buf.len, 0);
    ath__buf_clear(&buf);
}

static void test_buf_wipe_leaves_nothing(void **state) {
    struct hooks hooks;
    struct ath__buf buf;
    (void)state;
    hooks_set(&hooks);
    hooks.secret = "hunter2";
    ath__buf_init(&buf, 100);
    ath__buf_add_str(&buf, "a hunter2");
    buf.len = 0;
    ath__buf_wipe(&buf);
    assert_false(hooks.found);
    ath__buf_wipe(&buf);
    hooks_unset(&hooks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_add_grows_to_max_and_no_further),
        cmocka_unit_test(test_buf_add_refused_memory_keeps_content),
        cmocka_unit_test(test_buf_of_no_room_takes_nothing),
        cmocka_unit_test(test_buf_add_u64_writes_every_digit),
        cmocka_unit_test(test_buf_add_json_escapes),
        cmocka_unit_test(test_buf_add_json_refuses_other_bytes),
        cmocka_unit_test(test_buf_wipe_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
