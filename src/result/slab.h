/*
 * One block of memory for a whole batch. Fewer and larger allocations come back from the allocator
 * without new pages, and the kernel can map them as huge ones: first touches are a third of the
 * time that decoding takes otherwise.
 */
#ifndef ATH_RESULT_SLAB_H
#define ATH_RESULT_SLAB_H

#include "result/build.h"

/*
 * Moves a growing batch, which has rows, into a slab for `rows` rows; from now on that is its
 * limit. Text gets room by the look of the rows present and leaves the slab when it needs more.
 * 0 or ATH_ERR_NOMEM.
 */
int ath__slab_settle(struct ath_batch *batch, size_t rows);
/* Gives back memory that the rows of a finished batch do not fill. */
void ath__slab_trim(struct ath_batch *batch);

#endif
