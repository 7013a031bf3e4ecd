#include "page_helper.h"

static const struct ath__page_options s_first = {.is_first = true, .header_expected = true};

/* -- shape ------------------------------------------------------------------------------------- */

static void test_decode_plain_page(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        "{\"UpdateCount\":0,\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":[{\"CatalogName\":"
        "\"hive\",\"SchemaName\":\"\",\"TableName\":\"\",\"Name\":\"n\",\"Label\":\"label\","
        "\"Type\":"
        "\"decimal\",\"Precision\":10,\"Scale\":2,\"Nullable\":\"UNKNOWN\",\"CaseSensitive\":true}]"
        "},"
        "\"Rows\":[" ROW(CELL("label")) "," ROW(CELL("1.25")) "]},\"NextToken\":\"t\\u006fken\"}",
        true);
    size_t count;
    const struct ath_column_info *info = ath__columns_info(page.columns, &count);
    assert_int_equal(count, 1);
    assert_string_equal(info->name, "n");
    assert_string_equal(info->label, "label");
    assert_string_equal(info->type, "decimal");
    assert_string_equal(info->catalog, "hive");
    assert_string_equal(info->schema, "");
    assert_string_equal(info->nullable, "UNKNOWN");
    assert_int_equal(info->precision, 10);
    assert_int_equal(info->scale, 2);
    assert_true(info->case_sensitive);
    assert_string_equal(page.next_token, "token");
    assert_int_equal(page.update_count, 0);
    assert_int_equal(ath_batch_rows(page.batch), 1);
    assert_int_equal(ath_batch_columns(page.batch), 1);
    assert_storage(&page, 0, ATH_STORAGE_DECIMAL128);
    assert_true(ath__batch_bytes(page.batch) > 0);
    page_clear(&page);
}

static void test_decode_any_order_and_blanks(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        " {\n\"NextToken\" : null , \"X\":[{\"a\":[1,-2.5e3,true,null,{}]}],\"ResultSet\": "
        "{\"Rows\" "
        ": [ {\"Y\":1, \"Data\" : [ {\"Z\":{}, \"VarCharValue\" : \"1\" ,\"W\":[]} , { } , "
        "{\"VarCharValue\":null} ] ,\"V\":\"\"} ,{\"D\\u0061ta\":[" CELL(
            "2") ",{\"VarCharV\\u0061lue"
                 "\":\"b\"},{\"VarCharValue\":\"c\",\"Q\":0}],\"V\":2}] , "
                 "\"ResultSetMetadata\":{\"Other\":0,\"ColumnInfo\":[" COLUMN(
                     "a",
                     "integer") "," COLUMN("b", "varchar") "," COLUMN("c", "varchar") "]}},"
                                                                                      "\"UpdateCoun"
                                                                                      "t\":null}"
                                                                                      "\r\n\t ",
        true);
    assert_int_equal(ath_batch_rows(page.batch), 2);
    assert_int_equal(page_int(&page, 0, 0), 1);
    assert_text(&page, 1, 0, PAGE_NULL);
    assert_text(&page, 2, 0, PAGE_NULL);
    assert_int_equal(page_int(&page, 0, 1), 2);
    assert_text(&page, 1, 1, "b");
    assert_text(&page, 2, 1, "c");
    assert_null(page.next_token);
    assert_int_equal(page.update_count, -1);
    page_clear(&page);
}

static void test_decode_blank_before_values(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        PAGE(
            COLUMN("a", "varchar") "," COLUMN("b", "bigint") "," COLUMN("c", "varchar"),
            "{\"Data\": [{\"VarCharValue\": \"x\"}, {\"VarCharValue\": \"7\"}, {}]}, "
            "{\"Data\": [{\"VarCharValue\":  \"\"},  {\"VarCharValue\": \"-7\" }, {\"VarCharValue\""
            " : \"\\n\"}]}"),
        false);
    assert_text(&page, 0, 0, "x");
    assert_int_equal(page_int(&page, 1, 0), 7);
    assert_text(&page, 2, 0, PAGE_NULL);
    assert_text(&page, 0, 1, "");
    assert_int_equal(page_int(&page, 1, 1), -7);
    assert_text(&page, 2, 1, "\n");
    page_clear(&page);
    refusal(PAGE(COLUMN("a", "varchar"), ROW("{\"VarCharValue\": x}")), &s_first, ATH_ERR_PROTOCOL);
    refusal(PAGE(COLUMN("a", "varchar"), ROW(CELL("a") ", ")), &s_first, ATH_ERR_PROTOCOL);
}

static void test_decode_rows_before_columns(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        "{\"ResultSet\":{\"Rows\":[" ROW(CELL("a")) "," ROW(CELL("1")) "," ROW(CELL("odd")) "," ROW(
            "{}") "],\"ResultSetMetadata\":{\"ColumnInfo\":[" COLUMN("a", "integer") "]}}}",
        true);
    assert_int_equal(ath_batch_rows(page.batch), 3);
    assert_text(&page, 0, 0, "1");
    assert_text(&page, 0, 1, "odd");
    assert_text(&page, 0, 2, PAGE_NULL);
    page_clear(&page);
}

static void test_decode_empty_page_with_token(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        "{\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":[" COLUMN(
            "a", "integer") "]},\"Rows\":[]},\"NextToken\":\"more\"}",
        true);
    assert_null(page.batch);
    assert_string_equal(page.next_token, "more");
    page_clear(&page);
    page = decode_page(PAGE(COLUMN("a", "integer"), ROW(CELL("a"))), true);
    assert_null(page.batch);
    page_clear(&page);
}

static void test_decode_no_result_set(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"ResultSet\":null}",
        "{\"ResultSet\":{}}",
        "{\"ResultSet\":{\"Rows\":null,\"ResultSetMetadata\":null},\"NextToken\":\"\"}",
        "{\"ResultSet\":{\"Rows\":[],\"ResultSetMetadata\":{\"ColumnInfo\":null}}}",
        "{\"ResultSet\":{\"Rows\":[],\"ResultSetMetadata\":{\"ColumnInfo\":[]}}}",
        /* MSCK REPAIR TABLE: rows, but no columns to put them in */
        "{\"ResultSet\":{\"Rows\":[" ROW(
            CELL("Partitions not in metastore")) "],"
                                                 "\"ResultSetMetadata\":{\"ColumnInfo\":[]}}}",
        "{\"ResultSet\":{\"Rows\":[" ROW(CELL("a") "," CELL("b")) "]}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ath__page page = decode_page(texts[i], true);
        size_t count = 1;
        assert_null(ath__columns_info(page.columns, &count));
        assert_int_equal(count, 0);
        assert_non_null(page.columns);
        assert_null(page.batch);
        assert_null(page.next_token);
        page_clear(&page);
    }
}

static void test_decode_update_count(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        "{\"UpdateCount\":12345678901,\"ResultSet\":{\"Rows\":[],\"ResultSetMetadata\":"
        "{\"ColumnInfo\":[" COLUMN("rows", "bigint") "]}}}",
        false);
    assert_int_equal(page.update_count, 12345678901);
    assert_null(page.batch);
    page_clear(&page);
    refusal("{\"UpdateCount\":1.5}", &s_first, ATH_ERR_PROTOCOL);
    refusal("{\"UpdateCount\":9223372036854775808}", &s_first, ATH_ERR_PROTOCOL);
    refusal("{\"UpdateCount\":\"1\"}", &s_first, ATH_ERR_PROTOCOL);
}

static void test_decode_short_rows(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        PAGE(
            COLUMN("col_name", "string") "," COLUMN("data_type", "string") "," COLUMN(
                "n", "bigint"),
            ROW(CELL("id  \\tbigint\\t  ")) "," ROW("") ",{\"Data\":null},{}"),
        false);
    assert_int_equal(ath_batch_rows(page.batch), 4);
    assert_text(&page, 0, 0, "id  \tbigint\t  ");
    assert_text(&page, 1, 0, PAGE_NULL);
    assert_true(page_is_null(&page, 2, 0));
    for (size_t row = 1; row < 4; row++)
        assert_text(&page, 0, row, PAGE_NULL);
    assert_int_equal(ath_batch_column(page.batch, 1)->null_count, 4);
    page_clear(&page);
}

static void test_decode_long_row(void **state) {
    (void)state;
    const char *text = PAGE(COLUMN("a", "varchar"), ROW(CELL("1") "," CELL("2")));
    const char *message = refusal(text, &s_first, ATH_ERR_PROTOCOL);
    char wanted[80];
    sprintf(wanted, "more cells than columns at byte %zu", strlen(text) - strlen("]}]}}"));
    assert_non_null(strstr(message, wanted));
}

static void test_decode_too_many_rows(void **state) {
    (void)state;
    struct ath__page_options options = {.is_first = true, .rows_max = 2};
    struct ath__page page;
    const char *two = PAGE(COLUMN("a", "varchar"), ROW("{}") "," ROW("{}"));
    assert_int_equal(decode_bytes(two, strlen(two), &options, 0, &page, NULL), 0);
    page_clear(&page);
    refusal(
        PAGE(COLUMN("a", "varchar"), ROW("{}") "," ROW("{}") "," ROW("{}")),
        &options,
        ATH_ERR_PROTOCOL);
}

static void test_decode_memory_is_bounded(void **state) {
    (void)state;
    /* Each "{}," would cost hundreds of cells. */
    char *text = malloc(200000);
    assert_non_null(text);
    size_t len = (size_t)sprintf(text, "{\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":[");
    for (int i = 0; i < 500; i++)
        len += (size_t)sprintf(text + len, "%s" COLUMN("", "bigint"), i ? "," : "");
    len += (size_t)sprintf(text + len, "]},\"Rows\":[");
    for (int i = 0; i < 40000; i++)
        len += (size_t)sprintf(text + len, "%s{}", i ? "," : "");
    sprintf(text + len, "]}}");
    refusal(text, &s_first, ATH_ERR_TOO_LARGE);
    free(text);
}

/* -- header row (only if expected and equal) --------------------------------------------------- */

static size_t rows_after(const char *text, bool is_first, bool header_expected) {
    struct ath__page_options options = {.is_first = is_first, .header_expected = header_expected};
    struct ath__page page;
    assert_int_equal(decode_bytes(text, strlen(text), &options, 0, &page, NULL), 0);
    size_t rows = page.batch ? ath_batch_rows(page.batch) : 0;
    page_clear(&page);
    return rows;
}

static void test_header_is_dropped_when_expected_and_equal(void **state) {
    (void)state;
    const char *text = PAGE(
        COLUMN("a", "integer") "," COLUMN("b", "varchar"),
        ROW(CELL("a") "," CELL("b")) "," ROW(CELL("1") "," CELL("x")));
    assert_int_equal(rows_after(text, true, true), 1);
    assert_int_equal(rows_after(text, true, false), 2);
    assert_int_equal(rows_after(text, false, true), 2);
}

static void test_header_is_kept_when_not_equal(void **state) {
    (void)state;
#define AB COLUMN("a", "varchar") "," COLUMN("b", "varchar")
    assert_int_equal(rows_after(PAGE(AB, ROW(CELL("a") "," CELL("x"))), true, true), 1);
    assert_int_equal(rows_after(PAGE(AB, ROW(CELL("a"))), true, true), 1);
    assert_int_equal(rows_after(PAGE(AB, ROW(CELL("a") ",{}")), true, true), 1);
    assert_int_equal(rows_after(PAGE(AB, ROW(CELL("A") "," CELL("b"))), true, true), 1);
    assert_int_equal(rows_after(PAGE(AB, ROW(CELL("a\\u0000") "," CELL("b"))), true, true), 1);
    assert_int_equal(rows_after(PAGE(AB, ROW("") "," ROW(CELL("a") "," CELL("b"))), true, true), 2);
    /* Data that repeat the labels once more are data. */
    assert_int_equal(
        rows_after(
            PAGE(AB, ROW(CELL("a") "," CELL("b")) "," ROW(CELL("a") "," CELL("b"))), true, true),
        1);
}

static void test_header_compares_decoded_label(void **state) {
    (void)state;
    assert_int_equal(
        rows_after(
            PAGE(
                "{\"Name\":\"n\",\"Label\":\"\\u00e9 \\\"q\\\"\",\"Type\":\"integer\"}",
                ROW(CELL("\xc3\xa9 \\u0022q\\\"")) "," ROW(CELL("1"))),
            true,
            true),
        1);
    assert_int_equal(
        rows_after(
            PAGE("{\"Name\":\"n\",\"Label\":null,\"Type\":\"integer\"}", ROW(CELL("n"))),
            true,
            true),
        0);
    assert_int_equal(
        rows_after(
            PAGE("{\"Name\":\"n\",\"Label\":\"l\",\"Type\":\"integer\"}", ROW(CELL("n"))),
            true,
            true),
        1);
}

/* -- values ------------------------------------------------------------------------------------ */

/* A column of each type with a value, "{}" for NULL, and how it is stored. */
static const struct {
    const char *column, *cell;
    int storage;
} s_types[] = {
    {COLUMN("a", "boolean"), CELL("true"), ATH_STORAGE_BOOL},
    {COLUMN("b", "tinyint"), CELL("-128"), ATH_STORAGE_INT8},
    {COLUMN("c", "smallint"), CELL("32767"), ATH_STORAGE_INT16},
    {COLUMN("d", "integer"), CELL("-2147483648"), ATH_STORAGE_INT32},
    {COLUMN("e", "bigint"), CELL("9223372036854775807"), ATH_STORAGE_INT64},
    {COLUMN("f", "float"), CELL("1.5"), ATH_STORAGE_DOUBLE},
    {COLUMN("g", "double"), CELL("-1.0E-5"), ATH_STORAGE_DOUBLE},
    {"{\"Name\":\"h\",\"Type\":\"decimal\",\"Precision\":38,\"Scale\":2}",
     CELL("-12345678901234567890.25"),
     ATH_STORAGE_DECIMAL128},
    {COLUMN("i", "date"), CELL("1969-12-31"), ATH_STORAGE_DATE32},
    {COLUMN("j", "time"), CELL("23:59:59.5"), ATH_STORAGE_TIME_US},
    {COLUMN("k", "timestamp"), CELL("2024-02-29 12:00:00.123456000"), ATH_STORAGE_TIMESTAMP_US},
    {COLUMN("l", "varbinary"), CELL("00 ff 1A"), ATH_STORAGE_BINARY},
    {COLUMN("m", "char"), CELL("x "), ATH_STORAGE_TEXT},
    {COLUMN("n", "array"), CELL("[1, 2]"), ATH_STORAGE_TEXT},
    {COLUMN("o", "timestamp with time zone"),
     CELL("2024-01-01 00:00:00.000 UTC"),
     ATH_STORAGE_TEXT},
    {COLUMN("p", "unknown"), "{}", ATH_STORAGE_TEXT},
};
#define TYPES_COUNT (sizeof s_types / sizeof *s_types)

static void test_decode_every_type(void **state) {
    char columns[2048] = "", cells[2048] = "", text[5000];
    (void)state;
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        snprintf(columns + strlen(columns), 200, "%s%s", i ? "," : "", s_types[i].column);
        snprintf(cells + strlen(cells), 100, "%s%s", i ? "," : "", s_types[i].cell);
    }
    snprintf(text, sizeof text, PAGE("%s", ROW("%s")), columns, cells);
    struct ath__page page = decode_page(text, false);
    for (size_t i = 0; i < TYPES_COUNT; i++)
        assert_storage(&page, i, s_types[i].storage);
    assert_int_equal(page_int(&page, 0, 0), 1);
    assert_int_equal(page_int(&page, 1, 0), -128);
    assert_int_equal(page_int(&page, 2, 0), 32767);
    assert_int_equal(page_int(&page, 3, 0), INT32_MIN);
    assert_int_equal(page_int(&page, 4, 0), INT64_MAX);
    assert_true(*(const double *)ath_batch_column(page.batch, 5)->values == 1.5);
    assert_true(*(const double *)ath_batch_column(page.batch, 6)->values == -1.0e-5);
    const struct ath_column *decimal = ath_batch_column(page.batch, 7);
    __extension__ __int128 wanted = -(((__int128)12345678901234567890u) * 100 + 25);
    assert_int_equal(decimal->scale, 2);
    assert_memory_equal(decimal->values, &wanted, 16);
    assert_int_equal(page_int(&page, 8, 0), -1);
    assert_int_equal(page_int(&page, 9, 0), INT64_C(86399500000));
    assert_int_equal(page_int(&page, 10, 0), INT64_C(1709208000123456));
    assert_bytes(&page, 11, 0, "\x00\xff\x1a", 3);
    assert_text(&page, 12, 0, "x ");
    assert_text(&page, 13, 0, "[1, 2]");
    assert_text(&page, 14, 0, "2024-01-01 00:00:00.000 UTC");
    assert_text(&page, 15, 0, PAGE_NULL);
    page_clear(&page);
}

static void test_decode_aliases(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        PAGE(
            COLUMN("a", "int") "," COLUMN("b", "string") "," COLUMN("c", "real") "," COLUMN(
                "d", "struct") "," COLUMN("e", "binary"),
            ROW(CELL("1") "," CELL("s") "," CELL("2") "," CELL("{a=1}") "," CELL("00"))),
        false);
    static const int storages[] = {
        ATH_STORAGE_INT32,
        ATH_STORAGE_TEXT,
        ATH_STORAGE_DOUBLE,
        ATH_STORAGE_TEXT,
        ATH_STORAGE_BINARY};
    for (size_t i = 0; i < 5; i++)
        assert_storage(&page, i, storages[i]);
    page_clear(&page);
}

static void test_decode_null_empty_and_na_differ(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        PAGE(
            COLUMN("a", "varchar") "," COLUMN("b", "varbinary"),
            ROW("{},{}") "," ROW(CELL("") "," CELL("")) "," ROW(CELL("NA") "," CELL("00")) "," ROW(
                CELL("null") ",{}")),
        false);
    assert_text(&page, 0, 0, PAGE_NULL);
    assert_text(&page, 0, 1, "");
    assert_text(&page, 0, 2, "NA");
    assert_text(&page, 0, 3, "null");
    assert_int_equal(ath_batch_column(page.batch, 0)->null_count, 1);
    assert_bytes(&page, 1, 0, PAGE_NULL, 0);
    assert_bytes(&page, 1, 1, "", 0);
    assert_bytes(&page, 1, 2, "\0", 1);
    assert_int_equal(ath_batch_column(page.batch, 1)->null_count, 2);
    page_clear(&page);
}

static void test_decode_escapes(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        PAGE(
            COLUMN("a", "varchar") "," COLUMN("b", "integer") "," COLUMN("c", "varchar"),
            ROW(CELL("\\\"\\\\\\/\\b\\f\\n\\r\\t") "," CELL("\\u002d1") "," CELL("ascii")) "," ROW(
                CELL("\\u00e9\\u20AC\\ud83D\\uDE00") ",{}," CELL(
                    "\\u0041")) "," ROW(CELL("nul\\u0000nul") ",{}," CELL("x\xf0\x9f\x98\x80"))),
        false);
    assert_text(&page, 0, 0, "\"\\/\b\f\n\r\t");
    assert_int_equal(page_int(&page, 1, 0), -1);
    assert_text(&page, 0, 1, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_bytes(&page, 0, 2, "nul\0nul", 7);
    assert_text(&page, 2, 2, "x\xf0\x9f\x98\x80");
    assert_false(ath_batch_column(page.batch, 0)->is_ascii);
    assert_false(ath_batch_column(page.batch, 2)->is_ascii);
    page_clear(&page);
    page = decode_page(PAGE(COLUMN("a", "varchar"), ROW(CELL("\\u0041\x7f"))), false);
    assert_true(ath_batch_column(page.batch, 0)->is_ascii);
    page_clear(&page);
}

static void test_decode_odd_value_turns_column_into_text(void **state) {
    (void)state;
    struct ath__page page = decode_page(
        PAGE(
            COLUMN("a", "integer") "," COLUMN("b", "bigint") "," COLUMN(
                "c", "timestamp") "," COLUMN("d", "varbinary") "," COLUMN("e", "boolean"),
            ROW(CELL("1") "," CELL("10") "," CELL("2024-01-01 00:00:00.0000001") "," CELL("0") "," CELL("true")) "," ROW("{},{},{},{},{}") "," ROW(
                CELL("2147483648") "," CELL("20") "," CELL("2024-01-01 00:00:00") "," CELL(
                    "ff") "," CELL("TRUE"))),
        false);
    assert_int_equal(ath_batch_rows(page.batch), 3);
    assert_text(&page, 0, 0, "1");
    assert_text(&page, 0, 1, PAGE_NULL);
    assert_text(&page, 0, 2, "2147483648");
    assert_storage(&page, 1, ATH_STORAGE_INT64);
    assert_int_equal(page_int(&page, 1, 0), 10);
    assert_int_equal(page_int(&page, 1, 2), 20);
    assert_int_equal(ath_batch_column(page.batch, 1)->null_count, 1);
    assert_text(&page, 2, 0, "2024-01-01 00:00:00.0000001");
    assert_text(&page, 2, 2, "2024-01-01 00:00:00");
    assert_text(&page, 3, 0, "0");
    assert_text(&page, 4, 2, "TRUE");
    assert_int_equal(ath_batch_column(page.batch, 0)->null_count, 1);
    assert_true(ath_batch_column(page.batch, 0)->is_ascii);
    page_clear(&page);
}

static void test_decode_empty_number_is_text(void **state) {
    (void)state;
    struct ath__page page =
        decode_page(PAGE(COLUMN("a", "integer"), ROW(CELL("")) "," ROW("{}")), false);
    assert_text(&page, 0, 0, "");
    assert_text(&page, 0, 1, PAGE_NULL);
    page_clear(&page);
}

static void test_decode_as_text(void **state) {
    (void)state;
    struct ath__page_options options = {.is_first = true, .decode_text = true};
    const char *text = PAGE(
        COLUMN("a", "integer") "," COLUMN("b", "varbinary"), ROW(CELL("007") "," CELL("00 ff")));
    struct ath__page page;
    assert_int_equal(decode_bytes(text, strlen(text), &options, 0, &page, NULL), 0);
    assert_text(&page, 0, 0, "007");
    assert_text(&page, 1, 0, "00 ff");
    page_clear(&page);
}

/* Enough rows that every array grows several times, with NULLs that begin late. */
static void test_decode_many_rows(void **state) {
    (void)state;
    const size_t rows = 5000;
    char *text = malloc(1000000);
    assert_non_null(text);
    size_t len = (size_t)sprintf(
        text,
        "{\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":[%s,%s,%s]},\"Rows\":[",
        COLUMN("a", "bigint"),
        COLUMN("b", "varchar"),
        COLUMN("c", "boolean"));
    for (size_t i = 0; i < rows; i++) {
        const char *comma = i ? "," : "";
        if (i > 3000 && i % 3 == 0)
            len += (size_t)sprintf(text + len, "%s{\"Data\":[{},{},{}]}", comma);
        else
            len += (size_t)sprintf(
                text + len,
                "%s" ROW(CELL("%zu") "," CELL("text of row %zu \xc3\xa9") "," CELL("%s")),
                comma,
                i,
                i,
                i % 5 ? "true" : "false");
    }
    sprintf(text + len, "]}}");
    struct ath__page page = decode_page(text, false);
    assert_int_equal(ath_batch_rows(page.batch), rows);
    for (size_t i = 0; i < rows; i++) {
        char wanted[64];
        bool is_null = i > 3000 && i % 3 == 0;
        sprintf(wanted, "text of row %zu \xc3\xa9", i);
        assert_text(&page, 1, i, is_null ? PAGE_NULL : wanted);
        assert_int_equal(page_is_null(&page, 0, i), is_null);
        assert_int_equal(page_int(&page, 0, i), is_null ? 0 : (int64_t)i);
        assert_int_equal(page_int(&page, 2, i), !is_null && i % 5 != 0);
    }
    assert_int_equal(ath_batch_column(page.batch, 0)->null_count, 666);
    page_clear(&page);
    free(text);
}

/* -- later pages ------------------------------------------------------------------------------- */

static void test_decode_later_page_uses_given_columns(void **state) {
    (void)state;
    struct ath__page first = decode_page(PAGE(COLUMN("a", "integer"), ROW(CELL("1"))), false);
    struct ath__page_options later = {.columns = first.columns, .header_expected = true};
    const char *bare = "{\"ResultSet\":{\"Rows\":[" ROW(CELL("2")) "]}}";
    struct ath__page page;
    assert_int_equal(decode_bytes(bare, strlen(bare), &later, 0, &page, NULL), 0);
    assert_ptr_equal(page.columns, first.columns);
    assert_int_equal(page_int(&page, 0, 0), 2);
    page_clear(&page);
    const char *same = PAGE(COLUMN("a", "integer"), ROW(CELL("a")));
    assert_int_equal(decode_bytes(same, strlen(same), &later, 0, &page, NULL), 0);
    assert_text(&page, 0, 0, "a");
    page_clear(&page);
    refusal(PAGE(COLUMN("b", "integer"), ""), &later, ATH_ERR_PROTOCOL);
    refusal(PAGE(COLUMN("a", "bigint"), ""), &later, ATH_ERR_PROTOCOL);
    refusal(PAGE(COLUMN("a", "integer") "," COLUMN("b", "integer"), ""), &later, ATH_ERR_PROTOCOL);
    const char *message = refusal(
        "{\"ResultSet\":{\"Rows\":[],\"ResultSetMetadata\":{\"ColumnInfo\":[]}}}",
        &later,
        ATH_ERR_PROTOCOL);
    assert_non_null(strstr(message, "differ from those of the first page"));
    page_clear(&first);
}

/* -- refusals ---------------------------------------------------------------------------------- */

static void test_decode_malformed(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "[]",
        "null",
        "{}x",
        "{} {}",
        "\xef\xbb\xbf{}",
        "{\"ResultSet\":[]}",
        "{\"ResultSet\":{\"Rows\":{}}}",
        "{\"ResultSet\":{\"Rows\":[null]}}",
        "{\"ResultSet\":{\"Rows\":[{\"Data\":{}}]}}",
        "{\"ResultSet\":{\"Rows\":[],\"Rows\":[]}}",
        "{\"ResultSet\":{},\"ResultSet\":{}}",
        "{\"NextToken\":1}",
        "{\"NextToken\":\"a\",\"NextToken\":\"b\"}",
        "{\"NextToken\":\"a\\u0000b\"}",
        "{\"UpdateCount\":1,\"UpdateCount\":1}",
        "{\"X\":01}",
        "{\"X\":tru}",
        "{\"X\":\"\\x\"}",
        "{\"X\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
        PAGE("{\"Name\":\"a\"}", ""),
        PAGE("{\"Type\":\"integer\"}", ""),
        PAGE("{\"Name\":\"a\",\"Name\":\"a\",\"Type\":\"integer\"}", ""),
        PAGE("{\"Name\":\"a\",\"Type\":\"integer\",\"Scale\":3000000000}", ""),
        PAGE("{\"Name\":\"a\",\"Type\":\"integer\",\"CaseSensitive\":1}", ""),
        PAGE("{\"Name\":\"a\\u0000b\",\"Type\":\"integer\"}", ""),
        PAGE("1", ""),
#define TEXT_PAGE(rows) PAGE(COLUMN("a", "varchar"), rows)
        TEXT_PAGE("1"),
        TEXT_PAGE(ROW("1")),
        TEXT_PAGE(ROW("null")),
        TEXT_PAGE(ROW("{\"VarCharValue\":1}")),
        TEXT_PAGE(ROW("{\"VarCharValue\":\"a\",\"VarCharValue\":\"b\"}")),
        TEXT_PAGE(ROW("{\"VarCharValue\":null,\"VarCharValue\":\"b\"}")),
        TEXT_PAGE("{\"Data\":[],\"Data\":[]}"),
        TEXT_PAGE(ROW(CELL("a") ",")),
        TEXT_PAGE(ROW("," CELL("a"))),
        TEXT_PAGE(ROW(CELL("a")) ","),
        TEXT_PAGE(ROW(CELL("a")) ROW(CELL("a"))),
        TEXT_PAGE(ROW(CELL("a") "}")),
        TEXT_PAGE(ROW("{\"VarCharValue\":\"a\"")),
        TEXT_PAGE(ROW(CELL("\\"))),
        TEXT_PAGE(ROW(CELL("\\u12g4"))),
        TEXT_PAGE(ROW(CELL("\\ud800"))),
        TEXT_PAGE(ROW(CELL("\\udc00"))),
        TEXT_PAGE(ROW(CELL("\\ud800\\u0041"))),
        TEXT_PAGE(ROW(CELL("a\nb"))),
        TEXT_PAGE(ROW(CELL("a\x1f"))),
        TEXT_PAGE(ROW(CELL("\xff"))),
        TEXT_PAGE(ROW(CELL("\xc3"))),
        TEXT_PAGE(ROW(CELL("\xc0\xaf"))),
        TEXT_PAGE(ROW(CELL("\xed\xa0\x80"))),
        TEXT_PAGE(ROW(CELL("\xf4\x90\x80\x80"))),
        TEXT_PAGE(ROW(CELL("0123456789abcdef\xe2\x82"))),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *message = refusal(texts[i], &s_first, ATH_ERR_PROTOCOL);
        assert_non_null(strstr(message, " at byte "));
    }
}

static void test_decode_same_failure_again(void **state) {
    (void)state;
    struct ath__page_decoder *decoder;
    struct ath_error err = {0};
    assert_int_equal(
        ath__page_decoder_new(ath__slice_str("{\"a\":?}"), &s_first, &decoder, &err), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ath__page_decoder_step(decoder, 0, &err), ATH_ERR_PROTOCOL);
        assert_non_null(strstr(err.message, "at byte 5"));
    }
    assert_int_equal(ath__page_decoder_step(decoder, 0, NULL), ATH_ERR_PROTOCOL);
    assert_null(ath__page_decoder_release(decoder));
    assert_null(ath__page_decoder_release(NULL));
}

/* Exercises both readings, escapes, the header, and rows before columns. */
static const char
    s_rich[] = "{\"X\":[1,{\"y\":\"z\"}],\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":"
               "[" COLUMN("a", "integer") "," COLUMN("b", "varchar") "," COLUMN("c", "varbinary") "]},\"Rows\":[" ROW(
                   CELL("a") "," CELL("b") "," CELL(
                       "c")) "," ROW(CELL("1") "," CELL("\\u00e9\\n") "," CELL("00 01")) "," ROW("{"
                                                                                                 "}"
                                                                                                 ","
                                                                                                 "{"
                                                                                                 "}"
                                                                                                 ","
                                                                                                 "{"
                                                                                                 "}") "," ROW(CELL("x") ", {\"VarCharValue\": \"\xc3\xa9\"}," CELL("00")) "]},\"NextToken\":\"token\",\"UpdateCount\":12}";
static const char s_rich_late[] =
    "{\"ResultSet\":{\"Rows\":[" ROW(CELL("a")) "," ROW(CELL("1")) "," ROW(CELL("x")) "," ROW(
        "{}") "],\"ResultSetMetadata\":{\"ColumnInfo\":[" COLUMN("a", "integer") "]}}}";

static void check_cuts(const char *text, size_t step) {
    for (size_t len = 0; len < strlen(text); len++) {
        struct ath__page page;
        struct ath_error err = {0};
        struct failing memory;
        failing_install(&memory, SIZE_MAX);
        int rc = decode_bytes(text, len, &s_first, step, &page, &err);
        ath_allocator_set(NULL);
        assert_int_equal(rc, ATH_ERR_PROTOCOL);
        assert_non_null(strstr(err.message, " at byte "));
        assert_int_equal(memory.live, 0);
    }
}

static void test_decode_cut_at_every_byte(void **state) {
    (void)state;
    check_cuts(s_rich, 0);
    check_cuts(s_rich, 1);
    check_cuts(s_rich_late, 0);
    check_cuts(s_rich_late, 1);
}

static void check_no_memory(const char *text) {
    int rc = ATH_ERR_NOMEM;
    for (size_t count = 0; rc; count++) {
        struct ath__page page;
        struct ath_error err = {0};
        struct failing memory;
        failing_install(&memory, count);
        rc = decode_bytes(text, strlen(text), &s_first, 0, &page, &err);
        if (!rc)
            page_clear(&page);
        ath_allocator_set(NULL);
        assert_int_equal(memory.live, 0);
        if (rc)
            assert_int_equal(rc, ATH_ERR_NOMEM);
        assert_int_equal(err.code, rc);
        assert_true(count < 100);
    }
}

static void test_decode_without_memory(void **state) {
    (void)state;
    check_no_memory(s_rich);
    check_no_memory(s_rich_late);
    check_no_memory("{}");
}

static void test_step_is_bounded(void **state) {
    (void)state;
    struct ath__page_decoder *decoder;
    struct ath_slice body = ath__slice_str(s_rich);
    int rc, steps = 0;
    assert_int_equal(ath__page_decoder_new(body, &s_first, &decoder, NULL), 0);
    while ((rc = ath__page_decoder_step(decoder, 1, NULL)) == 0)
        steps++;
    assert_int_equal(rc, 1);
    assert_true(steps > 8); /* members and rows, twice for the odd value */
    assert_int_equal(ath__page_decoder_step(decoder, 1, NULL), 1);
    ath__page_decoder_release(decoder); /* what was not taken goes with it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_plain_page),
        cmocka_unit_test(test_decode_any_order_and_blanks),
        cmocka_unit_test(test_decode_blank_before_values),
        cmocka_unit_test(test_decode_rows_before_columns),
        cmocka_unit_test(test_decode_empty_page_with_token),
        cmocka_unit_test(test_decode_no_result_set),
        cmocka_unit_test(test_decode_update_count),
        cmocka_unit_test(test_decode_short_rows),
        cmocka_unit_test(test_decode_long_row),
        cmocka_unit_test(test_decode_too_many_rows),
        cmocka_unit_test(test_decode_memory_is_bounded),
        cmocka_unit_test(test_header_is_dropped_when_expected_and_equal),
        cmocka_unit_test(test_header_is_kept_when_not_equal),
        cmocka_unit_test(test_header_compares_decoded_label),
        cmocka_unit_test(test_decode_every_type),
        cmocka_unit_test(test_decode_aliases),
        cmocka_unit_test(test_decode_null_empty_and_na_differ),
        cmocka_unit_test(test_decode_escapes),
        cmocka_unit_test(test_decode_odd_value_turns_column_into_text),
        cmocka_unit_test(test_decode_empty_number_is_text),
        cmocka_unit_test(test_decode_as_text),
        cmocka_unit_test(test_decode_many_rows),
        cmocka_unit_test(test_decode_later_page_uses_given_columns),
        cmocka_unit_test(test_decode_malformed),
        cmocka_unit_test(test_decode_same_failure_again),
        cmocka_unit_test(test_decode_cut_at_every_byte),
        cmocka_unit_test(test_decode_without_memory),
        cmocka_unit_test(test_step_is_bounded),
    };
    return cmocka_run_group_tests_name("page_decode", tests, NULL, NULL);
}
