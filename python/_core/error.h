/* From struct ath_error to Python: exceptions and dicts. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include "state.h"

/* Makes the CoreError class. */
PyObject *core_error_class(void);

/* A dict with the members of `err`, plus `name` ("ATH_ERR_TIMEOUT"). */
PyObject *core_error_dict(const struct ath_error *err);

/* Raises CoreError with the members of `err` as attributes; always returns NULL. */
PyObject *core_raise(struct core_state *state, const struct ath_error *err);

/* Raises CoreError with a code of the library and a text of our own; always returns NULL. */
PyObject *core_raise_text(struct core_state *state, int code, const char *format, ...);

#endif
