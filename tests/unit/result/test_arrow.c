#include "page_helper.h"

#define TYPED_COLUMNS                                                                                                       \
    COLUMN("a", "boolean")                                                                                                  \
    "," COLUMN("b", "tinyint") "," COLUMN("c", "smallint") "," COLUMN("d", "integer") "," COLUMN("e", "bigint") "," COLUMN( \
        "f",                                                                                                                \
        "float") "," COLUMN("g", "double") ",{\"Name\":\"h\","                                                              \
                                           "\"Label\":\"H\",\"Type\":\"decimal\",\"Precision\":"                            \
                                           "38,\"Scale\":2}," COLUMN("i", "date") "," COLUMN("j", "time") "," COLUMN(       \
                                               "k",                                                                         \
                                               "timestamp") "," COLUMN("l", "varbinary") "," COLUMN("m", "json")
#define TYPED_ROW                                                                                                      \
    ROW(CELL("true") "," CELL("1") "," CELL("2") "," CELL("3") "," CELL("4") "," CELL("0.1") "," CELL("0.1") "," CELL( \
        "1.25") "," CELL("1970-01-02") "," CELL("00:00:01") "," CELL("1970-"                                           \
                                                                     "01-01 "                                          \
                                                                     "00:00:"                                          \
                                                                     "01") "," CELL("00 01") "," CELL("{}"))
#define NULL_ROW ROW("{},{},{},{},{},{},{},{},{},{},{},{},{}")

static int64_t pairs_of(const char *metadata, char out_value[64]) {
    int32_t pairs, len;
    memcpy(&pairs, metadata, 4);
    memcpy(&len, metadata + 4, 4);
    assert_int_equal(len, strlen("athena.type"));
    assert_memory_equal(metadata + 8, "athena.type", (size_t)len);
    const char *p = metadata + 8 + len;
    memcpy(&len, p, 4);
    assert_true(len < 64);
    memcpy(out_value, p + 4, (size_t)len);
    out_value[len] = '\0';
    return pairs;
}

static void test_schema_formats(void **state) {
    (void)state;
    static const char *const formats[] = {
        "b", "c", "s", "i", "l", "f", "g", "d:38,2", "tdD", "ttu", "tsu:", "z", "u"};
    struct ath__page page = decode_page(PAGE(TYPED_COLUMNS, ""), false);
    struct ArrowSchema schema;
    size_t count;
    const struct ath_column_info *info = ath__columns_info(page.columns, &count);
    for (int decode_text = 0; decode_text < 2; decode_text++) {
        assert_int_equal(ath__columns_arrow_schema(page.columns, decode_text, &schema, NULL), 0);
        assert_string_equal(schema.format, "+s");
        assert_int_equal(schema.n_children, 13);
        for (size_t i = 0; i < 13; i++) {
            const struct ArrowSchema *field = schema.children[i];
            char type[64];
            assert_string_equal(field->format, decode_text ? "u" : formats[i]);
            assert_string_equal(field->name, info[i].label);
            assert_int_equal(field->flags, ARROW_FLAG_NULLABLE);
            assert_int_equal(pairs_of(field->metadata, type), 1);
            assert_string_equal(type, info[i].type);
        }
        schema.release(&schema);
        assert_null(schema.release);
    }
    page_clear(&page);
}

static void test_schema_child_moves_out(void **state) {
    (void)state;
    struct ath__page page = decode_page(PAGE(TYPED_COLUMNS, ""), false);
    struct ArrowSchema schema, moved;
    assert_int_equal(ath__columns_arrow_schema(page.columns, false, &schema, NULL), 0);
    page_clear(&page);
    moved = *schema.children[7];
    schema.children[7]->release = NULL;
    schema.release(&schema);
    assert_string_equal(moved.name, "H");
    assert_string_equal(moved.format, "d:38,2");
    moved.release(&moved);
    assert_null(moved.release);
}

static void test_array_shares_the_batch(void **state) {
    (void)state;
    struct ath__page page = decode_page(PAGE(TYPED_COLUMNS, TYPED_ROW "," NULL_ROW), false);
    struct ArrowArray array;
    assert_int_equal(ath_batch_arrow_array(page.batch, &array, NULL), 0);
    assert_int_equal(array.length, 2);
    assert_int_equal(array.null_count, 0);
    assert_int_equal(array.n_buffers, 1);
    assert_null(array.buffers[0]);
    assert_int_equal(array.n_children, 13);
    for (size_t i = 0; i < 13; i++) {
        const struct ArrowArray *child = array.children[i];
        const struct ath_column *column = ath_batch_column(page.batch, i);
        assert_int_equal(child->length, 2);
        assert_int_equal(child->offset, 0);
        assert_int_equal(child->null_count, 1);
        assert_int_equal(child->n_buffers, i < 11 ? 2 : 3);
        assert_ptr_equal(child->buffers[0], column->validity);
        assert_int_equal(column->validity[0] & 3, 1);
        if (i == 5)
            assert_true(((const float *)child->buffers[1])[0] == 0.1f);
        else if (i < 11)
            assert_ptr_equal(child->buffers[1], column->values);
        else
            assert_ptr_equal(child->buffers[2], column->values);
    }
    /* The array alone keeps the values. */
    page_clear(&page);
    assert_int_equal(((const int64_t *)array.children[4]->buffers[1])[0], 4);
    struct ArrowArray moved = *array.children[11];
    array.children[11]->release = NULL;
    array.release(&array);
    assert_null(array.release);
    assert_int_equal(((const int32_t *)moved.buffers[1])[2], 2);
    assert_memory_equal(moved.buffers[2], "\0\1", 2);
    moved.release(&moved);
}

static void test_array_without_nulls_has_no_validity(void **state) {
    (void)state;
    struct ath__page page = decode_page(PAGE(TYPED_COLUMNS, TYPED_ROW), false);
    struct ArrowArray array;
    assert_int_equal(ath_batch_arrow_array(page.batch, &array, NULL), 0);
    for (size_t i = 0; i < 13; i++)
        assert_null(array.children[i]->buffers[0]);
    array.release(&array);
    page_clear(&page);
}

static void test_array_refuses_text_in_typed_column(void **state) {
    (void)state;
    const char *text = PAGE(
        COLUMN("first", "varchar") "," COLUMN("count", "integer"),
        ROW(CELL("x") "," CELL("1")) "," ROW(CELL("y") "," CELL("many")));
    struct ath__page page = decode_page(text, false);
    struct ArrowArray array = {0};
    struct ath_error err = {0};
    assert_int_equal(ath_batch_arrow_array(page.batch, &array, &err), ATH_ERR_VALUE);
    assert_null(array.release);
    assert_non_null(strstr(err.message, "column 2 ('count', integer)"));
    assert_non_null(strstr(err.message, "row 2 "));
    page_clear(&page);
    /* As text it is what was asked for. */
    struct ath__page_options options = {.is_first = true, .decode_text = true};
    assert_int_equal(decode_bytes(text, strlen(text), &options, 0, &page, NULL), 0);
    assert_int_equal(ath_batch_arrow_array(page.batch, &array, NULL), 0);
    array.release(&array);
    page_clear(&page);
}

static void test_export_without_memory(void **state) {
    (void)state;
    int rc = ATH_ERR_NOMEM;
    for (size_t count = 0; rc; count++) {
        struct failing memory;
        struct ArrowSchema schema = {0};
        struct ArrowArray array = {0};
        failing_install(&memory, SIZE_MAX);
        const char *text = PAGE(TYPED_COLUMNS, TYPED_ROW "," NULL_ROW);
        struct ath__page page = decode_page(text, false);
        memory.left = count;
        rc = ath__columns_arrow_schema(page.columns, false, &schema, NULL);
        if (!rc)
            rc = ath_batch_arrow_array(page.batch, &array, NULL);
        if (schema.release)
            schema.release(&schema);
        if (array.release)
            array.release(&array);
        page_clear(&page);
        ath_allocator_set(NULL);
        assert_int_equal(memory.live, 0);
        assert_true(rc == 0 || rc == ATH_ERR_NOMEM);
        assert_true(count < 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_formats),
        cmocka_unit_test(test_schema_child_moves_out),
        cmocka_unit_test(test_array_shares_the_batch),
        cmocka_unit_test(test_array_without_nulls_has_no_validity),
        cmocka_unit_test(test_array_refuses_text_in_typed_column),
        cmocka_unit_test(test_export_without_memory),
    };
    return cmocka_run_group_tests_name("arrow", tests, NULL, NULL);
}
