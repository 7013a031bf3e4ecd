#include "csv_helper.h"

#include "result/build.h"
#include "result/cells.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SLICE(text) ((struct ath_slice){text, strlen(text)})

static const char *const s_text[][2] = {{"a", "varchar"}};
static const char *const s_two[][2] = {{"a", "varchar"}, {"b", "bigint"}};
static const char *const s_stamp[][2] = {{"n", "integer"}, {"at", "timestamp"}};

/* What must be well formed, the same from blocks and steps of every size. */
static struct csv decode_all(
    const char *const (*columns)[2],
    size_t count,
    const char *text,
    struct ath__csv_options options) {
    struct csv csv, other;
    options.columns = csv_columns(columns, count);
    assert_non_null(options.columns);
    if (csv_decode(&options, SLICE(text), 0, 0, &csv))
        fail_msg("%s", csv.err.message);
    for (size_t block = 1; block < 24; block++) {
        assert_int_equal(csv_decode(&options, SLICE(text), block, block % 5, &other), 0);
        assert_int_equal(csv_rows(&other), csv_rows(&csv));
        csv_clear(&other);
    }
    ath__columns_release(options.columns);
    return csv;
}

#define DECODE(columns, text, ...)                                                                 \
    decode_all(columns, COUNT(columns), text, (struct ath__csv_options){__VA_ARGS__})

/* The message of a refusal, the same from every kernel and blocks of every size. */
static const char *
refuse(const char *const (*columns)[2], size_t count, struct ath_slice text, uint64_t skip_rows) {
    static struct csv first;
    struct ath__csv_options options = {
        .columns = csv_columns(columns, count), .skip_rows = skip_rows};
    assert_int_equal(csv_decode(&options, text, 0, 0, &first), ATH_ERR_PROTOCOL);
    for (int kernel = ATH__CSV_PLAIN; kernel < ATH__CSV_KERNELS; kernel++) {
        options.kernel = (enum ath__csv_kernel)kernel;
        for (size_t block = 1; block < 80 && ath__csv_scan_pick(options.kernel); block++) {
            struct csv other;
            assert_int_equal(csv_decode(&options, text, block, 3, &other), ATH_ERR_PROTOCOL);
            assert_string_equal(other.err.message, first.err.message);
        }
    }
    ath__columns_release(options.columns);
    return first.err.message;
}

/* -- shape ------------------------------------------------------------------------------------- */

static void test_decode_null_empty_and_na_differ(void **state) {
    (void)state;
    struct csv csv = DECODE(s_text, "\n\"\"\n\"NA\"\n\"null\"\n\n", 0);
    assert_int_equal(csv_rows(&csv), 5);
    assert_csv_text(&csv, 0, 0, PAGE_NULL);
    assert_csv_text(&csv, 0, 1, "");
    assert_csv_text(&csv, 0, 2, "NA");
    assert_csv_text(&csv, 0, 3, "null");
    assert_csv_text(&csv, 0, 4, PAGE_NULL);
    csv_clear(&csv);
}

static void test_decode_hostile_text(void **state) {
    (void)state;
    struct csv csv = DECODE(
        s_two,
        "\"a,b\"\"c\nd\r\n\\\",\"1\"\n\"\"\"\",\"2\"\n\"\"\"\"\"\",\n\"\xf0\x9f\x98\x80\xc3\xa9"
        " and a text that is longer than thirty-two bytes, \"\"quoted\"\" at its very "
        "\"\"end\"\"\",\"-4\"\n",
        0);
    assert_csv_text(&csv, 0, 0, "a,b\"c\nd\r\n\\");
    assert_csv_text(&csv, 0, 1, "\"");
    assert_csv_text(&csv, 0, 2, "\"\"");
    assert_csv_text(
        &csv,
        0,
        3,
        "\xf0\x9f\x98\x80\xc3\xa9 and a text that is longer than thirty-two bytes, \"quoted\" at "
        "its very \"end\"");
    assert_int_equal(csv_int(&csv, 1, 0), 1);
    assert_int_equal(csv_int(&csv, 1, 3), -4);
    assert_false(ath_batch_column(csv.batches[0], 0)->is_ascii);
    assert_int_equal(ath_batch_column(csv.batches[0], 1)->null_count, 1);
    csv_clear(&csv);
}

static void test_decode_text_with_nul(void **state) {
    (void)state;
    static const char text[] = "\"a\0b\"\n";
    struct ath__csv_options options = {.columns = csv_columns(s_text, 1)};
    struct csv csv;
    assert_int_equal(
        csv_decode(&options, (struct ath_slice){text, sizeof text - 1}, 0, 0, &csv), 0);
    struct ath__page page = {.batch = csv.batches[0]};
    assert_bytes(&page, 0, 0, "a\0b", 3);
    csv_clear(&csv);
    ath__columns_release(options.columns);
}

static void test_decode_empty_object(void **state) {
    (void)state;
    struct csv csv = DECODE(s_two, "", .header_expected = true);
    assert_int_equal(csv.count, 0);
    csv = DECODE(s_two, "\"a\",\"b\"\n", .header_expected = true);
    assert_int_equal(csv.count, 0);
}

static void test_header_is_dropped_when_expected_and_equal(void **state) {
    (void)state;
    static const char *const odd[][2] = {{"a\"b,\n", "varchar"}, {"", "varchar"}};
    struct csv csv = DECODE(odd, "\"a\"\"b,\n\",\"\"\n\"1\",\"2\"\n", .header_expected = true);
    assert_int_equal(csv_rows(&csv), 1);
    assert_csv_text(&csv, 0, 0, "1");
    csv_clear(&csv);
    /* Only once: a row of data may look like it. */
    csv = DECODE(s_text, "\"a\"\n\"a\"\n", .header_expected = true);
    assert_int_equal(csv_rows(&csv), 1);
    csv_clear(&csv);
}

static void test_header_is_kept_otherwise(void **state) {
    (void)state;
    static const char *const others[] = {"\"A\"\n", "\"ab\"\n", "\"\"\n", "\n", "\"a\"\"\"\n"};
    struct csv csv = DECODE(s_text, "\"a\"\n", 0);
    assert_csv_text(&csv, 0, 0, "a");
    csv_clear(&csv);
    for (size_t i = 0; i < COUNT(others); i++) {
        csv = DECODE(s_text, others[i], .header_expected = true);
        assert_int_equal(csv_rows(&csv), 1);
        csv_clear(&csv);
    }
}

static void test_skip_rows_are_checked_and_not_stored(void **state) {
    (void)state;
    const char *text = "\"a\",\"b\"\n\"x\",\"1\"\n\"y\",\"odd\"\n\"z\",\"3\"\n";
    struct csv csv = DECODE(s_two, text, .header_expected = true, .skip_rows = 2);
    assert_int_equal(csv_rows(&csv), 1);
    assert_csv_text(&csv, 0, 0, "z");
    assert_int_equal(csv_int(&csv, 1, 0), 3);
    csv_clear(&csv);
    csv = DECODE(s_two, text, .header_expected = true, .skip_rows = 3);
    assert_int_equal(csv.count, 0);
    assert_non_null(strstr(refuse(s_two, 2, SLICE(text), 5), "delivered before at byte 34"));
    assert_non_null(strstr(refuse(s_text, 1, SLICE("\"\xff\"\n"), 1), "UTF-8 at byte 1"));
}

/* -- types ------------------------------------------------------------------------------------- */

static const int s_storages[] = {
    ATH_STORAGE_BOOL,
    ATH_STORAGE_INT8,
    ATH_STORAGE_INT16,
    ATH_STORAGE_INT32,
    ATH_STORAGE_INT64,
    ATH_STORAGE_DOUBLE,
    ATH_STORAGE_DOUBLE,
    ATH_STORAGE_DECIMAL128,
    ATH_STORAGE_DATE32,
    ATH_STORAGE_TIME_US,
    ATH_STORAGE_TIMESTAMP_US,
    ATH_STORAGE_BINARY,
    ATH_STORAGE_TEXT,
    ATH_STORAGE_TEXT,
    ATH_STORAGE_TEXT,
};

static void test_decode_every_type(void **state) {
    (void)state;
    static const char *const columns[][2] = {
        {"0", "boolean"},
        {"1", "tinyint"},
        {"2", "smallint"},
        {"3", "integer"},
        {"4", "bigint"},
        {"5", "float"},
        {"6", "double"},
        {"7", "decimal"},
        {"8", "date"},
        {"9", "time"},
        {"10", "timestamp"},
        {"11", "varbinary"},
        {"12", "timestamp with time zone"},
        {"13", "interval day to second"},
        {"14", "row"},
    };
    struct csv csv = DECODE(
        columns,
        ",,,,,,,,,,,,,,\n"
        "\"true\",\"-128\",\"32767\",\"-2147483648\",\"9223372036854775807\",\"1.5\",\"1.0E-5\","
        "\"-12.30\",\"1970-01-02\",\"00:00:01.5\",\"1970-01-01 00:00:00.000001\",\"00 ff 10\","
        "\"2024-01-01 00:00:00.000 UTC\",\"2 00:00:00.000\",\"{a=1, b=\"\"x\"\"}\"\n",
        0);
    struct ath__page page = {.batch = csv.batches[0]};
    assert_int_equal(csv.count, 1);
    for (size_t i = 0; i < COUNT(columns); i++) {
        assert_storage(&page, i, s_storages[i]);
        assert_true(page_is_null(&page, i, 0));
        assert_false(page_is_null(&page, i, 1));
    }
    assert_int_equal(page_int(&page, 0, 1), 1);
    assert_int_equal(page_int(&page, 1, 1), -128);
    assert_int_equal(page_int(&page, 2, 1), 32767);
    assert_int_equal(page_int(&page, 3, 1), INT32_MIN);
    assert_int_equal(page_int(&page, 4, 1), INT64_MAX);
    assert_true(((const double *)ath_batch_column(page.batch, 5)->values)[1] == 1.5);
    assert_true(((const double *)ath_batch_column(page.batch, 6)->values)[1] == 1e-5);
    int64_t halves[2];
    memcpy(halves, (const char *)ath_batch_column(page.batch, 7)->values + 16, 16);
    assert_int_equal(halves[0], -1230);
    assert_int_equal(halves[1], -1);
    assert_int_equal(ath_batch_column(page.batch, 7)->scale, 2);
    assert_int_equal(page_int(&page, 8, 1), 1);
    assert_int_equal(page_int(&page, 9, 1), 1500000);
    assert_int_equal(page_int(&page, 10, 1), 1);
    assert_bytes(&page, 11, 1, "\x00\xff\x10", 3);
    assert_text(&page, 12, 1, "2024-01-01 00:00:00.000 UTC");
    assert_text(&page, 13, 1, "2 00:00:00.000");
    assert_text(&page, 14, 1, "{a=1, b=\"x\"}");
    csv_clear(&csv);
}

static void test_odd_value_turns_its_column_into_text(void **state) {
    (void)state;
    /* A nanosecond is kept, and so are the rows before it. */
    struct csv csv = DECODE(
        s_stamp,
        "\"1\",\"2024-01-01 00:00:00.123\"\n,\"2024-01-01 00:00:00.123456789\"\n\"3\",\n",
        0);
    assert_csv_text(&csv, 1, 0, "2024-01-01 00:00:00.123");
    assert_csv_text(&csv, 1, 1, "2024-01-01 00:00:00.123456789");
    assert_csv_text(&csv, 1, 2, PAGE_NULL);
    assert_int_equal(csv_int(&csv, 0, 2), 3);
    assert_int_equal(ath_batch_column(csv.batches[0], 0)->null_count, 1);
    csv_clear(&csv);
}

/* Batches are cut before the odd rows when rows are stored already. */
static void test_odd_value_cuts_the_batch(void **state) {
    (void)state;
    struct ath__csv_options options = {.columns = csv_columns(s_stamp, 2)};
    struct ath__csv_decoder *decoder;
    struct csv csv = {0};
    struct ArrowArray array;
    struct ath_error err;
    static const char *const blocks[] = {
        "\"1\",\"2024-01-01 00:00:00.5\"\n\"2\",\n",
        "\"3\",\"2024-01-01 00:00:00.5\"\n,\"1999\"\n",
        "\"0x5\",\"2024-01-01 00:00:00.5\"\n",
    };
    assert_int_equal(ath__csv_decoder_new(&options, &decoder, NULL), 0);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        assert_int_equal(ath__csv_decoder_feed(decoder, SLICE(blocks[i]), NULL), 0);
        while (ath__csv_decoder_step(decoder, 0, NULL) == ATH__CSV_BATCH)
            csv.batches[csv.count++] = ath__csv_decoder_take(decoder);
        assert_int_equal(ath__csv_decoder_step(decoder, 0, NULL), ATH__CSV_FEED);
    }
    ath__csv_decoder_finish(decoder);
    assert_int_equal(csv_run(decoder, (struct ath_slice){NULL, 0}, 0, 0, &csv), 0);
    assert_int_equal(csv.count, 3);
    assert_int_equal(csv_int(&csv, 0, 0), 1);
    struct ath__page page = {.batch = csv.batches[0]};
    assert_storage(&page, 1, ATH_STORAGE_TIMESTAMP_US);
    assert_int_equal(ath_batch_column(page.batch, 1)->null_count, 1);
    assert_csv_text(&csv, 1, 2, "2024-01-01 00:00:00.5");
    assert_csv_text(&csv, 1, 3, "1999");
    assert_int_equal(csv_int(&csv, 0, 2), 3);
    assert_csv_text(&csv, 0, 4, "0x5");
    assert_csv_text(&csv, 1, 4, "2024-01-01 00:00:00.5"); /* stays text for a while */
    assert_int_equal(ath_batch_arrow_array(csv.batches[0], &array, NULL), 0);
    array.release(&array);
    assert_int_equal(ath_batch_arrow_array(csv.batches[1], &array, &err), ATH_ERR_VALUE);
    assert_non_null(strstr(err.message, "column 2 ('at', timestamp): the value in row 2"));
    csv_clear(&csv);
    ath__csv_decoder_release(decoder);
    ath__columns_release(options.columns);
}

static void test_decode_as_text(void **state) {
    (void)state;
    struct csv csv = DECODE(s_two, "\"x\",\"007\"\n", .decode_text = true);
    assert_csv_text(&csv, 1, 0, "007");
    csv_clear(&csv);
}

/* -- batches and steps ------------------------------------------------------------------------- */

static void test_batches_have_the_wanted_rows(void **state) {
    (void)state;
    char text[4000];
    size_t len = 0;
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "\"%d\",\n", i);
    struct ath__csv_options options = {.columns = csv_columns(s_stamp, 2), .batch_rows = 64};
    struct csv csv;
    for (size_t block = 0; block < 300; block += 37) {
        assert_int_equal(csv_decode(&options, (struct ath_slice){text, len}, block, 0, &csv), 0);
        assert_int_equal(csv.count, 5);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(ath_batch_rows(csv.batches[i]), 64);
        for (size_t row = 0; row < 300; row++)
            assert_int_equal(csv_int(&csv, 0, row), row);
        csv_clear(&csv);
    }
    options.batch_rows = 0;
    options.batch_bytes = 1024; /* of memory: these rows take twice of what they have in the text */
    assert_int_equal(csv_decode(&options, (struct ath_slice){text, len}, 100, 0, &csv), 0);
    assert_true(csv.count > 3);
    for (size_t i = 0; i < csv.count; i++)
        assert_true(ath__batch_bytes(csv.batches[i]) < 4096);
    csv_clear(&csv);
    ath__columns_release(options.columns);
}

/* Texts that become longer than the first ones promised, then a batch that ends early. */
static void test_batch_outgrows_its_slab(void **state) {
    (void)state;
    char text[40000];
    size_t len = 0, starts[400];
    for (size_t i = 0; i < 400; i++) {
        starts[i] = len;
        len += (size_t)snprintf(
            text + len, sizeof text - len, "\"%0*zu\",\"%zu\"\n", (int)(i / 5), i, i);
    }
    struct ath__csv_options options = {.columns = csv_columns(s_two, 2), .batch_rows = 1000};
    for (size_t rows = 10; rows < 400; rows += 65) {
        struct csv csv;
        options.object_bytes = rows % 2 ? starts[rows] : 0;
        assert_int_equal(
            csv_decode(&options, (struct ath_slice){text, starts[rows]}, 64, 0, &csv), 0);
        assert_true(csv.count == 1 || rows % 2); /* rows may be longer than the first promised */
        for (size_t row = 0; row < rows; row++) {
            char wanted[100];
            snprintf(wanted, sizeof wanted, "%0*zu", (int)(row / 5), row);
            assert_csv_text(&csv, 0, row, wanted);
            assert_int_equal(csv_int(&csv, 1, row), row);
        }
        assert_true(ath__batch_bytes(csv.batches[0]) < 2 * starts[rows] + 10000);
        csv_clear(&csv);
    }
    ath__columns_release(options.columns);
}

/* The length told is a hint: rows are the same when it is wrong. */
static void test_wrong_object_bytes_lose_no_row(void **state) {
    (void)state;
    char text[4000];
    size_t len = 0;
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "\"%d\",\n", i);
    struct ath__csv_options options = {.columns = csv_columns(s_stamp, 2)};
    for (options.object_bytes = 1; options.object_bytes < 20000; options.object_bytes *= 3) {
        struct csv csv;
        assert_int_equal(csv_decode(&options, (struct ath_slice){text, len}, 100, 0, &csv), 0);
        assert_int_equal(csv_rows(&csv), 300);
        for (size_t row = 0; row < 300; row++)
            assert_int_equal(csv_int(&csv, 0, row), row);
        csv_clear(&csv);
    }
    ath__columns_release(options.columns);
}

static void test_row_over_many_blocks_is_bounded(void **state) {
    (void)state;
    size_t len = 200000;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    text[0] = text[len - 2] = '"';
    text[len - 1] = '\n';
    struct ath__csv_options options = {.columns = csv_columns(s_text, 1), .row_bytes = len};
    struct csv csv;
    assert_int_equal(csv_decode(&options, (struct ath_slice){text, len}, 1000, 100, &csv), 0);
    assert_int_equal(ath_batch_column(csv.batches[0], 0)->offsets[1], len - 3);
    csv_clear(&csv);
    options.row_bytes = len - 1;
    assert_int_equal(
        csv_decode(&options, (struct ath_slice){text, len}, 1000, 0, &csv), ATH_ERR_TOO_LARGE);
    assert_non_null(strstr(csv.err.message, "at byte 0"));
    ath__columns_release(options.columns);
    free(text);
}

static void test_step_is_bounded(void **state) {
    (void)state;
    char text[6000];
    for (size_t i = 0; i < sizeof text; i += 4)
        memcpy(text + i, "\"1\"\n", 4);
    static const char *const columns[][2] = {{"a", "bigint"}};
    struct ath__csv_options options = {.columns = csv_columns(columns, 1)};
    struct ath__csv_decoder *decoder;
    int rc, steps = 0;
    assert_int_equal(ath__csv_decoder_new(&options, &decoder, NULL), 0);
    assert_int_equal(
        ath__csv_decoder_feed(decoder, (struct ath_slice){text, sizeof text}, NULL), 0);
    assert_int_equal(ath__csv_decoder_feed(decoder, SLICE("x"), NULL), ATH_ERR_STATE);
    while ((rc = ath__csv_decoder_step(decoder, 64, NULL)) == ATH__CSV_AGAIN)
        steps++;
    assert_int_equal(rc, ATH__CSV_FEED);
    assert_true(steps > 60 && steps < 120);
    ath__csv_decoder_finish(decoder);
    assert_int_equal(ath__csv_decoder_feed(decoder, SLICE("x"), NULL), ATH_ERR_STATE);
    assert_int_equal(ath__csv_decoder_step(decoder, 64, NULL), ATH__CSV_BATCH);
    ath__csv_decoder_release(decoder); /* what was not taken goes with it */
    assert_null(ath__csv_decoder_release(NULL));
    ath__columns_release(options.columns);
}

static void test_new_refuses(void **state) {
    (void)state;
    struct ath__csv_options options = {.columns = ath__columns_new()};
    struct ath__csv_decoder *decoder;
    assert_int_equal(ath__csv_decoder_new(&options, &decoder, NULL), ATH_ERR_INVALID);
    ath__columns_release(options.columns);
    options =
        (struct ath__csv_options){.columns = csv_columns(s_text, 1), .kernel = ATH__CSV_KERNELS};
    assert_int_equal(ath__csv_decoder_new(&options, &decoder, NULL), ATH_ERR_UNSUPPORTED);
    ath__columns_release(options.columns);
}

/* -- refusals ---------------------------------------------------------------------------------- */

static void test_decode_malformed(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } refused[] = {
        {"\"a\",\"1\"\nb,\"1\"\n", "neither comma nor LF at byte 8"},
        {"\"a\",1\n", "neither comma nor LF at byte 4"},
        {"\"a\",\"1\"\r\n", "neither comma nor LF at byte 7"},
        {" \"a\",\"1\"\n", "neither comma nor LF at byte 0"},
        {"\"a\" ,\"1\"\n", "neither comma nor LF at byte 3"},
        {"\xef\xbb\xbf\"a\",\"1\"\n", "neither comma nor LF at byte 0"},
        {"\"a\"x\"b\",\n", "neither comma nor LF at byte 3"},
        {"\"a\",\"1\"\n\n", "fewer cells than columns at byte 8"},
        {"\"a\"\n", "fewer cells than columns at byte 3"},
        {"\"a\",\"1\",\n", "more cells than columns at byte 7"},
        {",,\n", "more cells than columns at byte 1"},
        {"\"a\",\"1\"\n\"b\",\"2\"", "ends inside of a row at byte 15"},
        {"\"a\",\"1\"\n\"b", "ends inside of a row at byte 10"},
        {"\"a\",\"1\"\n\"b\",\"2\n", "ends inside of a row at byte 15"},
        {"\"a\",", "ends inside of a row at byte 4"},
        {"\"a\xc3\",\n", "UTF-8 at byte 2"},
        {"\"a\",\n\"\xed\xa0\x80\",\n", "UTF-8 at byte 6"},
        {"\"\xc0\xaf\",\"\"\n", "UTF-8 at byte 1"},
        {"\"\xe2\x82\"\"\xac\",\n", "UTF-8 at byte 1"},
        {",\"\xff\"\n", "UTF-8 at byte 2"},
        {"\"0123456789012345678901234567890123456789012345678901234567890123456789\",x",
         "neither comma nor LF at byte 73"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *message = refuse(s_two, 2, SLICE(refused[i].text), 0);
        if (!strstr(message, refused[i].message))
            fail_msg("%zu: %s", i, message);
    }
}

static void test_step_fails_the_same_again(void **state) {
    (void)state;
    struct ath__csv_options options = {.columns = csv_columns(s_text, 1)};
    struct ath__csv_decoder *decoder;
    struct ath_error err;
    assert_int_equal(ath__csv_decoder_new(&options, &decoder, NULL), 0);
    assert_int_equal(ath__csv_decoder_feed(decoder, SLICE("\"a\"\n\"b\"?"), NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ath__csv_decoder_step(decoder, 0, &err), ATH_ERR_PROTOCOL);
        assert_non_null(strstr(err.message, "at byte 7"));
    }
    assert_int_equal(ath__csv_decoder_step(decoder, 0, NULL), ATH_ERR_PROTOCOL);
    ath__csv_decoder_release(decoder);
    ath__columns_release(options.columns);
}

static const char s_rich[] = "\"n\",\"at\"\n\"1\",\"2024-01-01 00:00:00.5\"\n,\n"
                             "\"2\",\"odd \"\"\xc3\xa9\"\"\"\n\"x\",\n\"3\",\"1999\"\n";

static void test_decode_cut_at_every_byte(void **state) {
    (void)state;
    struct ath__csv_options options = {.columns = csv_columns(s_stamp, 2), .header_expected = true};
    for (size_t len = 0; len < sizeof s_rich - 1; len++) {
        bool is_whole = len == 0 || (s_rich[len - 1] == '\n' && s_rich[len - 2] != '\n');
        struct csv csv;
        int rc = csv_decode(&options, (struct ath_slice){s_rich, len}, 5, 0, &csv);
        assert_int_equal(rc, is_whole ? 0 : ATH_ERR_PROTOCOL);
        csv_clear(&csv);
    }
    ath__columns_release(options.columns);
}

static void test_decode_without_memory(void **state) {
    (void)state;
    for (size_t block = 3; block < 100; block += 30) {
        int rc = ATH_ERR_NOMEM;
        for (size_t count = 0; rc; count++) {
            struct ath__csv_options options = {.header_expected = true};
            struct failing memory;
            struct csv csv;
            options.columns = csv_columns(s_stamp, 2);
            failing_install(&memory, count);
            memory.live = 100; /* the columns may be freed among the others */
            rc = csv_decode(&options, SLICE(s_rich), block, 0, &csv);
            csv_clear(&csv);
            assert_int_equal(memory.live, 100);
            ath_allocator_set(NULL);
            ath__columns_release(options.columns);
            if (rc)
                assert_int_equal(csv.err.code, ATH_ERR_NOMEM);
            assert_true(count < 1000);
        }
    }
}

/* -- both routes ------------------------------------------------------------------------------- */

static unsigned s_seed;

static unsigned next_random(unsigned below) {
    s_seed = s_seed * 1664525u + 1013904223u;
    return (s_seed >> 8) % below;
}

/* A value of the type most of the time, else anything. */
static size_t write_value(const char *type, char out[80]) {
    static const char *const pieces[] = {
        "\"",
        ",",
        "\n",
        "\r",
        "\\",
        "a",
        "\xc3\xa9",
        "\xf0\x9f\x98\x80",
        "0",
        "NULL",
        "{",
        " ",
    };
    unsigned a = next_random(1000000), b = next_random(1000000);
    if (next_random(40) == 0 || strcmp(type, "varchar") == 0) {
        size_t len = 0;
        for (unsigned i = next_random(12); i > 0; i--)
            len += (size_t)snprintf(
                out + len, 80 - len, "%s", pieces[next_random((unsigned)COUNT(pieces))]);
        return len;
    }
    int len = 0;
    if (strcmp(type, "bigint") == 0)
        len = snprintf(out, 80, "%s%u%u", a % 2 ? "-" : "", 1 + a, b);
    else if (strcmp(type, "smallint") == 0)
        len = snprintf(out, 80, "%d", (int)(a % 66000) - 33000);
    else if (strcmp(type, "double") == 0)
        len = snprintf(out, 80, "%.*g", (int)(a % 18), b / 977.0);
    else if (strcmp(type, "decimal") == 0)
        len = snprintf(out, 80, "%s%u.%02u", a % 2 ? "-" : "", a, b % 100);
    else if (strcmp(type, "boolean") == 0)
        len = snprintf(out, 80, "%s", a % 2 ? "true" : "false");
    else if (strcmp(type, "date") == 0)
        len = snprintf(out, 80, "%04u-%02u-%02u", a % 10000, b % 12 + 1, a % 31 + 1);
    else if (strcmp(type, "timestamp") == 0)
        len = snprintf(
            out,
            80,
            "%04u-02-%02u %02u:%02u:%02u.%0*u",
            a % 3000,
            b % 28 + 1,
            a % 24,
            b % 60,
            a % 60,
            (int)(b % 7 + 3),
            a % 1000);
    else if (strcmp(type, "varbinary") == 0)
        len = snprintf(out, 80, "%02x %02x", a % 256, b % 256);
    return (size_t)len;
}

/* One cell by its value alone, put as the pages' decoder puts it. */
static void assert_same_cell(
    struct ath__columns *columns,
    const struct csv *csv,
    size_t column,
    size_t row,
    struct ath_slice text) {
    struct ath__page page = csv_at(csv, &row);
    const struct ath_column *got = ath_batch_column(page.batch, column);
    assert_int_equal(page_is_null(&page, column, row), text.ptr == NULL);
    if (!text.ptr)
        return;
    if (got->storage == ATH_STORAGE_TEXT) {
        assert_bytes(&page, column, row, text.ptr, text.len);
        return;
    }
    struct ath_batch *one = ath__batch_new(columns, false, 200);
    assert_non_null(one);
    assert_int_equal(ath__batch_reserve_row(one), 0);
    assert_int_equal(ath__batch_put(one, column, text, 0), 0);
    const struct ath__cells *cells = &one->cells[column];
    assert_false(cells->is_given_up);
    assert_int_equal(cells->storage, got->storage);
    if (got->offsets)
        assert_bytes(&page, column, row, (const char *)cells->values, cells->values_len);
    else if (cells->width)
        assert_memory_equal(
            (const char *)got->values + row * cells->width, cells->values, cells->width);
    else
        assert_int_equal(page_int(&page, column, row), cells->values[0] & 1);
    ath_batch_release(one);
}

#define TABLE_ROWS 200
#define TABLE_COLUMNS 9
static const char *const s_table[TABLE_COLUMNS][2] = {
    {"a", "varchar"},
    {"b", "bigint"},
    {"c", "smallint"},
    {"d", "double"},
    {"e", "decimal"},
    {"f", "boolean"},
    {"g", "date"},
    {"h", "timestamp"},
    {"i", "varbinary"},
};

static size_t write_cell(char *to, const char *text, size_t len) {
    char *begin = to;
    *to++ = '"';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            *to++ = '"';
        *to++ = text[i];
    }
    *to++ = '"';
    return (size_t)(to - begin);
}

/* Random tables in random blocks through every kernel: the values that single cells have. */
static void test_same_values_as_pages(void **state) {
    (void)state;
    static char document[TABLE_ROWS * TABLE_COLUMNS * 170];
    static char texts[TABLE_ROWS * TABLE_COLUMNS][80];
    static struct ath_slice cells[TABLE_ROWS * TABLE_COLUMNS];
    struct ath__csv_options options = {.columns = csv_columns(s_table, TABLE_COLUMNS)};
    for (unsigned run = 0; run < 60; run++) {
        size_t len = 0;
        s_seed = run;
        for (size_t i = 0; i < TABLE_ROWS * TABLE_COLUMNS; i++) {
            size_t column = i % TABLE_COLUMNS;
            cells[i] = (struct ath_slice){NULL, 0};
            if (next_random(9) > 0) {
                cells[i].len = write_value(s_table[column][1], texts[i]);
                cells[i].ptr = texts[i];
                len += write_cell(document + len, texts[i], cells[i].len);
            }
            document[len++] = column + 1 == TABLE_COLUMNS ? '\n' : ',';
        }
        options.kernel = (enum ath__csv_kernel)(run % ATH__CSV_KERNELS);
        options.batch_rows = 16 + next_random(100);
        if (!ath__csv_scan_pick(options.kernel))
            continue;
        struct csv csv;
        size_t block = 500 + next_random(20000), step = next_random(4000);
        if (csv_decode(&options, (struct ath_slice){document, len}, block, step, &csv))
            fail_msg("run %u: %s", run, csv.err.message);
        assert_int_equal(csv_rows(&csv), TABLE_ROWS);
        for (size_t i = 0; i < TABLE_ROWS * TABLE_COLUMNS; i++)
            assert_same_cell(options.columns, &csv, i % TABLE_COLUMNS, i / TABLE_COLUMNS, cells[i]);
        csv_clear(&csv);
    }
    ath__columns_release(options.columns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_null_empty_and_na_differ),
        cmocka_unit_test(test_decode_hostile_text),
        cmocka_unit_test(test_decode_text_with_nul),
        cmocka_unit_test(test_decode_empty_object),
        cmocka_unit_test(test_header_is_dropped_when_expected_and_equal),
        cmocka_unit_test(test_header_is_kept_otherwise),
        cmocka_unit_test(test_skip_rows_are_checked_and_not_stored),
        cmocka_unit_test(test_decode_every_type),
        cmocka_unit_test(test_odd_value_turns_its_column_into_text),
        cmocka_unit_test(test_odd_value_cuts_the_batch),
        cmocka_unit_test(test_decode_as_text),
        cmocka_unit_test(test_batches_have_the_wanted_rows),
        cmocka_unit_test(test_batch_outgrows_its_slab),
        cmocka_unit_test(test_wrong_object_bytes_lose_no_row),
        cmocka_unit_test(test_row_over_many_blocks_is_bounded),
        cmocka_unit_test(test_step_is_bounded),
        cmocka_unit_test(test_new_refuses),
        cmocka_unit_test(test_decode_malformed),
        cmocka_unit_test(test_step_fails_the_same_again),
        cmocka_unit_test(test_decode_cut_at_every_byte),
        cmocka_unit_test(test_decode_without_memory),
        cmocka_unit_test(test_same_values_as_pages),
    };
    return cmocka_run_group_tests_name("csv_decode", tests, NULL, NULL);
}
