#include "net/wake.h"

#include <athena/error.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#endif

#ifdef __linux__
int ath__wake_init(struct ath__wake *wake) {
    wake->read_fd = wake->write_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wake->read_fd < 0 ? ATH_ERR_SYSTEM : 0;
}
#else
static int set_flags(int fd) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return ATH_ERR_SYSTEM;
    return 0;
}

int ath__wake_init(struct ath__wake *wake) {
    int fds[2];
    *wake = (struct ath__wake){-1, -1};
    if (pipe(fds) < 0)
        return ATH_ERR_SYSTEM;
    *wake = (struct ath__wake){fds[0], fds[1]};
    if (set_flags(fds[0]) == 0 && set_flags(fds[1]) == 0)
        return 0;
    ath__wake_clear(wake);
    return ATH_ERR_SYSTEM;
}
#endif

void ath__wake_signal(const struct ath__wake *wake) {
    /* Callers may be between a failed system call and their look at errno. */
    int saved = errno;
    uint64_t one = 1;
    ssize_t n;
    do {
        /* EAGAIN: it is readable already. */
        n = write(wake->write_fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    errno = saved;
}

void ath__wake_reset(const struct ath__wake *wake) {
    uint64_t bytes[32];
    ssize_t n;
    do {
        n = read(wake->read_fd, bytes, sizeof bytes);
    } while ((n < 0 && errno == EINTR) || n == (ssize_t)sizeof bytes);
}

void ath__wake_clear(struct ath__wake *wake) {
    if (wake->read_fd >= 0)
        close(wake->read_fd);
    if (wake->write_fd >= 0 && wake->write_fd != wake->read_fd)
        close(wake->write_fd);
    *wake = (struct ath__wake){-1, -1};
}

static int64_t clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int ath__wake_poll(const struct ath__wake *wake, int timeout_ms) {
    struct pollfd fd = {.fd = wake->read_fd, .events = POLLIN};
    int64_t end = timeout_ms > 0 ? clock_ms() + timeout_ms : 0;
    for (;;) {
        int n = poll(&fd, 1, timeout_ms);
        if (n >= 0 || errno != EINTR)
            return n > 0;
        if (timeout_ms <= 0)
            continue;
        int64_t left = end - clock_ms();
        timeout_ms = left > 0 ? (int)left : 0;
    }
}
