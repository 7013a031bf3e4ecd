/* Holds connections back for a while: they are suspended and a timer thread resumes them. */
#ifndef STUB_DELAY_H
#define STUB_DELAY_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct delay;

/* Starts the timer thread. Returns NULL when out of memory or threads. */
struct delay *stub_delay_new(void);

/* Resumes everything that waits; from now on stub_delay_hold() refuses. Call before the daemon
 * stops. */
void stub_delay_stop(struct delay *delay);
void stub_delay_free(struct delay *delay);

/* Suspends the connection until due_ns (CLOCK_MONOTONIC). False: nothing was suspended, go on now.
 */
bool stub_delay_hold(struct delay *delay, struct MHD_Connection *connection, int64_t due_ns);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t stub_now_ns(void);

#endif
