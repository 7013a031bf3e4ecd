/* The one runtime of a process: start, fork, shutdown. */
#include "engine/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ath__runtime *s_runtime;                           /* under s_lock */
static struct ath__node s_accounts = {&s_accounts, &s_accounts}; /* under s_lock */
static struct ath__http *s_next_http;                            /* under s_lock */
static atomic_uint s_generation = 1;
static pthread_once_t s_hooks_once = PTHREAD_ONCE_INIT;

unsigned ath__generation(void) {
    return atomic_load_explicit(&s_generation, memory_order_relaxed);
}

void ath__global_lock(void) {
    pthread_mutex_lock(&s_lock);
}

void ath__global_unlock(void) {
    pthread_mutex_unlock(&s_lock);
}

struct ath__node *ath__global_accounts(void) {
    return &s_accounts;
}

/* The child owns none of the parent's threads and sockets: it forgets them and closes nothing. */
static void after_fork_in_child(void) {
    atomic_fetch_add(&s_generation, 1);
    s_runtime = NULL;
    ath__list_init(&s_accounts);
    pthread_mutex_init(&s_lock, NULL);
    ath__log_after_fork();
}

static void flush_at_exit(void) {
    ath_shutdown(5000);
}

static void install_hooks(void) {
    pthread_atfork(ath__global_lock, ath__global_unlock, after_fork_in_child);
    atexit(flush_at_exit);
}

void ath__runtime_use_http(struct ath__http *http) {
    ath__global_lock();
    s_next_http = http;
    ath__global_unlock();
}

static int start_thread(struct ath__runtime *runtime) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&runtime->thread, NULL, ath__driver_main, runtime);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void init_runtime(struct ath__runtime *runtime) {
    runtime->generation = ath__generation();
    atomic_init(&runtime->refs, 1);
    pthread_mutex_init(&runtime->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&runtime->exited_cond, &attr);
    pthread_condattr_destroy(&attr);
    ath__list_init(&runtime->shared.mailboxes);
    ath__list_init(&runtime->io.tasks);
    ath__list_init(&runtime->io.ops);
}

static int make_runtime(struct ath__runtime **out_runtime, struct ath_error *err) {
    struct ath__runtime *runtime = ath__alloc_zero(sizeof *runtime);
    if (!runtime)
        return ath__err_nomem(err);
    init_runtime(runtime);
    runtime->has_thread = !s_next_http;
    runtime->http = s_next_http;
    s_next_http = NULL;
    if (runtime->has_thread) {
        int rc = ath__http_curl_new(0, &runtime->http, err);
        if (!rc && start_thread(runtime)) {
            runtime->http->ops->release(runtime->http, false);
            rc = ath__err_set(err, ATH_ERR_SYSTEM, "could not start the I/O thread");
        }
        if (rc) {
            ath__free(runtime);
            return rc;
        }
    }
    *out_runtime = runtime;
    return 0;
}

int ath__runtime_get(struct ath__runtime **out_runtime, struct ath_error *err) {
    int rc = 0;
    pthread_once(&s_hooks_once, install_hooks);
    ath__global_lock();
    if (!s_runtime)
        rc = make_runtime(&s_runtime, err);
    if (!rc) {
        ath__runtime_retain(s_runtime);
        *out_runtime = s_runtime;
    }
    ath__global_unlock();
    return rc;
}

void ath__runtime_retain(struct ath__runtime *runtime) {
    atomic_fetch_add_explicit(&runtime->refs, 1, memory_order_relaxed);
}

void ath__runtime_release(struct ath__runtime *runtime) {
    if (!runtime || runtime->generation != ath__generation())
        return;
    if (atomic_fetch_sub_explicit(&runtime->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_cond_destroy(&runtime->exited_cond);
    pthread_mutex_destroy(&runtime->lock);
    ath__heap_clear(&runtime->io.timers);
    ath__free(runtime);
}

bool ath__mailbox_post(struct ath__runtime *runtime, struct ath__mailbox *mailbox, unsigned flags) {
    pthread_mutex_lock(&runtime->lock);
    bool open = !runtime->shared.exited;
    if (open) {
        mailbox->flags |= flags;
        if (!ath__list_is_linked(&mailbox->node)) {
            bool was_empty = ath__list_is_empty(&runtime->shared.mailboxes);
            mailbox->retain(mailbox);
            ath__list_add(&runtime->shared.mailboxes, &mailbox->node);
            if (was_empty)
                runtime->http->ops->wake(runtime->http);
        }
    }
    pthread_mutex_unlock(&runtime->lock);
    return open;
}

static bool wait_exited(struct ath__runtime *runtime, int32_t timeout_ms) {
    struct timespec until;
    ath__op_deadline(timeout_ms, &until);
    pthread_mutex_lock(&runtime->lock);
    while (!runtime->shared.exited &&
           pthread_cond_timedwait(&runtime->exited_cond, &runtime->lock, &until) == 0)
        ;
    bool exited = runtime->shared.exited;
    pthread_mutex_unlock(&runtime->lock);
    return exited;
}

size_t ath_shutdown(int32_t timeout_ms) {
    if (timeout_ms < 0)
        timeout_ms = 0;
    ath__global_lock();
    struct ath__runtime *runtime = s_runtime;
    s_runtime = NULL;
    ath__global_unlock();
    if (!runtime)
        return 0;
    pthread_mutex_lock(&runtime->lock);
    runtime->shared.stopping = true;
    runtime->shared.stop_by_ns = ath__now_ns(runtime) + (uint64_t)timeout_ms * ATH__MS;
    runtime->http->ops->wake(runtime->http);
    pthread_mutex_unlock(&runtime->lock);
    if (!runtime->has_thread)
        ath__driver_main(runtime);
    bool exited =
        wait_exited(runtime, timeout_ms > INT32_MAX - 1000 ? timeout_ms : timeout_ms + 1000);
    if (runtime->has_thread) {
        if (exited)
            pthread_join(runtime->thread, NULL);
        else
            pthread_detach(runtime->thread);
    }
    pthread_mutex_lock(&runtime->lock);
    size_t lost = runtime->shared.stops_lost;
    pthread_mutex_unlock(&runtime->lock);
    if (exited)
        ath__runtime_release(runtime);
    return lost;
}
