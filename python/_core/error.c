#include "error.h"

#include <string.h>

PyObject *core_error_class(void) {
    return PyErr_NewExceptionWithDoc(
        "pyathena._core.CoreError",
        "A call of the core failed. Attributes: `code` (negative int), `name` "
        "(\"ATH_ERR_TIMEOUT\"),\n"
        "`message`, `http_status`, `attempts`, and, when AWS answered, `operation`, "
        "`service_code`\n"
        "and `request_id` (else \"\").",
        NULL,
        NULL);
}

static PyObject *text(const char *bytes) {
    return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)strlen(bytes), "replace");
}

PyObject *core_error_dict(const struct ath_error *err) {
    const char *message = err->message[0] != '\0' ? err->message : ath_error_text(err->code);
    return Py_BuildValue(
        "{s:i,s:s,s:i,s:k,s:N,s:N,s:N,s:N}",
        "code",
        err->code,
        "name",
        ath_error_name(err->code),
        "http_status",
        err->http_status,
        "attempts",
        (unsigned long)err->attempts,
        "operation",
        text(err->operation),
        "service_code",
        text(err->service_code),
        "request_id",
        text(err->request_id),
        "message",
        text(message));
}

/* Consumes `members`. */
static void raise_members(struct core_state *state, PyObject *members) {
    PyObject *message = PyDict_GetItemWithError(members, state->name_message);
    PyObject *error = message ? PyObject_CallOneArg(state->error, message) : NULL;
    Py_ssize_t at = 0;
    PyObject *name;
    PyObject *value;
    bool good = error != NULL;
    while (good && PyDict_Next(members, &at, &name, &value))
        good = PyObject_SetAttr(error, name, value) == 0;
    if (good)
        PyErr_SetObject(state->error, error);
    Py_XDECREF(error);
    Py_DECREF(members);
}

PyObject *core_raise(struct core_state *state, const struct ath_error *err) {
    if (err->code == ATH_ERR_NOMEM)
        return PyErr_NoMemory();
    PyObject *members = core_error_dict(err);
    if (members)
        raise_members(state, members);
    return NULL;
}

PyObject *core_raise_text(struct core_state *state, int code, const char *format, ...) {
    struct ath_error err = {.code = code};
    PyObject *members = core_error_dict(&err);
    if (!members)
        return NULL;
    va_list args;
    va_start(args, format);
    PyObject *message = PyUnicode_FromFormatV(format, args);
    va_end(args);
    if (!message || PyDict_SetItem(members, state->name_message, message) != 0) {
        Py_XDECREF(message);
        Py_DECREF(members);
        return NULL;
    }
    Py_DECREF(message);
    raise_members(state, members);
    return NULL;
}
