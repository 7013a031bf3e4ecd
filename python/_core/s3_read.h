/* Members of Query for operations of S3: answers, bytes, streams, listings. */
#ifndef CORE_S3_READ_H
#define CORE_S3_READ_H

#include "state.h"

PyObject *core_s3_get_status(PyObject *query, void *closure);
PyObject *core_s3_get_size(PyObject *query, void *closure);
PyObject *core_s3_get_transferred(PyObject *query, void *closure);
PyObject *core_s3_header(PyObject *query, PyObject *name);
PyObject *core_s3_headers(PyObject *query, PyObject *ignored);
PyObject *core_s3_body(PyObject *query, PyObject *ignored);
PyObject *core_s3_take(PyObject *query, PyObject *ignored);
PyObject *core_s3_chunk(PyObject *query, PyObject *ignored);
PyObject *core_s3_write(PyObject *query, PyObject *data);
PyObject *core_s3_end(PyObject *query, PyObject *ignored);
PyObject *core_s3_page(PyObject *query, PyObject *ignored);
PyObject *core_s3_failures(PyObject *query, PyObject *ignored);

/* Rows of the tables of the type. */
#define CORE_S3_QUERY_METHODS                                                                      \
    {"s3_header",                                                                                  \
     core_s3_header,                                                                               \
     METH_O,                                                                                       \
     "s3_header(name)\n--\n\nThe value of a header of the answer (any case), or None."},           \
        {"s3_headers",                                                                             \
         core_s3_headers,                                                                          \
         METH_NOARGS,                                                                              \
         "All headers of the answer as a list of (name, value)."},                                 \
        {"s3_body",                                                                                \
         core_s3_body,                                                                             \
         METH_NOARGS,                                                                              \
         "The body of the answer, as bytes; empty before it is there."},                           \
        {"s3_take",                                                                                \
         core_s3_take,                                                                             \
         METH_NOARGS,                                                                              \
         "The bytes of a finished get with allocate=, once; shorter when the object ended."},      \
        {"s3_chunk",                                                                               \
         core_s3_chunk,                                                                            \
         METH_NOARGS,                                                                              \
         "The next S3Chunk of a get without a target; None when none is ready."},                  \
        {"s3_write",                                                                               \
         core_s3_write,                                                                            \
         METH_O,                                                                                   \
         "s3_write(data)\n--\n\nGive bytes to a put with stream=True; False: full, wait for "      \
         "BATCH."},                                                                                \
        {"s3_end",                                                                                 \
         core_s3_end,                                                                              \
         METH_NOARGS,                                                                              \
         "Nothing more will be written; the object appears when DONE comes."},                     \
        {"s3_page",                                                                                \
         core_s3_page,                                                                             \
         METH_NOARGS,                                                                              \
         "The entries of the next page of a listing; None when none is ready."},                   \
    {                                                                                              \
        "s3_failures", core_s3_failures, METH_NOARGS,                                              \
            "What a finished deletion did not delete: (key, version_id, code, message)."           \
    }

#define CORE_S3_QUERY_MEMBERS                                                                      \
    {"s3_status",                                                                                  \
     core_s3_get_status,                                                                           \
     NULL,                                                                                         \
     "The HTTP status of the answer, 0 before it is there.",                                       \
     NULL},                                                                                        \
        {"s3_size", core_s3_get_size, NULL, "Bytes of the object, -1 while unknown.", NULL}, {     \
        "s3_transferred", core_s3_get_transferred, NULL, "Bytes (of a deletion: keys) so far.",    \
            NULL                                                                                   \
    }

#endif
