/* credential_process: its command line and its answer. */
#ifndef ATH_AWS_PROCESS_KEYS_H
#define ATH_AWS_PROCESS_KEYS_H

#include "base/arena.h"

#include <athena/error.h>

/* Splits a command line as a POSIX shell would, with blanks, quotes and backslashes only; nothing
 * is expanded. `out_argv` is NULL-ended. Errors: CONFIG (unbalanced, empty), NOMEM. */
int ath__command_split(
    struct ath_slice text, struct ath__arena *arena, char ***out_argv, struct ath_error *err);

/* The answer: Version 1, keys, optional token and Expiration. The strings of `out` are allocated in
 * `arena`. ATH_ERR_CREDENTIALS names what is wrong, never what was printed. */
struct ath__process_keys {
    char *access_key_id;
    char *secret_access_key;
    char *session_token;
    int64_t expire_at; /* 0 = never */
};
int ath__process_keys_parse(
    struct ath_slice output,
    struct ath__arena *arena,
    struct ath__process_keys *out,
    struct ath_error *err);

#endif
