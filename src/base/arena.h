/* A block arena: many small allocations, one clear. */
#ifndef ATH_BASE_ARENA_H
#define ATH_BASE_ARENA_H

#include "base/slice.h"

struct ath__arena_block;
struct ath__arena {
    struct ath__arena_block *blocks;
    size_t used; /* bytes handed out in all */
};

/* A zeroed arena is ready for use. Clearing overwrites: requests and their keys live in arenas. */
void ath__arena_clear(struct ath__arena *arena);
/* Aligned to 16 bytes, not zeroed; NULL when memory is short. */
void *ath__arena_alloc(struct ath__arena *arena, size_t size);
/* NUL-terminated copies; NULL when memory is short. `lower` by ASCII. */
char *ath__arena_copy(struct ath__arena *arena, struct ath_slice text);
char *ath__arena_copy_lower(struct ath__arena *arena, struct ath_slice text);

#endif
