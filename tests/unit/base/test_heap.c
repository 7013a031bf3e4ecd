#include "hooks.h"

#include "base/heap.h"

#define MANY 500

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* The first is the smallest, and every node knows its place. */
static void check(const struct ath__heap *heap) {
    for (size_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->nodes[i]->index, i + 1);
        assert_true(heap->nodes[(i + 1) / 2 - (i > 0)]->key <= heap->nodes[i]->key);
    }
}

static void test_heap_gives_nodes_in_order(void **state) {
    struct ath__heap heap = {0};
    struct ath__heap_node nodes[MANY] = {{0}};
    uint64_t seed = 1, last = 0;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        nodes[i].key = next_random(&seed) % 100;
        assert_int_equal(ath__heap_add(&heap, &nodes[i]), 0);
        check(&heap);
    }
    for (size_t i = 0; i < MANY; i++) {
        struct ath__heap_node *first = ath__heap_first(&heap);
        assert_true(first->key >= last);
        last = first->key;
        ath__heap_remove(&heap, first);
        assert_int_equal(first->index, 0);
    }
    assert_null(ath__heap_first(&heap));
    ath__heap_clear(&heap);
}

static void test_heap_remove_from_the_middle(void **state) {
    struct ath__heap heap = {0};
    struct ath__heap_node nodes[MANY] = {{0}};
    uint64_t seed = 2;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        nodes[i].key = next_random(&seed);
        ath__heap_add(&heap, &nodes[i]);
    }
    for (size_t i = 0; i < MANY; i += 2) {
        ath__heap_remove(&heap, &nodes[i]);
        ath__heap_remove(&heap, &nodes[i]); /* not there any more: left alone */
        check(&heap);
    }
    assert_int_equal(heap.count, MANY / 2);
    ath__heap_clear(&heap);
}

static void test_heap_reserve_makes_adding_safe(void **state) {
    struct hooks hooks;
    struct ath__heap heap = {0};
    struct ath__heap_node nodes[101] = {{0}};
    (void)state;
    hooks_set(&hooks);
    assert_int_equal(ath__heap_reserve(&heap, 100), 0);
    hooks.refuses = true;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(ath__heap_add(&heap, &nodes[i]), 0);
    while (heap.count < heap.cap)
        heap.nodes[heap.count++] = &nodes[0];
    assert_int_equal(ath__heap_add(&heap, &nodes[100]), ATH_ERR_NOMEM);
    assert_int_equal(nodes[100].index, 0);
    ath__heap_clear(&heap);
    hooks_unset(&hooks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_gives_nodes_in_order),
        cmocka_unit_test(test_heap_remove_from_the_middle),
        cmocka_unit_test(test_heap_reserve_makes_adding_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
