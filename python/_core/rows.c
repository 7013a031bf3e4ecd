#include "rows.h"

#include "error.h"
#include "fetch.h"
#include "rows_build.h"

static void drop_made(struct core_rows *self) {
    while (self->block_at < self->block_count)
        Py_DECREF(self->block[self->block_at++]);
    Py_CLEAR(self->stash);
    self->stash_at = 0;
}

static void drop_batch(struct core_rows *self) {
    self->batch = ath_batch_release(self->batch);
    self->batch_row = 0;
}

/* -- made rows
 * ---------------------------------------------------------------------------------------- */

static PyObject *pop_stash(struct core_rows *self) {
    PyObject *row = Py_NewRef(PyList_GET_ITEM(self->stash, self->stash_at));
    if (++self->stash_at >= PyList_GET_SIZE(self->stash)) {
        self->stash_at = 0;
        Py_CLEAR(self->stash);
    }
    return row;
}

PyObject *core_rows_pop(struct core_rows *rows) {
    return rows->stash ? pop_stash(rows) : rows->block[rows->block_at++];
}

static PyObject *peek(const struct core_rows *self) {
    return self->stash ? PyList_GET_ITEM(self->stash, self->stash_at) : self->block[self->block_at];
}

int core_rows_move(struct core_rows *rows, PyObject *list, Py_ssize_t limit) {
    while (core_rows_has_made(rows) && (limit < 0 || PyList_GET_SIZE(list) < limit)) {
        if (PyList_Append(list, peek(rows)) != 0)
            return -1;
        Py_DECREF(core_rows_pop(rows));
    }
    return 0;
}

void core_rows_stash(struct core_rows *rows, PyObject *list) {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    if (rows->failed || rows->closed || PyList_GET_SIZE(list) == 0)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    if (rows->stash) {
        Py_ssize_t end = PyList_GET_SIZE(list);
        PyObject *rest = PyList_GetSlice(rows->stash, rows->stash_at, PyList_GET_SIZE(rows->stash));
        if (!rest || PyList_SetSlice(list, end, end, rest) != 0)
            PyErr_WriteUnraisable((PyObject *)rows);
        Py_XDECREF(rest);
    }
    Py_XSETREF(rows->stash, Py_NewRef(list));
    rows->stash_at = 0;
    PyErr_Restore(type, value, traceback);
}

/* -- reading
 * ------------------------------------------------------------------------------------------ */

/* Raises what the error factory makes of `members` (consumed; None: failed before). */
static void raise_made(struct core_rows *self, PyObject *members) {
    PyObject *error = members ? PyObject_CallOneArg(self->error_factory, members) : NULL;
    Py_XDECREF(members);
    if (!error)
        return;
    if (PyExceptionInstance_Check(error))
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else
        PyErr_Format(
            PyExc_TypeError,
            "error_factory must return an exception, not %.100s",
            Py_TYPE(error)->tp_name);
    Py_DECREF(error);
}

void core_rows_raise_failed(struct core_rows *rows) {
    if (rows->error_factory)
        raise_made(rows, Py_NewRef(Py_None));
    else
        core_raise_text(
            rows->cells.state,
            ATH_ERR_STATE,
            rows->closed ? "the rows are closed" : "the rows cannot be read after a failure");
}

static enum core_rows_state reading_failed(struct core_rows *self, struct ath_error *err) {
    struct ath_error full = {0};
    if (ath_op_error(self->query->op, &full) != 0)
        *err = full;
    self->failed = true;
    drop_made(self);
    drop_batch(self);
    if (self->error_factory)
        raise_made(self, core_error_dict(err));
    else
        core_raise(self->cells.state, err);
    return CORE_ROWS_ERROR;
}

/* Takes the next batch. `finished` was read before, so no batch can slip in between. */
static enum core_rows_state next_batch(struct core_rows *self) {
    struct ath_op *op = self->query->op;
    struct ath_error err = {0};
    for (;;) {
        bool finished = ath_op_is_done(op);
        drop_batch(self);
        int code = ath_query_batch_next(op, &self->batch, &err);
        if (code == 0 && !finished)
            return CORE_ROWS_WAIT;
        if (code == 0)
            code = ath_op_error(op, &err);
        if (code < 0) {
            err.code = code;
            return reading_failed(self, &err);
        }
        if (!self->batch) {
            self->ended = true;
            return CORE_ROWS_END;
        }
        if (ath_batch_columns(self->batch) != (size_t)self->columns_count) {
            err = (struct ath_error){
                .code = ATH_ERR_PROTOCOL, .message = "a batch with another number of columns"};
            return reading_failed(self, &err);
        }
        if (ath_batch_rows(self->batch) > 0)
            return CORE_ROWS_READY;
    }
}

enum core_rows_state core_rows_poll(struct core_rows *rows) {
    if (rows->failed || rows->closed)
        return CORE_ROWS_FAILED;
    if (core_rows_has_made(rows))
        return CORE_ROWS_READY;
    if (rows->batch && rows->batch_row < ath_batch_rows(rows->batch))
        return CORE_ROWS_READY;
    if (rows->ended)
        return CORE_ROWS_END;
    if (rows->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the rows are being read by another fetch");
        return CORE_ROWS_ERROR;
    }
    return next_batch(rows);
}

/* Builds if there is something to build now; READY means a row has been made. */
static enum core_rows_state advance(struct core_rows *self) {
    enum core_rows_state state = core_rows_poll(self);
    if (state == CORE_ROWS_FAILED) {
        core_rows_raise_failed(self);
        return CORE_ROWS_ERROR;
    }
    if (state == CORE_ROWS_READY && !core_rows_has_made(self) && core_rows_build(self) != 0)
        return CORE_ROWS_ERROR;
    return state;
}

/* Appends rows to `list` until it has `limit`, none is ready, or `budget_ns` passed. Returns the
 * state after it. */
static enum core_rows_state
fill(struct core_rows *self, PyObject *list, Py_ssize_t limit, int64_t budget_ns) {
    int64_t begin = budget_ns > 0 ? core_now_ns() : 0;
    while (limit < 0 || PyList_GET_SIZE(list) < limit) {
        enum core_rows_state state = advance(self);
        if (state != CORE_ROWS_READY)
            return state;
        if (core_rows_move(self, list, limit) != 0)
            return CORE_ROWS_ERROR;
        if (budget_ns > 0 && core_now_ns() - begin >= budget_ns)
            break;
    }
    return CORE_ROWS_READY;
}

/* A list that is filled for a while; only the finished one is shown to the collector. */
static PyObject *hidden_list(void) {
    PyObject *list = PyList_New(0);
    if (list)
        PyObject_GC_UnTrack(list);
    return list;
}

static PyObject *deliver(struct core_rows *self, PyObject *list) {
    self->rownumber += PyList_GET_SIZE(list);
    PyObject_GC_Track(list);
    return list;
}

static PyObject *fail(struct core_rows *self, PyObject *list) {
    core_rows_stash(self, list);
    Py_DECREF(list);
    return NULL;
}

static int parse_limit(PyObject *value, Py_ssize_t *out_limit) {
    *out_limit = -1;
    if (value == Py_None)
        return 0;
    *out_limit = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (*out_limit >= 0)
        return 0;
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "limit must not be negative");
    return -1;
}

static PyObject *take(struct core_rows *self, Py_ssize_t limit, int64_t budget_ns) {
    PyObject *list = hidden_list();
    if (!list)
        return NULL;
    if (fill(self, list, limit, budget_ns) == CORE_ROWS_ERROR)
        return fail(self, list);
    return deliver(self, list);
}

static PyObject *rows_take(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"limit", "budget_ns", NULL};
    PyObject *limit_object = Py_None;
    long long budget_ns = 0;
    Py_ssize_t limit;
    PyObject *result;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "|OL:take", CORE_NAMES(names), &limit_object, &budget_ns) ||
        parse_limit(limit_object, &limit) != 0)
        return NULL;
    CORE_LOCK(self);
    result = take((struct core_rows *)self, limit, budget_ns);
    CORE_UNLOCK();
    return result;
}

/* How long a blocking read keeps the interpreter before it lets other threads run. */
#define READ_SLICE_NS 5000000

/* Between slices of a blocking read. 0, or -1 with an exception. */
static int pause_reading(struct core_rows *self, enum core_rows_state state) {
    if (state == CORE_ROWS_WAIT)
        return core_query_wait(self->query, ATH_WAIT_BATCH | ATH_WAIT_DONE, -1) < 0 ? -1 : 0;
    Py_BEGIN_ALLOW_THREADS Py_END_ALLOW_THREADS return PyErr_CheckSignals();
}

static PyObject *read_list(struct core_rows *self, Py_ssize_t limit) {
    PyObject *list = hidden_list();
    if (!list)
        return NULL;
    for (;;) {
        enum core_rows_state state = fill(self, list, limit, READ_SLICE_NS);
        if (state == CORE_ROWS_ERROR)
            return fail(self, list);
        if (state == CORE_ROWS_END || (limit >= 0 && PyList_GET_SIZE(list) >= limit))
            return deliver(self, list);
        if (pause_reading(self, state) != 0)
            return fail(self, list);
    }
}

static PyObject *rows_read(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"limit", NULL};
    PyObject *limit_object = Py_None;
    Py_ssize_t limit;
    PyObject *result;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:read", CORE_NAMES(names), &limit_object) ||
        parse_limit(limit_object, &limit) != 0)
        return NULL;
    CORE_LOCK(self);
    result = read_list((struct core_rows *)self, limit);
    CORE_UNLOCK();
    return result;
}

/* The next row; NULL without an exception at the end. */
static PyObject *read_row(struct core_rows *self) {
    enum core_rows_state state;
    while ((state = advance(self)) == CORE_ROWS_WAIT)
        if (pause_reading(self, state) != 0)
            return NULL;
    if (state != CORE_ROWS_READY)
        return NULL;
    self->rownumber++;
    return core_rows_pop(self);
}

static PyObject *rows_next(PyObject *self) {
    PyObject *row;
    CORE_LOCK(self);
    row = read_row((struct core_rows *)self);
    CORE_UNLOCK();
    return row;
}

static PyObject *rows_read_one(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    PyObject *row = rows_next(self);
    return row || PyErr_Occurred() ? row : Py_NewRef(Py_None);
}

/* -- awaitables: fetch.c
 * ------------------------------------------------------------------------------ */

static PyObject *rows_fetch(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"limit", "bridge", NULL};
    PyObject *limit_object;
    PyObject *bridge;
    Py_ssize_t limit;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OO:fetch", CORE_NAMES(names), &limit_object, &bridge) ||
        parse_limit(limit_object, &limit) != 0)
        return NULL;
    return core_fetch_new((struct core_rows *)self, bridge, CORE_FETCH_LIST, limit);
}

static PyObject *rows_fetch_one(PyObject *self, PyObject *bridge) {
    return core_fetch_new((struct core_rows *)self, bridge, CORE_FETCH_ONE, 1);
}

static PyObject *rows_anext(PyObject *self, PyObject *bridge) {
    return core_fetch_new((struct core_rows *)self, bridge, CORE_FETCH_NEXT, 1);
}

static PyObject *rows_iterate(PyObject *self, PyObject *bridge) {
    return core_iterator_new((struct core_rows *)self, bridge);
}

/* -- life
 * --------------------------------------------------------------------------------------------- */

static int read_converters(struct core_rows *self, PyObject *converters) {
    if (self->columns_count > 0) {
        self->columns = PyMem_Calloc((size_t)self->columns_count, sizeof(struct core_cell_column));
        if (!self->columns) {
            PyErr_NoMemory();
            return -1;
        }
    }
    if (converters == Py_None)
        return 0;
    PyObject *fast = PySequence_Fast(converters, "converters must be a sequence");
    if (!fast)
        return -1;
    int code = 0;
    if (PySequence_Fast_GET_SIZE(fast) != self->columns_count) {
        PyErr_Format(
            PyExc_ValueError,
            "%zd converters for %zd columns",
            PySequence_Fast_GET_SIZE(fast),
            self->columns_count);
        code = -1;
    }
    for (Py_ssize_t i = 0; code == 0 && i < self->columns_count; i++) {
        PyObject *converter = PySequence_Fast_GET_ITEM(fast, i);
        if (converter == Py_None)
            continue;
        if (!PyCallable_Check(converter)) {
            PyErr_Format(PyExc_TypeError, "converters[%zd] must be callable or None", i);
            code = -1;
        } else {
            self->columns[i].converter = Py_NewRef(converter);
        }
    }
    Py_DECREF(fast);
    return code;
}

/* The names of the columns: `given`, or as the query tells. */
static int
read_names(struct core_rows *self, PyObject *given, const struct ath_column_info *columns) {
    if (given != Py_None) {
        self->names = PySequence_Tuple(given);
        if (self->names && PyTuple_GET_SIZE(self->names) != self->columns_count) {
            PyErr_Format(
                PyExc_ValueError,
                "%zd names for %zd columns",
                PyTuple_GET_SIZE(self->names),
                self->columns_count);
            return -1;
        }
        return self->names ? 0 : -1;
    }
    self->names = PyTuple_New(self->columns_count);
    for (Py_ssize_t i = 0; self->names && i < self->columns_count; i++) {
        PyObject *name = PyUnicode_FromString(columns[i].name);
        if (!name)
            return -1;
        PyUnicode_InternInPlace(&name);
        PyTuple_SET_ITEM(self->names, i, name);
    }
    return self->names ? 0 : -1;
}

static int read_kind(struct core_rows *self, PyObject *kind) {
    if (kind == (PyObject *)&PyTuple_Type) {
        self->kind = CORE_ROWS_TUPLE;
        return 0;
    }
    if (kind != (PyObject *)&PyDict_Type) {
        self->kind = CORE_ROWS_FACTORY;
        self->factory = Py_NewRef(kind);
        if (PyCallable_Check(kind))
            return 0;
        PyErr_SetString(PyExc_TypeError, "kind must be tuple, dict or another callable");
        return -1;
    }
    self->kind = CORE_ROWS_DICT;
    self->template_row = PyDict_New();
    for (Py_ssize_t i = 0; self->template_row && i < self->columns_count; i++)
        if (PyDict_SetItem(self->template_row, PyTuple_GET_ITEM(self->names, i), Py_None) != 0)
            return -1;
    return self->template_row ? 0 : -1;
}

static PyObject *optional(PyObject *value) {
    return value == Py_None ? NULL : Py_NewRef(value);
}

static PyObject *rows_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {
        "query", "kind", "converters", "names", "error_factory", "value_error", NULL};
    struct core_state *state = PyType_GetModuleState(type);
    PyObject *query;
    PyObject *kind = (PyObject *)&PyTuple_Type;
    PyObject *converters = Py_None;
    PyObject *column_names = Py_None;
    PyObject *error_factory = Py_None;
    PyObject *value_error = Py_None;
    if (!PyArg_ParseTupleAndKeywords(
            args,
            kwargs,
            "O!|OOOOO:Rows",
            CORE_NAMES(names),
            state->query_type,
            &query,
            &kind,
            &converters,
            &column_names,
            &error_factory,
            &value_error))
        return NULL;
    struct core_rows *self = (struct core_rows *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->query = (struct core_query *)Py_NewRef(query);
    self->cells.state = state;
    self->error_factory = optional(error_factory);
    self->value_error = optional(value_error);
    size_t count = 0;
    const struct ath_column_info *columns = ath_query_columns(self->query->op, &count);
    self->columns_count = columns ? (Py_ssize_t)count : 0;
    if (read_converters(self, converters) != 0 || read_names(self, column_names, columns) != 0 ||
        read_kind(self, kind) != 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int rows_traverse(PyObject *object, visitproc visit, void *arg) {
    struct core_rows *self = (struct core_rows *)object;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->query);
    Py_VISIT(self->names);
    Py_VISIT(self->template_row);
    Py_VISIT(self->factory);
    Py_VISIT(self->error_factory);
    Py_VISIT(self->value_error);
    Py_VISIT(self->cells.create_decimal);
    Py_VISIT(self->stash);
    for (Py_ssize_t i = 0; self->columns && i < self->columns_count; i++)
        Py_VISIT(self->columns[i].converter);
    for (int i = self->block_at; i < self->block_count; i++)
        Py_VISIT(self->block[i]);
    return 0;
}

/* The query stays: others may still come in through an awaitable of ours. */
static int rows_clear(PyObject *object) {
    struct core_rows *self = (struct core_rows *)object;
    self->closed = true;
    drop_made(self);
    Py_CLEAR(self->template_row);
    Py_CLEAR(self->factory);
    Py_CLEAR(self->error_factory);
    Py_CLEAR(self->value_error);
    for (Py_ssize_t i = 0; self->columns && i < self->columns_count; i++)
        Py_CLEAR(self->columns[i].converter);
    return 0;
}

static void rows_dealloc(PyObject *object) {
    struct core_rows *self = (struct core_rows *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    rows_clear(object);
    drop_batch(self);
    for (Py_ssize_t i = 0; self->columns && i < self->columns_count; i++)
        core_cell_column_clear(&self->columns[i]);
    PyMem_Free(self->columns);
    Py_CLEAR(self->cells.create_decimal);
    Py_CLEAR(self->names);
    Py_CLEAR(self->query);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *rows_close(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    struct core_rows *self = (struct core_rows *)object;
    CORE_LOCK(object);
    self->closed = true;
    drop_made(self);
    if (!self->busy)
        drop_batch(self);
    CORE_UNLOCK();
    Py_RETURN_NONE;
}

static PyObject *get_state(PyObject *self, void *Py_UNUSED(closure)) {
    enum core_rows_state state;
    CORE_LOCK(self);
    state = core_rows_poll((struct core_rows *)self);
    CORE_UNLOCK();
    return state == CORE_ROWS_ERROR ? NULL : PyLong_FromLong(state);
}

static PyObject *get_rownumber(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromLongLong(((struct core_rows *)self)->rownumber);
}

static PyObject *get_failed(PyObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(((struct core_rows *)self)->failed);
}

static PyObject *get_closed(PyObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(((struct core_rows *)self)->closed);
}

static PyObject *get_names(PyObject *self, void *Py_UNUSED(closure)) {
    return Py_NewRef(((struct core_rows *)self)->names);
}

static PyMethodDef rows_methods[] = {
    {"take",
     CORE_KEYWORDS(rows_take),
     "take(limit=None, budget_ns=0)\n--\n\nUp to `limit` rows from what is ready, made within "
     "about\n"
     "`budget_ns` (0: no bound). Never waits; `state` tells why the list is short."},
    {"read",
     CORE_KEYWORDS(rows_read),
     "read(limit=None)\n--\n\nUp to `limit` rows, waiting for them with other threads running."},
    {"read_one", rows_read_one, METH_NOARGS, "The next row, waiting for it, or None at the end."},
    {"fetch",
     CORE_KEYWORDS(rows_fetch),
     "fetch(limit, bridge)\n--\n\nAn awaitable for up to `limit` rows (None: all) as a list."},
    {"fetch_one", rows_fetch_one, METH_O, "fetch_one(bridge): an awaitable for a row or None."},
    {"anext",
     rows_anext,
     METH_O,
     "anext(bridge): an awaitable for a row; StopAsyncIteration at the end."},
    {"iterate", rows_iterate, METH_O, "iterate(bridge): an asynchronous iterator over the rows."},
    {"close", rows_close, METH_NOARGS, "Drop what was read; fetches fail from now on."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef rows_getset[] = {
    {"state", get_state, NULL, "A ROWS_* number; takes the next batch when there is one.", NULL},
    {"rownumber", get_rownumber, NULL, "Rows delivered so far.", NULL},
    {"failed", get_failed, NULL, "Reading or converting failed.", NULL},
    {"closed", get_closed, NULL, "close() was called.", NULL},
    {"names", get_names, NULL, "The names of the columns, a tuple.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot rows_slots[] = {
    CORE_DOC("Rows(query, kind=tuple, converters=None, names=None, error_factory=None, "
             "value_error=None)\n--\n\n"
             "The rows of a query from EVENT_RESULT on. `kind` is tuple, dict, or a callable that\n"
             "gets zip(names, values). `converters` has a callable or None for each column; it\n"
             "gets the text of every cell of batches in which the column lies as text.\n"
             "`error_factory(members)` makes the exception for a failed reading from the dict of\n"
             "Query.error(), or from None for a fetch after a failure or close().\n"
             "`value_error(index, exception)` makes the one for a failed conversion."),
    {Py_tp_new, rows_new},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, rows_next},
    {Py_tp_traverse, rows_traverse},
    {Py_tp_clear, rows_clear},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_methods, rows_methods},
    {Py_tp_getset, rows_getset},
    {0, NULL},
};

PyType_Spec core_rows_spec = {
    "pyathena._core.Rows",
    sizeof(struct core_rows),
    0,
    CORE_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC,
    rows_slots};
