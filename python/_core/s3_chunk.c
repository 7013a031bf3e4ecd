#include "s3_chunk.h"

struct core_chunk {
    PyObject_HEAD struct ath_s3_chunk *chunk;
};

static struct ath_slice bytes_of(PyObject *self) {
    return ath_s3_chunk_bytes(((struct core_chunk *)self)->chunk);
}

PyObject *core_chunk_new(struct core_state *state, struct ath_s3_chunk *chunk) {
    struct core_chunk *self = PyObject_New(struct core_chunk, state->chunk_type);
    if (self)
        self->chunk = chunk;
    else
        ath_s3_chunk_release(chunk);
    return (PyObject *)self;
}

static void chunk_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    ath_s3_chunk_release(((struct core_chunk *)self)->chunk);
    PyObject_Free(self);
    Py_DECREF(type);
}

static Py_ssize_t chunk_length(PyObject *self) {
    return (Py_ssize_t)bytes_of(self).len;
}

static int chunk_getbuffer(PyObject *self, Py_buffer *view, int flags) {
    struct ath_slice bytes = bytes_of(self);
    return PyBuffer_FillInfo(
        view, self, (void *)(uintptr_t)bytes.ptr, (Py_ssize_t)bytes.len, 1, flags);
}

static PyType_Slot chunk_slots[] = {
    CORE_DOC("Bytes of an S3 object's stream, for memoryview(), bytes() and write(); read-only. "
             "The\nmemory goes with the object."),
    {Py_tp_dealloc, chunk_dealloc},
    {Py_sq_length, chunk_length},
    {Py_bf_getbuffer, chunk_getbuffer},
    {0, NULL},
};

PyType_Spec core_chunk_spec = {
    "pyathena._core.S3Chunk",
    sizeof(struct core_chunk),
    0,
    CORE_TYPE_FLAGS | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    chunk_slots};
