/*
 * One cell into its column: what every reader of rows does with a value. Inline, since it is the
 * innermost loop of all decoding; room for the row must be there.
 */
#ifndef ATH_RESULT_CELLS_H
#define ATH_RESULT_CELLS_H

#include "result/build.h"
#include "result/double.h"
#include "result/value.h"

#include <athena/error.h>

/* Room for `len` bytes of text; ATH__SLACK more may be written behind them. 0 or ATH_ERR_NOMEM. */
int ath__cells_reserve_bytes(struct ath__cells *cells, size_t len);
/* The same when that room may be there already. */
static inline int ath__cell_reserve(struct ath__cells *cells, size_t len) {
    return cells->values_cap - cells->values_len < len ? ath__cells_reserve_bytes(cells, len) : 0;
}
/* A validity bitmap of ones. 0 or ATH_ERR_NOMEM. */
int ath__cells_make_validity(struct ath__cells *cells, size_t rows_cap);
/* Of a bitmap for `from` rows, if there is one, one for `to`; with ones. 0 or ATH_ERR_NOMEM. */
int ath__cells_grow_validity(struct ath__cells *cells, size_t from, size_t to);

/* 0 or ATH_ERR_NOMEM. */
static inline int
ath__cell_put_text(struct ath__cells *cells, size_t row, struct ath_slice text, unsigned traits) {
    if (ath__cell_reserve(cells, text.len))
        return ATH_ERR_NOMEM;
    uint8_t *to = cells->values + cells->values_len;
    if (text.len <= 2 * ATH__SLACK && (traits & ATH__TEXT_SLACK)) {
        memcpy(to, text.ptr, ATH__SLACK);
        if (text.len > ATH__SLACK)
            memcpy(to + ATH__SLACK, text.ptr + ATH__SLACK, ATH__SLACK);
    } else if (text.len) {
        memcpy(to, text.ptr, text.len);
    }
    cells->values_len += text.len;
    cells->offsets[row + 1] = (int32_t)cells->values_len;
    cells->is_ascii = cells->is_ascii && (traits & ATH__TEXT_ASCII);
    return 0;
}

/* The hex text of a varbinary. 0, ATH_ERR_NOMEM or 1: not the ordinary form. */
static inline int ath__cell_put_hex(struct ath__cells *cells, size_t row, struct ath_slice text) {
    size_t len;
    if (ath__cell_reserve(cells, (text.len + 1) / 2))
        return ATH_ERR_NOMEM;
    if (!ath__value_hex(text, cells->values + cells->values_len, &len))
        return 1;
    cells->values_len += len;
    cells->offsets[row + 1] = (int32_t)cells->values_len;
    return 0;
}

/* The bits of the rows before are set. */
static inline void ath__cell_put_bit(struct ath__cells *cells, size_t row, bool value) {
    uint8_t *byte = &cells->values[row / 8];
    uint8_t old = row % 8 ? *byte : 0;
    *byte = (uint8_t)(old | (unsigned)value << (row % 8));
}

/* False: not within the storage. */
static inline bool
ath__cell_put_int(struct ath__cells *cells, int storage, size_t row, int64_t value) {
    switch (storage) {
    case ATH_STORAGE_INT8:
        ((int8_t *)(void *)cells->values)[row] = (int8_t)value;
        return value == (int8_t)value;
    case ATH_STORAGE_INT16:
        ((int16_t *)(void *)cells->values)[row] = (int16_t)value;
        return value == (int16_t)value;
    case ATH_STORAGE_INT32:
        ((int32_t *)(void *)cells->values)[row] = (int32_t)value;
        return value == (int32_t)value;
    default:
        ((int64_t *)(void *)cells->values)[row] = value;
        return true;
    }
}

/* A value of fixed width as `storage`. False: not the ordinary form. */
static inline bool
ath__cell_put_as(struct ath__cells *cells, int storage, size_t row, struct ath_slice text) {
    void *values = cells->values;
    int64_t number;
    bool bit;
    switch (storage) {
    case ATH_STORAGE_BOOL:
        if (!ath__value_bool(text, &bit))
            return false;
        ath__cell_put_bit(cells, row, bit);
        return true;
    case ATH_STORAGE_DOUBLE:
        return ath__double_parse(text, (double *)values + row);
    case ATH_STORAGE_DECIMAL128:
        return ath__value_decimal(text, cells->precision, cells->scale, cells->values + 16 * row);
    case ATH_STORAGE_DATE32:
        return ath__value_date(text, (int32_t *)values + row);
    case ATH_STORAGE_TIME_US:
        return ath__value_time(text, (int64_t *)values + row);
    case ATH_STORAGE_TIMESTAMP_US:
        return ath__value_timestamp(text, (int64_t *)values + row);
    default:
        return ath__value_int64(text, &number) && ath__cell_put_int(cells, storage, row, number);
    }
}

/* 0 or ATH_ERR_NOMEM. */
static inline int ath__cell_put_null(struct ath__cells *cells, size_t row, size_t rows_cap) {
    if (!cells->validity && ath__cells_make_validity(cells, rows_cap))
        return ATH_ERR_NOMEM;
    cells->validity[row / 8] &= (uint8_t) ~(1u << (row % 8));
    cells->null_count++;
    if (cells->offsets)
        cells->offsets[row + 1] = (int32_t)cells->values_len;
    else if (cells->width)
        memset(cells->values + row * cells->width, 0, cells->width);
    else
        ath__cell_put_bit(cells, row, false);
    return 0;
}

#endif
