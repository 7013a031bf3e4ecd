/* Ten columns of mixed types, and the numbers that their values are made of. */
#ifndef ATH_BENCH_MICRO_MIXED_H
#define ATH_BENCH_MICRO_MIXED_H

#define MIXED_COLUMNS 10

/* Names and types. */
static const char *const mixed_columns[MIXED_COLUMNS][2] = {
    {"id", "bigint"},
    {"quantity", "integer"},
    {"price", "decimal"},
    {"ratio", "double"},
    {"is_open", "boolean"},
    {"day", "date"},
    {"at", "timestamp"},
    {"category", "varchar"},
    {"name", "varchar"},
    {"note", "varchar"},
};

/* The same sequence in every run. */
static inline unsigned next_random(void) {
    static unsigned state = 12345;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

#endif
