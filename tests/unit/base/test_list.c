#include "testing.h"

#include "base/list.h"

struct item {
    int value;
    struct ath__node node;
};

static void test_list_pop_gives_oldest_first(void **state) {
    struct ath__node head;
    struct item items[3] = {{1, {0}}, {2, {0}}, {3, {0}}};
    (void)state;
    ath__list_init(&head);
    assert_true(ath__list_is_empty(&head));
    for (size_t i = 0; i < 3; i++)
        ath__list_add(&head, &items[i].node);
    for (int i = 1; i <= 3; i++) {
        struct ath__node *node = ath__list_pop(&head);
        assert_ptr_equal(node, &items[i - 1].node);
        assert_false(ath__list_is_linked(&items[i - 1].node));
    }
    assert_null(ath__list_pop(&head));
}

static void test_list_remove_anywhere_and_twice(void **state) {
    struct ath__node head;
    struct item items[3] = {{0}};
    (void)state;
    ath__list_init(&head);
    ath__list_remove(&items[0].node); /* zeroed: not linked */
    for (size_t i = 0; i < 3; i++)
        ath__list_add(&head, &items[i].node);
    ath__list_remove(&items[1].node);
    ath__list_remove(&items[1].node);
    assert_ptr_equal(head.next, &items[0].node);
    assert_ptr_equal(items[0].node.next, &items[2].node);
    assert_ptr_equal(head.prev, &items[2].node);
    ath__list_remove(&items[0].node);
    ath__list_remove(&items[2].node);
    assert_true(ath__list_is_empty(&head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_pop_gives_oldest_first),
        cmocka_unit_test(test_list_remove_anywhere_and_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
