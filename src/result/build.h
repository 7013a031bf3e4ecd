/*
 * A batch while it grows: cells are put column by column, row by row, into Arrow's layout. A column
 * of which a value has not its type's ordinary form is given up in the first reading and read again
 * as text in a second one, so the whole costs at most two readings.
 */
#ifndef ATH_RESULT_BUILD_H
#define ATH_RESULT_BUILD_H

#include "result/columns.h"

/* What is known of a cell's text. */
#define ATH__TEXT_ASCII 1u /* no byte above 0x7f */
#define ATH__TEXT_SLACK 2u /* ATH__SLACK bytes behind it may be read */
#define ATH__SLACK 16

/* first_odd_row: in the batch before, made by the same reading */
#define ATH__ROW_BEFORE SIZE_MAX

#define ATH__ACTION_SKIP 0 /* else an enum ath_storage */

struct ath__cells {
    uint8_t storage;
    uint8_t action; /* what this reading does with the column's cells */
    uint8_t width;  /* bytes of one value; 0 for TEXT, BINARY and BOOL */
    bool is_given_up;
    bool is_ascii;
    bool is_offsets_lent, is_values_lent; /* parts of the slab */
    int32_t precision, scale;
    size_t null_count;
    size_t first_odd_row; /* the row that made the column text */
    uint8_t *validity;
    int32_t *offsets;
    uint8_t *values;
    size_t values_len, values_cap; /* TEXT and BINARY */
};

struct ath_batch {
    atomic_uint refs;
    bool decode_text;
    bool has_given_up;
    struct ath__columns *columns;
    size_t count;
    size_t rows, rows_cap;
    size_t rows_limit; /* more would hold far more memory than the document that made them */
    size_t source_len;
    uint8_t *slab; /* or NULL; see slab.h */
    size_t slab_len;
    struct ath_column *views; /* of the sealed batch */
    struct ath__cells cells[];
};

/* Bytes of one value; 0 for TEXT, BINARY and BOOL. */
uint8_t ath__storage_width(int storage);
/* Bytes of a bitmap. */
static inline size_t ath__bits_len(size_t count) {
    return count / 8 + 1;
}
/* Bytes of the values of so many rows; not for TEXT and BINARY. */
static inline size_t ath__cells_fixed_len(const struct ath__cells *cells, size_t rows) {
    return cells->width ? rows * cells->width : ath__bits_len(rows);
}

/* An empty batch of one reference. `source_len` is the length of the document it is read from and
 * bounds its memory. NULL when memory is short. */
struct ath_batch *ath__batch_new(struct ath__columns *columns, bool decode_text, size_t source_len);
/* Room for `rows` rows in all, more than there are. 0, ATH_ERR_NOMEM or ATH_ERR_TOO_LARGE. */
int ath__batch_reserve(struct ath_batch *batch, size_t rows);
/* Room for one row more. 0, ATH_ERR_NOMEM or ATH_ERR_TOO_LARGE. */
int ath__batch_reserve_row(struct ath_batch *batch);
/* The cell of the current row. `text` is checked UTF-8. 0 or ATH_ERR_NOMEM. */
int ath__batch_put(struct ath_batch *batch, size_t column, struct ath_slice text, unsigned traits);
int ath__batch_put_null(struct ath_batch *batch, size_t column);
/* Ends the current row: columns from `column` on get NULL. */
int ath__batch_end_row(struct ath_batch *batch, size_t column);
/* After a reading. 1: read all rows again, which takes the given-up columns as text. 0: complete.
 * Or ATH_ERR_NOMEM. */
int ath__batch_reread(struct ath_batch *batch);
/* Before a batch has room for rows: stores the column as text, as `odd_row` of it demands. */
void ath__batch_make_text(struct ath_batch *batch, size_t column, size_t odd_row);
/* Ends the building; from now on the batch may be shared. */
void ath__batch_seal(struct ath_batch *batch);

#endif
