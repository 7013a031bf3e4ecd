/* Seconds, for differences. */
#ifndef ATH_BENCH_MICRO_CLOCK_H
#define ATH_BENCH_MICRO_CLOCK_H

#include <time.h>

static inline double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline double cpu_seconds(void) {
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double wall_seconds(void) {
    return seconds_of(CLOCK_MONOTONIC);
}

#endif
