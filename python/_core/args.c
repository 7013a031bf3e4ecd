#include "args.h"

#include "error.h"

#include <string.h>

bool core_take_surrogate(Py_ssize_t *out_at) {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    *out_at = -1;
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return false;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value && PyUnicodeEncodeError_GetStart(value, out_at) != 0)
        PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return true;
}

const char *
core_text(struct core_state *state, PyObject *value, const char *name, size_t *out_len) {
    Py_ssize_t len;
    Py_ssize_t at;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", name, Py_TYPE(value)->tp_name);
        return NULL;
    }
    const char *text = PyUnicode_AsUTF8AndSize(value, &len);
    if (!text) {
        if (core_take_surrogate(&at))
            core_raise_text(
                state,
                ATH_ERR_INVALID,
                "%s: the character at index %zd is a lone surrogate, which UTF-8 cannot carry",
                name,
                at);
        return NULL;
    }
    if (memchr(text, '\0', (size_t)len)) {
        core_raise_text(state, ATH_ERR_INVALID, "%s contains a NUL character", name);
        return NULL;
    }
    if (out_len)
        *out_len = (size_t)len;
    return text;
}

int core_text_or_none(
    struct core_state *state, PyObject *value, const char *name, const char **out_text) {
    *out_text = NULL;
    if (value == NULL || value == Py_None)
        return 0;
    *out_text = core_text(state, value, name, NULL);
    return *out_text ? 0 : -1;
}

int core_whole_number(
    PyObject *value, const char *name, long long min, long long max, long long *out) {
    int overflow = 0;
    PyObject *index = PyNumber_Index(value);
    if (!index) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(
                PyExc_TypeError, "%s must be int, not %.100s", name, Py_TYPE(value)->tp_name);
        return -1;
    }
    *out = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow == 0 && *out >= min && *out <= max)
        return 0;
    return PyErr_Occurred() ? -1 : 1;
}

static int
number(struct core_state *state, PyObject *value, const struct core_field *field, char *at) {
    long long whole = 0;
    long long min = INT64_MIN;
    long long max = INT64_MAX;
    if (field->kind != CORE_INT64) {
        min = INT32_MIN;
        max = INT32_MAX;
    }
    int code = core_whole_number(value, field->name, min, max, &whole);
    if (code > 0)
        core_raise_text(
            state,
            ATH_ERR_INVALID,
            "%s must be between %lld and %lld, not %R",
            field->name,
            min,
            max,
            value);
    if (code != 0)
        return -1;
    if (field->kind == CORE_INT64)
        memcpy(at, &(int64_t){whole}, sizeof(int64_t));
    else if (field->kind == CORE_INT32)
        memcpy(at, &(int32_t){(int32_t)whole}, sizeof(int32_t));
    else
        memcpy(at, &(int){(int)whole}, sizeof(int));
    return 0;
}

static int truth(PyObject *value, const struct core_field *field, char *at) {
    int yes = PyObject_IsTrue(value);
    if (yes < 0)
        return -1;
    if (field->kind == CORE_BOOL)
        memcpy(at, &(bool){yes != 0}, sizeof(bool));
    else
        memcpy(at, &yes, sizeof(int));
    return 0;
}

static int
set_field(struct core_state *state, PyObject *value, const struct core_field *field, char *at) {
    switch (field->kind) {
    case CORE_OTHER:
        return 0;
    case CORE_TEXT: {
        const char *text = core_text(state, value, field->name, NULL);
        memcpy(at, &text, sizeof(text));
        return text ? 0 : -1;
    }
    case CORE_DOUBLE: {
        double real = PyFloat_AsDouble(value);
        if (PyErr_Occurred()) {
            if (PyErr_ExceptionMatches(PyExc_TypeError))
                PyErr_Format(
                    PyExc_TypeError,
                    "%s must be a number, not %.100s",
                    field->name,
                    Py_TYPE(value)->tp_name);
            return -1;
        }
        memcpy(at, &real, sizeof(real));
        return 0;
    }
    case CORE_FLAG:
    case CORE_BOOL:
        return truth(value, field, at);
    case CORE_TOGGLE:
        if (PyBool_Check(value)) {
            memcpy(at, &(int){value == Py_True ? 1 : -1}, sizeof(int));
            return 0;
        }
        return number(state, value, field, at);
    case CORE_INT:
    case CORE_INT32:
    case CORE_INT64:
        break;
    }
    return number(state, value, field, at);
}

int core_fields_set(
    struct core_state *state,
    void *target,
    const struct core_field *fields,
    PyObject *options,
    const char *function) {
    Py_ssize_t position = 0;
    PyObject *key;
    PyObject *value;
    while (options && PyDict_Next(options, &position, &key, &value)) {
        const struct core_field *field = fields;
        const char *name = core_text(state, key, "an option's name", NULL);
        if (!name)
            return -1;
        while (field->name && strcmp(field->name, name) != 0)
            field++;
        if (!field->name) {
            PyErr_Format(PyExc_TypeError, "%s got an unexpected option '%s'", function, name);
            return -1;
        }
        if (value == Py_None)
            continue;
        if (set_field(state, value, field, (char *)target + field->offset) != 0)
            return -1;
    }
    return 0;
}
