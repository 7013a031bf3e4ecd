/*
 * pyathena._core.Rows: the rows of one query, made from its batches when asked for.
 *
 * Made rows wait in two places until they are delivered: the block just made, and the stash, rows
 * that came back from a fetch that was cancelled. Nothing made is ever lost.
 */
#ifndef CORE_ROWS_H
#define CORE_ROWS_H

#include "cells.h"
#include "query.h"
#include "state.h"

#define CORE_BLOCK_ROWS 64

enum core_rows_kind { CORE_ROWS_TUPLE, CORE_ROWS_DICT, CORE_ROWS_FACTORY };

/* What Rows.state says, and what the functions below return. */
enum core_rows_state {
    CORE_ROWS_ERROR = -1, /* an exception is set */
    CORE_ROWS_READY = 0,  /* a row can be had without waiting */
    CORE_ROWS_WAIT = 1,   /* wait for ATH_EVENT_BATCH or ATH_EVENT_DONE */
    CORE_ROWS_END = 2,    /* every row has been read */
    CORE_ROWS_FAILED = 3, /* reading or converting failed before, or closed */
};

struct core_rows {
    PyObject_HEAD struct core_query *query;
    struct core_cells cells;
    struct core_cell_column *columns;
    Py_ssize_t columns_count;
    enum core_rows_kind kind;
    PyObject *names;         /* tuple of str */
    PyObject *template_row;  /* DICT: all names with None */
    PyObject *factory;       /* FACTORY: called with zip(names, values) */
    PyObject *error_factory; /* or NULL */
    PyObject *value_error;   /* or NULL */

    struct ath_batch *batch; /* being read, or NULL */
    size_t batch_row;        /* the next of it to be made */
    PyObject *block[CORE_BLOCK_ROWS];
    int block_at;
    int block_count;
    PyObject *stash; /* list or NULL */
    Py_ssize_t stash_at;
    bool makes_tracked; /* rows that the collector must know were made */
    double row_ns;      /* recent cost of making a row; sizes the blocks */
    long long rownumber;
    bool ended;
    bool failed;
    bool closed;
    bool busy; /* inside pull or build: converters may run any code */
};

extern PyType_Spec core_rows_spec;

static inline bool core_rows_has_made(const struct core_rows *rows) {
    return rows->block_at < rows->block_count || rows->stash != NULL;
}

/* Takes the next made row (core_rows_has_made()); does not count it as delivered. */
PyObject *core_rows_pop(struct core_rows *rows);

/* Moves made rows to the end of `list` until it has `limit` (negative: no limit). Returns 0 or -1.
 */
int core_rows_move(struct core_rows *rows, PyObject *list, Py_ssize_t limit);

/* Puts undelivered rows back, before all others. Keeps a set exception. */
void core_rows_stash(struct core_rows *rows, PyObject *list);

/* What can be done now; takes the next batch when the last is used up. */
enum core_rows_state core_rows_poll(struct core_rows *rows);

/* Raises what a fetch after a failed or closed reading gets. */
void core_rows_raise_failed(struct core_rows *rows);

#endif
