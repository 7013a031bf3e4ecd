#include "aws/athena.h"
#include "aws/check.h"
#include "aws/json_write.h"

#include "base/err.h"
#include "base/json_skip.h"

#define DEPTH_MAX 32
#define TOKEN_MAX 1024

const char *ath__athena_metadata_operation(int kind) {
    switch (kind) {
    case ATH_METADATA_DATABASES:
        return "ListDatabases";
    case ATH_METADATA_TABLE:
        return "GetTableMetadata";
    case ATH_METADATA_TABLES:
        return "ListTableMetadata";
    default:
        return NULL;
    }
}

int ath__athena_metadata_check(const struct ath_metadata_options *options, struct ath_error *err) {
    int kind = options->kind;
    if (!ath__athena_metadata_operation(kind))
        return ath__err_set(err, ATH_ERR_INVALID, "kind is no enum ath_metadata_kind");
    int rc = ath__check_required("catalog", options->catalog, 256, err);
    if (!rc && kind != ATH_METADATA_DATABASES)
        rc = ath__check_required("database", options->database, 128, err);
    if (!rc && kind == ATH_METADATA_TABLE)
        rc = ath__check_required("table", options->table, 128, err);
    if (!rc && kind == ATH_METADATA_TABLES)
        rc = ath__check_text("expression", options->expression, 256, err);
    if (!rc)
        rc = ath__check_work_group(options->work_group, err);
    return rc ? rc : ath__check_range("page_size", options->page_size, 0, 50, err);
}

int ath__athena_metadata_build(
    const struct ath_metadata_options *options, const char *next_token, struct ath__buf *out) {
    struct ath__json_writer w;
    int kind = options->kind;
    ath__json_writer_init(&w, out);
    ath__json_open(&w, NULL, '{');
    ath__json_put_text(&w, "CatalogName", options->catalog);
    if (kind != ATH_METADATA_DATABASES)
        ath__json_put_text(&w, "DatabaseName", options->database);
    if (kind == ATH_METADATA_TABLE)
        ath__json_put_text(&w, "TableName", options->table);
    if (kind == ATH_METADATA_TABLES)
        ath__json_put_text(&w, "Expression", options->expression);
    if (kind != ATH_METADATA_TABLE) {
        ath__json_put_text(&w, "NextToken", next_token);
        ath__json_put_count(&w, "MaxResults", options->page_size ? options->page_size : 50);
    }
    ath__json_put_text(&w, "WorkGroup", options->work_group);
    ath__json_close(&w, '}');
    return w.rc;
}

/* Appends the object the cursor stands before, unchanged. */
static int take_object(struct ath__json_cursor *c, struct ath__buf *items) {
    if (ath__json_peek(c) != '{')
        return ath__json_fail(c, "an object was expected");
    const char *begin = c->at;
    int rc = ath__json_skip_value(c);
    if (!rc && items->len > 0)
        rc = ath__buf_add_char(items, ',');
    return rc ? rc : ath__buf_add(items, begin, (size_t)(c->at - begin));
}

static int take_list(struct ath__json_cursor *c, struct ath__buf *items) {
    struct ath__json_walk walk = {false};
    int rc;
    if (ath__json_literal(c, "null"))
        return 0;
    while ((rc = ath__json_array_next(c, &walk)) == 1)
        if ((rc = take_object(c, items)) != 0)
            return rc;
    return rc;
}

static int take_token(struct ath__json_cursor *c, char next_token[1025]) {
    struct ath__json_string string;
    char value[6 * TOKEN_MAX];
    if (ath__json_literal(c, "null"))
        return 0;
    int rc = ath__json_string_raw(c, &string);
    if (rc)
        return rc;
    size_t len =
        string.text.len > sizeof value ? sizeof value : ath__json_string_decode(&string, value);
    if (len > TOKEN_MAX || memchr(value, '\0', len))
        return ath__json_fail(c, "NextToken is malformed");
    memcpy(next_token, value, len);
    next_token[len] = '\0';
    return 0;
}

static int
scan_metadata(struct ath__json_cursor *c, int kind, struct ath__buf *items, char next_token[1025]) {
    static const char *const names[] = {NULL, "DatabaseList", "TableMetadata", "TableMetadataList"};
    struct ath__json_walk walk = {false};
    struct ath__json_string key;
    bool seen = false, has_token = false;
    int rc;
    while ((rc = ath__json_object_next(c, &walk, &key)) == 1) {
        if (ath__json_string_is(&key, names[kind])) {
            rc = seen                         ? ath__json_fail(c, "the list comes twice")
                 : kind == ATH_METADATA_TABLE ? take_object(c, items)
                                              : take_list(c, items);
            seen = true;
        } else if (kind != ATH_METADATA_TABLE && ath__json_string_is(&key, "NextToken")) {
            rc = has_token ? ath__json_fail(c, "NextToken comes twice") : take_token(c, next_token);
            has_token = true;
        } else {
            rc = ath__json_skip_value(c);
        }
        if (rc)
            return rc;
    }
    if (!rc)
        rc = ath__json_end(c);
    if (!rc && !seen && kind == ATH_METADATA_TABLE)
        rc = ath__json_fail(c, "TableMetadata is missing");
    return rc;
}

int ath__athena_metadata_parse(
    int kind,
    struct ath_slice body,
    struct ath__buf *items,
    char next_token[1025],
    struct ath_error *err) {
    struct ath__json_cursor c;
    size_t len_before = items->len;
    const char *operation = ath__athena_metadata_operation(kind);
    if (!operation)
        return ath__err_set(err, ATH_ERR_INVALID, "kind is no enum ath_metadata_kind");
    next_token[0] = '\0';
    ath__json_init(&c, body, DEPTH_MAX);
    int rc = scan_metadata(&c, kind, items, next_token);
    if (!rc)
        return 0;
    items->len = len_before;
    next_token[0] = '\0';
    if (rc == ATH_ERR_NOMEM)
        return ath__err_nomem(err);
    if (rc == ATH_ERR_TOO_LARGE)
        return ath__err_set(err, rc, "%s: the answers are larger than the limit", operation);
    return ath__refuse_answer(operation, &c, err);
}
