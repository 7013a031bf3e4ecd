/* Decoded rows: the storage behind struct ath_batch, and the columns of a result. */
#ifndef ATH_RESULT_BATCH_H
#define ATH_RESULT_BATCH_H

#include "base/arena.h"

#include <athena/result.h>

/* The columns of one result; immutable once made, shared by operation and batches by count. */
struct ath__columns;
struct ath__columns *ath__columns_retain(struct ath__columns *columns);
struct ath__columns *ath__columns_release(struct ath__columns *columns);
const struct ath_column_info *
ath__columns_info(const struct ath__columns *columns, size_t *out_count);

/* Bytes of memory a batch holds; for budgets. */
size_t ath__batch_bytes(const struct ath_batch *batch);

/* For ath_query_arrow_schema(). */
int ath__columns_arrow_schema(
    const struct ath__columns *columns,
    bool decode_text,
    struct ArrowSchema *out_schema,
    struct ath_error *err);

#endif
