#include "batches.h"

#include "arrow_stream.h"
#include "error.h"
#include "query.h"
#include "rows.h"

/* Batches taken by one poll at most, so that it stays short. */
#define POLL_MAX 64

struct core_batches {
    PyObject_HEAD struct core_query *query;
    struct ath_batch **batches; /* from PyMem */
    size_t count;
    size_t capacity;
    unsigned long long rows;
    bool ended;
    bool closed;
};

static void drop_all(struct core_batches *self) {
    for (size_t i = 0; i < self->count; i++)
        ath_batch_release(self->batches[i]);
    PyMem_Free(self->batches);
    self->batches = NULL;
    self->count = self->capacity = 0;
    self->rows = 0;
}

static PyObject *batches_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"query", NULL};
    struct core_state *state = PyType_GetModuleState(type);
    PyObject *query;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O!:Batches", CORE_NAMES(names), state->query_type, &query))
        return NULL;
    struct core_batches *self = (struct core_batches *)type->tp_alloc(type, 0);
    if (self)
        self->query = (struct core_query *)Py_NewRef(query);
    return (PyObject *)self;
}

static void batches_dealloc(PyObject *object) {
    struct core_batches *self = (struct core_batches *)object;
    PyTypeObject *type = Py_TYPE(object);
    drop_all(self);
    Py_XDECREF(self->query);
    type->tp_free(object);
    Py_DECREF(type);
}

/* Takes one batch more. The room for it is made first, so a taken batch is never lost. */
static enum core_rows_state take_batch(struct core_batches *self) {
    struct ath_op *op = self->query->op;
    struct ath_error err = {0};
    if (self->count == self->capacity) {
        size_t capacity = self->capacity * 2 + 16;
        struct ath_batch **grown = PyMem_Resize(self->batches, struct ath_batch *, capacity);
        if (!grown) {
            PyErr_NoMemory();
            return CORE_ROWS_ERROR;
        }
        self->batches = grown;
        self->capacity = capacity;
    }
    bool finished = ath_op_is_done(op);
    int code = ath_query_batch_next(op, &self->batches[self->count], &err);
    if (code > 0) {
        self->rows += ath_batch_rows(self->batches[self->count++]);
        return CORE_ROWS_READY;
    }
    if (code == 0 && !finished)
        return CORE_ROWS_WAIT;
    struct ath_error full = {0};
    if (ath_op_error(op, &full) != 0)
        err = full;
    else
        err.code = code;
    if (err.code == 0) {
        self->ended = true;
        return CORE_ROWS_END;
    }
    core_raise(core_state_of((PyObject *)self), &err);
    return CORE_ROWS_ERROR;
}

static enum core_rows_state poll_batches(struct core_batches *self) {
    if (self->closed) {
        core_raise_text(core_state_of((PyObject *)self), ATH_ERR_STATE, "the batches are closed");
        return CORE_ROWS_ERROR;
    }
    enum core_rows_state state = self->ended ? CORE_ROWS_END : CORE_ROWS_READY;
    for (int i = 0; state == CORE_ROWS_READY && i < POLL_MAX; i++)
        state = take_batch(self);
    return state;
}

static PyObject *batches_poll(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    enum core_rows_state state;
    CORE_LOCK(self);
    state = poll_batches((struct core_batches *)self);
    CORE_UNLOCK();
    return state == CORE_ROWS_ERROR ? NULL : PyLong_FromLong(state);
}

static int read_all(struct core_batches *self) {
    for (;;) {
        switch (poll_batches(self)) {
        case CORE_ROWS_END:
            return 0;
        case CORE_ROWS_WAIT:
            if (core_query_wait(self->query, ATH_WAIT_BATCH | ATH_WAIT_DONE, -1) < 0)
                return -1;
            break;
        case CORE_ROWS_READY:
            break;
        case CORE_ROWS_ERROR:
        case CORE_ROWS_FAILED:
            return -1;
        }
    }
}

static PyObject *batches_read(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    int code;
    CORE_LOCK(self);
    code = read_all((struct core_batches *)self);
    CORE_UNLOCK();
    if (code != 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *export_stream(struct core_batches *self) {
    if (self->ended && !self->closed)
        return core_arrow_stream(self->query->op, self->batches, self->count);
    return core_raise_text(
        core_state_of((PyObject *)self),
        ATH_ERR_STATE,
        self->closed ? "the batches are closed" : "the batches have not all been read");
}

static PyObject *batches_stream(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"requested_schema", NULL};
    PyObject *requested = Py_None; /* a wish, which the interface lets us leave unanswered */
    PyObject *capsule;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "|O:__arrow_c_stream__", CORE_NAMES(names), &requested))
        return NULL;
    CORE_LOCK(self);
    capsule = export_stream((struct core_batches *)self);
    CORE_UNLOCK();
    return capsule;
}

static PyObject *batches_schema(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    return core_arrow_schema(core_state_of(self), ((struct core_batches *)self)->query->op);
}

static PyObject *batches_close(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    struct core_batches *self = (struct core_batches *)object;
    CORE_LOCK(object);
    self->closed = true;
    drop_all(self);
    CORE_UNLOCK();
    Py_RETURN_NONE;
}

static PyObject *get_rows(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromUnsignedLongLong(((struct core_batches *)self)->rows);
}

static PyMethodDef batches_methods[] = {
    {"poll",
     batches_poll,
     METH_NOARGS,
     "Take the batches that are ready: ROWS_WAIT, ROWS_END, or ROWS_READY when there may be more."},
    {"read", batches_read, METH_NOARGS, "Take all batches, waiting with other threads running."},
    {"close", batches_close, METH_NOARGS, "Drop the batches; exported streams keep theirs."},
    {"__arrow_c_schema__", batches_schema, METH_NOARGS, "A capsule with the ArrowSchema."},
    {"__arrow_c_stream__",
     CORE_KEYWORDS(batches_stream),
     "__arrow_c_stream__(requested_schema=None)\n--\n\nA capsule with an ArrowArrayStream over "
     "all\n"
     "batches; only when all have been read. Buffers are shared, not copied."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef batches_getset[] = {
    {"rows", get_rows, NULL, "Rows taken so far.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot batches_slots[] = {
    CORE_DOC(
        "Batches(query)\n--\n\nThe result of a query kept as columns, from EVENT_RESULT on. Takes\n"
        "the batches of the query, so it excludes Rows over the same."),
    {Py_tp_new, batches_new},
    {Py_tp_dealloc, batches_dealloc},
    {Py_tp_methods, batches_methods},
    {Py_tp_getset, batches_getset},
    {0, NULL},
};

PyType_Spec core_batches_spec = {
    "pyathena._core.Batches", sizeof(struct core_batches), 0, CORE_TYPE_FLAGS, batches_slots};
