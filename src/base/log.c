#include "base/log.h"

#include "base/utf8.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define RING_RECORDS 256

struct record {
    int level;
    char subject[16];
    char message[400];
};

static atomic_int s_level = ATH_LOG_NONE;
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static struct record s_ring[RING_RECORDS]; /* under s_lock, as the three below */
static size_t s_first, s_count, s_dropped;

void ath_log_level_set(int level) {
    atomic_store(&s_level, level);
}

bool ath__log_is_on(int level) {
    return level <= atomic_load_explicit(&s_level, memory_order_relaxed);
}

void ath__log_write(int level, const char *subject, const char *format, ...) {
    struct record record = {.level = level};
    snprintf(record.subject, sizeof record.subject, "%s", subject);
    va_list args;
    va_start(args, format);
    vsnprintf(record.message, sizeof record.message, format, args);
    va_end(args);
    pthread_mutex_lock(&s_lock);
    if (s_count == RING_RECORDS) {
        s_first = (s_first + 1) % RING_RECORDS;
        s_count--;
        s_dropped++;
    }
    s_ring[(s_first + s_count++) % RING_RECORDS] = record;
    pthread_mutex_unlock(&s_lock);
}

/* Takes the oldest record, or a note about lost ones first. */
static bool take(struct record *out) {
    bool have = true;
    pthread_mutex_lock(&s_lock);
    if (s_dropped) {
        *out = (struct record){.level = ATH_LOG_WARNING, .subject = "log"};
        snprintf(out->message, sizeof out->message, "%zu log records were dropped", s_dropped);
        s_dropped = 0;
    } else if (s_count) {
        *out = s_ring[s_first];
        s_first = (s_first + 1) % RING_RECORDS;
        s_count--;
    } else {
        have = false;
    }
    pthread_mutex_unlock(&s_lock);
    return have;
}

size_t ath_log_drain(ath_log_fn *fn, void *user) {
    struct record record;
    size_t count = 0;
    while (count < 2 * RING_RECORDS && take(&record)) {
        record.message[ath__utf8_cut(
            record.message, strlen(record.message), sizeof record.message - 2)] = '\0';
        fn(record.level, record.subject, record.message, user);
        count++;
    }
    return count;
}

void ath__log_after_fork(void) {
    pthread_mutex_init(&s_lock, NULL);
    s_first = s_count = s_dropped = 0;
}
