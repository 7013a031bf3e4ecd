#include "s3_read.h"

#include "error.h"
#include "query.h"
#include "s3_args.h"
#include "s3_chunk.h"
#include "s3_page.h"

#include <string.h>

static struct core_query *query_of(PyObject *self) {
    return (struct core_query *)self;
}

static struct ath_op *handle(PyObject *self) {
    return query_of(self)->op;
}

PyObject *core_s3_status(PyObject *query, void *Py_UNUSED(closure)) {
    core_query_settle(query_of(query));
    return PyLong_FromLong(ath_s3_status(handle(query)));
}

PyObject *core_s3_size(PyObject *query, void *Py_UNUSED(closure)) {
    return PyLong_FromLongLong(ath_s3_object_size(handle(query)));
}

PyObject *core_s3_transferred(PyObject *query, void *Py_UNUSED(closure)) {
    return PyLong_FromUnsignedLongLong(ath_s3_transferred(handle(query)));
}

/* -- the answer
 * ------------------------------------------------------------------------------------------ */

/* S3 sends ASCII; other servers send UTF-8 as they got it, and anything else is kept byte by byte.
 */
static PyObject *header_text(struct ath_slice value) {
    PyObject *text = PyUnicode_DecodeUTF8(value.ptr, (Py_ssize_t)value.len, NULL);
    if (text || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return text;
    PyErr_Clear();
    return PyUnicode_DecodeLatin1(value.ptr, (Py_ssize_t)value.len, NULL);
}

PyObject *core_s3_header(PyObject *query, PyObject *name) {
    const char *text = NULL;
    if (name == Py_None)
        return PyErr_Format(PyExc_TypeError, "name must be str, not NoneType");
    if (core_s3_text(name, "name", &text) != 0)
        return NULL;
    struct ath_slice value = ath_s3_header(handle(query), text);
    if (!value.ptr)
        Py_RETURN_NONE;
    return header_text(value);
}

static struct ath_slice trim(const char *begin, const char *end) {
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return (struct ath_slice){begin, (size_t)(end - begin)};
}

/* Adds one line unless it is no header (a status line, an empty one). */
static int add_header(PyObject *list, const char *line, const char *end) {
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon)
        return 0;
    PyObject *name = header_text(trim(line, colon));
    PyObject *value = name ? header_text(trim(colon + 1, end)) : NULL;
    PyObject *pair = value ? PyTuple_Pack(2, name, value) : NULL;
    int code = pair ? PyList_Append(list, pair) : -1;
    Py_XDECREF(pair);
    Py_XDECREF(value);
    Py_XDECREF(name);
    return code;
}

PyObject *core_s3_headers(PyObject *query, PyObject *Py_UNUSED(ignored)) {
    struct ath_slice head = ath_s3_head(handle(query));
    PyObject *list = PyList_New(0);
    const char *line = head.ptr;
    const char *end = head.ptr ? head.ptr + head.len : NULL;
    while (list && line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop)
            stop = end;
        if (add_header(list, line, stop) != 0)
            Py_CLEAR(list);
        line = stop < end ? stop + 1 : end;
    }
    return list;
}

/* -- bytes
 * -----------------------------------------------------------------------------------------------
 */

PyObject *core_s3_body(PyObject *query, PyObject *Py_UNUSED(ignored)) {
    core_query_settle(query_of(query));
    struct ath_slice body = ath_s3_body(handle(query));
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)body.len);
    if (bytes)
        core_copy(PyBytes_AS_STRING(bytes), body);
    return bytes;
}

PyObject *core_s3_take(PyObject *query, PyObject *Py_UNUSED(ignored)) {
    struct core_query *self = query_of(query);
    struct core_state *state = core_state_of(query);
    struct ath_error err = {0};
    PyObject *bytes;
    if (!ath_op_is_done(self->op))
        return core_raise_text(state, ATH_ERR_STATE, "s3_take: the operation has not ended");
    core_query_settle(self);
    err.code = ath_op_error(self->op, &err);
    if (err.code != 0)
        return core_raise(state, &err);
    CORE_LOCK(query);
    bytes = self->fresh;
    self->fresh = NULL;
    CORE_UNLOCK();
    if (!bytes)
        return core_raise_text(
            state, ATH_ERR_STATE, "s3_take: no bytes were allocated, or they were taken before");
    uint64_t size = (uint64_t)self->fresh_used + ath_s3_transferred(self->op);
    if (size < (uint64_t)PyBytes_GET_SIZE(bytes))
        (void)_PyBytes_Resize(&bytes, (Py_ssize_t)size); /* NULL with MemoryError */
    return bytes;
}

PyObject *core_s3_chunk(PyObject *query, PyObject *Py_UNUSED(ignored)) {
    struct core_state *state = core_state_of(query);
    struct ath_s3_chunk *chunk = NULL;
    struct ath_error err = {0};
    int code = ath_s3_chunk_next(handle(query), &chunk, &err);
    if (code == 0)
        Py_RETURN_NONE;
    if (code > 0)
        return core_chunk_new(state, chunk);
    err.code = code;
    return core_raise(state, &err);
}

PyObject *core_s3_write(PyObject *query, PyObject *data) {
    struct ath_error err = {0};
    Py_buffer view = {0};
    int code;
    if (data == Py_None)
        return PyErr_Format(PyExc_TypeError, "data must be a bytes-like object, not NoneType");
    if (core_s3_memory(data, "data", false, &view) != 0)
        return NULL;
    struct ath_slice bytes = {view.buf, (size_t)view.len};
    if (view.len <= CORE_COPY_ALONE_MAX) {
        code = ath_s3_put_write(handle(query), bytes, &err);
    } else {
        Py_BEGIN_ALLOW_THREADS code = ath_s3_put_write(handle(query), bytes, &err);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&view);
    if (code >= 0)
        return PyBool_FromLong(code == 0);
    err.code = code;
    return core_raise(core_state_of(query), &err);
}

PyObject *core_s3_end(PyObject *query, PyObject *Py_UNUSED(ignored)) {
    struct ath_error err = {0};
    err.code = ath_s3_put_end(handle(query), &err);
    if (err.code != 0)
        return core_raise(core_state_of(query), &err);
    Py_RETURN_NONE;
}

/* -- lists
 * -----------------------------------------------------------------------------------------------
 */

PyObject *core_s3_page(PyObject *query, PyObject *Py_UNUSED(ignored)) {
    struct ath_s3_page *page = NULL;
    struct ath_error err = {0};
    int code = ath_s3_page_next(handle(query), &page, &err);
    if (code == 0)
        Py_RETURN_NONE;
    if (code > 0) {
        PyObject *entries = core_page_entries(page);
        ath_s3_page_release(page);
        return entries;
    }
    err.code = code;
    return core_raise(core_state_of(query), &err);
}

static PyObject *failure_tuple(const struct ath_s3_failure *failure) {
    PyObject *tuple = PyTuple_New(4);
    const struct ath_slice members[] = {
        failure->key, failure->version_id, failure->code, failure->message};
    for (Py_ssize_t i = 0; tuple && i < 4; i++) {
        PyObject *text = core_s3_decode(members[i]);
        if (text)
            PyTuple_SET_ITEM(tuple, i, text);
        else
            Py_CLEAR(tuple);
    }
    return tuple;
}

PyObject *core_s3_failures(PyObject *query, PyObject *Py_UNUSED(ignored)) {
    size_t count = 0;
    const struct ath_s3_failure *failures = ath_s3_delete_failures(handle(query), &count);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = failure_tuple(&failures[i]);
        if (item)
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        else
            Py_CLEAR(list);
    }
    return list;
}
