/*
 * What every file of the extension shares: the module state, and a few names for differences
 * between Python versions. The library below never sees a PyObject; all here runs on the caller's
 * thread with the GIL (or a critical section) held, except inside Py_BEGIN_ALLOW_THREADS.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#include <athena/athena.h>

#include "s3_names.h"

struct core_state {
    PyObject *error; /* the CoreError class */
    PyTypeObject *client_type;
    PyTypeObject *queue_type;
    PyTypeObject *query_type;
    PyTypeObject *batches_type;
    PyTypeObject *rows_type;
    PyTypeObject *iterator_type;
    PyTypeObject *fetch_type;
    PyTypeObject *budget_type;
    PyTypeObject *chunk_type;
    void *datetime;          /* PyDateTime_CAPI of this interpreter */
    PyObject *decimal_class; /* decimal.Decimal and decimal.Context; NULL until first needed */
    PyObject *context_class;
    PyObject *name_budget; /* interned attribute names */
    PyObject *name_message;
    PyObject *name_parameters;
    PyObject *name_throw;
    PyObject *name_wait_batch;
    PyObject *s3_names[CORE_S3_NAMES_COUNT]; /* interned, see s3_args.c */
    size_t gc_holds;                         /* fetches that hold the collector off, see fetch.c */
    bool gc_was_on;
    PyObject *gc_collect; /* gc.collect; NULL until first needed */
};

/* No type of this module can be subclassed, so the type of an instance leads to its module. */
static inline struct core_state *core_state_of(PyObject *self) {
    return PyType_GetModuleState(Py_TYPE(self));
}

#define CORE_TYPE_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE)

#if PY_VERSION_HEX >= 0x030D0000
#define CORE_LOCK(self) Py_BEGIN_CRITICAL_SECTION(self)
#define CORE_UNLOCK() Py_END_CRITICAL_SECTION()
#else
#define CORE_LOCK(self) {
#define CORE_UNLOCK() }
#endif

/* The parser of keywords takes char ** up to 3.12, and never writes. */
#define CORE_NAMES(names) ((char **)(uintptr_t)(names))
#define CORE_KEYWORDS(function) (PyCFunction)(void (*)(void)) function, METH_VARARGS | METH_KEYWORDS

#define CORE_FASTCALL(function)                                                                    \
    (PyCFunction)(void (*)(void)) function, METH_FASTCALL | METH_KEYWORDS

/* A slot takes void *, and is only read. */
#define CORE_DOC(text)                                                                             \
    { Py_tp_doc, (void *)(uintptr_t)(text) }

/* Nanoseconds of the monotonic clock. */
int64_t core_now_ns(void);

/* Seconds (None: no end) to milliseconds, rounded up; -1 for no end. Returns -1 with an exception.
 */
int core_timeout(PyObject *seconds, int64_t *out_ms);

#endif
