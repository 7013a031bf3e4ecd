#include "queue.h"

#include "error.h"

#define EVENTS_MAX 256
#define WAIT_SLICE_MS 50

struct core_queue {
    PyObject_HEAD struct ath_queue *queue;
};

static struct ath_queue *handle(PyObject *self) {
    return ((struct core_queue *)self)->queue;
}

static PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {NULL};
    struct ath_error err = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Queue", CORE_NAMES(names)))
        return NULL;
    struct core_queue *self = (struct core_queue *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    if (ath_queue_new(&self->queue, &err) != 0) {
        Py_DECREF(self);
        return core_raise(PyType_GetModuleState(type), &err);
    }
    return (PyObject *)self;
}

static void queue_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    ath_queue_release(handle(self));
    type->tp_free(self);
    Py_DECREF(type);
}

int core_queue_of(struct core_state *state, PyObject *value, struct ath_queue **out_queue) {
    *out_queue = NULL;
    if (value == Py_None)
        return 0;
    if (!Py_IS_TYPE(value, state->queue_type)) {
        PyErr_Format(
            PyExc_TypeError, "queue must be Queue or None, not %.100s", Py_TYPE(value)->tp_name);
        return -1;
    }
    *out_queue = handle(value);
    return 0;
}

static PyObject *queue_fileno(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    return PyLong_FromLong(ath_queue_fd(handle(self)));
}

static PyObject *event_tuple(const struct ath_event *event) {
    PyObject *execution;
    if (event->execution) {
        struct ath_slice json = ath_execution_json(event->execution);
        execution = PyBytes_FromStringAndSize(json.ptr, (Py_ssize_t)json.len);
    } else {
        execution = Py_NewRef(Py_None);
    }
    if (!execution)
        return NULL;
    return Py_BuildValue(
        "(iiKN)", event->type, event->code, (unsigned long long)event->token, execution);
}

static PyObject *queue_drain(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"max", NULL};
    struct ath_event events[EVENTS_MAX];
    Py_ssize_t cap = EVENTS_MAX;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|n:drain", CORE_NAMES(names), &cap))
        return NULL;
    if (cap < 1 || cap > EVENTS_MAX)
        cap = cap < 1 ? 0 : EVENTS_MAX;
    size_t count = cap == 0 ? 0 : ath_queue_drain(handle(self), events, (size_t)cap);
    PyObject *result = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; i < count; i++) {
        PyObject *item = result ? event_tuple(&events[i]) : NULL;
        if (item)
            PyList_SET_ITEM(result, (Py_ssize_t)i, item);
        else
            Py_CLEAR(result);
        ath_event_clear(&events[i]);
    }
    return result;
}

static PyObject *queue_wait(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"timeout", NULL};
    PyObject *seconds = Py_None;
    int64_t left;
    int ready = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:wait", CORE_NAMES(names), &seconds) ||
        core_timeout(seconds, &left) != 0)
        return NULL;
    int64_t deadline = left < 0 ? INT64_MAX : core_now_ns() / 1000000 + left;
    for (;;) {
        int32_t slice = left < 0 || left > WAIT_SLICE_MS ? WAIT_SLICE_MS : (int32_t)left;
        Py_BEGIN_ALLOW_THREADS ready = ath_queue_wait(handle(self), slice);
        Py_END_ALLOW_THREADS if (PyErr_CheckSignals() != 0) return NULL;
        if (ready != 0)
            break;
        if (deadline != INT64_MAX) {
            left = deadline - core_now_ns() / 1000000;
            if (left <= 0)
                break;
        }
    }
    if (ready < 0)
        return core_raise_text(
            core_state_of(self), ready, "waiting for events: %s", ath_error_text(ready));
    return PyBool_FromLong(ready);
}

static PyMethodDef queue_methods[] = {
    {"fileno",
     queue_fileno,
     METH_NOARGS,
     "The descriptor that is readable while events wait; never read or close it."},
    {"drain",
     CORE_KEYWORDS(queue_drain),
     "drain(max=256)\n--\n\nUp to `max` events as (type, code, token, execution_json) tuples; the\n"
     "last is bytes for EVENT_STATE, else None. Never blocks. Owning thread only."},
    {"wait",
     CORE_KEYWORDS(queue_wait),
     "wait(timeout=None)\n--\n\nBlock until an event waits; False when `timeout` seconds passed.\n"
     "Other threads run meanwhile and signals are handled within 50 ms."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot queue_slots[] = {
    CORE_DOC("Queue()\n--\n\nWhere the events of operations arrive; belongs to one thread "
             "or loop."),
    {Py_tp_new, queue_new},
    {Py_tp_dealloc, queue_dealloc},
    {Py_tp_methods, queue_methods},
    {0, NULL},
};

PyType_Spec core_queue_spec = {
    "pyathena._core.Queue", sizeof(struct core_queue), 0, CORE_TYPE_FLAGS, queue_slots};
