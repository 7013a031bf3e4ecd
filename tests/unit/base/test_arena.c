#include "hooks.h"

#include "base/arena.h"

static void test_arena_alloc_aligns_and_never_overlaps(void **state) {
    struct ath__arena arena = {0};
    char *before = NULL;
    (void)state;
    for (size_t size = 0; size < 3000; size += 7) {
        char *ptr = ath__arena_alloc(&arena, size);
        assert_non_null(ptr);
        assert_int_equal((uintptr_t)ptr % 16, 0);
        memset(ptr, (int)(size % 251), size);
        if (before && size > 7)
            for (size_t i = 0; i < size - 7; i++)
                assert_int_equal((unsigned char)before[i], (size - 7) % 251);
        before = ptr;
    }
    ath__arena_clear(&arena);
    assert_int_equal(arena.used, 0);
    ath__arena_clear(&arena);
}

static void test_arena_takes_few_blocks(void **state) {
    struct hooks hooks;
    struct ath__arena arena = {0};
    (void)state;
    hooks_set(&hooks);
    for (int i = 0; i < 60; i++)
        assert_non_null(ath__arena_alloc(&arena, 16));
    assert_int_equal(hooks.total, 1);
    ath__arena_clear(&arena);
    hooks_unset(&hooks);
}

static void test_arena_alloc_refused_leaves_the_rest(void **state) {
    struct hooks hooks;
    struct ath__arena arena = {0};
    (void)state;
    hooks_set(&hooks);
    char *kept = ath__arena_copy(&arena, ATH__SLICE_LIT("kept"));
    hooks.refuses = true;
    assert_null(ath__arena_alloc(&arena, 5000));
    assert_null(ath__arena_alloc(&arena, SIZE_MAX));
    assert_null(ath__arena_copy(&arena, ath__slice("x", SIZE_MAX)));
    assert_string_equal(kept, "kept");
    ath__arena_clear(&arena);
    hooks_unset(&hooks);
}

static void test_arena_copy_ends_in_nul(void **state) {
    struct ath__arena arena = {0};
    (void)state;
    assert_string_equal(ath__arena_copy(&arena, ath__slice("texture", 4)), "text");
    assert_string_equal(ath__arena_copy(&arena, ath__slice(NULL, 0)), "");
    assert_string_equal(
        ath__arena_copy_lower(&arena, ATH__SLICE_LIT("\xc3\x84 AZ[@az")), "\xc3\x84 az[@az");
    ath__arena_clear(&arena);
}

static void test_arena_clear_overwrites(void **state) {
    struct hooks hooks;
    struct ath__arena arena = {0};
    (void)state;
    hooks_set(&hooks);
    hooks.secret = "hunter2";
    ath__arena_copy(&arena, ATH__SLICE_LIT("hunter2"));
    ath__arena_alloc(&arena, 5000);
    ath__arena_copy(&arena, ATH__SLICE_LIT("hunter2"));
    ath__arena_clear(&arena);
    assert_false(hooks.found);
    hooks_unset(&hooks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_alloc_aligns_and_never_overlaps),
        cmocka_unit_test(test_arena_takes_few_blocks),
        cmocka_unit_test(test_arena_alloc_refused_leaves_the_rest),
        cmocka_unit_test(test_arena_copy_ends_in_nul),
        cmocka_unit_test(test_arena_clear_overwrites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
