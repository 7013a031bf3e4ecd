/* A descriptor that one thread makes readable for another: eventfd, or a pipe elsewhere. */
#ifndef ATH_NET_WAKE_H
#define ATH_NET_WAKE_H

struct ath__wake {
    int read_fd;
    int write_fd; /* equal to read_fd for an eventfd */
};

/* 0 or ATH_ERR_SYSTEM. Both ends close-on-exec and non-blocking. */
int ath__wake_init(struct ath__wake *wake);
void ath__wake_signal(const struct ath__wake *wake);
void ath__wake_reset(const struct ath__wake *wake);
void ath__wake_clear(struct ath__wake *wake);
/* Blocks until readable or time is up (-1: no end); 1 or 0. Retries EINTR within the time. */
int ath__wake_poll(const struct ath__wake *wake, int timeout_ms);

#endif
