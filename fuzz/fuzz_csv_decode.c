/*
 * CSV: whatever the bytes, every kernel, in blocks and steps of any size, must come to what a plain
 * reader byte by byte finds: the same cells as values of their types, or the same error.
 */
#include "fuzz.h"

#include "result/cells.h"
#include "result/columns.h"
#include "result/csv_decode.h"

#include "base/utf8.h"

#include <athena/error.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 7

static const char *const s_types[] = {
    "varchar",
    "bigint",
    "integer",
    "smallint",
    "tinyint",
    "double",
    "decimal",
    "boolean",
    "date",
    "time",
    "timestamp",
    "varbinary",
    "timestamp with time zone",
    "array",
    "json",
    "float"};

/* -- the plain reader -------------------------------------------------------------------------- */

struct value {
    char *text; /* NULL is NULL */
    size_t len;
};

struct table {
    size_t columns, cells, cap;
    struct value *values;
    size_t row_end; /* behind the last whole row */
    size_t bad_at;  /* SIZE_MAX: none */
    bool is_header_gone;
};

static void add_value(struct table *table, const char *p, size_t len) {
    struct value value = {0};
    if (table->cells == table->cap) {
        table->cap = table->cap * 2 + 16;
        table->values = realloc(table->values, table->cap * sizeof *table->values);
        CHECK(table->values);
    }
    if (len > 0) {
        value.text = malloc(len);
        CHECK(value.text);
        for (size_t i = 1; i + 1 < len; i++) {
            i += p[i] == '"';
            value.text[value.len++] = p[i];
        }
    }
    table->values[table->cells++] = value;
}

static size_t find_invalid(const char *p, size_t len) {
    size_t from = 0;
    for (size_t to = 1; to <= len; to++) {
        if (ath__utf8_is_valid(p + from, to - from))
            from = to;
        else if (to - from == 4)
            return from;
    }
    return from == len ? SIZE_MAX : from;
}

static struct table read_plainly(const char *p, size_t len, size_t columns) {
    struct table table = {.columns = columns, .bad_at = SIZE_MAX};
    size_t begin = 0, i = 0;
    bool is_quoted = false;
    for (; i < len; i++) {
        if (p[i] == '"')
            is_quoted = !is_quoted;
        if (is_quoted || p[i] == '"')
            continue;
        bool is_last = table.cells % columns + 1 == columns;
        if ((p[i] != ',' && p[i] != '\n') || (p[i] == '\n') != is_last)
            break;
        add_value(&table, p + begin, i - begin);
        begin = i + 1;
        if (is_last)
            table.row_end = begin;
    }
    size_t checked = i < len ? i : table.row_end;
    table.bad_at = find_invalid(p, checked);
    if (table.bad_at == SIZE_MAX && (i < len || table.row_end < len))
        table.bad_at = i;
    return table;
}

static void drop_header(struct table *table, const struct ath__columns *columns) {
    bool is_equal = table->cells >= table->columns;
    for (size_t i = 0; i < table->columns && is_equal; i++) {
        const char *label = columns->info[i].label;
        const struct value *value = &table->values[i];
        is_equal = value->text && value->len == strlen(label) &&
                   memcmp(value->text, label, value->len) == 0;
    }
    table->is_header_gone = is_equal;
}

static void clear_table(struct table *table) {
    for (size_t i = 0; i < table->cells; i++)
        free(table->values[i].text);
    free(table->values);
}

/* -- the comparison ---------------------------------------------------------------------------- */

static bool is_present(const struct ath_column *column, size_t row) {
    return !column->validity || (column->validity[row / 8] >> (row % 8) & 1);
}

static bool is_text(const struct ath_column *column, size_t row, const struct value *value) {
    int32_t from = column->offsets[row];
    return column->offsets[row + 1] - from == (int32_t)value->len &&
           memcmp((const char *)column->values + from, value->text, value->len) == 0;
}

/* The value alone, put as pages put it. */
static void check_typed(
    struct ath__columns *columns,
    size_t index,
    const struct ath_column *column,
    size_t row,
    const struct value *value) {
    struct ath_batch *one = ath__batch_new(columns, false, value->len + 16);
    CHECK(one && ath__batch_reserve_row(one) == 0);
    CHECK(ath__batch_put(one, index, (struct ath_slice){value->text, value->len}, 0) == 0);
    struct ath__cells *cells = &one->cells[index];
    CHECK(!cells->is_given_up && cells->storage == column->storage);
    if (column->offsets) {
        struct value bytes = {(char *)cells->values, cells->values_len};
        CHECK(is_text(column, row, &bytes));
    } else if (cells->width) {
        const char *at = (const char *)column->values + row * cells->width;
        CHECK(memcmp(at, cells->values, cells->width) == 0);
    } else {
        const uint8_t *bits = column->values;
        CHECK((bits[row / 8] >> (row % 8) & 1) == (cells->values[0] & 1));
    }
    ath_batch_release(one);
}

static void check_column(
    struct ath__columns *columns,
    size_t index,
    struct ath_batch *batch,
    const struct table *table,
    size_t first_row) {
    const struct ath_column *column = ath_batch_column(batch, index);
    int64_t nulls = 0;
    bool is_ascii = true;
    for (size_t row = 0; row < ath_batch_rows(batch); row++) {
        const struct value *value = &table->values[(first_row + row) * table->columns + index];
        CHECK(is_present(column, row) == (value->text != NULL));
        nulls += !value->text;
        CHECK(!column->offsets || column->offsets[row] <= column->offsets[row + 1]);
        if (!value->text)
            continue;
        is_ascii = is_ascii && ath__utf8_is_ascii(value->text, value->len);
        if (column->storage == ATH_STORAGE_TEXT)
            CHECK(is_text(column, row, value));
        else
            check_typed(columns, index, column, row, value);
    }
    CHECK(column->null_count == nulls);
    CHECK(column->is_ascii == (column->storage == ATH_STORAGE_TEXT && is_ascii));
}

static size_t next_size(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    uint32_t r = *seed >> 8;
    return r % 4 == 0 ? r >> 4 & 0xfff : r >> 4 & 0x1f;
}

/* Decodes a copy of each block, so that a read past it shows. */
static void decode(
    const struct ath__csv_options *options,
    const char *p,
    size_t len,
    const struct table *table,
    uint32_t seed) {
    struct ath__csv_decoder *decoder;
    struct ath_error err = {0};
    char *block = NULL, wanted[64];
    size_t row = (table->is_header_gone ? 1 : 0) + (size_t)options->skip_rows;
    int rc = ath__csv_decoder_new(options, &decoder, &err);
    CHECK(rc == 0);
    while ((rc = ath__csv_decoder_step(decoder, next_size(&seed), &err)) != ATH__CSV_END) {
        if (rc < 0)
            break;
        if (rc == ATH__CSV_BATCH) {
            struct ath_batch *batch = ath__csv_decoder_take(decoder);
            CHECK(ath_batch_rows(batch) > 0 && ath_batch_rows(batch) <= options->batch_rows);
            for (size_t i = 0; i < table->columns; i++)
                check_column(options->columns, i, batch, table, row);
            row += ath_batch_rows(batch);
            ath_batch_release(batch);
        } else if (rc == ATH__CSV_FEED && len == 0) {
            ath__csv_decoder_finish(decoder);
        } else if (rc == ATH__CSV_FEED) {
            size_t size = next_size(&seed);
            size = size < len ? size : len;
            free(block);
            block = malloc(size ? size : 1);
            CHECK(block);
            memcpy(block, p, size);
            CHECK(ath__csv_decoder_feed(decoder, (struct ath_slice){block, size}, &err) == 0);
            p += size;
            len -= size;
        }
    }
    if (rc < 0) {
        snprintf(wanted, sizeof wanted, " at byte %zu", table->bad_at);
        CHECK(rc == ATH_ERR_PROTOCOL);
        const char *at = strstr(err.message, " at byte ");
        CHECK(at && (strcmp(at, wanted) == 0 || strstr(err.message, "delivered before")));
    } else {
        CHECK(table->bad_at == SIZE_MAX && row == table->cells / table->columns);
    }
    CHECK(rc < 0 || row * table->columns == table->cells);
    ath__csv_decoder_release(decoder);
    free(block);
}

static struct ath__columns *make_columns(const uint8_t *data, size_t count) {
    static const char *const names[COLUMNS_MAX] = {"a", "b\"", "c,", "d\n", "", "f", "g"};
    struct ath__columns *columns = ath__columns_new();
    CHECK(columns);
    for (size_t i = 0; i < count; i++) {
        struct ath_column_info info = {
            .name = names[i],
            .type = s_types[data[i] % (sizeof s_types / sizeof *s_types)],
            .precision = 1 + data[i] / 16 * 3,
            .scale = data[i] / 64,
        };
        CHECK(ath__columns_add(columns, &info) == 0);
    }
    return columns;
}

/* Options, number of columns, seven types, seed; then the document. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < COLUMNS_MAX + 3)
        return 0;
    size_t count = 1 + data[1] % COLUMNS_MAX, len = size - COLUMNS_MAX - 3;
    char *text = malloc(len ? len : 1);
    CHECK(text);
    memcpy(text, data + COLUMNS_MAX + 3, len);
    struct ath__columns *columns = make_columns(data + 2, count);
    struct ath__csv_options options = {
        .columns = columns,
        .header_expected = data[0] & 1,
        .decode_text = false,
        .skip_rows = data[0] & 2 ? 1 : 0,
        .batch_rows = data[0] & 4 ? 3 : 1000,
        .batch_bytes = data[0] & 8 ? 100 : 0,
    };
    struct table table = read_plainly(text, len, count);
    if (options.header_expected)
        drop_header(&table, columns);
    for (int kernel = ATH__CSV_PLAIN; kernel < ATH__CSV_KERNELS; kernel++) {
        options.kernel = (enum ath__csv_kernel)kernel;
        if (ath__csv_scan_pick(options.kernel))
            decode(&options, text, len, &table, data[COLUMNS_MAX + 2]);
    }
    clear_table(&table);
    ath__columns_release(columns);
    free(text);
    return 0;
}
