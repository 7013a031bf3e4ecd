#include "testing.h"

#include "aws/athena.h"

static struct ath_metadata_options make_options(int kind) {
    struct ath_metadata_options o = {.size = sizeof o};
    o.kind = kind;
    o.catalog = "c";
    o.database = "d";
    o.table = "t";
    return o;
}

static void expect_body(const struct ath_metadata_options *o, const char *token, const char *body) {
    struct ath__buf out;
    ath__buf_init(&out, 4096);
    assert_int_equal(ath__athena_metadata_check(o, NULL), 0);
    assert_int_equal(ath__athena_metadata_build(o, token, &out), 0);
    assert_slice(ath__buf_slice(&out), body);
    ath__buf_clear(&out);
}

static void test_metadata_build_by_kind(void **state) {
    (void)state;
    struct ath_metadata_options o = make_options(ATH_METADATA_DATABASES);
    expect_body(&o, NULL, "{\"CatalogName\":\"c\",\"MaxResults\":50}");
    o = make_options(ATH_METADATA_TABLE);
    o.work_group = "w";
    expect_body(
        &o,
        NULL,
        "{\"CatalogName\":\"c\",\"DatabaseName\":\"d\",\"TableName\":\"t\",\"WorkGroup\":\"w\"}");
    o = make_options(ATH_METADATA_TABLES);
    o.expression = "a.*";
    o.page_size = 9;
    expect_body(
        &o,
        "tok",
        "{\"CatalogName\":\"c\",\"DatabaseName\":\"d\",\"Expression\":\"a.*\","
        "\"NextToken\":\"tok\",\"MaxResults\":9}");
}

static void test_metadata_operation_names(void **state) {
    (void)state;
    assert_string_equal(ath__athena_metadata_operation(ATH_METADATA_DATABASES), "ListDatabases");
    assert_string_equal(ath__athena_metadata_operation(ATH_METADATA_TABLE), "GetTableMetadata");
    assert_string_equal(ath__athena_metadata_operation(ATH_METADATA_TABLES), "ListTableMetadata");
    assert_null(ath__athena_metadata_operation(0));
}

static void expect_refusal(const struct ath_metadata_options *o, const char *member) {
    struct ath_error err = {0};
    assert_int_equal(ath__athena_metadata_check(o, &err), ATH_ERR_INVALID);
    assert_contains(err.message, member);
}

static void test_metadata_check_names_the_member(void **state) {
    (void)state;
    char text[300];
    memset(text, 'x', sizeof text);
    text[257] = '\0';
    struct ath_metadata_options o = make_options(9);
    expect_refusal(&o, "kind");
    o = make_options(ATH_METADATA_TABLE);
    o.catalog = NULL;
    expect_refusal(&o, "catalog");
    o = make_options(ATH_METADATA_TABLE);
    o.database = "";
    expect_refusal(&o, "database");
    o = make_options(ATH_METADATA_TABLE);
    o.table = NULL;
    expect_refusal(&o, "table");
    o = make_options(ATH_METADATA_TABLES);
    o.expression = text;
    expect_refusal(&o, "expression");
    o = make_options(ATH_METADATA_TABLES);
    o.page_size = 51;
    expect_refusal(&o, "page_size");
    o = make_options(ATH_METADATA_DATABASES);
    o.work_group = "\xc3\xa9";
    expect_refusal(&o, "work_group");
}

static void test_metadata_parse_joins_pages(void **state) {
    (void)state;
    static const char *const pages[] = {
        "{\"DatabaseList\":[{\"Name\":\"a\"},{\"Name\" : \"b\"}],\"NextToken\":\"t\\u002f1\"}",
        "{\"DatabaseList\":[],\"NextToken\":\"t2\"}",
        "{\"NextToken\":null,\"DatabaseList\":[{\"Name\":\"c\",\"Parameters\":{\"k\":\"v\"}}]}"};
    static const char *const tokens[] = {"t/1", "t2", ""};
    struct ath__buf items;
    ath__buf_init(&items, 4096);
    for (size_t i = 0; i < 3; i++) {
        char token[1025];
        assert_int_equal(
            ath__athena_metadata_parse(
                ATH_METADATA_DATABASES, ath__slice_str(pages[i]), &items, token, NULL),
            0);
        assert_string_equal(token, tokens[i]);
    }
    assert_slice(
        ath__buf_slice(&items),
        "{\"Name\":\"a\"},{\"Name\" : \"b\"},{\"Name\":\"c\",\"Parameters\":{\"k\":\"v\"}}");
    ath__buf_clear(&items);
}

static void test_metadata_parse_takes_one_table(void **state) {
    (void)state;
    struct ath__buf items;
    char token[1025];
    ath__buf_init(&items, 4096);
    assert_int_equal(
        ath__athena_metadata_parse(
            ATH_METADATA_TABLE,
            ath__slice_str("{\"TableMetadata\":{\"Name\":\"t\"},\"NextToken\":\"x\"}"),
            &items,
            token,
            NULL),
        0);
    assert_slice(ath__buf_slice(&items), "{\"Name\":\"t\"}");
    assert_string_equal(token, "");
    ath__buf_clear(&items);
}

static void test_metadata_parse_leaves_nothing_of_a_broken_page(void **state) {
    (void)state;
    static const struct {
        int kind;
        const char *body;
    } cases[] = {
        {ATH_METADATA_DATABASES, ""},
        {ATH_METADATA_DATABASES, "{\"DatabaseList\":[{\"a\":1},2]}"},
        {ATH_METADATA_DATABASES, "{\"DatabaseList\":[{\"a\":1}],\"DatabaseList\":[]}"},
        {ATH_METADATA_DATABASES, "{\"DatabaseList\":{}}"},
        {ATH_METADATA_DATABASES, "{\"DatabaseList\":[{\"a\":1}]} x"},
        {ATH_METADATA_DATABASES, "{\"NextToken\":1}"},
        {ATH_METADATA_DATABASES, "{\"NextToken\":\"a\\u0000b\"}"},
        {ATH_METADATA_DATABASES, "{\"NextToken\":\"a\",\"NextToken\":\"b\"}"},
        {ATH_METADATA_TABLE, "{}"},
        {ATH_METADATA_TABLE, "{\"TableMetadata\":null}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__buf items;
        struct ath_error err = {0};
        char token[1025];
        ath__buf_init(&items, 4096);
        assert_int_equal(ath__buf_add_str(&items, "{}"), 0);
        assert_int_equal(
            ath__athena_metadata_parse(
                cases[i].kind, ath__slice_str(cases[i].body), &items, token, &err),
            ATH_ERR_PROTOCOL);
        assert_contains(err.message, ath__athena_metadata_operation(cases[i].kind));
        assert_slice(ath__buf_slice(&items), "{}");
        ath__buf_clear(&items);
    }
}

static void test_metadata_parse_bounds_token_and_items(void **state) {
    (void)state;
    char body[1200] = "{\"NextToken\":\"", token[1025];
    struct ath__buf items;
    size_t fixed = strlen(body);
    ath__buf_init(&items, 3);
    for (size_t len = 1024; len <= 1025; len++) {
        memset(body + fixed, 'x', len);
        memcpy(body + fixed + len, "\"}", 3);
        assert_int_equal(
            ath__athena_metadata_parse(
                ATH_METADATA_TABLES, ath__slice_str(body), &items, token, NULL),
            len > 1024 ? ATH_ERR_PROTOCOL : 0);
    }
    assert_int_equal(
        ath__athena_metadata_parse(
            ATH_METADATA_TABLE,
            ath__slice_str("{\"TableMetadata\":{\"N\":1}}"),
            &items,
            token,
            NULL),
        ATH_ERR_TOO_LARGE);
    ath__buf_clear(&items);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata_build_by_kind),
        cmocka_unit_test(test_metadata_operation_names),
        cmocka_unit_test(test_metadata_check_names_the_member),
        cmocka_unit_test(test_metadata_parse_joins_pages),
        cmocka_unit_test(test_metadata_parse_takes_one_table),
        cmocka_unit_test(test_metadata_parse_leaves_nothing_of_a_broken_page),
        cmocka_unit_test(test_metadata_parse_bounds_token_and_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
