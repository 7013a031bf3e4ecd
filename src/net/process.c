#include "net/process.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#define READ_SIZE 4096
#define REAP_INTERVAL_NS 5000000u
#define REAP_TRIES 50

extern char **environ;

void ath__children_init(struct ath__children *children, struct ath__loop *loop) {
    *children = (struct ath__children){.loop = loop};
    ath__list_init(&children->running);
    ath__list_init(&children->done);
}

static struct ath__process *process_of(struct ath__node *node) {
    return ATH__CONTAINER(node, struct ath__process, net.node);
}

static void close_fd(struct ath__children *children, int *fd) {
    if (*fd < 0)
        return;
    if (children->loop)
        ath__loop_set(children->loop, *fd, 0);
    close(*fd);
    *fd = -1;
}

static void finish(struct ath__children *children, struct ath__process *p, int result) {
    close_fd(children, &p->net.out_fd);
    close_fd(children, &p->net.err_fd);
    close_fd(children, &p->net.pid_fd);
    p->result = result;
    ath__list_remove(&p->net.node);
    ath__list_add(&children->done, &p->net.node);
}

/* True when the child is gone. ECHILD: the program reaps all children itself. */
static bool reap(int pid, int *out_status) {
    int status = 0;
    pid_t rc = waitpid(pid, &status, WNOHANG);
    if (rc == 0 || (rc < 0 && errno == EINTR))
        return false;
    *out_status = rc == pid ? status : 0;
    return true;
}

static void reap_dead(struct ath__children *children) {
    int status;
    for (size_t i = 0; i < children->dead_count;)
        if (reap(children->dead_pids[i], &status))
            children->dead_pids[i] = children->dead_pids[--children->dead_count];
        else
            i++;
}

/* Kills without waiting; the zombie is collected by a later tick. */
static void kill_child(struct ath__children *children, struct ath__process *p) {
    if (p->net.pid <= 0 || reap(p->net.pid, &p->exit_status))
        return;
    kill(p->net.pid, SIGKILL);
    if (children->dead_count == children->dead_cap) {
        size_t cap = children->dead_cap ? 2 * children->dead_cap : 8;
        int *pids = ath__realloc_array(children->dead_pids, cap, sizeof *pids);
        if (!pids)
            return;
        children->dead_pids = pids;
        children->dead_cap = cap;
    }
    children->dead_pids[children->dead_count++] = p->net.pid;
}

static int open_pipe(int fds[2]) {
#ifdef __linux__
    if (pipe2(fds, O_CLOEXEC) < 0)
        return ATH_ERR_SYSTEM;
#else
    if (pipe(fds) < 0)
        return ATH_ERR_SYSTEM;
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    fcntl(fds[1], F_SETFD, FD_CLOEXEC);
#endif
    /* Our end only: the child expects a writing end that blocks. */
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    close(fds[0]);
    close(fds[1]);
    return ATH_ERR_SYSTEM;
}

/* Not all that the program and its libraries open is close-on-exec. */
static int drop_descriptors(posix_spawn_file_actions_t *actions) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    return posix_spawn_file_actions_addclosefrom_np(actions, 3);
#else
    (void)actions;
    return 0;
#endif
}

/* Standard input is /dev/null: a helper must not eat what the program is to read. */
static int start(struct ath__process *p, int out_fd, int err_fd) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all, none;
    pid_t pid = 0;
    if (posix_spawn_file_actions_init(&actions))
        return ENOMEM;
    if (posix_spawnattr_init(&attr)) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setsigmask(&attr, &none);
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
    posix_spawnattr_setflags(&attr, flags);
    int rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
    if (!rc)
        rc = drop_descriptors(&actions);
    if (!rc)
        rc = posix_spawnp(&pid, p->argv[0], &actions, &attr, p->argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (!rc)
        p->net.pid = pid;
    return rc;
}

static int watch_exit(struct ath__children *children, int pid) {
#if defined(__linux__) && defined(SYS_pidfd_open)
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (ath__loop_set(children->loop, fd, ATH__LOOP_IN) == 0)
        return fd;
    close(fd);
#else
    (void)children;
    (void)pid;
#endif
    return -1;
}

static void say(struct ath__process *p, int error) {
    char text[256];
    snprintf(text, sizeof text, "cannot start %.100s: %.100s", p->argv[0], strerror(error));
    ath__buf_add_str(&p->errors, text);
}

void ath__children_spawn(struct ath__children *children, struct ath__process *p) {
    int out[2], errors[2];
    p->net.pid = p->exit_status = 0;
    p->net.out_fd = p->net.err_fd = p->net.pid_fd = -1;
    ath__buf_wipe(&p->output);
    ath__buf_wipe(&p->errors);
    p->output.max = p->output_max;
    /* Room for all at once: what grows leaves copies of the keys behind. */
    if (ath__buf_reserve(&p->output, p->output.max) ||
        ath__buf_reserve(&p->errors, p->errors.max)) {
        finish(children, p, ATH_ERR_NOMEM);
        return;
    }
    if (open_pipe(out)) {
        say(p, errno);
        finish(children, p, ATH_ERR_SYSTEM);
        return;
    }
    if (open_pipe(errors)) {
        say(p, errno);
        close(out[0]);
        close(out[1]);
        finish(children, p, ATH_ERR_SYSTEM);
        return;
    }
    p->net.out_fd = out[0];
    p->net.err_fd = errors[0];
    int error = start(p, out[1], errors[1]);
    close(out[1]);
    close(errors[1]);
    if (!error)
        p->net.pid_fd = watch_exit(children, p->net.pid);
    if (!error && (ath__loop_set(children->loop, p->net.out_fd, ATH__LOOP_IN) ||
                   ath__loop_set(children->loop, p->net.err_fd, ATH__LOOP_IN))) {
        kill_child(children, p);
        p->net.pid = 0;
        error = ENOMEM;
    }
    if (error) {
        say(p, error);
        finish(children, p, ATH_ERR_SYSTEM);
        return;
    }
    ath__list_add(&children->running, &p->net.node);
}

void ath__children_kill(struct ath__children *children, struct ath__process *p) {
    if (!ath__list_is_linked(&p->net.node))
        return;
    kill_child(children, p);
    close_fd(children, &p->net.out_fd);
    close_fd(children, &p->net.err_fd);
    close_fd(children, &p->net.pid_fd);
    p->net.pid = 0;
    ath__list_remove(&p->net.node);
}

static void end_badly(struct ath__children *children, struct ath__process *p, int result) {
    kill_child(children, p);
    p->net.pid = 0;
    finish(children, p, result);
}

static void finish_if_gone(struct ath__children *children, struct ath__process *p) {
    if (p->net.out_fd >= 0 || p->net.err_fd >= 0 || !reap(p->net.pid, &p->exit_status))
        return;
    p->net.pid = 0;
    finish(children, p, 0);
}

/* Reads once; the loop comes again when there is more. 0 or the result the child ends with. */
static int take_output(struct ath__children *children, struct ath__process *p, int *fd) {
    char bytes[READ_SIZE];
    ssize_t n = read(*fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        close_fd(children, fd);
        return 0;
    }
    size_t len = (size_t)n;
    int rc = 0;
    if (fd == &p->net.out_fd) {
        rc = ath__buf_add(&p->output, bytes, len);
    } else {
        size_t room = p->errors.max - p->errors.len;
        rc = ath__buf_add(&p->errors, bytes, len < room ? len : room);
    }
    ath__wipe(bytes, len);
    return rc;
}

bool ath__children_on_ready(struct ath__children *children, int fd) {
    for (struct ath__node *node = children->running.next; node != &children->running;
         node = node->next) {
        struct ath__process *p = process_of(node);
        bool is_exit = fd == p->net.pid_fd;
        if (!is_exit && fd != p->net.out_fd && fd != p->net.err_fd)
            continue;
        int rc = 0;
        if (is_exit) /* known for good; the pipes may have more to say */
            close_fd(children, &p->net.pid_fd);
        else
            rc = take_output(children, p, fd == p->net.out_fd ? &p->net.out_fd : &p->net.err_fd);
        if (rc)
            end_badly(children, p, rc);
        else if (p->net.pid_fd < 0)
            finish_if_gone(children, p);
        return true;
    }
    return false;
}

void ath__children_tick(struct ath__children *children, uint64_t now_ns) {
    if (children->dead_count)
        reap_dead(children);
    for (struct ath__node *node = children->running.next; node != &children->running;) {
        struct ath__process *p = process_of(node);
        node = node->next;
        if (now_ns >= p->deadline_ns)
            end_badly(children, p, ATH_ERR_TIMEOUT);
        else if (p->net.pid_fd < 0)
            finish_if_gone(children, p);
    }
}

uint64_t ath__children_due(const struct ath__children *children, uint64_t now_ns) {
    uint64_t due = UINT64_MAX;
    for (struct ath__node *node = children->running.next; node != &children->running;
         node = node->next) {
        const struct ath__process *p = process_of(node);
        if (p->deadline_ns < due)
            due = p->deadline_ns;
        /* Both pipes ended, no exit yet and no descriptor that would tell. */
        if (p->net.out_fd < 0 && p->net.err_fd < 0 && p->net.pid_fd < 0 &&
            now_ns + REAP_INTERVAL_NS < due)
            due = now_ns + REAP_INTERVAL_NS;
    }
    return due;
}

struct ath__process *ath__children_next_done(struct ath__children *children) {
    struct ath__node *node = ath__list_pop(&children->done);
    return node ? process_of(node) : NULL;
}

void ath__children_clear(struct ath__children *children, bool in_child) {
    /* An epoll set is shared with the parent: what the child removed would be lost to it. */
    if (in_child)
        children->loop = NULL;
    for (struct ath__node *node; (node = ath__list_pop(&children->running));) {
        struct ath__process *p = process_of(node);
        if (!in_child)
            kill_child(children, p);
        close_fd(children, &p->net.out_fd);
        close_fd(children, &p->net.err_fd);
        close_fd(children, &p->net.pid_fd);
    }
    while (ath__list_pop(&children->done))
        ;
    for (int i = 0; !in_child && children->dead_count && i < REAP_TRIES; i++) {
        reap_dead(children);
        if (children->dead_count)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    ath__free(children->dead_pids);
    *children = (struct ath__children){0};
}
