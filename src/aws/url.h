/* http and https URLs of endpoints. */
#ifndef ATH_AWS_URL_H
#define ATH_AWS_URL_H

#include "base/arena.h"

#include <athena/error.h>

/* A parsed http(s) URL; strings live in the arena. */
struct ath__url {
    bool https;
    const char *host; /* lower case, no brackets around IPv6 */
    uint16_t port;
    const char *path;      /* prefix without a final '/', "" when none */
    const char *authority; /* the Host value: brackets and non-default port included */
};

/* Strict: http or https, a host, a port 1..65535, no user, query or fragment, no control bytes.
 * Errors: CONFIG (says what is wrong with it), NOMEM. */
int ath__url_parse(
    struct ath_slice text, struct ath__arena *arena, struct ath__url *out, struct ath_error *err);

#endif
