#include "s3_args.h"

#include "args.h"

#include <string.h>

static const char *const texts[CORE_S3_NAMES_COUNT] = {
#define CORE_S3_TEXT(name, text) text,
    CORE_S3_NAMES(CORE_S3_TEXT)
#undef CORE_S3_TEXT
};

const char *core_s3_parameter(enum core_s3_name name) {
    return texts[name];
}

int core_s3_names_init(struct core_state *state) {
    for (int i = 0; i < CORE_S3_NAMES_COUNT; i++) {
        state->s3_names[i] = PyUnicode_InternFromString(texts[i]);
        if (!state->s3_names[i])
            return -1;
    }
    return 0;
}

void core_s3_names_clear(struct core_state *state) {
    for (int i = 0; i < CORE_S3_NAMES_COUNT; i++)
        Py_CLEAR(state->s3_names[i]);
}

/* -- binding
 * --------------------------------------------------------------------------------------------- */

/* The index of a keyword's name, -1 when the function has none such. Names in a program's text are
 * interned, so the first loop nearly always finds them. */
static int
find_name(struct core_state *state, const struct core_s3_signature *signature, PyObject *keyword) {
    for (int i = 0; i < signature->count; i++)
        if (state->s3_names[signature->names[i]] == keyword)
            return signature->names[i];
    for (int i = 0; i < signature->count; i++)
        if (PyUnicode_CompareWithASCIIString(keyword, texts[signature->names[i]]) == 0)
            return signature->names[i];
    return -1;
}

static int check_required(const struct core_s3_signature *signature, PyObject *const *values) {
    for (int i = 0; i < signature->required; i++)
        if (!values[signature->names[i]]) {
            PyErr_Format(
                PyExc_TypeError,
                "%s() missing required argument: '%s'",
                signature->function,
                texts[signature->names[i]]);
            return -1;
        }
    return 0;
}

int core_s3_bind(
    struct core_state *state,
    const struct core_s3_signature *signature,
    PyObject *const *args,
    Py_ssize_t count,
    PyObject *names,
    PyObject **values) {
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    memset(values, 0, CORE_S3_NAMES_COUNT * sizeof(*values));
    if (count > signature->positional) {
        PyErr_Format(
            PyExc_TypeError,
            "%s() takes at most %d positional arguments (%zd given)",
            signature->function,
            (int)signature->positional,
            count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        values[signature->names[i]] = args[i];
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *keyword = PyTuple_GET_ITEM(names, i);
        int name = find_name(state, signature, keyword);
        if (name < 0 || values[name]) {
            PyErr_Format(
                PyExc_TypeError,
                name < 0 ? "%s() got an unexpected keyword argument '%U'"
                         : "%s() got multiple values for argument '%U'",
                signature->function,
                keyword);
            return -1;
        }
        values[name] = args[count + i];
    }
    return check_required(signature, values);
}

/* -- readers
 * --------------------------------------------------------------------------------------------- */

int core_s3_slice(PyObject *value, const char *name, struct ath_slice *out) {
    Py_ssize_t len;
    Py_ssize_t at;
    if (!value || value == Py_None)
        return 0;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", name, Py_TYPE(value)->tp_name);
        return -1;
    }
    const char *text = PyUnicode_AsUTF8AndSize(value, &len);
    if (!text) {
        if (core_take_surrogate(&at))
            PyErr_Format(
                PyExc_ValueError,
                "%s: the character at index %zd is a lone surrogate, which UTF-8 cannot carry",
                name,
                at);
        return -1;
    }
    *out = (struct ath_slice){text, (size_t)len};
    return 0;
}

int core_s3_text(PyObject *value, const char *name, const char **out) {
    struct ath_slice text = {NULL, 0};
    if (core_s3_slice(value, name, &text) != 0)
        return -1;
    if (!text.ptr)
        return 0;
    if (memchr(text.ptr, '\0', text.len)) {
        PyErr_Format(PyExc_ValueError, "%s contains a NUL character", name);
        return -1;
    }
    *out = text.ptr;
    return 0;
}

int core_s3_number(PyObject *value, const char *name, int64_t min, int64_t max, int64_t *out) {
    long long number;
    if (!value || value == Py_None)
        return 0;
    int code = core_whole_number(value, name, min, max, &number);
    if (code > 0)
        PyErr_Format(
            PyExc_ValueError,
            "%s must be between %lld and %lld, not %R",
            name,
            (long long)min,
            (long long)max,
            value);
    if (code != 0)
        return -1;
    *out = number;
    return 0;
}

static int read_pair(PyObject *item, const char *name, Py_ssize_t at, struct ath_s3_pair *out) {
    char place[48];
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2 ||
        !PyUnicode_Check(PyTuple_GET_ITEM(item, 0)) ||
        !PyUnicode_Check(PyTuple_GET_ITEM(item, 1))) {
        PyErr_Format(
            PyExc_TypeError,
            "%s[%zd] must be a tuple of two str",
            name,
            at); /* it may be a secret */
        return -1;
    }
    PyOS_snprintf(place, sizeof(place), "%s[%zd]", name, at);
    return core_s3_text(PyTuple_GET_ITEM(item, 0), place, &out->name) == 0 &&
                   core_s3_text(PyTuple_GET_ITEM(item, 1), place, &out->value) == 0
               ? 0
               : -1;
}

int core_s3_pairs(PyObject *value, const char *name, struct core_s3_pairs *out) {
    if (!value || value == Py_None)
        return 0;
    if (PyUnicode_Check(value) || !PySequence_Check(value)) {
        PyErr_Format(
            PyExc_TypeError,
            "%s must be a sequence of tuples, not %.100s",
            name,
            Py_TYPE(value)->tp_name);
        return -1;
    }
    out->keep = PySequence_Tuple(value); /* a list may change while it is read */
    if (!out->keep)
        return -1;
    Py_ssize_t count = PyTuple_GET_SIZE(out->keep);
    struct ath_s3_pair *items = out->few;
    if (count > CORE_S3_PAIRS_FEW) {
        items = out->many = PyMem_New(struct ath_s3_pair, (size_t)count);
        if (!items) {
            PyErr_NoMemory();
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (read_pair(PyTuple_GET_ITEM(out->keep, i), name, i, &items[i]) != 0)
            return -1;
    out->items = items;
    out->count = (size_t)count;
    return 0;
}

void core_s3_pairs_clear(struct core_s3_pairs *pairs) {
    Py_CLEAR(pairs->keep);
    PyMem_Free(pairs->many);
    pairs->many = NULL;
    pairs->items = NULL;
    pairs->count = 0;
}

int core_s3_memory(PyObject *value, const char *name, bool writable, Py_buffer *out) {
    if (!value || value == Py_None)
        return 0;
    if (!PyObject_CheckBuffer(value)) {
        PyErr_Format(
            PyExc_TypeError,
            "%s must be a bytes-like object, not %.100s",
            name,
            Py_TYPE(value)->tp_name);
        return -1;
    }
    if (PyObject_GetBuffer(value, out, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) == 0)
        return 0;
    out->obj = NULL;
    if (PyErr_ExceptionMatches(PyExc_BufferError)) {
        PyErr_Clear();
        PyErr_Format(
            PyExc_ValueError,
            "%s must be contiguous%s memory, which this %.100s is not",
            name,
            writable ? ", writable" : "",
            Py_TYPE(value)->tp_name);
    }
    return -1;
}
