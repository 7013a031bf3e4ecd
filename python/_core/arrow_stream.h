/* An Arrow C stream over finished batches. Its callbacks are plain C: consumers call them without
 * the GIL, and release from any thread. */
#ifndef CORE_ARROW_STREAM_H
#define CORE_ARROW_STREAM_H

#include "state.h"

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* A capsule "arrow_array_stream" over references of its own to `op` and the batches; NULL with
 * MemoryError. */
PyObject *core_arrow_stream(struct ath_op *op, struct ath_batch *const *batches, size_t count);

/* A capsule "arrow_schema" of the result; NULL with an exception. */
PyObject *core_arrow_schema(struct core_state *state, struct ath_op *op);

#endif
