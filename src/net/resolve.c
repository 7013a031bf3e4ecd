#include "net/resolve.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "net/wake.h"

#include <athena/error.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESSES_MAX 16
#define STACK_SIZE ((size_t)1 << 20)

struct ath__resolver {
    pthread_mutex_t lock;
    struct ath__node finished; /* under lock */
    size_t users;              /* under lock: the transport and each running thread */
    bool released;             /* under lock */
    struct ath__wake wake;
};

int ath__resolver_new(struct ath__resolver **out_resolver) {
    struct ath__resolver *resolver = ath__alloc_zero(sizeof *resolver);
    if (!resolver)
        return ATH_ERR_NOMEM;
    if (ath__wake_init(&resolver->wake)) {
        ath__free(resolver);
        return ATH_ERR_SYSTEM;
    }
    if (pthread_mutex_init(&resolver->lock, NULL)) {
        ath__wake_clear(&resolver->wake);
        ath__free(resolver);
        return ATH_ERR_SYSTEM;
    }
    ath__list_init(&resolver->finished);
    resolver->users = 1;
    *out_resolver = resolver;
    return 0;
}

void ath__lookup_free(struct ath__lookup *lookup) {
    if (!lookup)
        return;
    ath__free(lookup->name);
    ath__free(lookup->addresses);
    ath__free(lookup);
}

/* Called with the lock held; gives it up. */
static void drop_user(struct ath__resolver *resolver) {
    bool last = --resolver->users == 0;
    pthread_mutex_unlock(&resolver->lock);
    if (!last)
        return;
    for (struct ath__node *node; (node = ath__list_pop(&resolver->finished));)
        ath__lookup_free(ATH__CONTAINER(node, struct ath__lookup, node));
    pthread_mutex_destroy(&resolver->lock);
    ath__wake_clear(&resolver->wake);
    ath__free(resolver);
}

void ath__resolver_release(struct ath__resolver *resolver, bool in_child) {
    if (!resolver)
        return;
    if (in_child) {
        /* A thread that is not in this process may hold the lock. */
        ath__wake_clear(&resolver->wake);
        return;
    }
    pthread_mutex_lock(&resolver->lock);
    resolver->released = true;
    drop_user(resolver);
}

int ath__resolver_fd(const struct ath__resolver *resolver) {
    return resolver->wake.read_fd;
}

static int add_address(struct ath__buf *buf, const struct addrinfo *info) {
    char text[INET6_ADDRSTRLEN];
    bool six = info->ai_family == AF_INET6;
    const void *address =
        six ? (const void *)&((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr
            : (const void *)&((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr;
    if (!inet_ntop(info->ai_family, address, text, sizeof text))
        return 0;
    int rc = buf->len ? ath__buf_add_char(buf, ',') : 0;
    if (!rc && six)
        rc = ath__buf_add_char(buf, '[');
    if (!rc)
        rc = ath__buf_add_str(buf, text);
    return !rc && six ? ath__buf_add_char(buf, ']') : rc;
}

static int format_addresses(const struct addrinfo *list, char **out_text) {
    struct ath__buf buf;
    int count = 0, rc = 0;
    ath__buf_init(&buf, ADDRESSES_MAX * (INET6_ADDRSTRLEN + 4));
    for (const struct addrinfo *info = list; !rc && info && count < ADDRESSES_MAX;
         info = info->ai_next) {
        if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
            continue;
        rc = add_address(&buf, info);
        count++;
    }
    if (!rc)
        rc = ath__buf_add_char(&buf, '\0');
    if (rc || buf.len == 1) {
        ath__buf_clear(&buf);
        return rc ? ATH_ERR_NOMEM : ATH_ERR_DNS;
    }
    *out_text = buf.ptr;
    return 0;
}

static void look_up(struct ath__lookup *lookup) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(lookup->name, NULL, &hints, &list);
    if (rc == 0) {
        lookup->result = format_addresses(list, &lookup->addresses);
        if (lookup->result)
            snprintf(lookup->message, sizeof lookup->message, "no usable address");
        freeaddrinfo(list);
        return;
    }
    if (rc == EAI_SYSTEM)
        snprintf(lookup->message, sizeof lookup->message, "system error %d", errno);
    else
        snprintf(lookup->message, sizeof lookup->message, "%s", gai_strerror(rc));
    lookup->result = rc == EAI_MEMORY ? ATH_ERR_NOMEM : ATH_ERR_DNS;
}

static void *run(void *arg) {
    struct ath__lookup *lookup = arg;
    struct ath__resolver *resolver = lookup->resolver;
    look_up(lookup);
    pthread_mutex_lock(&resolver->lock);
    if (resolver->released) {
        ath__lookup_free(lookup);
    } else {
        ath__list_add(&resolver->finished, &lookup->node);
        ath__wake_signal(&resolver->wake);
    }
    drop_user(resolver);
    return NULL;
}

/* Detached, and with every signal blocked: handlers are the program's and belong elsewhere. */
static int start_thread(struct ath__lookup *lookup) {
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attr))
        return ATH_ERR_SYSTEM;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, &attr, run, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return rc ? ATH_ERR_SYSTEM : 0;
}

int ath__resolver_start(struct ath__resolver *resolver, const char *name) {
    struct ath__lookup *lookup = ath__alloc_zero(sizeof *lookup);
    char *copy = ath__strdup(name);
    if (!lookup || !copy) {
        ath__free(lookup);
        ath__free(copy);
        return ATH_ERR_NOMEM;
    }
    lookup->name = copy;
    lookup->resolver = resolver;
    pthread_mutex_lock(&resolver->lock);
    resolver->users++;
    pthread_mutex_unlock(&resolver->lock);
    if (start_thread(lookup) == 0)
        return 0;
    ath__lookup_free(lookup);
    pthread_mutex_lock(&resolver->lock);
    resolver->users--;
    pthread_mutex_unlock(&resolver->lock);
    return ATH_ERR_SYSTEM;
}

struct ath__lookup *ath__resolver_next(struct ath__resolver *resolver) {
    ath__wake_reset(&resolver->wake);
    pthread_mutex_lock(&resolver->lock);
    struct ath__node *node = ath__list_pop(&resolver->finished);
    pthread_mutex_unlock(&resolver->lock);
    return node ? ATH__CONTAINER(node, struct ath__lookup, node) : NULL;
}
