#include "catalog.h"

#include <string.h>

enum { TABLE_COLS = 10 };

static const char *const table_names[] = {[SHAPE_MIXED] = "mixed", [SHAPE_NESTED] = "nested"};

static void describe_table(struct text *out, enum shape shape) {
    stub_text_format(
        out,
        "{\"Name\":\"%s\",\"CreateTime\":1704067200.0,\"TableType\":\"EXTERNAL_TABLE\","
        "\"PartitionKeys\":[],\"Parameters\":{\"classification\":\"parquet\"},\"Columns\":[",
        table_names[shape]);
    for (int column = 0; column < stub_table_width(shape, TABLE_COLS); column++) {
        char label[32];
        stub_table_label(shape, TABLE_COLS, column, label);
        stub_text_format(
            out,
            "%s{\"Name\":\"%s\",\"Type\":\"%s\"}",
            column ? "," : "",
            label,
            stub_table_type(shape, TABLE_COLS, column)->hive);
    }
    stub_text_puts(out, "]}");
}

static const char *member(const json_t *input, const char *name) {
    const char *value = json_string_value(json_object_get(input, name));
    return value ? value : "";
}

static struct reply no_such_database(const json_t *input) {
    struct text message = {0};
    stub_text_format(&message, "Database %.128s not found", member(input, "DatabaseName"));
    stub_text_add(&message, "", 1);
    struct reply reply = stub_athena_error(
        MHD_HTTP_BAD_REQUEST, "MetadataException", message.failed ? "" : message.data);
    stub_text_clear(&message);
    return reply;
}

struct reply stub_catalog_databases(void) {
    struct text body = {0};
    stub_text_puts(
        &body, "{\"DatabaseList\":[{\"Name\":\"default\",\"Description\":\"made-up tables\"}]}");
    return stub_athena_json(&body);
}

struct reply stub_catalog_tables(const json_t *input) {
    if (strcmp(member(input, "DatabaseName"), "default") != 0)
        return no_such_database(input);
    struct text body = {0};
    stub_text_puts(&body, "{\"TableMetadataList\":[");
    describe_table(&body, SHAPE_MIXED);
    stub_text_puts(&body, ",");
    describe_table(&body, SHAPE_NESTED);
    stub_text_puts(&body, "]}");
    return stub_athena_json(&body);
}

struct reply stub_catalog_table(const json_t *input) {
    const char *name = member(input, "TableName");
    if (strcmp(member(input, "DatabaseName"), "default") != 0)
        return no_such_database(input);
    for (int shape = SHAPE_MIXED; shape <= SHAPE_NESTED; shape++) {
        if (strcmp(name, table_names[shape]) != 0)
            continue;
        struct text body = {0};
        stub_text_puts(&body, "{\"TableMetadata\":");
        describe_table(&body, (enum shape)shape);
        stub_text_puts(&body, "}");
        return stub_athena_json(&body);
    }
    return stub_athena_error(MHD_HTTP_BAD_REQUEST, "MetadataException", "Entity Not Found");
}
