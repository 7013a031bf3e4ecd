#include "testing.h"

#include "base/err.h"
#include "base/utf8.h"

static void test_err_set_fills_and_clears(void **state) {
    struct ath_error err;
    (void)state;
    memset(&err, 'x', sizeof err);
    assert_int_equal(ath__err_set(&err, ATH_ERR_CONFIG, "%s %d", "value", 7), ATH_ERR_CONFIG);
    assert_int_equal(err.code, ATH_ERR_CONFIG);
    assert_string_equal(err.message, "value 7");
    assert_int_equal(err.http_status, 0);
    assert_string_equal(err.service_code, "");
    assert_int_equal(ath__err_set(NULL, ATH_ERR_IO, "nobody looks"), ATH_ERR_IO);
    assert_int_equal(ath__err_nomem(&err), ATH_ERR_NOMEM);
    assert_string_equal(err.message, "out of memory");
}

#define LONG 1100

/* More than the record holds, of characters of three bytes from `shift` on. */
static void set_long(struct ath_error *err, size_t shift, char text[LONG]) {
    memset(text, 'x', shift);
    for (size_t i = shift; i + 3 < LONG; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 4);
    ath__err_set(err, ATH_ERR_IO, "%s", text);
}

static void test_err_set_cuts_at_a_character(void **state) {
    struct ath_error err;
    char text[LONG];
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        set_long(&err, shift, text);
        size_t len = strlen(err.message);
        assert_in_range(len, sizeof err.message - 5, sizeof err.message - 1);
        assert_true(ath__utf8_is_valid(err.message, len));
        assert_memory_equal(err.message, text, len);
    }
}

static void test_err_set_replaces_other_bytes(void **state) {
    struct ath_error err;
    (void)state;
    ath__err_set(&err, ATH_ERR_IO, "a\xff%s", "\xc3z");
    assert_string_equal(err.message, "a??z");
}

static void test_err_prefix_goes_before(void **state) {
    struct ath_error err;
    (void)state;
    ath__err_set(&err, ATH_ERR_CONFIG, "is wrong");
    err.http_status = 400;
    ath__err_prefix(&err, "endpoint_url");
    assert_string_equal(err.message, "endpoint_url: is wrong");
    assert_int_equal(err.code, ATH_ERR_CONFIG);
    assert_int_equal(err.http_status, 400);
    ath__err_prefix(NULL, "nobody looks");
}

static void test_err_prefix_of_long_text_keeps_characters(void **state) {
    struct ath_error err;
    char text[LONG];
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        set_long(&err, shift, text);
        ath__err_prefix(&err, "p");
        size_t len = strlen(err.message);
        assert_in_range(len, 890, sizeof err.message - 1);
        assert_memory_equal(err.message + 3, text, len - 3);
    }
}

static void test_error_text_and_name_know_every_code(void **state) {
    (void)state;
    assert_string_equal(ath_error_text(ATH_ERR_TIMEOUT), "the deadline passed");
    assert_string_equal(ath_error_name(ATH_ERR_TIMEOUT), "ATH_ERR_TIMEOUT");
    assert_string_equal(ath_error_text(0), "success");
    assert_string_equal(ath_error_text(1), "unknown error");
    assert_string_equal(ath_error_name(-999), "ATH_ERR_UNKNOWN");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set_fills_and_clears),
        cmocka_unit_test(test_err_set_cuts_at_a_character),
        cmocka_unit_test(test_err_set_replaces_other_bytes),
        cmocka_unit_test(test_err_prefix_goes_before),
        cmocka_unit_test(test_err_prefix_of_long_text_keeps_characters),
        cmocka_unit_test(test_error_text_and_name_know_every_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
