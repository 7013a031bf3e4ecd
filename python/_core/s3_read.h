/* Members of Query for operations of S3: answers, bytes, streams, listings. */
#ifndef CORE_S3_READ_H
#define CORE_S3_READ_H

#include "state.h"

PyObject *core_s3_status(PyObject *query, void *closure);
PyObject *core_s3_size(PyObject *query, void *closure);
PyObject *core_s3_transferred(PyObject *query, void *closure);
PyObject *core_s3_header(PyObject *query, PyObject *name);
PyObject *core_s3_headers(PyObject *query, PyObject *ignored);
PyObject *core_s3_body(PyObject *query, PyObject *ignored);
PyObject *core_s3_take(PyObject *query, PyObject *ignored);
PyObject *core_s3_chunk(PyObject *query, PyObject *ignored);
PyObject *core_s3_write(PyObject *query, PyObject *data);
PyObject *core_s3_end(PyObject *query, PyObject *ignored);
PyObject *core_s3_page(PyObject *query, PyObject *ignored);
PyObject *core_s3_failures(PyObject *query, PyObject *ignored);

#endif
