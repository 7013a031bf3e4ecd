/* Memory that Python objects lend to an operation, and who holds it meanwhile. */
#ifndef CORE_LENT_H
#define CORE_LENT_H

#include "state.h"

/* Locked for the I/O thread from the start of the operation until its final event has been made or
 * ath_op_detach() has returned. A view without `obj` is not in use. */
struct core_lent {
    Py_buffer body;
    Py_buffer into;
};

/* Makes `*lent` when there is none. Returns it, or NULL with MemoryError. */
struct core_lent *core_lent_need(struct core_lent **lent);

/* Gives everything back to whom it belongs; `lent` may be NULL. */
void core_lent_free(struct core_lent *lent);

/* True when the collector must know the holder: what it holds may hold others. */
bool core_lent_is_traced(const struct core_lent *lent);
int core_lent_traverse(const struct core_lent *lent, visitproc visit, void *arg);

#define CORE_COPY_ALONE_MAX (256 << 10) /* longer copies are made while other threads run */
void core_copy(char *to, struct ath_slice from);

/* A bytes object to be written to, in pages as large as the system has. NULL with an exception. */
PyObject *core_fresh_bytes(Py_ssize_t size);

#endif
