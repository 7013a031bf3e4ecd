/* pyathena._core.Query: an operation (struct ath_op) of any kind, and the calls that start one. */
#ifndef CORE_QUERY_H
#define CORE_QUERY_H

#include "lent.h"

extern PyType_Spec core_query_spec;

struct core_query {
    PyObject_HEAD struct ath_op *op; /* set for the whole life of the object */
    unsigned long long user;
    struct core_lent *lent; /* NULL: nothing, or it was given back */
    PyObject *fresh;        /* bytes that the operation writes to and nobody else has seen */
    Py_ssize_t fresh_used;  /* bytes at its start that are none of the operation's */
};

/* An object for an operation that a starting call is about to fill in. */
struct core_query *core_query_alloc(struct core_state *state, unsigned long long user);

/* What a starting call gave: the object, or its error raised. */
PyObject *core_query_finish(
    struct core_state *state, struct core_query *self, int code, const struct ath_error *err);

/* Gives lent memory back if the final event has been made. */
void core_query_settle(struct core_query *self);

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
