/* ResultSetMetadata of a GetQueryResults answer. */
#ifndef ATH_RESULT_PAGE_COLUMNS_H
#define ATH_RESULT_PAGE_COLUMNS_H

#include "result/columns.h"

#include "base/json_skip.h"

/* The value of ResultSetMetadata at the cursor, an object; *out_columns stays NULL when it has no
 * ColumnInfo. 0, ATH_ERR_PROTOCOL (the cursor tells) or ATH_ERR_NOMEM. */
int ath__page_columns_parse(struct ath__json_cursor *c, struct ath__columns **out_columns);
/* A JSON number without fraction and exponent. */
int ath__page_int_parse(struct ath__json_cursor *c, int64_t min, int64_t max, int64_t *out);

#endif
