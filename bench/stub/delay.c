#include "delay.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct held {
    int64_t due_ns;
    struct MHD_Connection *connection;
};

struct delay {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct held *heap; /* binary heap, earliest first */
    size_t count;
    size_t cap;
    bool stopping;
};

int64_t stub_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void swap(struct held *a, struct held *b) {
    struct held t = *a;
    *a = *b;
    *b = t;
}

static void push(struct delay *delay, struct held held) {
    size_t i = delay->count++;
    delay->heap[i] = held;
    while (i > 0 && delay->heap[i].due_ns < delay->heap[(i - 1) / 2].due_ns) {
        swap(&delay->heap[i], &delay->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static struct held pop(struct delay *delay) {
    struct held first = delay->heap[0];
    delay->heap[0] = delay->heap[--delay->count];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < delay->count; child++)
            if (delay->heap[child].due_ns < delay->heap[least].due_ns)
                least = child;
        if (least == i)
            return first;
        swap(&delay->heap[i], &delay->heap[least]);
        i = least;
    }
}

static void *run(void *arg) {
    struct delay *delay = arg;
    pthread_mutex_lock(&delay->lock);
    while (!delay->stopping) {
        if (delay->count == 0) {
            pthread_cond_wait(&delay->changed, &delay->lock);
            continue;
        }
        int64_t due = delay->heap[0].due_ns;
        if (due <= stub_now_ns()) {
            MHD_resume_connection(pop(delay).connection);
            continue;
        }
        struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
        pthread_cond_timedwait(&delay->changed, &delay->lock, &until);
    }
    while (delay->count > 0)
        MHD_resume_connection(pop(delay).connection);
    pthread_mutex_unlock(&delay->lock);
    return NULL;
}

struct delay *stub_delay_new(void) {
    struct delay *delay = calloc(1, sizeof *delay);
    if (!delay)
        return NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&delay->lock, NULL);
    pthread_cond_init(&delay->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&delay->thread, NULL, run, delay) != 0) {
        free(delay);
        return NULL;
    }
    return delay;
}

void stub_delay_stop(struct delay *delay) {
    pthread_mutex_lock(&delay->lock);
    delay->stopping = true;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->lock);
    pthread_join(delay->thread, NULL);
}

void stub_delay_free(struct delay *delay) {
    pthread_cond_destroy(&delay->changed);
    pthread_mutex_destroy(&delay->lock);
    free(delay->heap);
    free(delay);
}

static bool grow(struct delay *delay) {
    size_t cap = delay->cap ? 2 * delay->cap : 64;
    struct held *heap = realloc(delay->heap, cap * sizeof *heap);
    if (!heap)
        return false;
    delay->heap = heap;
    delay->cap = cap;
    return true;
}

bool stub_delay_hold(struct delay *delay, struct MHD_Connection *connection, int64_t due_ns) {
    bool held = false;
    pthread_mutex_lock(&delay->lock);
    if (!delay->stopping && (delay->count < delay->cap || grow(delay))) {
        MHD_suspend_connection(connection);
        push(delay, (struct held){due_ns, connection});
        held = true;
        if (delay->heap[0].connection == connection)
            pthread_cond_signal(&delay->changed);
    }
    pthread_mutex_unlock(&delay->lock);
    return held;
}
