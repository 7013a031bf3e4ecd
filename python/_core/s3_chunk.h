/* pyathena._core.S3Chunk: bytes of a stream, read without a copy. */
#ifndef CORE_S3_CHUNK_H
#define CORE_S3_CHUNK_H

#include "state.h"

extern PyType_Spec core_chunk_spec;

/* Takes the chunk over, also when it fails (NULL with an exception). */
PyObject *core_chunk_new(struct core_state *state, struct ath_s3_chunk *chunk);

#endif
