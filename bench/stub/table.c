#include "table.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_ID,
    KIND_QUANTITY,
    KIND_PRICE,
    KIND_CATEGORY,
    KIND_NAME,
    KIND_NOTE,
    KIND_CREATED,
    KIND_DAY,
    KIND_ACTIVE,
    KIND_AMOUNT,
    KIND_MIXED_COUNT,
    KIND_TAGS = KIND_MIXED_COUNT,
    KIND_PAYLOAD,
    KIND_COUNT
};

static const char *const labels[KIND_COUNT] = {
    "id",
    "quantity",
    "price",
    "category",
    "name",
    "note",
    "created_at",
    "day",
    "active",
    "amount",
    "tags",
    "payload",
};

static const struct column_type types[KIND_COUNT] = {
    [KIND_ID] = {"bigint", "bigint", 19, 0},
    [KIND_QUANTITY] = {"integer", "int", 10, 0},
    [KIND_PRICE] = {"double", "double", 17, 0},
    [KIND_CATEGORY] = {"varchar", "string", 2147483647, 0},
    [KIND_NAME] = {"varchar", "string", 2147483647, 0},
    [KIND_NOTE] = {"varchar", "string", 2147483647, 0},
    [KIND_CREATED] = {"timestamp", "timestamp", 3, 0},
    [KIND_DAY] = {"date", "date", 0, 0},
    [KIND_ACTIVE] = {"boolean", "boolean", 0, 0},
    [KIND_AMOUNT] = {"decimal", "decimal(10,2)", 10, 2},
    [KIND_TAGS] = {"array", "array<string>", 0, 0},
    [KIND_PAYLOAD] = {"json", "string", 0, 0},
};

static const char *const categories[] = {
    "books", "garden", "toys", "music", "tools", "kitchen", "sports", "office"};

static const char *const unicode_notes[] = {
    "Zürich – Straßenfest", "日本語のテキスト", "crème brûlée 🍮", "Ελληνικά και русский"};

static const char *const words[] = {
    "quick",
    "order",
    "late",
    "parcel",
    "blue",
    "return",
    "gift",
    "check",
    "large",
    "small",
    "call",
    "door"};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *tables;

static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static enum kind kind_of(int cols, int column) {
    if (column >= cols)
        return (enum kind)(KIND_TAGS + column - cols);
    return (enum kind)(column % KIND_MIXED_COUNT);
}

int stub_table_width(enum shape shape, int cols) {
    return cols + (shape == SHAPE_NESTED ? 2 : 0);
}

void stub_table_label(enum shape shape, int cols, int column, char label[32]) {
    (void)shape;
    int again = column >= cols ? 0 : column / KIND_MIXED_COUNT;
    if (again)
        snprintf(label, 32, "%s_%d", labels[kind_of(cols, column)], again + 1);
    else
        snprintf(label, 32, "%s", labels[kind_of(cols, column)]);
}

const struct column_type *stub_table_type(enum shape shape, int cols, int column) {
    (void)shape;
    return &types[kind_of(cols, column)];
}

/* The shortest text that reads back as the same double, in the manner of Java. */
static void write_double(struct text *text, double value) {
    char digits[40];
    int precision = 1;
    do
        snprintf(digits, sizeof digits, "%.*e", precision, value);
    while (strtod(digits, NULL) != value && precision++ < 17);
    char *exponent = strchr(digits, 'e');
    int power = atoi(exponent + 1);
    *exponent = '\0';
    if (power < -3 || power >= 7) {
        stub_text_format(text, "%sE%d", digits, power);
        return;
    }
    int decimals = precision - power;
    stub_text_format(text, "%.*f", decimals < 1 ? 1 : decimals, value);
}

static void write_note(struct text *text, uint64_t h) {
    switch (h % 40) {
    case 0:
        return; /* empty, which is not NULL */
    case 1:
    case 2:
        stub_text_puts(text, unicode_notes[h / 40 % 4]);
        return;
    case 3:
        stub_text_puts(text, "said \"soon\", then left");
        return;
    default:
        stub_text_puts(text, words[h / 40 % 12]);
        for (uint64_t n = h / 480 % 4, i = 0; i <= n; i++)
            stub_text_format(text, " %s", words[mix(h + i) % 12]);
    }
}

static void write_nested(struct text *text, enum kind kind, uint64_t h) {
    if (kind == KIND_TAGS) {
        stub_text_puts(text, "[");
        for (uint64_t i = 0; i < h % 5; i++)
            stub_text_format(text, "%s%s", i ? ", " : "", words[mix(h + i) % 12]);
        stub_text_puts(text, "]");
        return;
    }
    stub_text_format(
        text,
        "{\"n\":%" PRIu64 ",\"ok\":%s,\"tags\":[\"%s\",\"%s\"],\"at\":{\"x\":%" PRIu64 ".5}}",
        h % 1000,
        h & 1 ? "true" : "false",
        words[h / 7 % 12],
        words[h / 91 % 12],
        h / 1000 % 100);
}

/* Writes the text of a value; false means NULL. */
static bool write_value(struct text *text, enum kind kind, int column, int row) {
    uint64_t h = mix((uint64_t)row * 1000 + (uint64_t)column);

    switch (kind) {
    case KIND_ID:
        stub_text_format(text, "%" PRIu64, 4000000000u + (uint64_t)row * 37);
        return true;
    case KIND_QUANTITY:
        if (h % 7 == 0)
            return false;
        stub_text_format(text, "%d", (int)(h % 200000) - 1000);
        return true;
    case KIND_PRICE:
        /* Half look like measurements, half use all digits of a double. */
        write_double(
            text,
            h & 1 ? (double)(h % 10000000) / 1000 : (double)(h >> 11) / 9007199254740992.0 * 1000);
        return true;
    case KIND_CATEGORY:
        stub_text_puts(text, categories[h % 8]);
        return true;
    case KIND_NAME:
        stub_text_format(text, "customer-%08" PRIx64, h & 0xffffffff);
        return true;
    case KIND_NOTE:
        if (h % 10 == 9)
            return false;
        write_note(text, h / 10);
        return true;
    case KIND_CREATED:
        stub_text_format(
            text,
            "2024-%02d-%02d %02d:%02d:%02d.%03d",
            (int)(h % 12) + 1,
            (int)(h / 12 % 28) + 1,
            (int)(h / 336 % 24),
            (int)(h / 8064 % 60),
            (int)(h / 483840 % 60),
            (int)(h / 29030400 % 1000));
        return true;
    case KIND_DAY:
        stub_text_format(
            text,
            "20%02d-%02d-%02d",
            (int)(h % 25),
            (int)(h / 25 % 12) + 1,
            (int)(h / 300 % 28) + 1);
        return true;
    case KIND_ACTIVE:
        stub_text_puts(text, h & 1 ? "true" : "false");
        return true;
    case KIND_AMOUNT:
        stub_text_format(
            text, "%s%d.%02d", h % 9 ? "" : "-", (int)(h / 9 % 1000000), (int)(h / 9000000 % 100));
        return true;
    case KIND_TAGS:
    case KIND_PAYLOAD:
    case KIND_COUNT:
        break;
    }
    write_nested(text, kind, h);
    return true;
}

static void render_row(struct table *table, struct text *value, int row) {
    int width = stub_table_width(table->shape, table->cols);
    struct text *json = &table->json.bytes;
    struct text *csv = &table->csv.bytes;

    stub_text_puts(json, "{\"Data\":[");
    for (int column = 0; column < width; column++) {
        if (column) {
            stub_text_puts(json, ",");
            stub_text_puts(csv, ",");
        }
        value->len = 0;
        if (!write_value(value, kind_of(table->cols, column), column, row)) {
            stub_text_puts(json, "{}");
            continue;
        }
        stub_text_puts(json, "{\"VarCharValue\":");
        stub_text_json(json, value->data, value->len);
        stub_text_puts(json, "}");
        stub_text_csv(csv, value->data, value->len);
    }
    stub_text_puts(json, "]},");
    stub_text_puts(csv, "\n");
}

static void render_head(struct table *table) {
    int width = stub_table_width(table->shape, table->cols);
    stub_text_puts(&table->json_head, "{\"Data\":[");
    for (int column = 0; column < width; column++) {
        const char *comma = column ? "," : "";
        const struct column_type *type = &types[kind_of(table->cols, column)];
        char label[32];
        stub_table_label(table->shape, table->cols, column, label);
        stub_text_format(&table->json_head, "%s{\"VarCharValue\":\"%s\"}", comma, label);
        stub_text_format(&table->csv_head, "%s\"%s\"", comma, label);
        stub_text_format(
            &table->column_info,
            "%s{\"CatalogName\":\"hive\",\"SchemaName\":\"\",\"TableName\":\"\","
            "\"Name\":\"%s\",\"Label\":\"%s\",\"Type\":\"%s\",\"Precision\":%d,"
            "\"Scale\":%d,\"Nullable\":\"UNKNOWN\",\"CaseSensitive\":%s}",
            comma,
            label,
            label,
            type->name,
            type->precision,
            type->scale,
            strcmp(type->name, "varchar") == 0 ? "true" : "false");
    }
    stub_text_puts(&table->json_head, "]}");
    stub_text_puts(&table->csv_head, "\n");
}

static void free_table(struct table *table) {
    stub_text_clear(&table->column_info);
    stub_text_clear(&table->json_head);
    stub_text_clear(&table->csv_head);
    stub_text_clear(&table->json.bytes);
    stub_text_clear(&table->csv.bytes);
    free(table->json.offsets);
    free(table->csv.offsets);
    free(table);
}

static struct table *render_table(enum shape shape, int cols) {
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->shape = shape;
    table->cols = cols;
    table->json.offsets = calloc(STUB_RING_ROWS + 1, sizeof(size_t));
    table->csv.offsets = calloc(STUB_RING_ROWS + 1, sizeof(size_t));
    struct text value = {0};
    bool failed = !table->json.offsets || !table->csv.offsets;
    if (!failed) {
        render_head(table);
        for (int row = 0; row < STUB_RING_ROWS; row++) {
            render_row(table, &value, row);
            table->json.offsets[row + 1] = table->json.bytes.len;
            table->csv.offsets[row + 1] = table->csv.bytes.len;
        }
        failed = value.failed || table->column_info.failed || table->json_head.failed ||
                 table->csv_head.failed || table->json.bytes.failed || table->csv.bytes.failed;
    }
    stub_text_clear(&value);
    if (failed) {
        free_table(table);
        return NULL;
    }
    return table;
}

const struct table *stub_table_get(enum shape shape, int cols) {
    pthread_mutex_lock(&tables_lock);
    struct table *table = tables;
    while (table && (table->shape != shape || table->cols != cols))
        table = table->next;
    if (!table && (table = render_table(shape, cols))) {
        table->next = tables;
        tables = table;
    }
    pthread_mutex_unlock(&tables_lock);
    return table;
}

void stub_tables_free(void) {
    while (tables) {
        struct table *next = tables->next;
        free_table(tables);
        tables = next;
    }
}

uint64_t stub_table_csv_size(const struct table *table, uint64_t rows) {
    return table->csv_head.len + rows / STUB_RING_ROWS * table->csv.bytes.len +
           table->csv.offsets[rows % STUB_RING_ROWS];
}

size_t stub_ring_rows(
    const struct ring *ring, uint64_t first, uint64_t count, struct iovec *iov, size_t iov_max) {
    size_t pieces = 0;
    while (count > 0 && pieces < iov_max) {
        size_t row = (size_t)(first % STUB_RING_ROWS);
        size_t n = STUB_RING_ROWS - row;
        if (n > count)
            n = (size_t)count;
        iov[pieces].iov_base = ring->bytes.data + ring->offsets[row];
        iov[pieces++].iov_len = ring->offsets[row + n] - ring->offsets[row];
        first += n;
        count -= n;
    }
    return pieces;
}

struct iovec stub_table_csv_at(const struct table *table, uint64_t offset) {
    if (offset < table->csv_head.len)
        return (struct iovec){table->csv_head.data + offset, table->csv_head.len - (size_t)offset};
    size_t at = (size_t)((offset - table->csv_head.len) % table->csv.bytes.len);
    return (struct iovec){table->csv.bytes.data + at, table->csv.bytes.len - at};
}
