/* Arguments of the S3 methods: bound without a temporary dict or tuple, read into C. */
#ifndef CORE_S3_ARGS_H
#define CORE_S3_ARGS_H

#include "state.h"

#define CORE_S3_PAIRS_FEW 12

/* The pairs of a sequence of (str, str). */
struct core_s3_pairs {
    const struct ath_s3_pair *items;
    size_t count;
    PyObject *keep;           /* owns the texts */
    struct ath_s3_pair *many; /* from PyMem */
    struct ath_s3_pair few[CORE_S3_PAIRS_FEW];
};

/* The parameters of a function, as indices of the module's table of names. */
struct core_s3_signature {
    const char *function;
    unsigned char positional; /* so many may be given without their names */
    unsigned char required;   /* the first of them must be given */
    unsigned char count;
    unsigned char names[18];
};

/* Fills the module's table of interned names. Returns 0 or -1. */
int core_s3_names_init(struct core_state *state);
void core_s3_names_clear(struct core_state *state);

/* The name of a parameter, for messages. */
const char *core_s3_parameter(enum core_s3_name name);

/*
 * Sorts the arguments of a vectorcall to `values`, which is indexed by enum core_s3_name; those not
 * given are NULL. Borrowed. Returns 0, or -1 with TypeError.
 */
int core_s3_bind(
    struct core_state *state,
    const struct core_s3_signature *signature,
    PyObject *const *args,
    Py_ssize_t count,
    PyObject *names,
    PyObject **values);

/*
 * Readers of one argument: NULL and None leave `out` as it is. TypeError and ValueError name the
 * argument. Texts live as long as their str. Only a slice may hold NULs. Return 0 or -1.
 */
int core_s3_text(PyObject *value, const char *name, const char **out);
int core_s3_slice(PyObject *value, const char *name, struct ath_slice *out);
int core_s3_number(PyObject *value, const char *name, int64_t min, int64_t max, int64_t *out);
int core_s3_pairs(PyObject *value, const char *name, struct core_s3_pairs *out);
void core_s3_pairs_clear(struct core_s3_pairs *pairs);

/* The memory of a bytes-like object, contiguous, and writable when that is asked for; released by
 * PyBuffer_Release(). */
int core_s3_memory(PyObject *value, const char *name, bool writable, Py_buffer *out);

#endif
