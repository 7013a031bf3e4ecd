/* Intrusive binary heap, smallest key first; the timers' order. */
#ifndef ATH_BASE_HEAP_H
#define ATH_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct ath__heap_node {
    uint64_t key;
    size_t index; /* place + 1; 0 = not in a heap */
};

struct ath__heap {
    struct ath__heap_node **nodes;
    size_t count;
    size_t cap;
};

void ath__heap_clear(struct ath__heap *heap);
/* Room for `count` nodes in all, so that adds up to it cannot fail. */
int ath__heap_reserve(struct ath__heap *heap, size_t count);
/* The node must not be in a heap. 0 or ATH_ERR_NOMEM. */
int ath__heap_add(struct ath__heap *heap, struct ath__heap_node *node);
/* A node that is not in the heap is left alone. */
void ath__heap_remove(struct ath__heap *heap, struct ath__heap_node *node);
struct ath__heap_node *ath__heap_first(const struct ath__heap *heap);

#endif
