/*
 * Awaitables over Rows for asyncio: one fetch, and the iterator of `async for`.
 *
 * A fetch makes rows while the budget of the loop lasts and then yields None, which makes the task
 * run again in the next iteration. When no batch is ready it waits on the future that
 * bridge.wait_batch(query) gives. `bridge.budget` is the LoopBudget of the running loop.
 */
#ifndef CORE_FETCH_H
#define CORE_FETCH_H

#include "rows.h"

enum core_fetch_mode {
    CORE_FETCH_LIST, /* a list */
    CORE_FETCH_ONE,  /* a row or None */
    CORE_FETCH_NEXT, /* a row or StopAsyncIteration */
};

extern PyType_Spec core_fetch_spec;
extern PyType_Spec core_iterator_spec;

/* Holds automatic garbage collection off until it was released as often as held. */
void core_gc_hold(struct core_state *state);
void core_gc_release(struct core_state *state);

/* `limit` is the number of rows of a LIST at most, -1: all. */
PyObject *core_fetch_new(
    struct core_rows *rows, PyObject *bridge, enum core_fetch_mode mode, Py_ssize_t limit);

PyObject *core_iterator_new(struct core_rows *rows, PyObject *bridge);

#endif
