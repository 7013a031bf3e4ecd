#include "result/page_columns.h"

#include "result/value.h"

#include <athena/error.h>

int ath__page_int_parse(struct ath__json_cursor *c, int64_t min, int64_t max, int64_t *out) {
    struct ath_slice text;
    ath__json_skip_blank(c);
    int rc = ath__json_number(c, &text);
    if (rc)
        return rc;
    int64_t value;
    if (!ath__value_int64(text, &value) || value < min || value > max) {
        c->at = text.ptr;
        return ath__json_fail(c, "number that is no integer of this range");
    }
    *out = value;
    return 0;
}

static int read_text(struct ath__json_cursor *c, struct ath__arena *arena, const char **out) {
    struct ath__json_string string;
    if (ath__json_literal(c, "null"))
        return 0;
    if (*out)
        return ath__json_fail(c, "member of ColumnInfo stands there twice");
    int rc = ath__json_string_raw(c, &string);
    if (rc)
        return rc;
    char *text = ath__arena_alloc(arena, string.text.len + 1);
    if (!text)
        return ATH_ERR_NOMEM;
    size_t len = ath__json_string_decode(&string, text);
    text[len] = '\0';
    if (memchr(text, '\0', len)) {
        c->at = string.text.ptr;
        return ath__json_fail(c, "U+0000 in ColumnInfo");
    }
    *out = text;
    return 0;
}

static int read_int32(struct ath__json_cursor *c, int32_t *out) {
    int64_t value = 0;
    if (ath__json_literal(c, "null"))
        return 0;
    int rc = ath__page_int_parse(c, INT32_MIN, INT32_MAX, &value);
    if (!rc)
        *out = (int32_t)value;
    return rc;
}

static int read_bool(struct ath__json_cursor *c, bool *out) {
    if (ath__json_literal(c, "true"))
        *out = true;
    else if (ath__json_literal(c, "false"))
        *out = false;
    else if (!ath__json_literal(c, "null"))
        return ath__json_fail(c, "malformed boolean");
    return 0;
}

static int read_member(
    struct ath__json_cursor *c,
    const struct ath__json_string *key,
    struct ath__arena *arena,
    struct ath_column_info *info) {
    const struct {
        const char *key;
        const char **text;
    } texts[] = {
        {"Name", &info->name},
        {"Label", &info->label},
        {"Type", &info->type},
        {"CatalogName", &info->catalog},
        {"SchemaName", &info->schema},
        {"TableName", &info->table},
        {"Nullable", &info->nullable},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (ath__json_string_is(key, texts[i].key))
            return read_text(c, arena, texts[i].text);
    if (ath__json_string_is(key, "Precision"))
        return read_int32(c, &info->precision);
    if (ath__json_string_is(key, "Scale"))
        return read_int32(c, &info->scale);
    if (ath__json_string_is(key, "CaseSensitive"))
        return read_bool(c, &info->case_sensitive);
    return ath__json_skip_value(c);
}

static int read_column(struct ath__json_cursor *c, struct ath__columns *columns) {
    struct ath__json_walk walk = {0};
    struct ath__json_string key;
    struct ath_column_info info = {0};
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        rc = read_member(c, &key, &columns->arena, &info);
        if (rc)
            return rc;
    }
    if (rc)
        return rc;
    if (!info.name || !info.type)
        return ath__json_fail(c, "ColumnInfo without Name or Type");
    return ath__columns_add(columns, &info);
}

static int read_array(struct ath__json_cursor *c, struct ath__columns **columns) {
    struct ath__json_walk walk = {0};
    int rc;
    if (*columns)
        return ath__json_fail(c, "ColumnInfo stands there twice");
    if (ath__json_literal(c, "null"))
        return 0;
    *columns = ath__columns_new();
    if (!*columns)
        return ATH_ERR_NOMEM;
    while ((rc = ath__json_array_next(c, &walk)) == 1) {
        rc = read_column(c, *columns);
        if (rc)
            return rc;
    }
    return rc;
}

int ath__page_columns_parse(struct ath__json_cursor *c, struct ath__columns **out_columns) {
    struct ath__columns *columns = NULL;
    struct ath__json_walk walk = {0};
    struct ath__json_string key;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        rc = ath__json_string_is(&key, "ColumnInfo") ? read_array(c, &columns)
                                                     : ath__json_skip_value(c);
        if (rc)
            break;
    }
    if (rc) {
        ath__columns_release(columns);
        return rc;
    }
    *out_columns = columns;
    return 0;
}
