/* Memory hooks that count, refuse when told to, and look for a secret in what is given back. */
#ifndef TESTS_UNIT_BASE_HOOKS_H
#define TESTS_UNIT_BASE_HOOKS_H

#include "testing.h"

#include <stdlib.h>

struct hooks {
    size_t live, total;
    bool refuses;
    const char *secret;
    bool found; /* the secret was in a block as it was freed */
};

struct block {
    size_t size;
    _Alignas(16) char data[];
};

static inline struct block *block_of(void *ptr) {
    return (struct block *)(void *)((char *)ptr - offsetof(struct block, data));
}

static inline void look_for_secret(struct hooks *hooks, const struct block *block) {
    size_t len = hooks->secret ? strlen(hooks->secret) : 0;
    for (size_t i = 0; len && i + len <= block->size; i++)
        hooks->found |= memcmp(block->data + i, hooks->secret, len) == 0;
}

static inline void *hooks_alloc(size_t size, void *user) {
    struct hooks *hooks = user;
    struct block *block = hooks->refuses ? NULL : calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    hooks->live++;
    hooks->total++;
    return block->data;
}

static inline void hooks_free(void *ptr, void *user) {
    struct hooks *hooks = user;
    look_for_secret(hooks, block_of(ptr));
    hooks->live--;
    free(block_of(ptr));
}

static inline void *hooks_realloc(void *ptr, size_t size, void *user) {
    void *grown = hooks_alloc(size, user);
    if (!grown || !ptr)
        return grown;
    size_t old = block_of(ptr)->size;
    memcpy(grown, ptr, old < size ? old : size);
    hooks_free(ptr, user);
    return grown;
}

static inline void hooks_set(struct hooks *hooks) {
    struct ath_allocator allocator = {hooks_alloc, hooks_realloc, hooks_free, hooks};
    *hooks = (struct hooks){0};
    ath_allocator_set(&allocator);
}

static inline void hooks_unset(struct hooks *hooks) {
    ath_allocator_set(NULL);
    assert_int_equal(hooks->live, 0);
}

#endif
