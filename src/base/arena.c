#include "base/arena.h"

#include "base/alloc.h"
#include "base/ascii.h"

#define BLOCK_MIN 1000

struct ath__arena_block {
    struct ath__arena_block *next;
    size_t len;
    size_t cap;
    _Alignas(16) char data[];
};

void ath__arena_clear(struct ath__arena *arena) {
    while (arena->blocks) {
        struct ath__arena_block *next = arena->blocks->next;
        ath__wipe(arena->blocks->data, arena->blocks->len);
        ath__free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
}

void *ath__arena_alloc(struct ath__arena *arena, size_t size) {
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    struct ath__arena_block *block = arena->blocks;
    if (!block || block->cap - block->len < size) {
        size_t cap = size > BLOCK_MIN ? size : BLOCK_MIN & ~(size_t)15;
        block = ath__alloc(sizeof *block + cap);
        if (!block)
            return NULL;
        *block = (struct ath__arena_block){.next = arena->blocks, .cap = cap};
        arena->blocks = block;
    }
    void *ptr = block->data + block->len;
    block->len += size;
    arena->used += size;
    return ptr;
}

char *ath__arena_copy(struct ath__arena *arena, struct ath_slice text) {
    if (text.len == SIZE_MAX)
        return NULL;
    char *copy = ath__arena_alloc(arena, text.len + 1);
    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

char *ath__arena_copy_lower(struct ath__arena *arena, struct ath_slice text) {
    char *copy = ath__arena_copy(arena, text);
    for (size_t i = 0; copy && i < text.len; i++)
        copy[i] = ath__to_lower(copy[i]);
    return copy;
}
