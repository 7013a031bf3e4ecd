/* How fast a page of 1,000 rows of ten mixed columns becomes a batch: GB/s of JSON, ns a row. */
#include "clock.h"
#include "mixed.h"

#include "result/page_decode.h"

#include "base/alloc.h"

#include <athena/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 1000
#define PAGE_MAX (4u << 20)

static size_t write_row(char *p, int row) {
    static const char *const categories[] = {"food", "tools", "garden", "books and maps"};
    unsigned r = next_random();
    char *begin = p;
#define CELL "{\"VarCharValue\":\"%s\"},"
    p += sprintf(p, "%s{\"Data\":[{\"VarCharValue\":\"%d\"},", row ? "," : "", 1000000 + row);
    p += sprintf(p, "{\"VarCharValue\":\"%u\"},", r % 1000);
    p += sprintf(p, "{\"VarCharValue\":\"%u.%02u\"},", r % 100000, r % 100);
    p += sprintf(p, "{\"VarCharValue\":\"%.17g\"},", r / 7919.0);
    p += sprintf(p, CELL, r & 1 ? "true" : "false");
    p += sprintf(p, "{\"VarCharValue\":\"20%02u-%02u-%02u\"},", r % 30, r % 12 + 1, r % 28 + 1);
    p += sprintf(
        p,
        "{\"VarCharValue\":\"20%02u-%02u-%02u %02u:%02u:%02u.%03u\"},",
        r % 30,
        r % 12 + 1,
        r % 28 + 1,
        r % 24,
        r % 60,
        r % 59,
        r % 1000);
    p += sprintf(p, CELL, categories[r % 4]);
    p += sprintf(p, "{\"VarCharValue\":\"customer number %u\"},", r);
    p += r % 10 == 0 ? sprintf(p, "{}]}") : sprintf(p, "{\"VarCharValue\":\"note %u\"}]}", r % 77);
    return (size_t)(p - begin);
}

static size_t write_page(char *p) {
    char *begin = p;
    p += sprintf(p, "{\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":[");
    for (size_t i = 0; i < MIXED_COLUMNS; i++)
        p += sprintf(
            p,
            "%s{\"Name\":\"%s\",\"Type\":\"%s\",\"Precision\":12,\"Scale\":2}",
            i ? "," : "",
            mixed_columns[i][0],
            mixed_columns[i][1]);
    p += sprintf(p, "]},\"Rows\":[");
    for (int row = 0; row < ROWS; row++)
        p += write_row(p, row);
    p += sprintf(p, "]},\"NextToken\":\"token\"}");
    return (size_t)(p - begin);
}

static void decode(struct ath_slice body, bool decode_text) {
    struct ath__page_options options = {.decode_text = decode_text, .rows_max = ROWS};
    struct ath__page_decoder *decoder;
    struct ath__page page;
    struct ath_error err;
    if (ath__page_decoder_new(body, &options, &decoder, &err) ||
        ath__page_decoder_step(decoder, 0, &err) != 1) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    ath__page_decoder_take(decoder, &page);
    ath__page_decoder_release(decoder);
    ath_batch_release(page.batch);
    ath__columns_release(page.columns);
    ath__free(page.next_token);
}

/* The same document with a blank behind every colon and comma, as many libraries write it. */
static size_t add_blanks(const char *from, size_t len, char *to) {
    char *begin = to;
    bool is_string = false;
    for (size_t i = 0; i < len; i++) {
        *to++ = from[i];
        is_string ^= from[i] == '"';
        if (!is_string && (from[i] == ':' || from[i] == ','))
            *to++ = ' ';
    }
    return (size_t)(to - begin);
}

/* The best of five runs of `pages` pages. */
static void measure(const char *name, struct ath_slice body, bool decode_text, int pages) {
    double best = 1e9;
    for (int run = 0; run < 5; run++) {
        double begin = cpu_seconds();
        for (int i = 0; i < pages; i++)
            decode(body, decode_text);
        double took = cpu_seconds() - begin;
        best = took < best ? took : best;
    }
    printf(
        "%-6s %.2f GB/s  %.0f ns/row\n",
        name,
        (double)body.len * pages / best * 1e-9,
        best / pages / ROWS * 1e9);
}

int main(void) {
    char *page = malloc(PAGE_MAX);
    if (!page)
        return 1;
    struct ath_slice body = {page, write_page(page)};
    printf("%zu bytes, %d rows\n", body.len, ROWS);
    measure("typed", body, false, 500);
    measure("text", body, true, 500);
    char *blanks = malloc(PAGE_MAX);
    if (!blanks)
        return 1;
    body = (struct ath_slice){blanks, add_blanks(body.ptr, body.len, blanks)};
    measure("blanks", body, false, 500);
    free(blanks);
    free(page);
    return 0;
}
