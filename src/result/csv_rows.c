#include "result/csv_rows.h"

#include "result/cells.h"

#include "base/scan.h"
#include "base/utf8.h"

#define ODD 1

/* One column of the rows. */
struct source_column {
    const char *text;
    size_t len;
    size_t slack_end; /* cells that begin before it have 2 * ATH__SLACK bytes behind their first */
    const uint32_t *ends; /* of its first cell */
    size_t stride, rows;
    bool has_escapes;
    size_t base; /* the batch's row of the first one */
    size_t rows_cap;
    size_t odd_row; /* out */
};

static inline struct ath_slice
cell_text(const struct source_column *source, struct ath__csv_cell cell) {
    return (struct ath_slice){source->text + cell.at, (size_t)cell.len};
}

/* -- text -------------------------------------------------------------------------------------- */

/* Copies `len` bytes with each `""` as `"`; `room` bytes may be read. As many as `len` and
 * ATH__SLACK more may be written. */
static size_t copy_escaped(const char *p, size_t len, size_t room, char *out) {
    const char *end = p + len;
    char *to = out;
    (void)room;
#ifdef ATH__SCAN_SSE2
    const char *wide_end = room >= 16 ? p + (room - 16) : p;
    while (p < end && p < wide_end) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned quotes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
        _mm_storeu_si128((__m128i *)(void *)to, bytes);
        unsigned kept = quotes ? (unsigned)__builtin_ctz(quotes) + 1 : 16;
        if (kept > (size_t)(end - p))
            return (size_t)(to - out) + (size_t)(end - p);
        to += kept;
        p += kept + (quotes != 0);
    }
#endif
    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        size_t kept = (size_t)((quote ? quote + 1 : end) - p);
        memcpy(to, p, kept);
        to += kept;
        p += kept + (quote != NULL);
    }
    return (size_t)(to - out);
}

static inline int put_escaped(
    struct ath__cells *cells,
    size_t row,
    struct ath_slice text,
    const struct source_column *source) {
    if (ath__cell_reserve(cells, text.len))
        return ATH_ERR_NOMEM;
    size_t room = (size_t)(source->text + source->len - text.ptr);
    char *to = (char *)cells->values + cells->values_len;
    cells->values_len += copy_escaped(text.ptr, text.len, room, to);
    cells->offsets[row + 1] = (int32_t)cells->values_len;
    return 0;
}

__attribute__((always_inline)) static inline int
put_texts(struct ath__cells *cells, const struct source_column *source, bool has_escapes) {
    int rc = 0;
    for (size_t i = 0; i < source->rows && !rc; i++) {
        struct ath__csv_cell cell = ath__csv_cell(source->ends + i * source->stride);
        size_t row = source->base + i;
        if (__builtin_expect(cell.len < 0, 0)) {
            rc = ath__cell_put_null(cells, row, source->rows_cap);
        } else if (has_escapes) {
            rc = put_escaped(cells, row, cell_text(source, cell), source);
        } else {
            unsigned slack = cell.at < source->slack_end ? ATH__TEXT_SLACK : 0;
            rc = ath__cell_put_text(cells, row, cell_text(source, cell), slack | ATH__TEXT_ASCII);
        }
    }
    return rc;
}

/* -- typed values: none has quotes in its ordinary form -----------------------------------------
 */

static int put_binaries(struct ath__cells *cells, struct source_column *source) {
    int rc = 0;
    for (size_t i = 0; i < source->rows && !rc; i++) {
        struct ath__csv_cell cell = ath__csv_cell(source->ends + i * source->stride);
        size_t row = source->base + i;
        source->odd_row = i;
        rc = cell.len < 0 ? ath__cell_put_null(cells, row, source->rows_cap)
                          : ath__cell_put_hex(cells, row, cell_text(source, cell));
    }
    return rc;
}

/* For one storage, so that the loop over the rows has no other way in it. */
__attribute__((always_inline)) static inline int
put_numbers(struct ath__cells *cells, struct source_column *source, int storage) {
    for (size_t i = 0; i < source->rows; i++) {
        struct ath__csv_cell cell = ath__csv_cell(source->ends + i * source->stride);
        size_t row = source->base + i;
        if (__builtin_expect(cell.len < 0, 0)) {
            if (ath__cell_put_null(cells, row, source->rows_cap))
                return ATH_ERR_NOMEM;
        } else if (__builtin_expect(
                       !ath__cell_put_as(cells, storage, row, cell_text(source, cell)), 0)) {
            source->odd_row = i;
            return ODD;
        }
    }
    return 0;
}

static int put_cells(struct ath__cells *cells, struct source_column *source) {
    switch (cells->action) {
#define NUMBERS(storage)                                                                           \
    case storage:                                                                                  \
        return put_numbers(cells, source, storage);
        NUMBERS(ATH_STORAGE_BOOL)
        NUMBERS(ATH_STORAGE_INT8)
        NUMBERS(ATH_STORAGE_INT16)
        NUMBERS(ATH_STORAGE_INT32)
        NUMBERS(ATH_STORAGE_INT64)
        NUMBERS(ATH_STORAGE_DOUBLE)
        NUMBERS(ATH_STORAGE_DECIMAL128)
        NUMBERS(ATH_STORAGE_DATE32)
        NUMBERS(ATH_STORAGE_TIME_US)
        NUMBERS(ATH_STORAGE_TIMESTAMP_US)
#undef NUMBERS
    case ATH_STORAGE_BINARY:
        return put_binaries(cells, source);
    default:
        return source->has_escapes ? put_texts(cells, source, true)
                                   : put_texts(cells, source, false);
    }
}

/* ---------------------------------------------------------------------------------------------- */

/* 0, ODD or ATH_ERR_NOMEM. */
static int put_column(struct ath__cells *cells, struct source_column *source, bool has_high) {
    size_t before = cells->values_len;
    int rc = put_cells(cells, source);
    if (!rc && has_high && cells->is_ascii && cells->action == ATH_STORAGE_TEXT)
        cells->is_ascii =
            ath__utf8_is_ascii((const char *)cells->values + before, cells->values_len - before);
    return rc;
}

/* Takes back what was put behind the batch's rows. Seldom, so nothing is noted for it before. */
static void cut_column(struct ath__cells *cells, size_t rows) {
    if (cells->validity) {
        cells->null_count = 0;
        for (size_t row = 0; row < rows; row++)
            cells->null_count += !(cells->validity[row / 8] >> (row % 8) & 1);
    }
    if (cells->offsets) {
        cells->values_len = (size_t)cells->offsets[rows];
        cells->is_ascii = ath__utf8_is_ascii((const char *)cells->values, cells->values_len);
    }
}

int ath__csv_rows_put(
    struct ath_batch *batch, const struct ath__csv_rows *rows, uint32_t *odd_rows) {
    int rc = 0;
    size_t len = rows->source.len;
    struct source_column source = {
        .text = rows->source.ptr,
        .len = len,
        .has_escapes = rows->has_escapes,
        .slack_end = len >= 2 * ATH__SLACK ? len - 2 * ATH__SLACK : 0,
        .stride = batch->count,
        .rows = rows->rows,
        .base = batch->rows,
        .rows_cap = batch->rows_cap,
    };
    for (size_t i = 0; i < batch->count; i++) {
        source.ends = rows->ends + i;
        int column_rc = put_column(&batch->cells[i], &source, rows->has_high);
        if (column_rc == ATH_ERR_NOMEM)
            return ATH_ERR_NOMEM;
        if (column_rc == ODD) {
            odd_rows[i] = (uint32_t)source.odd_row + 1;
            rc = ODD;
        }
    }
    if (rc == 0)
        batch->rows += rows->rows;
    else
        for (size_t i = 0; i < batch->count; i++)
            cut_column(&batch->cells[i], batch->rows);
    return rc;
}
