/* The catalogue: one data base with one table a shape. Its calls are pure. */
#ifndef STUB_CATALOG_H
#define STUB_CATALOG_H

#include "athena.h"

struct reply stub_catalog_databases(void);
struct reply stub_catalog_tables(const json_t *input);
struct reply stub_catalog_table(const json_t *input);

#endif
