#include "result/slab.h"

#include "result/cells.h"

#include "base/alloc.h"

#include <athena/error.h>

#include <sys/mman.h>

#define ALIGNMENT ((size_t)64)
#define HUGE_PAGE ((uintptr_t)2 << 20)

static size_t aligned(size_t size) {
    return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

/* Text and BINARY: bytes that so many rows will have. */
static size_t
guess_bytes(const struct ath_batch *batch, const struct ath__cells *cells, size_t rows) {
    double each = (double)cells->values_len / (double)batch->rows;
    return cells->values_len + (size_t)(each * 1.0625 * (double)rows);
}

/* Of what holds the values: its bytes for `rows` rows. */
static size_t
values_size(const struct ath_batch *batch, const struct ath__cells *cells, size_t rows) {
    if (cells->offsets)
        return guess_bytes(batch, cells, rows) + ATH__SLACK;
    return ath__cells_fixed_len(cells, rows);
}

static size_t used_values(const struct ath__cells *cells, size_t rows) {
    return cells->offsets ? cells->values_len : ath__cells_fixed_len(cells, rows);
}

/* Huge pages, where the kernel has them; no loss where not. */
static void advise(uint8_t *slab, size_t size) {
#ifdef MADV_HUGEPAGE
    uintptr_t begin = ((uintptr_t)slab + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)slab + size) & ~(HUGE_PAGE - 1);
    if (begin < end)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)slab;
    (void)size;
#endif
}

static uint8_t *
move_in(const struct ath_batch *batch, struct ath__cells *cells, size_t rows, uint8_t *at) {
    size_t size = values_size(batch, cells, rows);
    if (cells->offsets) {
        memcpy(at, cells->offsets, (batch->rows + 1) * sizeof *cells->offsets);
        ath__free(cells->offsets);
        cells->offsets = (int32_t *)(void *)at;
        cells->is_offsets_lent = true;
        cells->values_cap = size - ATH__SLACK;
        at += aligned((rows + 1) * sizeof *cells->offsets);
    }
    memcpy(at, cells->values, used_values(cells, batch->rows));
    ath__free(cells->values);
    cells->values = at;
    cells->is_values_lent = true;
    return at + aligned(size);
}

int ath__slab_settle(struct ath_batch *batch, size_t rows) {
    size_t size = ALIGNMENT;
    for (size_t i = 0; i < batch->count; i++) {
        struct ath__cells *cells = &batch->cells[i];
        if (ath__cells_grow_validity(cells, batch->rows_cap, rows))
            return ATH_ERR_NOMEM;
        size += aligned(values_size(batch, cells, rows));
        if (cells->offsets)
            size += aligned((rows + 1) * sizeof *cells->offsets);
    }
    uint8_t *slab = ath__alloc(size);
    if (!slab)
        return ATH_ERR_NOMEM;
    advise(slab, size);
    batch->slab = slab;
    batch->slab_len = size;
    uint8_t *at = slab + (ALIGNMENT - (uintptr_t)slab % ALIGNMENT) % ALIGNMENT;
    for (size_t i = 0; i < batch->count; i++)
        at = move_in(batch, &batch->cells[i], rows, at);
    batch->rows_cap = batch->rows_limit = rows;
    return 0;
}

/* A copy of the exact size; NULL, and nothing changed, when memory is short. */
static void *copy(const void *from, size_t len, size_t size) {
    void *made = ath__alloc(size);
    if (made)
        memcpy(made, from, len);
    return made;
}

static bool move_out(const struct ath_batch *batch, struct ath__cells *cells) {
    if (cells->is_offsets_lent) {
        size_t size = (batch->rows + 1) * sizeof *cells->offsets;
        int32_t *offsets = copy(cells->offsets, size, size);
        if (!offsets)
            return false;
        cells->offsets = offsets;
        cells->is_offsets_lent = false;
    }
    if (cells->is_values_lent) {
        size_t len = used_values(cells, batch->rows);
        uint8_t *values = copy(cells->values, len, len + ATH__SLACK);
        if (!values)
            return false;
        cells->values = values;
        cells->values_cap = cells->values_len;
        cells->is_values_lent = false;
    }
    return true;
}

/* Text that has memory of its own; what cannot be made smaller stays as it is. */
static void shrink_text(struct ath__cells *cells) {
    if (!cells->offsets || cells->is_values_lent ||
        cells->values_cap - cells->values_len <= cells->values_len / 8)
        return;
    uint8_t *values = ath__realloc(cells->values, cells->values_len + ATH__SLACK);
    if (!values)
        return;
    cells->values = values;
    cells->values_cap = cells->values_len;
}

void ath__slab_trim(struct ath_batch *batch) {
    bool is_out = batch->slab != NULL && batch->rows < batch->rows_cap / 2;
    for (size_t i = 0; i < batch->count && is_out; i++)
        is_out = move_out(batch, &batch->cells[i]);
    if (is_out) {
        ath__free(batch->slab);
        batch->slab = NULL;
        batch->slab_len = 0;
        batch->rows_cap = batch->rows;
    }
    for (size_t i = 0; i < batch->count; i++)
        shrink_text(&batch->cells[i]);
}
