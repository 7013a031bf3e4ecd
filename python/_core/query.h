/* pyathena._core.Query: an operation (struct ath_op) of any kind, and the calls that start one. */
#ifndef CORE_QUERY_H
#define CORE_QUERY_H

#include "state.h"

extern PyType_Spec core_query_spec;

struct core_query {
    PyObject_HEAD struct ath_op *op; /* set for the whole life of the object */
    unsigned long long user;
};

/* Methods of Client; each returns a new Query or NULL with an exception. */
PyObject *core_query_start(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs);
PyObject *core_query_attach(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs);
PyObject *core_metadata_start(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs);
PyObject *core_query_stop(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs);

/*
 * Waits for one of the ATH_WAIT_* bits of `mask` with the GIL released, handling signals every 50
 * ms. Returns the bits that hold, 0 after `timeout_ms` (-1: no end), -1 with an exception.
 */
int core_query_wait(struct core_query *query, int mask, int64_t timeout_ms);

#endif
