/* Log records into a bounded ring; see athena/log.h for who reads them. */
#ifndef ATH_BASE_LOG_H
#define ATH_BASE_LOG_H

#include <athena/log.h>

bool ath__log_is_on(int level);
void ath__log_write(int level, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For a fork's child: the lock may have been held by a thread that is not there. */
void ath__log_after_fork(void);

#define ATH__LOG(level, subject, ...)                                                              \
    do {                                                                                           \
        if (ath__log_is_on(level))                                                                 \
            ath__log_write((level), (subject), __VA_ARGS__);                                       \
    } while (0)

#endif
