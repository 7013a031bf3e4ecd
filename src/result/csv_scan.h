/*
 * Where the cells of Athena's CSV lie: `"text"` with `""` inside, nothing at all for NULL, commas
 * between, LF behind every row. Strict: outside of quotes no other byte may stand, and every row
 * has as many cells as there are columns. The kernels differ in speed only.
 */
#ifndef ATH_RESULT_CSV_SCAN_H
#define ATH_RESULT_CSV_SCAN_H

#include "base/slice.h"

#define ATH__CSV_SOURCE_MAX ((size_t)1 << 30)
#define ATH__CSV_ENDS_SLACK 72 /* elements of `ends` besides those of the cells */

struct ath__csv_scan {
    struct ath_slice source;  /* from the beginning of a row; at most ATH__CSV_SOURCE_MAX bytes */
    size_t soft_end;          /* no row begins far behind it; one row is read in any case */
    size_t columns, rows_max; /* both at least 1 */
    /* Room for columns * rows_max + ATH__CSV_ENDS_SLACK. Out: ends[0] is -1, ends[i] the place of
     * the separator behind cell i, counted from 1 row by row. */
    uint32_t *ends;

    size_t rows, used; /* whole rows, and the bytes they take */
    bool has_high;     /* bytes above 0x7f may be among them */
    bool has_escapes;  /* `""` may be inside of texts */
    bool is_quoted;    /* without rows or error: the source ends inside of quotes */
    const char *error; /* without rows: what is wrong with the first one, at byte `error_at` */
    size_t error_at;
};

/* The text of a cell without its outer quotes, `ends` at the one before its own. A length below 0
 * is NULL. */
struct ath__csv_cell {
    uint32_t at;
    int32_t len;
};
static inline struct ath__csv_cell ath__csv_cell(const uint32_t *ends) {
    return (struct ath__csv_cell){ends[0] + 2, (int32_t)(ends[1] - ends[0] - 3)};
}

enum ath__csv_kernel {
    ATH__CSV_BEST, /* what this machine runs fastest */
    ATH__CSV_PLAIN,
    ATH__CSV_SSE2,
    ATH__CSV_AVX2,
    ATH__CSV_NEON,
    ATH__CSV_KERNELS,
};

typedef void ath__csv_scan_fn(struct ath__csv_scan *scan);
/* NULL: this machine or this build has no such kernel. */
ath__csv_scan_fn *ath__csv_scan_pick(enum ath__csv_kernel kernel);

/* What ends a row that began earlier. */
struct ath__csv_row_end {
    bool is_quoted;    /* in and out */
    bool is_found;     /* *used ends the row */
    bool is_malformed; /* the byte before *used may not stand there */
    size_t used;
};
void ath__csv_find_row_end(const char *p, size_t len, struct ath__csv_row_end *end);

#endif
