/*
 * Small direct-mapped caches of immutable objects: repeated texts, days and decimals become the
 * same object. Each watches its own hits and rests for a while when the values do not repeat.
 */
#ifndef CORE_CELL_CACHE_H
#define CORE_CELL_CACHE_H

#include "state.h"

#include <string.h>

/* After this many look-ups with less than one hit in eight, so many rows go without the cache. */
#define CORE_CACHE_TRIAL 512
#define CORE_CACHE_REST 16384
/* Blocks of fewer rows are made without a cache: a short result would not pay for it. */
#define CORE_CACHE_ROWS_MIN 16

struct core_cache_use {
    uint32_t lookups;
    uint32_t hits;
    uint32_t rest;
};

/* Whether to look into the cache for the next value. */
static inline bool core_cache_use(struct core_cache_use *use) {
    if (use->rest > 0) {
        use->rest--;
        return false;
    }
    if (++use->lookups == CORE_CACHE_TRIAL) {
        if (use->hits < CORE_CACHE_TRIAL / 8)
            use->rest = CORE_CACHE_REST;
        use->lookups = 0;
        use->hits = 0;
    }
    return true;
}

static inline uint64_t core_load64(const void *at) {
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t core_load32(const void *at) {
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t core_mix(uint64_t a, uint64_t b) {
    uint64_t hash = a * 0x9E3779B97F4A7C15u ^ (b + 0x632BE59BD9B4E019u) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
    return hash * 0xD6E8FEB86659FD93u;
}

/* -- texts
 * ----------------------------------------------------------------------------------------- */

#define CORE_TEXT_KEY_MAX 28
#define CORE_TEXT_SLOT_BITS 7

struct core_text_entry {
    PyObject *object;
    uint32_t len;
    char key[CORE_TEXT_KEY_MAX];
};

struct core_text_cache {
    struct core_cache_use use;
    struct core_text_entry entries[1 << CORE_TEXT_SLOT_BITS];
};

/* The one place where a text of `len` <= CORE_TEXT_KEY_MAX bytes can be. */
static inline struct core_text_entry *
core_text_cache_at(struct core_text_cache *cache, const char *bytes, size_t len) {
    uint64_t head = 0;
    uint64_t tail = 0;
    if (len >= 8) {
        head = core_load64(bytes);
        tail = core_load64(bytes + len - 8);
        if (len > 16)
            head ^= core_load64(bytes + 8) * 3;
        if (len > 24)
            tail ^= core_load64(bytes + 16) * 5;
    } else if (len >= 4) {
        head = core_load32(bytes);
        tail = core_load32(bytes + len - 4);
    } else if (len > 0) {
        head = (unsigned char)bytes[0];
        tail = (uint64_t)(unsigned char)bytes[len / 2] << 8 | (unsigned char)bytes[len - 1];
    }
    uint64_t hash = core_mix(head, tail ^ (uint64_t)len << 56);
    return &cache->entries[hash >> (64 - CORE_TEXT_SLOT_BITS)];
}

static inline void core_text_cache_clear(struct core_text_cache *cache) {
    for (size_t i = 0; i < sizeof(cache->entries) / sizeof(cache->entries[0]); i++)
        Py_CLEAR(cache->entries[i].object);
}

/* -- days
 * ------------------------------------------------------------------------------------------ */

#define CORE_DAY_SLOTS 512

struct core_day_entry {
    PyObject *object;
    int32_t days;
};

struct core_day_cache {
    struct core_day_entry entries[CORE_DAY_SLOTS];
};

static inline struct core_day_entry *core_day_cache_at(struct core_day_cache *cache, int32_t days) {
    return &cache->entries[(uint32_t)days % CORE_DAY_SLOTS];
}

static inline void core_day_cache_clear(struct core_day_cache *cache) {
    for (size_t i = 0; i < CORE_DAY_SLOTS; i++)
        Py_CLEAR(cache->entries[i].object);
}

/* -- decimals
 * -------------------------------------------------------------------------------------- */

#define CORE_DECIMAL_SLOT_BITS 9

struct core_decimal_entry {
    PyObject *object;
    unsigned char key[16];
};

struct core_decimal_cache {
    struct core_cache_use use;
    int32_t scale; /* of every number in here */
    struct core_decimal_entry entries[1 << CORE_DECIMAL_SLOT_BITS];
};

static inline struct core_decimal_entry *
core_decimal_cache_at(struct core_decimal_cache *cache, const unsigned char *bytes) {
    uint64_t hash = core_mix(core_load64(bytes), core_load64(bytes + 8));
    return &cache->entries[hash >> (64 - CORE_DECIMAL_SLOT_BITS)];
}

static inline void core_decimal_cache_clear(struct core_decimal_cache *cache) {
    for (size_t i = 0; i < sizeof(cache->entries) / sizeof(cache->entries[0]); i++)
        Py_CLEAR(cache->entries[i].object);
}

#endif
