/*
 * Results: columns of a query and its rows, in batches laid out as Apache Arrow arrays.
 */
#ifndef ATHENA_RESULT_H
#define ATHENA_RESULT_H

#include <athena/query.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One column as GetQueryResults describes it (ColumnInfo). Strings are never NULL. */
struct ath_column_info {
    const char *name;
    const char *label;
    const char *type; /* Athena's name: "bigint", "varchar", "decimal", "row", ... */
    const char *catalog;
    const char *schema;
    const char *table;
    const char *nullable; /* "UNKNOWN", "NULLABLE", "NOT_NULL" */
    int32_t precision;
    int32_t scale;
    bool case_sensitive;
};

/* The columns, known from RESULT on; NULL before and for statements without a result set. They live
 * as long as the operation. */
ATH_API const struct ath_column_info *ath_query_columns(const struct ath_op *op, size_t *out_count);

/* UpdateCount of the first page, -1 when AWS sent none. */
ATH_API int64_t ath_query_update_count(const struct ath_op *op);

/* -- batches -------------------------------------------------------------------------------------
 */

struct ath_batch;

/*
 * Takes the next batch of rows that is ready. Gives 1 and a reference in `out_batch`; 0 when none
 * is ready now (wait for BATCH or DONE); ATH_ERR_* when the reading failed (ath_op_error() tells
 * more). After DONE with code 0 and no batch left, all rows have been read. Taking batches is what
 * lets the next pages be asked for. One thread at a time.
 */
ATH_API int
ath_query_batch_next(struct ath_op *op, struct ath_batch **out_batch, struct ath_error *err);
ATH_API struct ath_batch *ath_batch_retain(struct ath_batch *batch);
ATH_API struct ath_batch *ath_batch_release(struct ath_batch *batch);
ATH_API size_t ath_batch_rows(const struct ath_batch *batch);
ATH_API size_t ath_batch_columns(const struct ath_batch *batch);

/*
 * How the values of a column lie in memory, by its Athena type. Values that do not have their
 * type's ordinary form (a timestamp finer than a microsecond, an odd number format) turn the column
 * of that batch into TEXT, so nothing is lost or guessed.
 */
enum ath_storage {
    ATH_STORAGE_TEXT = 1,   /* offsets + UTF-8: varchar, char, json, array, map, row, all others */
    ATH_STORAGE_BINARY = 2, /* offsets + bytes: varbinary */
    ATH_STORAGE_BOOL = 3,   /* bits, least significant first */
    ATH_STORAGE_INT8 = 4,   /* tinyint */
    ATH_STORAGE_INT16 = 5,  /* smallint */
    ATH_STORAGE_INT32 = 6,  /* integer */
    ATH_STORAGE_INT64 = 7,  /* bigint */
    ATH_STORAGE_DOUBLE = 8, /* double, and real (Athena's "float"), read as double */
    ATH_STORAGE_DECIMAL128 = 9,    /* 16-byte little-endian two's complement, times 10^scale */
    ATH_STORAGE_DATE32 = 10,       /* days since 1970-01-01 */
    ATH_STORAGE_TIME_US = 11,      /* microseconds since midnight, int64 */
    ATH_STORAGE_TIMESTAMP_US = 12, /* microseconds since 1970-01-01 00:00, no zone, int64 */
};

/* A view of one column; pointers live as long as the batch. */
struct ath_column {
    int storage;   /* enum ath_storage */
    int32_t scale; /* DECIMAL128: digits after the point */
    int64_t null_count;
    bool is_ascii;           /* TEXT: no byte above 0x7f in the whole column */
    const uint8_t *validity; /* bit set = value present; NULL when null_count is 0 */
    const int32_t *offsets;  /* TEXT and BINARY: rows + 1 entries */
    const void *values;      /* TEXT and BINARY: the bytes; else the fixed-width values */
};
ATH_API const struct ath_column *ath_batch_column(const struct ath_batch *batch, size_t index);

/* -- Arrow C data interface (arrow.apache.org/docs/format/CDataInterface.html)
 * --------------------- */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

/*
 * The schema of the result: a struct with one child per column: boolean b, tinyint c, smallint s,
 * integer i, bigint l, float f, double g, decimal d:p,s, date tdD, time ttu, timestamp tsu:,
 * varbinary z, all others u (UTF-8 text). The field metadata "athena.type" has Athena's name.
 * With decode_text every child is u.
 */
ATH_API int ath_query_arrow_schema(
    const struct ath_op *op, struct ArrowSchema *out_schema, struct ath_error *err);

/*
 * The batch as a struct array of that schema. Buffers are shared with the batch, not copied, where
 * the storage is Arrow's own (all but float); the array holds a reference of its own and may be
 * released from any thread. ATH_ERR_VALUE names the column whose values this schema cannot hold.
 */
ATH_API int
ath_batch_arrow_array(struct ath_batch *batch, struct ArrowArray *out_array, struct ath_error *err);

#ifdef __cplusplus
}
#endif

#endif
