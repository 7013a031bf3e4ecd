#include "base/alloc.h"

#include <athena/base.h>

#include <stdlib.h>
#include <string.h>

static struct ath_allocator s_hooks;

void ath_allocator_set(const struct ath_allocator *allocator) {
    s_hooks = allocator ? *allocator : (struct ath_allocator){0};
}

void *ath__alloc(size_t size) {
    if (size == 0)
        size = 1;
    return s_hooks.alloc ? s_hooks.alloc(size, s_hooks.user) : malloc(size);
}

void *ath__alloc_zero(size_t size) {
    if (!s_hooks.alloc)
        return calloc(1, size ? size : 1);
    void *ptr = ath__alloc(size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *ath__realloc(void *ptr, size_t size) {
    if (size == 0)
        size = 1;
    return s_hooks.realloc ? s_hooks.realloc(ptr, size, s_hooks.user) : realloc(ptr, size);
}

void *ath__realloc_array(void *ptr, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return ath__realloc(ptr, total);
}

void ath__free(void *ptr) {
    if (!ptr)
        return;
    if (s_hooks.free)
        s_hooks.free(ptr, s_hooks.user);
    else
        free(ptr);
}

char *ath__strndup(const char *text, size_t len) {
    if (len == SIZE_MAX)
        return NULL;
    char *copy = ath__alloc(len + 1);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *ath__strdup(const char *text) {
    return text ? ath__strndup(text, strlen(text)) : NULL;
}

void ath__wipe(void *ptr, size_t len) {
    if (!len)
        return;
    memset(ptr, 0, len);
    __asm__ __volatile__("" : : "r"(ptr) : "memory");
}

void ath__free_secret(char *text) {
    if (!text)
        return;
    ath__wipe(text, strlen(text));
    ath__free(text);
}
