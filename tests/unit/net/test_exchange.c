#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void set_head(struct ath__exchange *x, const char *head) {
    ath__exchange_init(x);
    assert_int_equal(ath__buf_add_str(&x->head, head), 0);
}

static void test_exchange_header_finds_any_case(void **state) {
    struct ath__exchange x;
    (void)state;
    set_head(&x, "Content-Type: text/csv\r\nx-AMZN-requestid:\t abc \r\nEmpty:\r\n");
    assert_true(ath__slice_is(ath__exchange_header(&x, "content-type"), "text/csv"));
    assert_true(ath__slice_is(ath__exchange_header(&x, "x-amzn-RequestId"), "abc"));
    assert_non_null(ath__exchange_header(&x, "empty").ptr);
    assert_int_equal(ath__exchange_header(&x, "empty").len, 0);
    ath__exchange_clear(&x);
}

static void test_exchange_header_absent(void **state) {
    struct ath__exchange x;
    (void)state;
    set_head(&x, "Content-Type: text/csv\r\nno colon\r\n");
    assert_null(ath__exchange_header(&x, "content").ptr);
    assert_null(ath__exchange_header(&x, "content-typ").ptr);
    assert_null(ath__exchange_header(&x, "no colon").ptr);
    ath__exchange_clear(&x);
    assert_null(ath__exchange_header(&x, "content-type").ptr);
}

static void test_exchange_init_sets_limits(void **state) {
    struct ath__exchange x;
    (void)state;
    ath__exchange_init(&x);
    assert_int_equal(x.body_max, 64u << 20);
    assert_int_equal(x.head.max, 64u << 10);
    assert_null(x.answer.ptr);
    ath__exchange_clear(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_header_finds_any_case),
        cmocka_unit_test(test_exchange_header_absent),
        cmocka_unit_test(test_exchange_init_sets_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
