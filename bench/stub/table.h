/* The made-up result tables. Row i of a table is the same text at every start of the server and in
 * both forms, JSON page and CSV object. STUB_RING_ROWS different rows are rendered once; a result
 * of any length repeats them, so that serving a page costs no more than pointing at its bytes. */
#ifndef STUB_TABLE_H
#define STUB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "text.h"

enum { STUB_RING_ROWS = 16000, STUB_COLS_MAX = 200 };

enum shape { SHAPE_MIXED, SHAPE_NESTED };

/* STUB_RING_ROWS rendered rows, one after the other. */
struct ring {
    struct text bytes;
    size_t *offsets; /* STUB_RING_ROWS + 1 */
};

struct table {
    struct table *next;
    enum shape shape;
    int cols;                /* without the two columns that SHAPE_NESTED adds */
    struct text column_info; /* items of ColumnInfo, separated by commas */
    struct text json_head;   /* the row of labels, as in the first page */
    struct text csv_head;
    struct ring json; /* each row ends with a comma */
    struct ring csv;  /* each row ends with a line feed */
};

struct column_type {
    const char *name; /* ColumnInfo.Type */
    const char *hive; /* type in table metadata */
    int precision;
    int scale;
};

/* The table of a shape, made at its first use and then kept until stub_tables_free(). NULL when out
 * of memory. Thread-safe. */
const struct table *stub_table_get(enum shape shape, int cols);
void stub_tables_free(void);

/* Columns with those that the shape adds. */
int stub_table_width(enum shape shape, int cols);
void stub_table_label(enum shape shape, int cols, int column, char label[32]);
const struct column_type *stub_table_type(enum shape shape, int cols, int column);

/* Bytes of the CSV object with that many rows. */
uint64_t stub_table_csv_size(const struct table *table, uint64_t rows);

/* Points at bytes of the rows [first, first + count) of a ring that repeats. At most iov_max pieces
 * are written to iov; returns their number. iov_max must be >= count / STUB_RING_ROWS + 2. */
size_t stub_ring_rows(
    const struct ring *ring, uint64_t first, uint64_t count, struct iovec *iov, size_t iov_max);

/* The longest contiguous piece of the CSV object at a byte offset, which must be inside the object.
 */
struct iovec stub_table_csv_at(const struct table *table, uint64_t offset);

#endif
