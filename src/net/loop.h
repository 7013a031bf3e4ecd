/* Readiness of descriptors: epoll on Linux, poll() elsewhere. */
#ifndef ATH_NET_LOOP_H
#define ATH_NET_LOOP_H

#include <stddef.h>

#if defined(__linux__) && !defined(ATH_NET_POLL)
#define ATH_NET_EPOLL 1
#else
#define ATH_NET_EPOLL 0
#endif

enum { ATH__LOOP_IN = 1, ATH__LOOP_OUT = 2, ATH__LOOP_ERR = 4 };

struct ath__loop_event {
    int fd;
    int events;
};

struct pollfd;
struct ath__loop {
    int epoll_fd;
    unsigned char *wanted; /* by descriptor: what is registered */
    size_t wanted_count;
    struct pollfd *polls;
    size_t polls_count;
    size_t polls_cap;
};

/* 0 or ATH_ERR_SYSTEM. */
int ath__loop_init(struct ath__loop *loop);
/* Only frees what is this process's own; also right in a fork's child. */
void ath__loop_clear(struct ath__loop *loop);
/* Registers, changes or (events 0) removes. 0, ATH_ERR_NOMEM or ATH_ERR_SYSTEM. */
int ath__loop_set(struct ath__loop *loop, int fd, int events);
/* Fills up to `max` events and returns their number, or ATH_ERR_SYSTEM. -1 ms: no end. */
int ath__loop_wait(struct ath__loop *loop, int timeout_ms, struct ath__loop_event *events, int max);

#endif
