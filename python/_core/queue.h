/* pyathena._core.Queue: struct ath_queue. */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include "state.h"

extern PyType_Spec core_queue_spec;

/* The queue behind `value` (a Queue or None; None gives NULL). Returns 0, or -1 with TypeError. */
int core_queue_of(struct core_state *state, PyObject *value, struct ath_queue **out_queue);

#endif
