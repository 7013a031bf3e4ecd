/* The switches and counters of the running server. */
#ifndef STUB_ADMIN_H
#define STUB_ADMIN_H

#include "http.h"

/* POST /_stub: a JSON object of switches; docs are in README.md beside this file. Unknown or bad
 * members change nothing and answer 400. */
struct reply stub_admin_configure(struct stub *stub, const struct text *body);

/* GET /_stub/stats. */
struct reply stub_admin_stats(struct stub *stub);

#endif
