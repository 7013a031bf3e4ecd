/* Multipart uploads that are open although nobody knows their ids, or wants them. */
#ifndef ATH_ENGINE_S3_SWEEP_H
#define ATH_ENGINE_S3_SWEEP_H

#include "engine/s3_internal.h"

/* Lives in the operation, whose bucket and key it is about; the ids live in its arena. I/O thread.
 */
struct ath__s3_sweep {
    struct ath__s3_op *s3;
    void (*done)(struct ath__s3_sweep *sweep);
    uint64_t from_ns, to_ns; /* when the lost answer was awaited */
    uint64_t asked_ns;       /* for the list */
    const char *own;         /* the id that is known; it is not searched for */
    const char *ids[8];      /* those that are aborted if they have no part */
    size_t count, at;
};

/* Adds what the search finds to the ids, aborts those without a part, and calls `done`. */
void ath__s3_sweep_search(struct ath__s3_sweep *sweep);
/* The same without a search. */
void ath__s3_sweep_abort(struct ath__s3_sweep *sweep);

/* s3_call.c: whether a single call of the program begins, fills or completes an upload. */
bool ath__s3_call_builds_object(struct ath_op *op);

#endif
