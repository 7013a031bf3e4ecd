/* Filling the caller's error record. */
#ifndef ATH_BASE_ERR_H
#define ATH_BASE_ERR_H

#include <athena/error.h>

#include <stdarg.h>

/* Sets code and message (the rest is cleared) and returns the code; `err` may be NULL. */
int ath__err_set(struct ath_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int ath__err_setv(struct ath_error *err, int code, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
/* ATH_ERR_NOMEM with its fixed message. */
int ath__err_nomem(struct ath_error *err);
/* Puts text before the message: what was being done. */
void ath__err_prefix(struct ath_error *err, const char *prefix);
/* Names the operation of an error that has none yet. */
void ath__err_operation(struct ath_error *err, const char *operation);

#endif
