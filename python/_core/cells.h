/* Cells: the values of one column of a batch as Python objects, a run of rows at a time. */
#ifndef CORE_CELLS_H
#define CORE_CELLS_H

#include "state.h"

struct core_text_cache;
struct core_day_cache;
struct core_decimal_cache;

/* What is kept between the batches of one column. Zero-initialised; caches come when needed. */
struct core_cell_column {
    PyObject *converter; /* applied to the text of TEXT columns; NULL: the text itself */
    struct core_text_cache *texts;
    struct core_day_cache *days;
    struct core_decimal_cache *decimals;
};

/* What the columns of one result share. */
struct core_cells {
    struct core_state *state;
    PyObject *create_decimal; /* of a decimal.Context of our own; NULL until needed */
};

/*
 * Makes the objects of rows `start` .. `start + count` of `column` into `out`. `out_atoms` tells
 * that no cell can be part of a reference cycle. On failure -1 with an exception, and `out` holds
 * nothing.
 */
int core_cells_fill(
    struct core_cells *cells,
    struct core_cell_column *kept,
    const struct ath_column *column,
    size_t start,
    size_t count,
    PyObject **out,
    bool *out_atoms);

/* Imports the module decimal; else done when the first decimal is made. */
int core_cells_import_decimal(struct core_state *state);

void core_cell_column_clear(struct core_cell_column *kept);

#endif
