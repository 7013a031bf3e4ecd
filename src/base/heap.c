#include "base/heap.h"

#include "base/alloc.h"

#include <athena/error.h>

void ath__heap_clear(struct ath__heap *heap) {
    ath__free(heap->nodes);
    *heap = (struct ath__heap){0};
}

int ath__heap_reserve(struct ath__heap *heap, size_t count) {
    if (count <= heap->cap)
        return 0;
    size_t cap = heap->cap ? heap->cap : 64;
    while (cap < count)
        cap *= 2;
    struct ath__heap_node **nodes = ath__realloc_array(heap->nodes, cap, sizeof *nodes);
    if (!nodes)
        return ATH_ERR_NOMEM;
    heap->nodes = nodes;
    heap->cap = cap;
    return 0;
}

static void put(struct ath__heap *heap, size_t at, struct ath__heap_node *node) {
    heap->nodes[at] = node;
    node->index = at + 1;
}

static void sift_up(struct ath__heap *heap, size_t at, struct ath__heap_node *node) {
    while (at > 0 && heap->nodes[(at - 1) / 2]->key > node->key) {
        put(heap, at, heap->nodes[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(heap, at, node);
}

static void sift_down(struct ath__heap *heap, size_t at, struct ath__heap_node *node) {
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->nodes[child + 1]->key < heap->nodes[child]->key)
            child++;
        if (heap->nodes[child]->key >= node->key)
            break;
        put(heap, at, heap->nodes[child]);
        at = child;
    }
    put(heap, at, node);
}

int ath__heap_add(struct ath__heap *heap, struct ath__heap_node *node) {
    if (ath__heap_reserve(heap, heap->count + 1))
        return ATH_ERR_NOMEM;
    heap->count++;
    sift_up(heap, heap->count - 1, node);
    return 0;
}

void ath__heap_remove(struct ath__heap *heap, struct ath__heap_node *node) {
    if (node->index == 0)
        return;
    size_t at = node->index - 1;
    struct ath__heap_node *last = heap->nodes[--heap->count];
    node->index = 0;
    if (last == node)
        return;
    if (at > 0 && heap->nodes[(at - 1) / 2]->key > last->key)
        sift_up(heap, at, last);
    else
        sift_down(heap, at, last);
}

struct ath__heap_node *ath__heap_first(const struct ath__heap *heap) {
    return heap->count ? heap->nodes[0] : NULL;
}
