/*
 * Log records of the library. Secrets, SQL text and result data never enter a record.
 */
#ifndef ATHENA_LOG_H
#define ATHENA_LOG_H

#include <athena/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A level lets through its own records and those of the levels before it. */
enum ath_log_level {
    ATH_LOG_NONE = 0,
    ATH_LOG_ERROR = 1,
    ATH_LOG_WARNING = 2,
    ATH_LOG_INFO = 3,
    ATH_LOG_DEBUG = 4,
};

/* One record; `subject` ("query", "net", ...) and `message` are valid during the call only. */
typedef void(ath_log_fn)(int level, const char *subject, const char *message, void *user);

/*
 * Sets the level of detail for the process; ATH_LOG_NONE (the default) costs one comparison a line.
 * Records wait in a bounded ring (the oldest are dropped, and their number told) until someone
 * calls ath_log_drain().
 */
ATH_API void ath_log_level_set(int level);

/*
 * Hands the waiting records to `fn` on the calling thread, oldest first, and returns how many there
 * were. No lock is held during `fn`, so it may call into the library.
 */
ATH_API size_t ath_log_drain(ath_log_fn *fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
