/* Scanned rows of Athena's CSV into the columns of a batch. */
#ifndef ATH_RESULT_CSV_ROWS_H
#define ATH_RESULT_CSV_ROWS_H

#include "result/build.h"
#include "result/csv_scan.h"

struct ath__csv_rows {
    struct ath_slice source; /* UTF-8 as far as the rows reach */
    const uint32_t *ends;    /* of the scan */
    size_t rows;
    bool has_high, has_escapes;
};

/*
 * Appends the rows; the batch has room for them. 0, ATH_ERR_NOMEM (the batch is spoilt), or 1: a
 * column has a value without its type's ordinary form. Then nothing is appended and `odd_rows` of
 * such columns, 0 before, tells the row among `rows`, counted from 1.
 */
int ath__csv_rows_put(
    struct ath_batch *batch, const struct ath__csv_rows *rows, uint32_t *odd_rows);

#endif
