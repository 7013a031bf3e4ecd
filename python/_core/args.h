/* Python arguments into the option structs of the library. */
#ifndef CORE_ARGS_H
#define CORE_ARGS_H

#include "state.h"

enum core_field_kind {
    CORE_TEXT,   /* const char *, from str without NUL */
    CORE_INT,    /* int */
    CORE_INT32,  /* int32_t */
    CORE_INT64,  /* int64_t */
    CORE_DOUBLE, /* double, from int or float */
    CORE_FLAG,   /* int 0 or 1, from a truth value */
    CORE_BOOL,   /* bool, from a truth value */
    CORE_TOGGLE, /* int: True 1, False -1, or the number itself */
    CORE_OTHER,  /* known, but stored by the caller */
};

struct core_field {
    const char *name;
    enum core_field_kind kind;
    size_t offset;
};
#define CORE_FIELD(type, member, kind)                                                             \
    { #member, kind, offsetof(struct type, member) }

/*
 * Stores the items of `options` (a dict, or NULL) in the struct at `target` by the table, which
 * ends with a NULL name. None leaves a member as it is. Text pointers live as long as the str
 * objects in `options`. Unknown names and wrong types raise TypeError, values out of range
 * CoreError.
 */
int core_fields_set(
    struct core_state *state,
    void *target,
    const struct core_field *fields,
    PyObject *options,
    const char *function);

/* The UTF-8 of a str without NUL and without lone surrogates; NULL with an exception. */
const char *core_text(struct core_state *state, PyObject *value, const char *name, size_t *out_len);

/* For readers that raise errors of their own, when PyUnicode_AsUTF8AndSize() has failed: true when
 * a lone surrogate is why; then the exception is gone and `*out_at` its index (-1: not known). */
bool core_take_surrogate(Py_ssize_t *out_at);

/* The same for whole numbers: 0, 1 when it is not between `min` and `max`, -1 with an exception. */
int core_whole_number(
    PyObject *value, const char *name, long long min, long long max, long long *out);

/* As core_text(), but None gives a NULL pointer. Returns 0 or -1. */
int core_text_or_none(
    struct core_state *state, PyObject *value, const char *name, const char **out_text);

#endif
