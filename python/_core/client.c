#include "client.h"

#include "args.h"
#include "error.h"
#include "query.h"
#include "queue.h"
#include "s3_start.h"

#include <string.h>

struct core_client {
    PyObject_HEAD struct ath_client *client;
};

static const struct core_field client_fields[] = {
    CORE_FIELD(ath_client_options, region, CORE_TEXT),
    CORE_FIELD(ath_client_options, profile, CORE_TEXT),
    CORE_FIELD(ath_client_options, endpoint_url, CORE_TEXT),
    CORE_FIELD(ath_client_options, s3_endpoint_url, CORE_TEXT),
    CORE_FIELD(ath_client_options, credentials_source, CORE_INT),
    CORE_FIELD(ath_client_options, access_key_id, CORE_TEXT),
    CORE_FIELD(ath_client_options, secret_access_key, CORE_TEXT),
    CORE_FIELD(ath_client_options, session_token, CORE_TEXT),
    CORE_FIELD(ath_client_options, credentials_scope, CORE_TEXT),
    CORE_FIELD(ath_client_options, ca_file, CORE_TEXT),
    CORE_FIELD(ath_client_options, tls_verify_off, CORE_FLAG),
    CORE_FIELD(ath_client_options, client_cert, CORE_TEXT),
    CORE_FIELD(ath_client_options, client_key, CORE_TEXT),
    CORE_FIELD(ath_client_options, http_proxy, CORE_TEXT),
    CORE_FIELD(ath_client_options, https_proxy, CORE_TEXT),
    CORE_FIELD(ath_client_options, no_proxy, CORE_TEXT),
    CORE_FIELD(ath_client_options, user_agent_extra, CORE_TEXT),
    CORE_FIELD(ath_client_options, use_fips, CORE_TOGGLE),
    CORE_FIELD(ath_client_options, use_dualstack, CORE_TOGGLE),
    CORE_FIELD(ath_client_options, connect_timeout_ms, CORE_INT32),
    CORE_FIELD(ath_client_options, read_timeout_ms, CORE_INT32),
    CORE_FIELD(ath_client_options, call_timeout_ms, CORE_INT32),
    CORE_FIELD(ath_client_options, start_timeout_ms, CORE_INT32),
    CORE_FIELD(ath_client_options, connections_per_host, CORE_INT32),
    CORE_FIELD(ath_client_options, retry_attempts, CORE_INT32),
    CORE_FIELD(ath_client_options, retry_multiplier_ms, CORE_INT32),
    CORE_FIELD(ath_client_options, retry_delay_max_ms, CORE_INT32),
    CORE_FIELD(ath_client_options, retry_base, CORE_DOUBLE),
    CORE_FIELD(ath_client_options, retry_codes, CORE_TEXT),
    CORE_FIELD(ath_client_options, transient_attempts, CORE_INT32),
    CORE_FIELD(ath_client_options, quota_share, CORE_DOUBLE),
    CORE_FIELD(ath_client_options, budget_bytes, CORE_INT64),
    CORE_FIELD(ath_client_options, s3_addressing, CORE_INT),
    CORE_FIELD(ath_client_options, s3_checksums, CORE_INT),
    CORE_FIELD(ath_client_options, s3_accelerate, CORE_TOGGLE),
    CORE_FIELD(ath_client_options, s3_payload_signing, CORE_TOGGLE),
    {NULL, CORE_TEXT, 0},
};

static PyObject *client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    struct core_state *state = PyType_GetModuleState(type);
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_error err = {0};
    int code;
    if (PyTuple_GET_SIZE(args) != 0) {
        PyErr_SetString(PyExc_TypeError, "Client() takes keyword options only");
        return NULL;
    }
    if (core_fields_set(state, &options, client_fields, kwargs, "Client()") != 0)
        return NULL;
    struct core_client *self = (struct core_client *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    Py_BEGIN_ALLOW_THREADS code = ath_client_new(&options, &self->client, &err);
    Py_END_ALLOW_THREADS if (code != 0) {
        Py_DECREF(self);
        return core_raise(state, &err);
    }
    return (PyObject *)self;
}

static void client_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    ath_client_release(((struct core_client *)self)->client);
    type->tp_free(self);
    Py_DECREF(type);
}

static struct ath_client *handle(PyObject *self) {
    return ((struct core_client *)self)->client;
}

static PyObject *set_credentials(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const char *const names[] = {
        "access_key_id", "secret_access_key", "session_token", "expires_at", "reason", NULL};
    struct core_state *state = core_state_of(self);
    PyObject *values[4] = {NULL, NULL, NULL, NULL};
    const char *texts[4];
    long long expires_at = 0;
    struct ath_error err = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args,
            kwargs,
            "O|OOLO:set_credentials",
            CORE_NAMES(names),
            &values[0],
            &values[1],
            &values[2],
            &expires_at,
            &values[3]))
        return NULL;
    for (size_t i = 0; i < 4; i++)
        if (core_text_or_none(state, values[i], names[i == 3 ? 4 : i], &texts[i]) != 0)
            return NULL;
    if (ath_client_credentials_set(
            handle(self), texts[0], texts[1], texts[2], expires_at, texts[3], &err) != 0)
        return core_raise(state, &err);
    Py_RETURN_NONE;
}

static PyObject *credentials_wanted(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(ath_client_credentials_wanted(handle(self)));
}

static void wipe(void *memory, size_t size) {
    volatile unsigned char *at = memory;
    while (size-- > 0)
        *at++ = 0;
}

static PyObject *credentials(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct ath_credentials keys = {0};
    struct ath_error err = {0};
    PyObject *result;
    if (ath_client_credentials(handle(self), &keys, &err) != 0)
        result = core_raise(core_state_of(self), &err);
    else if (keys.access_key_id[0] == '\0')
        result = Py_NewRef(Py_None);
    else
        result = Py_BuildValue(
            "{s:s,s:s,s:z,s:L}",
            "access_key_id",
            keys.access_key_id,
            "secret_access_key",
            keys.secret_access_key,
            "session_token",
            keys.session_token[0] != '\0' ? keys.session_token : NULL,
            "expires_at",
            (long long)keys.expires_at);
    wipe(&keys, sizeof(keys));
    return result;
}

#define STAT(member)                                                                               \
    { #member, offsetof(struct ath_client_stats, member) }
static const struct {
    const char *name;
    size_t offset;
} stat_members[] = {
    STAT(queries_started),
    STAT(queries_finished),
    STAT(queries_in_flight),
    STAT(calls),
    STAT(calls_start),
    STAT(calls_get),
    STAT(calls_batch),
    STAT(calls_results),
    STAT(calls_stop),
    STAT(looks),
    STAT(refusals),
    STAT(retries),
    STAT(bytes_sent),
    STAT(bytes_received),
    STAT(rows),
    STAT(connections_opened),
};

static PyObject *stats(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct ath_client_stats values = {.size = sizeof(values)};
    PyObject *result = PyDict_New();
    ath_client_stats(handle(self), &values);
    for (size_t i = 0; result && i < sizeof(stat_members) / sizeof(stat_members[0]); i++) {
        uint64_t count;
        memcpy(&count, (const char *)&values + stat_members[i].offset, sizeof(count));
        PyObject *number = PyLong_FromUnsignedLongLong(count);
        if (!number || PyDict_SetItemString(result, stat_members[i].name, number) != 0)
            Py_CLEAR(result);
        Py_XDECREF(number);
    }
    return result;
}

static PyObject *start_query(PyObject *self, PyObject *args, PyObject *kwargs) {
    return core_query_start(core_state_of(self), handle(self), args, kwargs);
}

static PyObject *attach_query(PyObject *self, PyObject *args, PyObject *kwargs) {
    return core_query_attach(core_state_of(self), handle(self), args, kwargs);
}

static PyObject *start_metadata(PyObject *self, PyObject *args, PyObject *kwargs) {
    return core_metadata_start(core_state_of(self), handle(self), args, kwargs);
}

static PyObject *stop_query(PyObject *self, PyObject *args, PyObject *kwargs) {
    return core_query_stop(core_state_of(self), handle(self), args, kwargs);
}

static PyObject *s3_call(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return core_s3_call(core_state_of(self), handle(self), args, count, names);
}

static PyObject *s3_get(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return core_s3_get(core_state_of(self), handle(self), args, count, names);
}

static PyObject *s3_put(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return core_s3_put(core_state_of(self), handle(self), args, count, names);
}

static PyObject *s3_copy(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return core_s3_copy(core_state_of(self), handle(self), args, count, names);
}

static PyObject *s3_list(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return core_s3_list(core_state_of(self), handle(self), args, count, names);
}

static PyObject *
s3_delete(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return core_s3_delete(core_state_of(self), handle(self), args, count, names);
}

static PyObject *
s3_presign(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return core_s3_presign(core_state_of(self), handle(self), args, count, names);
}

static PyObject *get_region(PyObject *self, void *Py_UNUSED(closure)) {
    return Py_BuildValue("z", ath_client_region(handle(self)));
}

static PyObject *get_endpoint(PyObject *self, void *Py_UNUSED(closure)) {
    return Py_BuildValue("z", ath_client_endpoint(handle(self)));
}

static PyObject *get_profile(PyObject *self, void *Py_UNUSED(closure)) {
    return Py_BuildValue("z", ath_client_profile(handle(self)));
}

static PyMethodDef client_methods[] = {
    {"set_credentials",
     CORE_KEYWORDS(set_credentials),
     "set_credentials(access_key_id, secret_access_key=None, session_token=None, expires_at=0,\n"
     "reason=None)\n--\n\nHand over keys; expires_at is seconds since 1970, 0 = never. With\n"
     "access_key_id None the waiting calls fail with `reason`."},
    {"credentials_wanted", credentials_wanted, METH_NOARGS, "External keys are needed now."},
    {"credentials", credentials, METH_NOARGS, "The keys in use as a dict, or None."},
    {"stats", stats, METH_NOARGS, "Counters since the client was made, as a dict."},
    {"start_query",
     CORE_KEYWORDS(start_query),
     "start_query(queue, sql, options=None, user=0)\n--\n\nStart a query; returns its Query at "
     "once."},
    {"attach_query",
     CORE_KEYWORDS(attach_query),
     "attach_query(queue, query_id, options=None, user=0, stop_on_cancel=False)\n--\n\n"
     "Follow a query that was started elsewhere."},
    {"start_metadata",
     CORE_KEYWORDS(start_metadata),
     "start_metadata(queue, options, user=0)\n--\n\nStart a catalogue call."},
    {"stop_query",
     CORE_KEYWORDS(stop_query),
     "stop_query(queue, query_id, user=0)\n--\n\nSend StopQueryExecution for an id."},
    {"s3_call",
     CORE_FASTCALL(s3_call),
     "s3_call(queue, operation, method, bucket, key=None, *, query=None, headers=None, body=None,\n"
     "into=None, user=0)\n--\n\nStart one request of S3's REST API."},
    {"s3_get",
     CORE_FASTCALL(s3_get),
     "s3_get(queue, bucket, key, *, version_id=None, if_match=None, offset=0, length=-1, "
     "into=None,\nallocate=0, head=None, headers=None, part_bytes=0, parallel=0, user=0)\n--\n\n"
     "Start to read an object by parallel ranges: into memory, or as a stream of chunks."},
    {"s3_put",
     CORE_FASTCALL(s3_put),
     "s3_put(queue, bucket, key, *, body=None, path=None, stream=False, headers=None,\n"
     "if_none_match=None, if_match=None, part_bytes=0, parallel=0, user=0)\n--\n\n"
     "Start to write an object from memory, from a file, or from what s3_write() brings."},
    {"s3_copy",
     CORE_FASTCALL(s3_copy),
     "s3_copy(queue, source_bucket, source_key, bucket, key, *, source_version_id=None,\n"
     "headers=None, multipart_from=0, part_bytes=0, parallel=0, user=0)\n--\n\n"
     "Start a copy on the server."},
    {"s3_list",
     CORE_FASTCALL(s3_list),
     "s3_list(queue, kind, bucket=None, *, prefix=None, delimiter=None, start_after=None, "
     "key=None,\nupload_id=None, page_keys=0, keys_max=0, headers=None, user=0)\n--\n\n"
     "Start a listing of all pages; `kind` is one of S3_LIST_*."},
    {"s3_delete",
     CORE_FASTCALL(s3_delete),
     "s3_delete(queue, bucket, keys, *, version_ids=None, headers=None, user=0)\n--\n\n"
     "Start to delete many objects."},
    {"s3_presign",
     CORE_FASTCALL(s3_presign),
     "s3_presign(method, bucket, key, *, query=None, expires=3600)\n--\n\n"
     "A URL that allows `method` for `expires` seconds to whoever has it."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef client_getset[] = {
    {"region", get_region, NULL, "The region in use.", NULL},
    {"endpoint", get_endpoint, NULL, "Athena's URL.", NULL},
    {"profile", get_profile, NULL, "The profile in use, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot client_slots[] = {
    CORE_DOC("Client(**options)\n--\n\nA configuration on the process's runtime; options "
             "are the members of\nstruct ath_client_options (athena/client.h)."),
    {Py_tp_new, client_new},
    {Py_tp_dealloc, client_dealloc},
    {Py_tp_methods, client_methods},
    {Py_tp_getset, client_getset},
    {0, NULL},
};

PyType_Spec core_client_spec = {
    "pyathena._core.Client", sizeof(struct core_client), 0, CORE_TYPE_FLAGS, client_slots};
