#include "base/err.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

const char *ath_error_text(int code) {
    switch (code) {
#define ERROR_TEXT(name, value, text)                                                              \
    case (value):                                                                                  \
        return text;
        ATH_ERROR_TABLE(ERROR_TEXT)
    default:
        return "unknown error";
    }
}

const char *ath_error_name(int code) {
    switch (code) {
#define ERROR_NAME(name, value, text)                                                              \
    case (value):                                                                                  \
        return "ATH_ERR_" #name;
        ATH_ERROR_TABLE(ERROR_NAME)
    default:
        return "ATH_ERR_UNKNOWN";
    }
}

/* Cuts an overlong text at a character and replaces bytes that are not UTF-8. */
static void tidy(char *text, size_t size) {
    size_t len = strlen(text);
    if (len == size - 1)
        text[ath__utf8_cut(text, len, len - 1)] = '\0';
    if (!ath__utf8_is_valid(text, strlen(text)))
        for (char *p = text; *p; p++)
            if ((unsigned char)*p & 0x80)
                *p = '?';
}

int ath__err_setv(struct ath_error *err, int code, const char *format, va_list args) {
    if (!err)
        return code;
    memset(err, 0, sizeof *err);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
    tidy(err->message, sizeof err->message);
    return code;
}

int ath__err_set(struct ath_error *err, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    ath__err_setv(err, code, format, args);
    va_end(args);
    return code;
}

int ath__err_nomem(struct ath_error *err) {
    return ath__err_set(err, ATH_ERR_NOMEM, "out of memory");
}

void ath__err_prefix(struct ath_error *err, const char *prefix) {
    if (!err)
        return;
    char text[sizeof err->message];
    memcpy(text, err->message, sizeof text);
    int len = (int)ath__utf8_cut(text, strlen(text), 900);
    snprintf(err->message, sizeof err->message, "%s: %.*s", prefix, len, text);
    tidy(err->message, sizeof err->message);
}

void ath__err_operation(struct ath_error *err, const char *operation) {
    if (err->code && !err->operation[0])
        snprintf(err->operation, sizeof err->operation, "%s", operation);
}
