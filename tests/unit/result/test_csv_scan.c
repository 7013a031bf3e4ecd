#include "result/csv_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS_MAX 40

static struct ath__csv_scan
scan(ath__csv_scan_fn *kernel, const char *text, size_t len, size_t columns, size_t rows_max) {
    static uint32_t ends[8 * ROWS_MAX + ATH__CSV_ENDS_SLACK];
    char *copy = malloc(len ? len : 1); /* of the exact length: a read past it shows */
    assert_non_null(copy);
    memcpy(copy, text, len);
    struct ath__csv_scan out = {
        .source = {copy, len},
        .soft_end = len,
        .columns = columns,
        .rows_max = rows_max,
        .ends = ends,
    };
    kernel(&out);
    free(copy);
    return out;
}

static void
assert_same(const struct ath__csv_scan *a, const struct ath__csv_scan *b, const uint32_t *ends) {
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->used, b->used);
    assert_int_equal(!a->error, !b->error);
    if (a->error) {
        assert_string_equal(a->error, b->error);
        assert_int_equal(a->error_at, b->error_at);
    } else if (a->rows == 0) {
        assert_int_equal(a->is_quoted, b->is_quoted);
    }
    assert_memory_equal(ends, b->ends, (a->rows * a->columns + 1) * sizeof *ends);
}

/* Byte soup, mostly well formed, through all kernels. */
static void test_scan_kernels_agree(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "\"a\"",
        "\"\"",
        "\"\"\"\"",
        "\"x,\ny\"",
        ",",
        ",",
        "\n",
        "\"0123456789abcdef\"\"\"",
        "\xff",
    };
    unsigned seed = 1, rows = 0, errors = 0;
    for (int run = 0; run < 20000; run++) {
        char text[400];
        size_t len = 0, columns = 1 + (size_t)run % 4, column = 0;
        seed = seed * 1664525u + 1013904223u;
        for (size_t wanted = seed >> 8 & 0xff; len < wanted;) {
            seed = seed * 1664525u + 1013904223u;
            const char *piece = pieces[(seed >> 8) % (seed >> 30 == 0 ? 9 : 4)];
            size_t piece_len = strlen(piece);
            memcpy(text + len, piece, piece_len);
            len += piece_len;
            if (seed >> 29 & 1) {
                column = (column + 1) % columns;
                text[len++] = column ? ',' : '\n';
            }
        }
        struct ath__csv_scan first = scan(
            ath__csv_scan_pick(ATH__CSV_PLAIN), text, len, columns, 1 + (size_t)run % ROWS_MAX);
        uint32_t ends[8 * ROWS_MAX + ATH__CSV_ENDS_SLACK];
        memcpy(ends, first.ends, sizeof ends);
        rows += first.rows > 0;
        errors += first.error != NULL;
        for (int kernel = ATH__CSV_BEST; kernel < ATH__CSV_KERNELS; kernel++) {
            ath__csv_scan_fn *other = ath__csv_scan_pick((enum ath__csv_kernel)kernel);
            if (!other)
                continue;
            struct ath__csv_scan second = scan(other, text, len, columns, first.rows_max);
            assert_same(&first, &second, ends);
        }
    }
    assert_true(rows > 1000 && errors > 1000);
}

static void test_scan_stops_soon_after_soft_end(void **state) {
    (void)state;
    char text[1000];
    uint32_t ends[1000 + ATH__CSV_ENDS_SLACK];
    for (size_t i = 0; i < sizeof text; i += 5)
        memcpy(text + i, "\"ab\"\n", 5);
    for (int kernel = ATH__CSV_BEST; kernel < ATH__CSV_KERNELS; kernel++) {
        ath__csv_scan_fn *scan_rows = ath__csv_scan_pick((enum ath__csv_kernel)kernel);
        struct ath__csv_scan out = {
            .source = {text, sizeof text},
            .soft_end = 130,
            .columns = 1,
            .rows_max = 1000,
            .ends = ends,
        };
        if (!scan_rows)
            continue;
        scan_rows(&out);
        assert_int_equal(out.rows, 192 / 5);
        assert_int_equal(out.used, 190);
        assert_false(out.has_high || out.has_escapes);
        struct ath__csv_cell cell = ath__csv_cell(out.ends + 1);
        assert_int_equal(cell.at, 6);
        assert_int_equal(cell.len, 2);
    }
}

static void test_scan_reads_a_row_beyond_soft_end(void **state) {
    (void)state;
    char text[300];
    memset(text, ',', sizeof text);
    memset(text, 'x', 200);
    text[0] = text[199] = '"';
    text[201] = '\n';
    struct ath__csv_scan out = scan(ath__csv_scan_pick(ATH__CSV_BEST), text, 202, 2, 5);
    assert_int_equal(out.rows, 1);
    assert_int_equal(out.used, 202);
    assert_true(ath__csv_cell(out.ends + 1).len < 0);
}

static void test_find_row_end_carries_quotes(void **state) {
    (void)state;
    struct ath__csv_row_end end = {.is_quoted = true};
    ath__csv_find_row_end("a\n", 2, &end);
    assert_true(end.is_quoted && !end.is_found && !end.is_malformed);
    assert_int_equal(end.used, 2);
    ath__csv_find_row_end("\",\nx", 4, &end);
    assert_true(end.is_found && !end.is_quoted);
    assert_int_equal(end.used, 3);
    ath__csv_find_row_end(",x\n", 3, &end);
    assert_true(end.is_malformed && !end.is_found);
    assert_int_equal(end.used, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_kernels_agree),
        cmocka_unit_test(test_scan_stops_soon_after_soft_end),
        cmocka_unit_test(test_scan_reads_a_row_beyond_soft_end),
        cmocka_unit_test(test_find_row_end_carries_quotes),
    };
    return cmocka_run_group_tests_name("csv_scan", tests, NULL, NULL);
}
