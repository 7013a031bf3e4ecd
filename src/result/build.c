#include "result/build.h"

#include "result/cells.h"

#include "base/alloc.h"

#include <athena/error.h>

#define ROWS_FIRST 64

uint8_t ath__storage_width(int storage) {
    switch (storage) {
    case ATH_STORAGE_INT8:
        return 1;
    case ATH_STORAGE_INT16:
        return 2;
    case ATH_STORAGE_INT32:
    case ATH_STORAGE_DATE32:
        return 4;
    case ATH_STORAGE_INT64:
    case ATH_STORAGE_DOUBLE:
    case ATH_STORAGE_TIME_US:
    case ATH_STORAGE_TIMESTAMP_US:
        return 8;
    case ATH_STORAGE_DECIMAL128:
        return 16;
    default:
        return 0;
    }
}

static bool has_offsets(int storage) {
    return storage == ATH_STORAGE_TEXT || storage == ATH_STORAGE_BINARY;
}

struct ath_batch *
ath__batch_new(struct ath__columns *columns, bool decode_text, size_t source_len) {
    size_t size;
    if (__builtin_mul_overflow(columns->count, sizeof(struct ath__cells), &size) ||
        __builtin_add_overflow(size, sizeof(struct ath_batch), &size))
        return NULL;
    struct ath_batch *batch = ath__alloc_zero(size);
    if (!batch)
        return NULL;
    atomic_init(&batch->refs, 1);
    batch->count = columns->count;
    batch->decode_text = decode_text;
    batch->source_len = source_len;
    size_t row_len = 1;
    for (size_t i = 0; i < batch->count; i++) {
        const struct ath_column_info *info = &columns->info[i];
        struct ath__cells *cells = &batch->cells[i];
        cells->storage = (uint8_t)(decode_text ? ATH_STORAGE_TEXT : ath__column_storage(info));
        cells->action = cells->storage;
        cells->width = ath__storage_width(cells->storage);
        cells->is_ascii = true;
        cells->precision = info->precision;
        cells->scale = info->scale;
        row_len += cells->width + 5u;
    }
    /* The smallest cell, "{},", becomes at most 21 bytes; rows shorter than the columns more. */
    batch->rows_limit = (source_len * 16 + 65536) / row_len + 1;
    batch->views = ath__alloc_zero(batch->count * sizeof *batch->views);
    if (!batch->views) {
        ath__free(batch);
        return NULL;
    }
    batch->columns = ath__columns_retain(columns);
    return batch;
}

static int grow(void *array, size_t count, size_t size) {
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    grown = ath__realloc_array(old, count, size);
    if (!grown)
        return ATH_ERR_NOMEM;
    memcpy(array, &grown, sizeof grown);
    return 0;
}

int ath__cells_grow_validity(struct ath__cells *cells, size_t from, size_t to) {
    size_t old = ath__bits_len(from), size = ath__bits_len(to);
    if (!cells->validity || size <= old)
        return 0;
    if (grow(&cells->validity, size, 1))
        return ATH_ERR_NOMEM;
    memset(cells->validity + old, 0xff, size - old);
    return 0;
}

/* Room for `rows` rows in one column; what lies behind the present rows is not set. */
static int grow_column(struct ath_batch *batch, struct ath__cells *cells, size_t rows) {
    int rc = ath__cells_grow_validity(cells, batch->rows_cap, rows);
    if (!rc && has_offsets(cells->storage)) {
        rc = grow(&cells->offsets, rows + 1, sizeof *cells->offsets);
        if (!rc && !cells->values) {
            size_t cap = rows * 16 < batch->source_len ? rows * 16 : batch->source_len;
            rc = grow(&cells->values, cap + ATH__SLACK, 1);
            cells->values_cap = cap;
            cells->offsets[0] = 0;
        }
    } else if (!rc) {
        rc = cells->width ? grow(&cells->values, rows, cells->width)
                          : grow(&cells->values, ath__bits_len(rows), 1);
    }
    return rc;
}

int ath__batch_reserve(struct ath_batch *batch, size_t rows) {
    if (rows > batch->rows_limit)
        return ATH_ERR_TOO_LARGE;
    for (size_t i = 0; i < batch->count; i++) {
        struct ath__cells *cells = &batch->cells[i];
        if (cells->action != ATH__ACTION_SKIP && grow_column(batch, cells, rows))
            return ATH_ERR_NOMEM;
    }
    batch->rows_cap = rows;
    return 0;
}

int ath__batch_reserve_row(struct ath_batch *batch) {
    if (batch->rows < batch->rows_cap)
        return 0;
    if (batch->rows >= batch->rows_limit)
        return ATH_ERR_TOO_LARGE;
    size_t rows = batch->rows_cap ? batch->rows_cap * 2 : ROWS_FIRST;
    return ath__batch_reserve(batch, rows < batch->rows_limit ? rows : batch->rows_limit);
}

int ath__cells_reserve_bytes(struct ath__cells *cells, size_t len) {
    size_t cap = cells->values_cap * 2;
    if (cap < cells->values_len + len)
        cap = cells->values_len + len;
    if (cells->is_values_lent) {
        uint8_t *values = ath__alloc(cap + ATH__SLACK);
        if (!values)
            return ATH_ERR_NOMEM;
        memcpy(values, cells->values, cells->values_len);
        cells->values = values;
        cells->is_values_lent = false;
    } else if (grow(&cells->values, cap + ATH__SLACK, 1)) {
        return ATH_ERR_NOMEM;
    }
    cells->values_cap = cap;
    return 0;
}

static void give_up(struct ath_batch *batch, struct ath__cells *cells) {
    cells->is_given_up = true;
    cells->first_odd_row = batch->rows;
    cells->action = ATH__ACTION_SKIP;
    batch->has_given_up = true;
}

int ath__batch_put(struct ath_batch *batch, size_t column, struct ath_slice text, unsigned traits) {
    struct ath__cells *cells = &batch->cells[column];
    int rc = 0;
    switch (cells->action) {
    case ATH__ACTION_SKIP:
        return 0;
    case ATH_STORAGE_TEXT:
        return ath__cell_put_text(cells, batch->rows, text, traits);
    case ATH_STORAGE_BINARY:
        rc = ath__cell_put_hex(cells, batch->rows, text);
        break;
    default:
        rc = !ath__cell_put_as(cells, cells->action, batch->rows, text);
        break;
    }
    if (rc == 1) {
        give_up(batch, cells);
        rc = 0;
    }
    return rc;
}

int ath__cells_make_validity(struct ath__cells *cells, size_t rows_cap) {
    cells->validity = ath__alloc(ath__bits_len(rows_cap));
    if (!cells->validity)
        return ATH_ERR_NOMEM;
    memset(cells->validity, 0xff, ath__bits_len(rows_cap));
    return 0;
}

int ath__batch_put_null(struct ath_batch *batch, size_t column) {
    struct ath__cells *cells = &batch->cells[column];
    if (cells->action == ATH__ACTION_SKIP)
        return 0;
    return ath__cell_put_null(cells, batch->rows, batch->rows_cap);
}

int ath__batch_end_row(struct ath_batch *batch, size_t column) {
    for (; column < batch->count; column++)
        if (ath__batch_put_null(batch, column))
            return ATH_ERR_NOMEM;
    batch->rows++;
    return 0;
}

static void free_cells(struct ath__cells *cells) {
    ath__free(cells->validity);
    if (!cells->is_offsets_lent)
        ath__free(cells->offsets);
    if (!cells->is_values_lent)
        ath__free(cells->values);
    cells->validity = NULL;
    cells->offsets = NULL;
    cells->values = NULL;
}

int ath__batch_reread(struct ath_batch *batch) {
    if (!batch->has_given_up)
        return 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct ath__cells *cells = &batch->cells[i];
        cells->action = ATH__ACTION_SKIP;
        if (!cells->is_given_up)
            continue;
        free_cells(cells);
        cells->storage = cells->action = ATH_STORAGE_TEXT;
        cells->width = 0;
        cells->null_count = 0;
        cells->values_len = cells->values_cap = 0;
        if (grow_column(batch, cells, batch->rows_cap))
            return ATH_ERR_NOMEM;
    }
    batch->has_given_up = false;
    batch->rows = 0;
    return 1;
}

void ath__batch_make_text(struct ath_batch *batch, size_t column, size_t odd_row) {
    struct ath__cells *cells = &batch->cells[column];
    cells->storage = cells->action = ATH_STORAGE_TEXT;
    cells->width = 0;
    cells->first_odd_row = odd_row;
}

void ath__batch_seal(struct ath_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        const struct ath__cells *cells = &batch->cells[i];
        batch->views[i] = (struct ath_column){
            .storage = cells->storage,
            .scale = cells->storage == ATH_STORAGE_DECIMAL128 ? cells->scale : 0,
            .null_count = (int64_t)cells->null_count,
            .is_ascii = cells->storage == ATH_STORAGE_TEXT && cells->is_ascii,
            .validity = cells->null_count ? cells->validity : NULL,
            .offsets = cells->offsets,
            .values = cells->values,
        };
    }
}

struct ath_batch *ath_batch_retain(struct ath_batch *batch) {
    if (batch)
        atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
    return batch;
}

struct ath_batch *ath_batch_release(struct ath_batch *batch) {
    if (!batch || atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    for (size_t i = 0; i < batch->count; i++)
        free_cells(&batch->cells[i]);
    ath__free(batch->slab);
    ath__free(batch->views);
    ath__columns_release(batch->columns);
    ath__free(batch);
    return NULL;
}

size_t ath_batch_rows(const struct ath_batch *batch) {
    return batch->rows;
}

size_t ath_batch_columns(const struct ath_batch *batch) {
    return batch->count;
}

const struct ath_column *ath_batch_column(const struct ath_batch *batch, size_t index) {
    return index < batch->count ? &batch->views[index] : NULL;
}

size_t ath__batch_bytes(const struct ath_batch *batch) {
    size_t bytes = sizeof *batch + batch->count * (sizeof *batch->cells + sizeof *batch->views);
    size_t rows = batch->rows_cap;
    for (size_t i = 0; i < batch->count; i++) {
        const struct ath__cells *cells = &batch->cells[i];
        bytes += cells->validity ? ath__bits_len(rows) : 0;
        if (cells->offsets && !cells->is_offsets_lent)
            bytes += (rows + 1) * sizeof *cells->offsets;
        if (cells->offsets && !cells->is_values_lent)
            bytes += cells->values_cap;
        else if (!cells->is_values_lent)
            bytes += ath__cells_fixed_len(cells, rows);
    }
    return bytes + batch->slab_len;
}
