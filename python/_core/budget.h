/*
 * pyathena._core.LoopBudget: how long the cursors of one event loop may make rows within one
 * iteration of it, together. Who finds the budget spent yields and waits in line: the longest
 * waiting goes first in the next iteration, so no fetch can starve another.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include "state.h"

struct core_waiter {
    struct core_waiter *next;
    struct core_waiter *previous;
    bool queued;
    uint64_t seen; /* the iteration in which it asked last */
};

struct core_budget {
    PyObject_HEAD PyObject *call_soon;
    int64_t budget_ns;
    int64_t deadline_ns;
    uint64_t iteration;
    bool armed; /* the loop will call us back in its next iteration */
    struct core_waiter *first;
    struct core_waiter *last;
};

extern PyType_Spec core_budget_spec;

/* 1: make a block of rows, 0: yield to the loop and ask again, -1: exception. */
int core_budget_ask(struct core_budget *budget, struct core_waiter *waiter);

/* Leaves the line; for fetches that end or wait for something else. */
void core_budget_leave(struct core_budget *budget, struct core_waiter *waiter);

#endif
