/*
 * Host names to addresses by getaddrinfo, one short-lived thread a lookup. libcurl would start a
 * thread for every new connection; here the caller decides how many run, and a lookup that hangs
 * can be abandoned.
 */
#ifndef ATH_NET_RESOLVE_H
#define ATH_NET_RESOLVE_H

#include "base/list.h"

struct ath__resolver;

struct ath__lookup {
    struct ath__node node;
    struct ath__resolver *resolver;
    char *name;
    int result;      /* 0, ATH_ERR_DNS, NOMEM */
    char *addresses; /* "192.0.2.1,[2001:db8::1]" in the order to try them */
    char message[128];
};

/* 0, ATH_ERR_NOMEM or ATH_ERR_SYSTEM. */
int ath__resolver_new(struct ath__resolver **out_resolver);
/* Lookups under way are abandoned: their threads end by themselves. In a fork's child the threads
 * do not exist and what they share is left alone. */
void ath__resolver_release(struct ath__resolver *resolver, bool in_child);
/* Readable when a lookup has finished. */
int ath__resolver_fd(const struct ath__resolver *resolver);
/* Starts a lookup: 0, ATH_ERR_NOMEM or ATH_ERR_SYSTEM (no thread). */
int ath__resolver_start(struct ath__resolver *resolver, const char *name);
/* The next finished lookup, the caller's to free; NULL when there is none. */
struct ath__lookup *ath__resolver_next(struct ath__resolver *resolver);
void ath__lookup_free(struct ath__lookup *lookup);

#endif
