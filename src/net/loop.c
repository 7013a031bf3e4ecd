#include "net/loop.h"

#include "base/alloc.h"

#include <athena/error.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if ATH_NET_EPOLL
#include <sys/epoll.h>
#endif

#define WAIT_MAX 64

static int make_room(struct ath__loop *loop, int fd) {
    size_t need = (size_t)fd + 1, count = loop->wanted_count ? loop->wanted_count : 64;
    if (need <= loop->wanted_count)
        return 0;
    while (count < need)
        count *= 2;
    unsigned char *wanted = ath__realloc(loop->wanted, count);
    if (!wanted)
        return ATH_ERR_NOMEM;
    memset(wanted + loop->wanted_count, 0, count - loop->wanted_count);
    loop->wanted = wanted;
    loop->wanted_count = count;
    return 0;
}

#if ATH_NET_EPOLL

int ath__loop_init(struct ath__loop *loop) {
    *loop = (struct ath__loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll_fd < 0 ? ATH_ERR_SYSTEM : 0;
}

void ath__loop_clear(struct ath__loop *loop) {
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    ath__free(loop->wanted);
    *loop = (struct ath__loop){.epoll_fd = -1};
}

static int control(struct ath__loop *loop, int fd, int events, int op) {
    struct epoll_event event = {.data.fd = fd};
    if (events & ATH__LOOP_IN)
        event.events |= EPOLLIN;
    if (events & ATH__LOOP_OUT)
        event.events |= EPOLLOUT;
    return epoll_ctl(loop->epoll_fd, op, fd, &event);
}

int ath__loop_set(struct ath__loop *loop, int fd, int events) {
    if (make_room(loop, fd))
        return ATH_ERR_NOMEM;
    int before = loop->wanted[fd];
    if (before == events)
        return 0;
    int op = !events ? EPOLL_CTL_DEL : before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int rc = control(loop, fd, events, op);
    /* A descriptor closed behind our back left the set by itself, and its number may be back. */
    if (rc < 0 && op == EPOLL_CTL_MOD && errno == ENOENT)
        rc = control(loop, fd, events, EPOLL_CTL_ADD);
    else if (rc < 0 && op == EPOLL_CTL_ADD && errno == EEXIST)
        rc = control(loop, fd, events, EPOLL_CTL_MOD);
    else if (op == EPOLL_CTL_DEL)
        rc = 0;
    loop->wanted[fd] = rc < 0 ? 0 : (unsigned char)events;
    return rc < 0 ? ATH_ERR_SYSTEM : 0;
}

int ath__loop_wait(
    struct ath__loop *loop, int timeout_ms, struct ath__loop_event *events, int max) {
    struct epoll_event ready[WAIT_MAX];
    int n = epoll_wait(loop->epoll_fd, ready, max < WAIT_MAX ? max : WAIT_MAX, timeout_ms);
    if (n < 0)
        return errno == EINTR ? 0 : ATH_ERR_SYSTEM;
    for (int i = 0; i < n; i++) {
        uint32_t bits = ready[i].events;
        events[i].fd = ready[i].data.fd;
        events[i].events = (bits & (EPOLLIN | EPOLLHUP | EPOLLERR) ? ATH__LOOP_IN : 0) |
                           (bits & EPOLLOUT ? ATH__LOOP_OUT : 0) |
                           (bits & EPOLLERR ? ATH__LOOP_ERR : 0);
    }
    return n;
}

#else

int ath__loop_init(struct ath__loop *loop) {
    *loop = (struct ath__loop){.epoll_fd = -1};
    return 0;
}

void ath__loop_clear(struct ath__loop *loop) {
    ath__free(loop->wanted);
    ath__free(loop->polls);
    *loop = (struct ath__loop){.epoll_fd = -1};
}

static struct pollfd *find_poll(struct ath__loop *loop, int fd) {
    for (size_t i = 0; i < loop->polls_count; i++)
        if (loop->polls[i].fd == fd)
            return &loop->polls[i];
    return NULL;
}

static struct pollfd *add_poll(struct ath__loop *loop, int fd) {
    if (loop->polls_count == loop->polls_cap) {
        size_t cap = loop->polls_cap ? 2 * loop->polls_cap : 64;
        struct pollfd *polls = ath__realloc_array(loop->polls, cap, sizeof *polls);
        if (!polls)
            return NULL;
        loop->polls = polls;
        loop->polls_cap = cap;
    }
    struct pollfd *poll_fd = &loop->polls[loop->polls_count++];
    *poll_fd = (struct pollfd){.fd = fd};
    return poll_fd;
}

int ath__loop_set(struct ath__loop *loop, int fd, int events) {
    if (make_room(loop, fd))
        return ATH_ERR_NOMEM;
    if (loop->wanted[fd] == events)
        return 0;
    struct pollfd *poll_fd = loop->wanted[fd] ? find_poll(loop, fd) : add_poll(loop, fd);
    if (!poll_fd)
        return ATH_ERR_NOMEM;
    loop->wanted[fd] = (unsigned char)events;
    if (!events)
        *poll_fd = loop->polls[--loop->polls_count];
    else
        poll_fd->events =
            (short)((events & ATH__LOOP_IN ? POLLIN : 0) | (events & ATH__LOOP_OUT ? POLLOUT : 0));
    return 0;
}

int ath__loop_wait(
    struct ath__loop *loop, int timeout_ms, struct ath__loop_event *events, int max) {
    int n = poll(loop->polls, (nfds_t)loop->polls_count, timeout_ms), found = 0;
    if (n < 0)
        return errno == EINTR ? 0 : ATH_ERR_SYSTEM;
    for (size_t i = 0; n > 0 && found < max && i < loop->polls_count; i++) {
        short bits = loop->polls[i].revents;
        if (!bits)
            continue;
        events[found].fd = loop->polls[i].fd;
        events[found++].events =
            (bits & (POLLIN | POLLHUP | POLLERR | POLLNVAL) ? ATH__LOOP_IN : 0) |
            (bits & POLLOUT ? ATH__LOOP_OUT : 0) |
            (bits & (POLLERR | POLLNVAL) ? ATH__LOOP_ERR : 0);
    }
    return found;
}

#endif
