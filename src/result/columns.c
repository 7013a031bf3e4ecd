#include "result/columns.h"

#include "base/alloc.h"

#include <athena/error.h>

#define DECIMAL_DIGITS_MAX 38

struct ath__columns *ath__columns_new(void) {
    struct ath__columns *columns = ath__alloc_zero(sizeof *columns);
    if (columns)
        atomic_init(&columns->refs, 1);
    return columns;
}

struct ath__columns *ath__columns_retain(struct ath__columns *columns) {
    if (columns)
        atomic_fetch_add_explicit(&columns->refs, 1, memory_order_relaxed);
    return columns;
}

struct ath__columns *ath__columns_release(struct ath__columns *columns) {
    if (!columns || atomic_fetch_sub_explicit(&columns->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    ath__arena_clear(&columns->arena);
    ath__free(columns->info);
    ath__free(columns);
    return NULL;
}

const struct ath_column_info *
ath__columns_info(const struct ath__columns *columns, size_t *out_count) {
    *out_count = columns ? columns->count : 0;
    return *out_count ? columns->info : NULL;
}

static const char *text_or(const char *text, const char *otherwise) {
    return text ? text : otherwise;
}

int ath__columns_add(struct ath__columns *columns, const struct ath_column_info *info) {
    if (columns->count == columns->cap) {
        size_t cap = columns->cap ? columns->cap * 2 : 16;
        struct ath_column_info *grown = ath__realloc_array(columns->info, cap, sizeof *grown);
        if (!grown)
            return ATH_ERR_NOMEM;
        columns->info = grown;
        columns->cap = cap;
    }
    struct ath_column_info *added = &columns->info[columns->count++];
    *added = *info;
    added->name = text_or(info->name, "");
    added->label = text_or(info->label, added->name);
    added->type = text_or(info->type, "");
    added->catalog = text_or(info->catalog, "");
    added->schema = text_or(info->schema, "");
    added->table = text_or(info->table, "");
    added->nullable = text_or(info->nullable, "");
    return 0;
}

bool ath__columns_is_same(const struct ath__columns *a, const struct ath__columns *b) {
    if (a == b)
        return true;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct ath_column_info *x = &a->info[i], *y = &b->info[i];
        if (strcmp(x->name, y->name) != 0 || strcmp(x->label, y->label) != 0 ||
            strcmp(x->type, y->type) != 0 || x->precision != y->precision || x->scale != y->scale)
            return false;
    }
    return true;
}

int ath__column_storage(const struct ath_column_info *info) {
    static const struct {
        const char *type;
        int storage;
    } known[] = {
        {"varchar", ATH_STORAGE_TEXT},
        {"bigint", ATH_STORAGE_INT64},
        {"integer", ATH_STORAGE_INT32},
        {"int", ATH_STORAGE_INT32},
        {"double", ATH_STORAGE_DOUBLE},
        {"float", ATH_STORAGE_DOUBLE},
        {"real", ATH_STORAGE_DOUBLE},
        {"boolean", ATH_STORAGE_BOOL},
        {"date", ATH_STORAGE_DATE32},
        {"timestamp", ATH_STORAGE_TIMESTAMP_US},
        {"time", ATH_STORAGE_TIME_US},
        {"decimal", ATH_STORAGE_DECIMAL128},
        {"varbinary", ATH_STORAGE_BINARY},
        {"binary", ATH_STORAGE_BINARY},
        {"smallint", ATH_STORAGE_INT16},
        {"tinyint", ATH_STORAGE_INT8},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(info->type, known[i].type) != 0)
            continue;
        bool is_odd_decimal = known[i].storage == ATH_STORAGE_DECIMAL128 &&
                              (info->precision < 1 || info->precision > DECIMAL_DIGITS_MAX ||
                               info->scale < 0 || info->scale > info->precision);
        return is_odd_decimal ? ATH_STORAGE_TEXT : known[i].storage;
    }
    return ATH_STORAGE_TEXT;
}

bool ath__column_is_float32(const struct ath_column_info *info) {
    return strcmp(info->type, "float") == 0 || strcmp(info->type, "real") == 0;
}
