#include "budget.h"

static PyObject *budget_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"loop", "budget_ns", NULL};
    PyObject *loop;
    long long budget_ns = 250000;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O|L:LoopBudget", CORE_NAMES(names), &loop, &budget_ns))
        return NULL;
    if (budget_ns < 1) {
        PyErr_SetString(PyExc_ValueError, "budget_ns must be positive");
        return NULL;
    }
    struct core_budget *self = (struct core_budget *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->budget_ns = budget_ns;
    self->call_soon = PyObject_GetAttrString(loop, "call_soon");
    if (!self->call_soon)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int budget_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct core_budget *)self)->call_soon);
    return 0;
}

static int budget_clear(PyObject *self) {
    Py_CLEAR(((struct core_budget *)self)->call_soon);
    return 0;
}

static void budget_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    budget_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

void core_budget_leave(struct core_budget *budget, struct core_waiter *waiter) {
    if (!waiter->queued)
        return;
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        budget->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        budget->last = waiter->previous;
    waiter->next = waiter->previous = NULL;
    waiter->queued = false;
}

static int stay_in_line(struct core_budget *budget, struct core_waiter *waiter) {
    waiter->seen = budget->iteration;
    if (waiter->queued)
        return 0;
    waiter->queued = true;
    waiter->previous = budget->last;
    if (budget->last)
        budget->last->next = waiter;
    else
        budget->first = waiter;
    budget->last = waiter;
    return 0;
}

int core_budget_ask(struct core_budget *budget, struct core_waiter *waiter) {
    int64_t now = core_now_ns();
    if (!budget->armed) {
        PyObject *done = budget->call_soon
                             ? PyObject_CallOneArg(budget->call_soon, (PyObject *)budget)
                             : PyErr_Format(PyExc_RuntimeError, "the loop of the budget is gone");
        if (!done)
            return -1;
        Py_DECREF(done);
        budget->armed = true;
        budget->deadline_ns = now + budget->budget_ns;
    }
    /* A fetch nobody resumes any more must not hold up the others. */
    while (budget->first && budget->first->seen + 2 < budget->iteration)
        core_budget_leave(budget, budget->first);
    if (now >= budget->deadline_ns || (budget->first && budget->first != waiter))
        return stay_in_line(budget, waiter);
    core_budget_leave(budget, waiter);
    return 1;
}

/* What the loop calls: a new iteration began. */
static PyObject *budget_call(PyObject *object, PyObject *args, PyObject *kwargs) {
    struct core_budget *self = (struct core_budget *)object;
    static const char *const names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":LoopBudget", CORE_NAMES(names)))
        return NULL;
    self->armed = false;
    self->iteration++;
    Py_RETURN_NONE;
}

static PyType_Slot budget_slots[] = {
    CORE_DOC("LoopBudget(loop, budget_ns=250000)\n--\n\nThe time in which the cursors of "
             "one event loop may make rows within one iteration\nof it. Calling it "
             "begins a new iteration; it schedules that itself by loop.call_soon."),
    {Py_tp_new, budget_new},
    {Py_tp_call, budget_call},
    {Py_tp_traverse, budget_traverse},
    {Py_tp_clear, budget_clear},
    {Py_tp_dealloc, budget_dealloc},
    {0, NULL},
};

PyType_Spec core_budget_spec = {
    "pyathena._core.LoopBudget",
    sizeof(struct core_budget),
    0,
    CORE_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC,
    budget_slots};
