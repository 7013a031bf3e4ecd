/* Which hosts go through a proxy. */
#ifndef ATH_AWS_PROXY_H
#define ATH_AWS_PROXY_H

#include "base/slice.h"

/* True when `host` is covered by a no_proxy list ("*", names with or without a leading dot and
 * their subdomains, addresses), and always for the hosts of instance and container metadata. */
bool ath__no_proxy_covers(const char *no_proxy, const char *host);

/* True for what a proxy setting may look like: [scheme://][user@]host[:port], http or https, no
 * blanks or control characters. */
bool ath__proxy_is_valid(const char *proxy);

#endif
