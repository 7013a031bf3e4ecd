#include "query.h"

#include "args.h"
#include "error.h"
#include "queue.h"
#include "s3_read.h"

#include <string.h>

#define WAIT_SLICE_MS 50

static const struct core_field query_fields[] = {
    CORE_FIELD(ath_query_options, database, CORE_TEXT),
    CORE_FIELD(ath_query_options, catalog, CORE_TEXT),
    CORE_FIELD(ath_query_options, work_group, CORE_TEXT),
    CORE_FIELD(ath_query_options, output_location, CORE_TEXT),
    CORE_FIELD(ath_query_options, encryption_option, CORE_TEXT),
    CORE_FIELD(ath_query_options, kms_key, CORE_TEXT),
    CORE_FIELD(ath_query_options, expected_bucket_owner, CORE_TEXT),
    CORE_FIELD(ath_query_options, acl_option, CORE_TEXT),
    CORE_FIELD(ath_query_options, parameters, CORE_OTHER),
    CORE_FIELD(ath_query_options, result_reuse, CORE_TOGGLE),
    CORE_FIELD(ath_query_options, result_reuse_minutes, CORE_INT32),
    CORE_FIELD(ath_query_options, client_request_token, CORE_TEXT),
    CORE_FIELD(ath_query_options, page_rows, CORE_INT32),
    CORE_FIELD(ath_query_options, poll_interval_ms, CORE_INT32),
    CORE_FIELD(ath_query_options, timeout_ms, CORE_INT64),
    CORE_FIELD(ath_query_options, rows_ahead_bytes, CORE_INT32),
    CORE_FIELD(ath_query_options, notify_state, CORE_BOOL),
    CORE_FIELD(ath_query_options, keep_running, CORE_BOOL),
    CORE_FIELD(ath_query_options, no_rows, CORE_BOOL),
    CORE_FIELD(ath_query_options, decode_text, CORE_BOOL),
    {NULL, CORE_TEXT, 0},
};

static const struct core_field metadata_fields[] = {
    CORE_FIELD(ath_metadata_options, kind, CORE_INT),
    CORE_FIELD(ath_metadata_options, catalog, CORE_TEXT),
    CORE_FIELD(ath_metadata_options, database, CORE_TEXT),
    CORE_FIELD(ath_metadata_options, table, CORE_TEXT),
    CORE_FIELD(ath_metadata_options, expression, CORE_TEXT),
    CORE_FIELD(ath_metadata_options, work_group, CORE_TEXT),
    CORE_FIELD(ath_metadata_options, page_size, CORE_INT32),
    {NULL, CORE_TEXT, 0},
};

struct core_query *core_query_alloc(struct core_state *state, unsigned long long user) {
    struct core_query *self = PyObject_GC_New(struct core_query, state->query_type);
    if (self) {
        self->op = NULL;
        self->user = user;
        self->lent = NULL;
        self->fresh = NULL;
        self->fresh_used = 0;
    }
    return self;
}

PyObject *core_query_finish(
    struct core_state *state, struct core_query *self, int code, const struct ath_error *err) {
    if (code != 0) {
        Py_DECREF(self);
        return core_raise(state, err);
    }
    /* Without such memory an operation is part of no cycle, and the collector is spared it. */
    if (core_lent_is_traced(self->lent))
        PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

/* The I/O thread is through with what was lent; bytes that will not be asked for go too. */
static void give_back(struct core_query *self, bool keep_fresh) {
    struct core_lent *lent;
    PyObject *fresh = NULL;
    CORE_LOCK(self);
    lent = self->lent;
    self->lent = NULL;
    if (!keep_fresh) {
        fresh = self->fresh;
        self->fresh = NULL;
    }
    CORE_UNLOCK();
    core_lent_free(lent);
    Py_XDECREF(fresh);
}

static bool holds(struct core_query *self) {
    bool yes;
    CORE_LOCK(self);
    yes = self->lent || self->fresh;
    CORE_UNLOCK();
    return yes;
}

void core_query_settle(struct core_query *self) {
    if (holds(self) && ath_op_is_done(self->op))
        give_back(self, ath_op_error(self->op, NULL) == 0);
}

static void detach(struct core_query *self) {
    Py_BEGIN_ALLOW_THREADS ath_op_detach(self->op);
    Py_END_ALLOW_THREADS give_back(self, false);
}

static int query_traverse(PyObject *object, visitproc visit, void *arg) {
    struct core_query *self = (struct core_query *)object;
    Py_VISIT(Py_TYPE(object));
    return self->lent ? core_lent_traverse(self->lent, visit, arg) : 0;
}

static int query_clear(PyObject *self) {
    detach((struct core_query *)self);
    return 0;
}

static void query_dealloc(PyObject *object) {
    struct core_query *self = (struct core_query *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    if (self->op && holds(self) && !ath_op_is_done(self->op))
        detach(self);
    ath_op_release(self->op);
    give_back(self, false);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

/* Execution parameters: the texts of a sequence of str. The array is from PyMem; `out_keep` keeps
 * the texts alive. */
static int read_parameters(
    struct core_state *state,
    PyObject *options,
    struct ath_query_options *out,
    const char ***out_texts,
    PyObject **out_keep) {
    PyObject *values = options ? PyDict_GetItemWithError(options, state->name_parameters) : NULL;
    if (!values || values == Py_None)
        return PyErr_Occurred() ? -1 : 0;
    PyObject *keep = PySequence_Fast(values, "parameters must be a sequence of str");
    if (!keep)
        return -1;
    *out_keep = keep;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(keep);
    const char **texts = PyMem_New(const char *, (size_t)count + 1);
    if (!texts) {
        PyErr_NoMemory();
        return -1;
    }
    *out_texts = texts;
    for (Py_ssize_t i = 0; i < count; i++) {
        char name[40];
        PyOS_snprintf(name, sizeof(name), "parameters[%zd]", i);
        texts[i] = core_text(state, PySequence_Fast_GET_ITEM(keep, i), name, NULL);
        if (!texts[i])
            return -1;
    }
    out->parameters = texts;
    out->parameters_count = (size_t)count;
    return 0;
}

static int check_options(PyObject **options) {
    if (*options == Py_None)
        *options = NULL;
    if (!*options || PyDict_Check(*options))
        return 0;
    PyErr_Format(PyExc_TypeError, "options must be dict, not %.100s", Py_TYPE(*options)->tp_name);
    return -1;
}

PyObject *core_query_start(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"queue", "sql", "options", "user", NULL};
    struct ath_query_options native = ATH_QUERY_OPTIONS_INIT;
    struct ath_error err = {0};
    PyObject *queue_object;
    PyObject *sql;
    PyObject *options = NULL;
    unsigned long long user = 0;
    struct ath_queue *queue;
    const char **texts = NULL;
    PyObject *keep = NULL;
    PyObject *result = NULL;
    if (!PyArg_ParseTupleAndKeywords(
            args,
            kwargs,
            "OO|OK:start_query",
            CORE_NAMES(names),
            &queue_object,
            &sql,
            &options,
            &user) ||
        check_options(&options) != 0 || core_queue_of(state, queue_object, &queue) != 0)
        return NULL;
    native.sql.ptr = core_text(state, sql, "sql", &native.sql.len);
    if (native.sql.ptr &&
        core_fields_set(state, &native, query_fields, options, "start_query()") == 0 &&
        read_parameters(state, options, &native, &texts, &keep) == 0) {
        struct core_query *self = core_query_alloc(state, user);
        if (self)
            result = core_query_finish(
                state, self, ath_query_start(client, queue, &native, &self->op, &err), &err);
    }
    PyMem_Free(texts);
    Py_XDECREF(keep);
    return result;
}

PyObject *core_query_attach(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {
        "queue", "query_id", "options", "user", "stop_on_cancel", NULL};
    struct ath_query_options native = ATH_QUERY_OPTIONS_INIT;
    struct ath_error err = {0};
    PyObject *queue_object;
    PyObject *query_id;
    PyObject *options = NULL;
    unsigned long long user = 0;
    int stop_on_cancel = 0;
    struct ath_queue *queue;
    if (!PyArg_ParseTupleAndKeywords(
            args,
            kwargs,
            "OO|OKp:attach_query",
            CORE_NAMES(names),
            &queue_object,
            &query_id,
            &options,
            &user,
            &stop_on_cancel) ||
        check_options(&options) != 0 || core_queue_of(state, queue_object, &queue) != 0)
        return NULL;
    const char *id = core_text(state, query_id, "query_id", NULL);
    if (!id || core_fields_set(state, &native, query_fields, options, "attach_query()") != 0)
        return NULL;
    struct core_query *self = core_query_alloc(state, user);
    if (!self)
        return NULL;
    int code = ath_query_attach(client, queue, id, &native, stop_on_cancel != 0, &self->op, &err);
    return core_query_finish(state, self, code, &err);
}

PyObject *core_metadata_start(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"queue", "options", "user", NULL};
    struct ath_metadata_options native = ATH_METADATA_OPTIONS_INIT;
    struct ath_error err = {0};
    PyObject *queue_object;
    PyObject *options;
    unsigned long long user = 0;
    struct ath_queue *queue;
    if (!PyArg_ParseTupleAndKeywords(
            args,
            kwargs,
            "OO|K:start_metadata",
            CORE_NAMES(names),
            &queue_object,
            &options,
            &user) ||
        check_options(&options) != 0 || core_queue_of(state, queue_object, &queue) != 0 ||
        core_fields_set(state, &native, metadata_fields, options, "start_metadata()") != 0)
        return NULL;
    struct core_query *self = core_query_alloc(state, user);
    if (!self)
        return NULL;
    return core_query_finish(
        state, self, ath_metadata_start(client, queue, &native, &self->op, &err), &err);
}

PyObject *core_query_stop(
    struct core_state *state, struct ath_client *client, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"queue", "query_id", "user", NULL};
    struct ath_error err = {0};
    PyObject *queue_object;
    PyObject *query_id;
    unsigned long long user = 0;
    struct ath_queue *queue;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OO|K:stop_query", CORE_NAMES(names), &queue_object, &query_id, &user) ||
        core_queue_of(state, queue_object, &queue) != 0)
        return NULL;
    const char *id = core_text(state, query_id, "query_id", NULL);
    struct core_query *self = id ? core_query_alloc(state, user) : NULL;
    if (!self)
        return NULL;
    return core_query_finish(
        state, self, ath_query_stop(client, queue, id, NULL, &self->op, &err), &err);
}

/* -- members --------------------------------------------------------------------------------------
 */

static struct ath_op *handle(PyObject *self) {
    return ((struct core_query *)self)->op;
}

int core_query_wait(struct core_query *query, int mask, int64_t timeout_ms) {
    int64_t deadline = core_now_ns() / 1000000 + timeout_ms;
    int64_t left = timeout_ms;
    int bits;
    for (;;) {
        int32_t slice = left < 0 || left > WAIT_SLICE_MS ? WAIT_SLICE_MS : (int32_t)left;
        Py_BEGIN_ALLOW_THREADS bits = ath_op_wait(query->op, mask, slice);
        Py_END_ALLOW_THREADS if (PyErr_CheckSignals() != 0) return -1;
        if (bits != 0)
            break;
        if (timeout_ms >= 0) {
            left = deadline - core_now_ns() / 1000000;
            if (left <= 0)
                break;
        }
    }
    if (bits > 0 && (bits & ATH_WAIT_DONE))
        core_query_settle(query);
    if (bits >= 0)
        return bits;
    core_raise_text(
        core_state_of((PyObject *)query), bits, "waiting for a query: %s", ath_error_text(bits));
    return -1;
}

static PyObject *query_wait(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"mask", "timeout", NULL};
    PyObject *seconds = Py_None;
    int64_t timeout_ms;
    int mask;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "i|O:wait", CORE_NAMES(names), &mask, &seconds) ||
        core_timeout(seconds, &timeout_ms) != 0)
        return NULL;
    int bits = core_query_wait((struct core_query *)self, mask, timeout_ms);
    return bits < 0 ? NULL : PyLong_FromLong(bits);
}

static PyObject *query_cancel(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {"discard_rows", NULL};
    int discard_rows = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:cancel", CORE_NAMES(names), &discard_rows))
        return NULL;
    ath_op_cancel(handle(self), discard_rows != 0);
    Py_RETURN_NONE;
}

static PyObject *query_interrupt(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    ath_query_interrupt(handle(self));
    Py_RETURN_NONE;
}

static PyObject *query_detach(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    detach((struct core_query *)self);
    Py_RETURN_NONE;
}

static PyObject *query_error(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct ath_error err = {0};
    core_query_settle((struct core_query *)self);
    int code = ath_op_error(handle(self), &err);
    if (code == 0)
        Py_RETURN_NONE;
    err.code = code;
    return core_error_dict(&err);
}

static PyObject *query_execution(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct ath_execution *execution = ath_query_execution(handle(self));
    if (!execution)
        Py_RETURN_NONE;
    struct ath_slice json = ath_execution_json(execution);
    PyObject *result = PyBytes_FromStringAndSize(json.ptr, (Py_ssize_t)json.len);
    ath_execution_release(execution);
    return result;
}

static PyObject *query_state(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct ath_execution *execution = ath_query_execution(handle(self));
    struct ath_execution_info info = {.state = ATH_QUERY_UNKNOWN};
    if (execution)
        ath_execution_info(execution, &info, sizeof(info));
    ath_execution_release(execution);
    return PyLong_FromLong(info.state);
}

static PyObject *column_tuple(const struct ath_column_info *info) {
    return Py_BuildValue(
        "(sssiissssO)",
        info->name,
        info->label,
        info->type,
        (int)info->precision,
        (int)info->scale,
        info->nullable,
        info->catalog,
        info->schema,
        info->table,
        info->case_sensitive ? Py_True : Py_False);
}

static PyObject *query_columns(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    size_t count = 0;
    const struct ath_column_info *columns = ath_query_columns(handle(self), &count);
    if (!columns)
        Py_RETURN_NONE;
    PyObject *result = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; result && i < count; i++) {
        PyObject *item = column_tuple(&columns[i]);
        if (item)
            PyList_SET_ITEM(result, (Py_ssize_t)i, item);
        else
            Py_CLEAR(result);
    }
    return result;
}

static PyObject *query_metadata_json(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct ath_slice json = ath_metadata_json(handle(self));
    if (!json.ptr)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize(json.ptr, (Py_ssize_t)json.len);
}

static PyObject *get_token(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromUnsignedLongLong(ath_op_token(handle(self)));
}

static PyObject *get_user(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromUnsignedLongLong(((struct core_query *)self)->user);
}

static PyObject *get_query_id(PyObject *self, void *Py_UNUSED(closure)) {
    return Py_BuildValue("z", ath_query_id(handle(self)));
}

static PyObject *get_done(PyObject *self, void *Py_UNUSED(closure)) {
    core_query_settle((struct core_query *)self);
    return PyBool_FromLong(ath_op_is_done(handle(self)));
}

static PyObject *get_update_count(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromLongLong(ath_query_update_count(handle(self)));
}

static PyMethodDef query_methods[] = {
    {"wait",
     CORE_KEYWORDS(query_wait),
     "wait(mask, timeout=None)\n--\n\nBlock until a WAIT_* bit of `mask` (or WAIT_DONE) holds and\n"
     "return the bits that do; 0 when `timeout` seconds passed. Other threads run meanwhile and\n"
     "signals are handled within 50 ms."},
    {"cancel",
     CORE_KEYWORDS(query_cancel),
     "cancel(discard_rows=False)\n--\n\nAsk the operation to end; never blocks."},
    {"interrupt",
     query_interrupt,
     METH_NOARGS,
     "Ask AWS to stop the query, as soon as its id is known, and go on following it; never "
     "blocks."},
    {"detach",
     query_detach,
     METH_NOARGS,
     "Forget the operation: no event of it comes any more; a running query is stopped."},
    {"error",
     query_error,
     METH_NOARGS,
     "The failure of a finished operation as a dict (code, name, message, http_status, attempts,\n"
     "operation, service_code, request_id), or None."},
    {"execution",
     query_execution,
     METH_NOARGS,
     "The newest QueryExecution as JSON bytes, or None before the first look."},
    {"state", query_state, METH_NOARGS, "The newest state as a STATE_* number."},
    {"columns",
     query_columns,
     METH_NOARGS,
     "A list of (name, label, type, precision, scale, nullable, catalog, schema, table,\n"
     "case_sensitive) tuples, or None without a result set."},
    {"metadata_json",
     query_metadata_json,
     METH_NOARGS,
     "The answer of a catalogue call as JSON bytes, or None."},
    {"s3_header",
     core_s3_header,
     METH_O,
     "s3_header(name)\n--\n\nThe value of a header of the answer (any case), or None."},
    {"s3_headers",
     core_s3_headers,
     METH_NOARGS,
     "All headers of the answer as a list of (name, value)."},
    {"s3_body",
     core_s3_body,
     METH_NOARGS,
     "The body of the answer as bytes; empty before it is there."},
    {"s3_take",
     core_s3_take,
     METH_NOARGS,
     "The bytes of a finished get with allocate=, once; shorter when the object ended."},
    {"s3_chunk",
     core_s3_chunk,
     METH_NOARGS,
     "The next S3Chunk of a get without a target; None when none is ready."},
    {"s3_write",
     core_s3_write,
     METH_O,
     "s3_write(data)\n--\n\nGive bytes to a put with stream=True; False: full, wait for BATCH."},
    {"s3_end",
     core_s3_end,
     METH_NOARGS,
     "Nothing more will be written; the object appears when DONE comes."},
    {"s3_page",
     core_s3_page,
     METH_NOARGS,
     "The entries of the next page of a listing; None when none is ready."},
    {"s3_failures",
     core_s3_failures,
     METH_NOARGS,
     "What a finished deletion did not delete: (key, version_id, code, message) tuples."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef query_getset[] = {
    {"token", get_token, NULL, "The number that names the operation in events.", NULL},
    {"user", get_user, NULL, "The number given at the start.", NULL},
    {"query_id", get_query_id, NULL, "The QueryExecutionId, None before it is known.", NULL},
    {"done", get_done, NULL, "The final event has been made.", NULL},
    {"update_count", get_update_count, NULL, "UpdateCount, -1 when AWS sent none.", NULL},
    {"s3_status", core_s3_status, NULL, "HTTP status of the answer, 0 before it is there.", NULL},
    {"s3_size", core_s3_size, NULL, "Bytes of the object, -1 while unknown.", NULL},
    {"s3_transferred", core_s3_transferred, NULL, "Bytes, or keys deleted, so far.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot query_slots[] = {
    CORE_DOC("An operation in flight or finished; made by the methods of Client. Dropping\n"
             "the last reference cancels what still runs, without waiting."),
    {Py_tp_dealloc, query_dealloc},
    {Py_tp_traverse, query_traverse},
    {Py_tp_clear, query_clear},
    {Py_tp_methods, query_methods},
    {Py_tp_getset, query_getset},
    {0, NULL},
};

PyType_Spec core_query_spec = {
    "pyathena._core.Query",
    sizeof(struct core_query),
    0,
    CORE_TYPE_FLAGS | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    query_slots};
