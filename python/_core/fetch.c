#include "fetch.h"

#include "budget.h"
#include "rows_build.h"

#define YOUNG_ROWS_MAX 256

struct core_fetch {
    PyObject_HEAD struct core_rows *rows;
    PyObject *bridge;
    struct core_budget *budget;
    PyObject *list;    /* LIST: what has been gathered */
    PyObject *waiting; /* the iterator of a future, or NULL */
    Py_ssize_t limit;
    enum core_fetch_mode mode;
    bool done;
    bool holds_gc;
    Py_ssize_t young_rows; /* made since the collector looked last */
    struct core_waiter waiter;
};

void core_gc_hold(struct core_state *state) {
    if (state->gc_holds++ == 0)
        state->gc_was_on = PyGC_Disable() != 0;
}

void core_gc_release(struct core_state *state) {
    if (state->gc_holds > 0 && --state->gc_holds == 0 && state->gc_was_on)
        PyGC_Enable();
}

/*
 * Rows that the collector must know (lists, dicts among their values) pile up by the hundred
 * thousand in a long fetch, and each full collection on the way walks all of them, for nothing: the
 * loop would stand still ever longer. So such a fetch of a list holds automatic collection off
 * until it ends, and lets the collector look at the young objects alone, a few at a time.
 */
static void hold_gc(struct core_fetch *self) {
    if (self->holds_gc || self->mode != CORE_FETCH_LIST || !self->rows->makes_tracked)
        return;
    self->holds_gc = true;
    core_gc_hold(self->rows->cells.state);
}

static PyObject *import_collect(void) {
    PyObject *module = PyImport_ImportModule("gc");
    PyObject *collect = module ? PyObject_GetAttrString(module, "collect") : NULL;
    Py_XDECREF(module);
    return collect;
}

/* When `rows_max` were made: the two young generations become the old one. 0 or -1. */
static int age_rows(struct core_fetch *self, Py_ssize_t rows_max) {
    struct core_state *state = self->rows->cells.state;
    if (!self->holds_gc || !state->gc_was_on || self->young_rows <= rows_max)
        return 0;
    self->young_rows = 0;
    if (!state->gc_collect && !(state->gc_collect = import_collect()))
        return -1;
    PyObject *found = PyObject_CallFunction(state->gc_collect, "i", 1);
    Py_XDECREF(found);
    return found ? 0 : -1;
}

static void release_gc(struct core_fetch *self) {
    if (!self->holds_gc)
        return;
    self->holds_gc = false;
    core_gc_release(self->rows->cells.state);
}

/* -- one step
 * ----------------------------------------------------------------------------------------- */

/* Ends without a result: what was gathered goes back to the rows. Keeps a set exception. */
static PySendResult give_up(struct core_fetch *self) {
    self->done = true;
    release_gc(self);
    core_budget_leave(self->budget, &self->waiter);
    if (self->list)
        core_rows_stash(self->rows, self->list);
    Py_CLEAR(self->list);
    return PYGEN_ERROR;
}

static PySendResult answer(struct core_fetch *self, PyObject *value, PyObject **result) {
    self->done = true;
    release_gc(self);
    core_budget_leave(self->budget, &self->waiter);
    *result = value;
    return PYGEN_RETURN;
}

static PySendResult answer_row(struct core_fetch *self, PyObject **result) {
    self->rows->rownumber++;
    return answer(self, core_rows_pop(self->rows), result);
}

static PySendResult answer_list(struct core_fetch *self, PyObject **result) {
    PyObject *list = self->list;
    self->list = NULL;
    self->rows->rownumber += PyList_GET_SIZE(list);
    PyObject_GC_Track(list);
    return answer(self, list, result);
}

static PySendResult end_list(struct core_fetch *self, PyObject **result) {
    return age_rows(self, 0) == 0 ? answer_list(self, result) : give_up(self);
}

static PySendResult answer_end(struct core_fetch *self, PyObject **result) {
    if (self->mode == CORE_FETCH_ONE)
        return answer(self, Py_NewRef(Py_None), result);
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return give_up(self);
}

/* Whether the made rows are enough; for a LIST they are gathered first. 1, 0 or -1. */
static int gather(struct core_fetch *self) {
    if (self->rows->failed || self->rows->closed)
        return 0;
    if (self->mode != CORE_FETCH_LIST)
        return core_rows_has_made(self->rows);
    if (!self->list) {
        self->list = PyList_New(0);
        if (!self->list)
            return -1;
        PyObject_GC_UnTrack(self->list);
    }
    if (core_rows_move(self->rows, self->list, self->limit) != 0)
        return -1;
    return self->limit >= 0 && PyList_GET_SIZE(self->list) >= self->limit;
}

static int begin_waiting(struct core_fetch *self) {
    struct core_state *state = self->rows->cells.state;
    core_budget_leave(self->budget, &self->waiter);
    PyObject *future = PyObject_CallMethodOneArg(
        self->bridge, state->name_wait_batch, (PyObject *)self->rows->query);
    if (!future)
        return -1;
    PyAsyncMethods *async = Py_TYPE(future)->tp_as_async;
    if (async && async->am_await)
        self->waiting = async->am_await(future);
    else
        PyErr_Format(
            PyExc_TypeError,
            "wait_batch() must return a future, not %.100s",
            Py_TYPE(future)->tp_name);
    Py_DECREF(future);
    return self->waiting ? 0 : -1;
}

/* Goes on with the future. NEXT: it still waits; RETURN: it is done. */
static PySendResult step_waiting(struct core_fetch *self, PyObject **result) {
    PySendResult sent = PyIter_Send(self->waiting, Py_None, result);
    if (sent == PYGEN_NEXT)
        return sent;
    Py_CLEAR(self->waiting);
    if (sent == PYGEN_ERROR)
        return give_up(self);
    Py_CLEAR(*result);
    return sent;
}

static PySendResult step_locked(struct core_fetch *self, PyObject **result) {
    *result = NULL;
    for (;;) {
        if (self->waiting) {
            PySendResult sent = step_waiting(self, result);
            if (sent != PYGEN_RETURN)
                return sent;
        }
        int enough = gather(self);
        if (enough < 0)
            return give_up(self);
        if (enough > 0)
            return self->mode == CORE_FETCH_LIST ? end_list(self, result)
                                                 : answer_row(self, result);
        switch (core_rows_poll(self->rows)) {
        case CORE_ROWS_FAILED:
            core_rows_raise_failed(self->rows);
            return give_up(self);
        case CORE_ROWS_ERROR:
            return give_up(self);
        case CORE_ROWS_END:
            return self->mode == CORE_FETCH_LIST ? end_list(self, result)
                                                 : answer_end(self, result);
        case CORE_ROWS_WAIT:
            if (begin_waiting(self) != 0)
                return give_up(self);
            continue;
        case CORE_ROWS_READY:
            break;
        }
        int allowed = core_budget_ask(self->budget, &self->waiter);
        if (allowed == 0) {
            *result = Py_NewRef(Py_None);
            return PYGEN_NEXT;
        }
        hold_gc(self);
        if (allowed < 0 || core_rows_build(self->rows) != 0)
            return give_up(self);
        self->young_rows += (Py_ssize_t)self->rows->block_count;
        if (age_rows(self, YOUNG_ROWS_MAX) != 0)
            return give_up(self);
    }
}

static PySendResult fetch_send(PyObject *object, PyObject *Py_UNUSED(value), PyObject **result) {
    struct core_fetch *self = (struct core_fetch *)object;
    PySendResult sent;
    if (self->done) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse an awaited fetch");
        *result = NULL;
        return PYGEN_ERROR;
    }
    CORE_LOCK(self->rows);
    sent = step_locked(self, result);
    CORE_UNLOCK();
    return sent;
}

/* -- the generator's side
 * ------------------------------------------------------------------------------ */

/* Consumes `value`. A tuple or exception given to PyErr_SetObject() would be taken apart. */
static bool stop_iteration(PyObject *value) {
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    Py_DECREF(value);
    if (!stop)
        return false;
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
    return true;
}

static PyObject *fetch_next(PyObject *object) {
    struct core_fetch *self = (struct core_fetch *)object;
    PyObject *result;
    if (fetch_send(object, Py_None, &result) != PYGEN_RETURN)
        return result;
    /* Rows that could not be handed over are gone: better no further row than a gap. */
    if (!stop_iteration(result))
        self->rows->failed = true;
    return NULL;
}

static PyObject *fetch_send_method(PyObject *self, PyObject *Py_UNUSED(value)) {
    return fetch_next(self);
}

/* Sets the exception that throw(type[, value[, traceback]]) names. */
static void set_thrown(PyObject *type, PyObject *value, PyObject *traceback) {
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
        return;
    }
    if (!PyExceptionClass_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
        return;
    }
    PyErr_Restore(
        Py_NewRef(type),
        value && value != Py_None ? Py_NewRef(value) : NULL,
        traceback && traceback != Py_None ? Py_NewRef(traceback) : NULL);
}

/* Throws into the future; what comes of it is as after a step. */
static PyObject *throw_waiting(struct core_fetch *self, PyObject *args) {
    PyObject *method = PyObject_GetAttr(self->waiting, self->rows->cells.state->name_throw);
    PyObject *result = method ? PyObject_Call(method, args, NULL) : NULL;
    Py_XDECREF(method);
    if (result)
        return result;
    Py_CLEAR(self->waiting);
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        give_up(self);
        return NULL;
    }
    PyErr_Clear();
    return fetch_next((PyObject *)self);
}

static PyObject *fetch_throw(PyObject *object, PyObject *args) {
    struct core_fetch *self = (struct core_fetch *)object;
    PyObject *type;
    PyObject *value = NULL;
    PyObject *traceback = NULL;
    if (!PyArg_UnpackTuple(args, "throw", 1, 3, &type, &value, &traceback))
        return NULL;
    if (self->waiting)
        return throw_waiting(self, args);
    set_thrown(type, value, traceback);
    if (!self->done) {
        CORE_LOCK(self->rows);
        give_up(self);
        CORE_UNLOCK();
    }
    return NULL;
}

static PyObject *fetch_close(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    struct core_fetch *self = (struct core_fetch *)object;
    Py_CLEAR(self->waiting);
    if (!self->done) {
        CORE_LOCK(self->rows);
        give_up(self);
        CORE_UNLOCK();
    }
    Py_RETURN_NONE;
}

/* -- life
 * ---------------------------------------------------------------------------------------------- */

static struct core_budget *budget_of(struct core_state *state, PyObject *bridge) {
    PyObject *budget = PyObject_GetAttr(bridge, state->name_budget);
    if (budget && !Py_IS_TYPE(budget, state->budget_type)) {
        PyErr_Format(
            PyExc_TypeError,
            "bridge.budget must be LoopBudget, not %.100s",
            Py_TYPE(budget)->tp_name);
        Py_CLEAR(budget);
    }
    return (struct core_budget *)budget;
}

/* Consumes `budget`. */
static PyObject *fetch_make(
    struct core_rows *rows,
    PyObject *bridge,
    struct core_budget *budget,
    enum core_fetch_mode mode,
    Py_ssize_t limit) {
    struct core_fetch *self = PyObject_GC_New(struct core_fetch, rows->cells.state->fetch_type);
    if (!self) {
        Py_DECREF(budget);
        return NULL;
    }
    self->rows = (struct core_rows *)Py_NewRef((PyObject *)rows);
    self->bridge = Py_NewRef(bridge);
    self->budget = budget;
    self->list = NULL;
    self->waiting = NULL;
    self->limit = limit;
    self->mode = mode;
    self->done = false;
    self->holds_gc = false;
    self->young_rows = 0;
    self->waiter = (struct core_waiter){0};
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

PyObject *core_fetch_new(
    struct core_rows *rows, PyObject *bridge, enum core_fetch_mode mode, Py_ssize_t limit) {
    struct core_budget *budget = budget_of(rows->cells.state, bridge);
    return budget ? fetch_make(rows, bridge, budget, mode, limit) : NULL;
}

static int fetch_traverse(PyObject *object, visitproc visit, void *arg) {
    struct core_fetch *self = (struct core_fetch *)object;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->rows);
    Py_VISIT(self->bridge);
    Py_VISIT(self->budget);
    Py_VISIT(self->list);
    Py_VISIT(self->waiting);
    return 0;
}

/* Rows and budget are needed to the end; they refer back to us only through bridge and waiting. */
static int fetch_clear(PyObject *object) {
    struct core_fetch *self = (struct core_fetch *)object;
    self->done = true;
    if (self->rows)
        release_gc(self);
    core_budget_leave(self->budget, &self->waiter);
    Py_CLEAR(self->waiting);
    Py_CLEAR(self->bridge);
    return 0;
}

static void fetch_dealloc(PyObject *object) {
    struct core_fetch *self = (struct core_fetch *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    if (self->list)
        core_rows_stash(self->rows, self->list);
    fetch_clear(object);
    Py_CLEAR(self->list);
    Py_CLEAR(self->budget);
    Py_CLEAR(self->rows);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyMethodDef fetch_methods[] = {
    {"send", fetch_send_method, METH_O, "As of a generator; the value is ignored."},
    {"throw", fetch_throw, METH_VARARGS, "As of a generator. Gathered rows stay fetchable."},
    {"close", fetch_close, METH_NOARGS, "As of a generator. Gathered rows stay fetchable."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot fetch_slots[] = {
    CORE_DOC("What the fetch methods of Rows return; await it once."),
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, fetch_send},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, fetch_next},
    {Py_tp_traverse, fetch_traverse},
    {Py_tp_clear, fetch_clear},
    {Py_tp_dealloc, fetch_dealloc},
    {Py_tp_methods, fetch_methods},
    {0, NULL},
};

PyType_Spec core_fetch_spec = {
    "pyathena._core.Fetch",
    sizeof(struct core_fetch),
    0,
    CORE_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    fetch_slots};

/* -- the iterator of `async for`
 * ------------------------------------------------------------------------- */

struct core_iterator {
    PyObject_HEAD struct core_rows *rows;
    PyObject *bridge;
    struct core_budget *budget;
    struct core_fetch *spare; /* the awaitable of the last row; used again when nobody has it */
};

PyObject *core_iterator_new(struct core_rows *rows, PyObject *bridge) {
    struct core_state *state = rows->cells.state;
    struct core_budget *budget = budget_of(state, bridge);
    if (!budget)
        return NULL;
    struct core_iterator *self = PyObject_GC_New(struct core_iterator, state->iterator_type);
    if (!self) {
        Py_DECREF(budget);
        return NULL;
    }
    self->rows = (struct core_rows *)Py_NewRef((PyObject *)rows);
    self->bridge = Py_NewRef(bridge);
    self->budget = budget;
    self->spare = NULL;
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

static PyObject *iterator_anext(PyObject *object) {
    struct core_iterator *self = (struct core_iterator *)object;
    struct core_fetch *spare = self->spare;
    if (spare && Py_REFCNT(spare) == 1 && spare->done && spare->bridge) {
        spare->done = false;
        return Py_NewRef((PyObject *)spare);
    }
    PyObject *fresh = fetch_make(
        self->rows,
        self->bridge,
        (struct core_budget *)Py_NewRef((PyObject *)self->budget),
        CORE_FETCH_NEXT,
        1);
    if (fresh)
        Py_XSETREF(self->spare, (struct core_fetch *)Py_NewRef(fresh));
    return fresh;
}

static int iterator_traverse(PyObject *object, visitproc visit, void *arg) {
    struct core_iterator *self = (struct core_iterator *)object;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->rows);
    Py_VISIT(self->bridge);
    Py_VISIT(self->budget);
    Py_VISIT(self->spare);
    return 0;
}

static int iterator_clear(PyObject *object) {
    struct core_iterator *self = (struct core_iterator *)object;
    Py_CLEAR(self->spare);
    return 0;
}

static void iterator_dealloc(PyObject *object) {
    struct core_iterator *self = (struct core_iterator *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    Py_CLEAR(self->spare);
    Py_CLEAR(self->budget);
    Py_CLEAR(self->bridge);
    Py_CLEAR(self->rows);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyType_Slot iterator_slots[] = {
    CORE_DOC("What Rows.iterate() returns, for `async for`."),
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, iterator_anext},
    {Py_tp_traverse, iterator_traverse},
    {Py_tp_clear, iterator_clear},
    {Py_tp_dealloc, iterator_dealloc},
    {0, NULL},
};

PyType_Spec core_iterator_spec = {
    "pyathena._core.RowsIterator",
    sizeof(struct core_iterator),
    0,
    CORE_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    iterator_slots};
