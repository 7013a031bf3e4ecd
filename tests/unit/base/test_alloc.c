#include "hooks.h"

#include "base/alloc.h"

static void test_alloc_goes_through_hooks(void **state) {
    struct hooks hooks;
    (void)state;
    hooks_set(&hooks);
    char *zeros = ath__alloc_zero(100), *text = ath__strndup("text and more", 4);
    assert_int_equal(hooks.live, 2);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    assert_string_equal(text, "text");
    zeros = ath__realloc(zeros, 1000);
    assert_non_null(zeros);
    ath__free(zeros);
    ath__free(text);
    ath__free(NULL);
    hooks_unset(&hooks);
}

static void test_alloc_refused_is_null(void **state) {
    struct hooks hooks;
    (void)state;
    hooks_set(&hooks);
    char *kept = ath__strdup("kept");
    hooks.refuses = true;
    assert_null(ath__alloc(1));
    assert_null(ath__alloc_zero(1));
    assert_null(ath__strdup("x"));
    assert_null(ath__realloc(kept, 100));
    assert_string_equal(kept, "kept");
    ath__free(kept);
    hooks_unset(&hooks);
}

static void test_alloc_of_nothing_is_a_pointer(void **state) {
    void *ptr = ath__alloc(0), *zero = ath__alloc_zero(0);
    (void)state;
    assert_non_null(ptr);
    assert_non_null(zero);
    ptr = ath__realloc(ptr, 0);
    assert_non_null(ptr);
    ath__free(ptr);
    ath__free(zero);
}

static void test_realloc_array_overflow_is_null(void **state) {
    (void)state;
    assert_null(ath__realloc_array(NULL, SIZE_MAX / 8 + 1, 8));
    assert_null(ath__strndup("x", SIZE_MAX));
}

static void test_strdup_of_null_is_null(void **state) {
    (void)state;
    assert_null(ath__strdup(NULL));
}

static void test_free_secret_leaves_nothing(void **state) {
    struct hooks hooks;
    (void)state;
    hooks_set(&hooks);
    hooks.secret = "hunter2";
    ath__free_secret(ath__strdup("a hunter2"));
    assert_false(hooks.found);
    ath__free(ath__strdup("a hunter2")); /* so that the look itself is known to work */
    assert_true(hooks.found);
    ath__free_secret(NULL);
    hooks_unset(&hooks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_goes_through_hooks),
        cmocka_unit_test(test_alloc_refused_is_null),
        cmocka_unit_test(test_alloc_of_nothing_is_a_pointer),
        cmocka_unit_test(test_realloc_array_overflow_is_null),
        cmocka_unit_test(test_strdup_of_null_is_null),
        cmocka_unit_test(test_free_secret_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
