#include "arrow_stream.h"

#include "error.h"

#include <errno.h>
#include <string.h>

struct stream {
    struct ath_op *op;
    struct ath_error err;
    size_t next;
    size_t count;
    struct ath_batch *batches[];
};

static int errno_of(int code) {
    if (code == 0)
        return 0;
    if (code == ATH_ERR_NOMEM)
        return ENOMEM;
    return code == ATH_ERR_VALUE ? EINVAL : EIO;
}

static int get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
    struct stream *stream = self->private_data;
    return errno_of(ath_query_arrow_schema(stream->op, out, &stream->err));
}

static int get_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
    struct stream *stream = self->private_data;
    if (stream->next == stream->count) {
        memset(out, 0, sizeof(*out));
        return 0;
    }
    int code = ath_batch_arrow_array(stream->batches[stream->next], out, &stream->err);
    if (code == 0)
        stream->batches[stream->next] = ath_batch_release(stream->batches[stream->next]);
    if (code == 0)
        stream->next++;
    return errno_of(code);
}

static const char *get_last_error(struct ArrowArrayStream *self) {
    struct stream *stream = self->private_data;
    return stream->err.message[0] != '\0' ? stream->err.message : NULL;
}

static void release(struct ArrowArrayStream *self) {
    struct stream *stream = self->private_data;
    for (size_t i = stream->next; i < stream->count; i++)
        ath_batch_release(stream->batches[i]);
    ath_op_release(stream->op);
    PyMem_RawFree(stream);
    self->release = NULL;
}

static void stream_capsule_free(PyObject *capsule) {
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream->release)
        stream->release(stream);
    PyMem_RawFree(stream);
}

static void schema_capsule_free(PyObject *capsule) {
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema->release)
        schema->release(schema);
    PyMem_RawFree(schema);
}

PyObject *core_arrow_stream(struct ath_op *op, struct ath_batch *const *batches, size_t count) {
    struct ArrowArrayStream *outer = PyMem_RawCalloc(1, sizeof(*outer));
    struct stream *stream = PyMem_RawCalloc(1, sizeof(*stream) + count * sizeof(*batches));
    PyObject *capsule =
        outer && stream ? PyCapsule_New(outer, "arrow_array_stream", stream_capsule_free) : NULL;
    if (!capsule) {
        PyMem_RawFree(outer);
        PyMem_RawFree(stream);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    stream->op = ath_op_retain(op);
    stream->count = count;
    for (size_t i = 0; i < count; i++)
        stream->batches[i] = ath_batch_retain(batches[i]);
    *outer = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, stream};
    return capsule;
}

PyObject *core_arrow_schema(struct core_state *state, struct ath_op *op) {
    struct ath_error err = {0};
    struct ArrowSchema *schema = PyMem_RawCalloc(1, sizeof(*schema));
    if (!schema)
        return PyErr_NoMemory();
    if (ath_query_arrow_schema(op, schema, &err) != 0) {
        PyMem_RawFree(schema);
        return core_raise(state, &err);
    }
    PyObject *capsule = PyCapsule_New(schema, "arrow_schema", schema_capsule_free);
    if (!capsule) {
        schema->release(schema);
        PyMem_RawFree(schema);
    }
    return capsule;
}
