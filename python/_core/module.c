#include "state.h"

#include "batches.h"
#include "budget.h"
#include "cells.h"
#include "client.h"
#include "error.h"
#include "fetch.h"
#include "query.h"
#include "queue.h"
#include "rows.h"
#include "s3_args.h"
#include "s3_chunk.h"

#include <datetime.h>
#include <math.h>
#include <time.h>

/* The tests build the module under another name, on a scripted library. */
#ifndef CORE_MODULE
#define CORE_MODULE _core
#endif
#define CORE_JOIN(a, b) a##b
#define CORE_INIT_OF(name) CORE_JOIN(PyInit_, name)

int64_t core_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int core_timeout(PyObject *seconds, int64_t *out_ms) {
    *out_ms = -1;
    if (seconds == Py_None)
        return 0;
    double value = PyFloat_AsDouble(seconds);
    if (PyErr_Occurred())
        return -1;
    if (!(value >= 0)) {
        PyErr_SetString(PyExc_ValueError, "timeout must not be negative");
        return -1;
    }
    *out_ms = value > INT32_MAX / 1000 ? INT32_MAX : (int64_t)ceil(value * 1000);
    return 0;
}

/* -- functions
 * ------------------------------------------------------------------------------------------- */

static PyObject *log_level(PyObject *Py_UNUSED(module), PyObject *value) {
    long level = PyLong_AsLong(value);
    if (level == -1 && PyErr_Occurred())
        return NULL;
    if (level < ATH_LOG_NONE || level > ATH_LOG_DEBUG)
        return PyErr_Format(PyExc_ValueError, "no log level %ld", level);
    ath_log_level_set((int)level);
    Py_RETURN_NONE;
}

struct log_target {
    PyObject *callable;
    bool failed;
};

static void log_record(int level, const char *subject, const char *message, void *user) {
    struct log_target *target = user;
    if (target->failed)
        return;
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
    PyObject *done =
        text ? PyObject_CallFunction(target->callable, "isO", level, subject, text) : NULL;
    target->failed = done == NULL;
    Py_XDECREF(text);
    Py_XDECREF(done);
}

static PyObject *log_drain(PyObject *Py_UNUSED(module), PyObject *callable) {
    struct log_target target = {callable, false};
    size_t count = ath_log_drain(log_record, &target);
    return target.failed ? NULL : PyLong_FromSize_t(count);
}

static PyObject *shutdown_runtime(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"timeout", NULL};
    PyObject *seconds = NULL;
    int64_t timeout_ms = 5000;
    size_t unconfirmed;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:shutdown", CORE_NAMES(names), &seconds) ||
        (seconds && core_timeout(seconds, &timeout_ms) != 0))
        return NULL;
    if (timeout_ms < 0)
        timeout_ms = INT32_MAX;
    Py_BEGIN_ALLOW_THREADS unconfirmed = ath_shutdown((int32_t)timeout_ms);
    Py_END_ALLOW_THREADS return PyLong_FromSize_t(unconfirmed);
}

static PyObject *gc_hold(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    core_gc_hold(PyModule_GetState(module));
    Py_RETURN_NONE;
}

static PyObject *gc_release(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    core_gc_release(PyModule_GetState(module));
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"gc_hold",
     gc_hold,
     METH_NOARGS,
     "gc_hold()\n--\n\nHold automatic garbage collection off until gc_release() was called as "
     "often."},
    {"gc_release", gc_release, METH_NOARGS, "gc_release()\n--\n\nEnd one gc_hold()."},
    {"log_level", log_level, METH_O, "log_level(level)\n--\n\nSet the LOG_* level of the process."},
    {"log_drain",
     log_drain,
     METH_O,
     "log_drain(callable)\n--\n\nCall callable(level, subject, message) for each waiting record "
     "and\n"
     "return their number. The first exception is raised; later records are dropped."},
    {"shutdown",
     CORE_KEYWORDS(shutdown_runtime),
     "shutdown(timeout=5.0)\n--\n\nEnd the runtime of this process; pending stops get `timeout`\n"
     "seconds. Returns the number of queries whose stop was not confirmed. Runs at exit by "
     "itself."},
    {NULL, NULL, 0, NULL},
};

/* -- set-up
 * ---------------------------------------------------------------------------------------------- */

struct constant {
    const char *name;
    int value;
};

static const struct constant constants[] = {
    {"EVENT_STARTED", ATH_EVENT_STARTED},
    {"EVENT_STATE", ATH_EVENT_STATE},
    {"EVENT_RESULT", ATH_EVENT_RESULT},
    {"EVENT_BATCH", ATH_EVENT_BATCH},
    {"EVENT_DONE", ATH_EVENT_DONE},
    {"EVENT_CREDENTIALS", ATH_EVENT_CREDENTIALS},
    {"WAIT_STARTED", ATH_WAIT_STARTED},
    {"WAIT_STATE", ATH_WAIT_STATE},
    {"WAIT_RESULT", ATH_WAIT_RESULT},
    {"WAIT_BATCH", ATH_WAIT_BATCH},
    {"WAIT_DONE", ATH_WAIT_DONE},
    {"WAIT_CREDENTIALS", ATH_WAIT_CREDENTIALS},
    {"STATE_UNKNOWN", ATH_QUERY_UNKNOWN},
    {"STATE_QUEUED", ATH_QUERY_QUEUED},
    {"STATE_RUNNING", ATH_QUERY_RUNNING},
    {"STATE_SUCCEEDED", ATH_QUERY_SUCCEEDED},
    {"STATE_FAILED", ATH_QUERY_FAILED},
    {"STATE_CANCELLED", ATH_QUERY_CANCELLED},
    {"METADATA_DATABASES", ATH_METADATA_DATABASES},
    {"METADATA_TABLE", ATH_METADATA_TABLE},
    {"METADATA_TABLES", ATH_METADATA_TABLES},
    {"CREDENTIALS_CHAIN", ATH_CREDENTIALS_CHAIN},
    {"CREDENTIALS_EXTERNAL", ATH_CREDENTIALS_EXTERNAL},
    {"CREDENTIALS_NONE", ATH_CREDENTIALS_NONE},
    {"LOG_NONE", ATH_LOG_NONE},
    {"LOG_ERROR", ATH_LOG_ERROR},
    {"LOG_WARNING", ATH_LOG_WARNING},
    {"LOG_INFO", ATH_LOG_INFO},
    {"LOG_DEBUG", ATH_LOG_DEBUG},
    {"ROWS_READY", CORE_ROWS_READY},
    {"ROWS_WAIT", CORE_ROWS_WAIT},
    {"ROWS_END", CORE_ROWS_END},
    {"ROWS_FAILED", CORE_ROWS_FAILED},
    {"S3_LIST_OBJECTS", ATH_S3_LIST_OBJECTS},
    {"S3_LIST_VERSIONS", ATH_S3_LIST_VERSIONS},
    {"S3_LIST_UPLOADS", ATH_S3_LIST_UPLOADS},
    {"S3_LIST_BUCKETS", ATH_S3_LIST_BUCKETS},
    {"S3_LIST_PARTS", ATH_S3_LIST_PARTS},
    {"S3_OBJECT", ATH_S3_OBJECT},
    {"S3_PREFIX", ATH_S3_PREFIX},
    {"S3_VERSION", ATH_S3_VERSION},
    {"S3_DELETE_MARKER", ATH_S3_DELETE_MARKER},
    {"S3_UPLOAD", ATH_S3_UPLOAD},
    {"S3_BUCKET", ATH_S3_BUCKET},
    {"S3_PART", ATH_S3_PART},
    {"SQL_BYTES_MAX", ATH_SQL_BYTES_MAX},
#define CORE_ERROR_CONSTANT(name, value, text) {"ERR_" #name, value},
    ATH_ERROR_TABLE(CORE_ERROR_CONSTANT)
#undef CORE_ERROR_CONSTANT
};

static int add_constants(PyObject *module) {
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
        if (PyModule_AddIntConstant(module, constants[i].name, constants[i].value) != 0)
            return -1;
    return PyModule_AddStringConstant(module, "version", ath_version());
}

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out_type) {
    *out_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *out_type ? PyModule_AddType(module, *out_type) : -1;
}

static int add_types(PyObject *module, struct core_state *state) {
    state->error = core_error_class();
    if (!state->error || PyModule_AddObjectRef(module, "CoreError", state->error) != 0)
        return -1;
    if (add_type(module, &core_client_spec, &state->client_type) != 0 ||
        add_type(module, &core_queue_spec, &state->queue_type) != 0 ||
        add_type(module, &core_query_spec, &state->query_type) != 0 ||
        add_type(module, &core_batches_spec, &state->batches_type) != 0 ||
        add_type(module, &core_rows_spec, &state->rows_type) != 0 ||
        add_type(module, &core_fetch_spec, &state->fetch_type) != 0 ||
        add_type(module, &core_iterator_spec, &state->iterator_type) != 0 ||
        add_type(module, &core_budget_spec, &state->budget_type) != 0 ||
        add_type(module, &core_chunk_spec, &state->chunk_type) != 0)
        return -1;
    return 0;
}

static int add_names(struct core_state *state) {
    if (core_s3_names_init(state) != 0)
        return -1;
    state->name_budget = PyUnicode_InternFromString("budget");
    state->name_message = PyUnicode_InternFromString("message");
    state->name_parameters = PyUnicode_InternFromString("parameters");
    state->name_throw = PyUnicode_InternFromString("throw");
    state->name_wait_batch = PyUnicode_InternFromString("wait_batch");
    return state->name_budget && state->name_message && state->name_parameters &&
                   state->name_throw && state->name_wait_batch
               ? 0
               : -1;
}

/* The runtime belongs to the process, so only its main interpreter ends it. */
static int register_exit(PyObject *module) {
    if (PyInterpreterState_Get() != PyInterpreterState_Main())
        return 0;
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *function = PyObject_GetAttrString(module, "shutdown");
    PyObject *done =
        atexit && function ? PyObject_CallMethod(atexit, "register", "O", function) : NULL;
    int code = done ? 0 : -1;
    Py_XDECREF(done);
    Py_XDECREF(function);
    Py_XDECREF(atexit);
    return code;
}

static int module_exec(PyObject *module) {
    struct core_state *state = PyModule_GetState(module);
    state->datetime = PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0);
    if (!state->datetime)
        return -1;
#ifdef Py_GIL_DISABLED
    if (core_cells_import_decimal(state) != 0) /* threads would race for the first use */
        return -1;
#endif
    if (add_types(module, state) != 0 || add_names(state) != 0 || add_constants(module) != 0)
        return -1;
    return register_exit(module);
}

#define CORE_EACH_MEMBER(state, apply)                                                             \
    apply((state)->error);                                                                         \
    apply((state)->client_type);                                                                   \
    apply((state)->queue_type);                                                                    \
    apply((state)->query_type);                                                                    \
    apply((state)->rows_type);                                                                     \
    apply((state)->batches_type);                                                                  \
    apply((state)->iterator_type);                                                                 \
    apply((state)->fetch_type);                                                                    \
    apply((state)->budget_type);                                                                   \
    apply((state)->chunk_type);                                                                    \
    apply((state)->decimal_class);                                                                 \
    apply((state)->context_class);                                                                 \
    apply((state)->gc_collect);                                                                    \
    apply((state)->name_budget);                                                                   \
    apply((state)->name_message);                                                                  \
    apply((state)->name_parameters);                                                               \
    apply((state)->name_throw);                                                                    \
    apply((state)->name_wait_batch)

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    struct core_state *state = PyModule_GetState(module);
    CORE_EACH_MEMBER(state, Py_VISIT);
    return 0;
}

static int module_clear(PyObject *module) {
    struct core_state *state = PyModule_GetState(module);
    CORE_EACH_MEMBER(state, Py_CLEAR);
    core_s3_names_clear(state);
    return 0;
}

static void module_free(void *module) {
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#elif PY_VERSION_HEX >= 0x030C0000
    /* datetime shares its types between interpreters in 3.12. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pyathena._core",
    .m_doc =
        "libathena for Python: clients, queues, queries and rows. The interface for programs is "
        "the package around it.",
    .m_size = sizeof(struct core_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC CORE_INIT_OF(CORE_MODULE)(void);
PyMODINIT_FUNC CORE_INIT_OF(CORE_MODULE)(void) {
    return PyModuleDef_Init(&module_def);
}
