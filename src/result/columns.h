/* What the columns of a result are called and how each is stored. */
#ifndef ATH_RESULT_COLUMNS_H
#define ATH_RESULT_COLUMNS_H

#include "result/batch.h"

#include <stdatomic.h>

struct ath__columns {
    atomic_uint refs;
    struct ath__arena arena; /* the strings */
    size_t count;
    size_t cap;
    struct ath_column_info *info;
};

/* No columns yet; NULL when memory is short. */
struct ath__columns *ath__columns_new(void);
/* Appends; only before the columns are shared. The strings must lie in `columns->arena` or be
 * static; a NULL `label` becomes the name, every other NULL an empty string. 0 or ATH_ERR_NOMEM. */
int ath__columns_add(struct ath__columns *columns, const struct ath_column_info *info);
/* Same count, names, labels and types, so that rows of one fit the other. */
bool ath__columns_is_same(const struct ath__columns *a, const struct ath__columns *b);
/* The enum ath_storage that a column's ordinary values have. */
int ath__column_storage(const struct ath_column_info *info);
/* Real numbers of four bytes ("float"), which only Arrow tells from double. */
bool ath__column_is_float32(const struct ath_column_info *info);

#endif
