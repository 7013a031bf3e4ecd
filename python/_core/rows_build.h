/* A block of rows from the columns of a batch. */
#ifndef CORE_ROWS_BUILD_H
#define CORE_ROWS_BUILD_H

#include "rows.h"

/*
 * Makes the next block of rows from the current batch; after core_rows_poll() said READY and none
 * is made. Returns 0, or -1 with an exception; then no row is lost unless the reading has failed.
 */
int core_rows_build(struct core_rows *rows);

#endif
