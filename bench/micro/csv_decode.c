/* How fast the CSV of 1,000,000 rows of ten mixed columns becomes batches: GB/s of CSV, ns a row,
 * by kernel, and the machine's speed of copying the same bytes. */
#include "clock.h"
#include "mixed.h"

#include "result/columns.h"
#include "result/csv_decode.h"

#include <athena/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 1000000
#define BLOCK ((size_t)8 << 20)
#define STEP ((size_t)256 << 10)
#define RUNS 5
#define BATCHES_MAX 1000

/* Only what has this in its name is measured; the only argument. */
static const char *s_wanted = "";

static size_t write_row(char *p, int row) {
    static const char *const categories[] = {"food", "tools", "garden", "books and maps"};
    unsigned r = next_random();
    char *begin = p;
    p += sprintf(p, "\"%d\",\"%u\",", 1000000 + row, r % 1000);
    p += sprintf(p, "\"%u.%02u\",\"%.17g\",", r % 100000, r % 100, r / 7919.0);
    p += sprintf(p, "\"%s\",", r & 1 ? "true" : "false");
    p += sprintf(p, "\"20%02u-%02u-%02u\",", r % 30, r % 12 + 1, r % 28 + 1);
    p += sprintf(p, "\"20%02u-%02u-%02u ", r % 30, r % 12 + 1, r % 28 + 1);
    p += sprintf(p, "%02u:%02u:%02u.%03u\",", r % 24, r % 60, r % 59, r % 1000);
    p += sprintf(p, "\"%s\",\"customer number %u\",", categories[r % 4], r);
    p += r % 10 == 0 ? sprintf(p, "\n") : sprintf(p, "\"note %u\"\n", r % 77);
    return (size_t)(p - begin);
}

/* Text beyond ASCII in three columns. */
static size_t write_wide_row(char *p, int row) {
    unsigned r = next_random();
    char *begin = p;
    p += sprintf(p, "\"%d\",\"%u\",\"%u.%02u\",", row, r % 1000, r % 100000, r % 100);
    p += sprintf(p, "\"%.17g\",\"true\",\"2024-01-0%u\",,", r / 7919.0, r % 9 + 1);
    p += sprintf(
        p,
        "\"K\xc3\xbc"
        "che\",\"\xc3\x9cn\xc3\xaf"
        "c\xc3\xb6"
        "de %u\",",
        r);
    p += sprintf(p, "\"\xe6\x9d\xb1\xe4\xba\xac %u\"\n", r % 77);
    return (size_t)(p - begin);
}

/* Texts of JSON: six quotes each. */
static size_t write_quoted_row(char *p, int row) {
    unsigned r = next_random();
    char *begin = p;
    for (int i = 0; i < 10; i++)
        p += sprintf(p, "%s\"{\"\"id\"\":%d,\"\"v\"\":\"\"%u\"\"}\"", i ? "," : "", row, r % 1000);
    *p++ = '\n';
    return (size_t)(p - begin);
}

static struct ath__columns *make_columns(void) {
    struct ath__columns *columns = ath__columns_new();
    for (size_t i = 0; columns && i < MIXED_COLUMNS; i++) {
        struct ath_column_info info = {
            .name = mixed_columns[i][0], .type = mixed_columns[i][1], .precision = 12, .scale = 2};
        if (ath__columns_add(columns, &info))
            return NULL;
    }
    return columns;
}

static void die(const char *message) {
    fprintf(stderr, "%s\n", message);
    exit(1);
}

/* Batches are given back at once, as a streaming reader does, or kept to the end. */
static void decode(struct ath_slice text, const struct ath__csv_options *options, bool keep) {
    static struct ath_batch *batches[BATCHES_MAX];
    struct ath__csv_decoder *decoder;
    struct ath_error err;
    size_t rows = 0, count = 0;
    int rc = ath__csv_decoder_new(options, &decoder, &err);
    if (rc)
        die(err.message);
    while ((rc = ath__csv_decoder_step(decoder, STEP, &err)) != ATH__CSV_END) {
        if (rc < 0)
            die(err.message);
        if (rc == ATH__CSV_BATCH) {
            struct ath_batch *batch = ath__csv_decoder_take(decoder);
            rows += ath_batch_rows(batch);
            if (!keep)
                ath_batch_release(batch);
            else if (count < BATCHES_MAX)
                batches[count++] = batch;
        } else if (rc == ATH__CSV_FEED && text.len == 0) {
            ath__csv_decoder_finish(decoder);
        } else if (rc == ATH__CSV_FEED) {
            size_t len = text.len < BLOCK ? text.len : BLOCK;
            if (ath__csv_decoder_feed(decoder, (struct ath_slice){text.ptr, len}, &err))
                die(err.message);
            text.ptr += len;
            text.len -= len;
        }
    }
    if (rows != ROWS)
        die("rows were lost");
    while (count > 0)
        ath_batch_release(batches[--count]);
    ath__csv_decoder_release(decoder);
}

static void print_best(const char *name, size_t len, double best) {
    printf("%-12s %.2f GB/s  %.0f ns/row\n", name, (double)len / best * 1e-9, best / ROWS * 1e9);
}

static void measure(
    const char *name, struct ath_slice text, const struct ath__csv_options *options, bool keep) {
    double best = 1e9;
    if (!ath__csv_scan_pick(options->kernel) || !strstr(name, s_wanted))
        return;
    for (int run = 0; run < RUNS; run++) {
        double begin = cpu_seconds();
        decode(text, options, keep);
        double took = cpu_seconds() - begin;
        best = took < best ? took : best;
    }
    print_best(name, text.len, best);
}

/* Scanning alone, portion by portion as the decoder does. */
static void measure_scan(const char *name, struct ath_slice text, enum ath__csv_kernel kernel) {
    static uint32_t ends[8192 + ATH__CSV_ENDS_SLACK];
    ath__csv_scan_fn *scan_rows = ath__csv_scan_pick(kernel);
    double best = 1e9;
    for (int run = 0; scan_rows && strstr(name, s_wanted) && run < RUNS; run++) {
        double begin = cpu_seconds();
        for (size_t at = 0; at < text.len;) {
            struct ath__csv_scan scan = {
                .source = {text.ptr + at, text.len - at},
                .soft_end = 64 << 10,
                .columns = 10,
                .rows_max = 819,
                .ends = ends,
            };
            scan_rows(&scan);
            if (scan.error || scan.rows == 0)
                die("the document is malformed");
            at += scan.used;
        }
        double took = cpu_seconds() - begin;
        best = took < best ? took : best;
    }
    if (scan_rows && strstr(name, s_wanted))
        print_best(name, text.len, best);
}

static void measure_copy(struct ath_slice text) {
    char *copy = malloc(text.len);
    double best = 1e9;
    for (int run = 0; copy && run < RUNS; run++) {
        double begin = cpu_seconds();
        memcpy(copy, text.ptr, text.len);
        double took = cpu_seconds() - begin;
        best = took < best ? took : best;
    }
    print_best(copy && copy[text.len - 1] == '\n' ? "memory copy" : "?", text.len, best);
    free(copy);
}

static struct ath_slice write_document(char *text, size_t (*write)(char *, int)) {
    size_t len = 0;
    for (int row = 0; row < ROWS; row++)
        len += write(text + len, row);
    printf("%zu bytes, %d rows\n", len, ROWS);
    return (struct ath_slice){text, len};
}

int main(int argc, char **argv) {
    static const char *const names[ATH__CSV_KERNELS] = {"best", "plain", "sse2", "avx2", "neon"};
    struct ath__csv_options options = {.columns = make_columns()};
    char *memory = malloc((size_t)ROWS * 512);
    if (!memory || !options.columns)
        return 1;
    s_wanted = argc > 1 ? argv[1] : "";
    struct ath_slice text = write_document(memory, write_row);
    measure_copy(text);
    for (int kernel = ATH__CSV_PLAIN; kernel < ATH__CSV_KERNELS; kernel++) {
        char name[32];
        snprintf(name, sizeof name, "%s scan", names[kernel]);
        measure_scan(name, text, (enum ath__csv_kernel)kernel);
        options.kernel = (enum ath__csv_kernel)kernel;
        snprintf(name, sizeof name, "%s typed", names[kernel]);
        measure(name, text, &options, false);
    }
    options.kernel = ATH__CSV_BEST;
    measure("typed, kept", text, &options, true);
    options.decode_text = true;
    measure("text", text, &options, false);
    text = write_document(memory, write_quoted_row);
    measure("quoted", text, &options, false);
    options.decode_text = false;
    text = write_document(memory, write_wide_row);
    measure("not ASCII", text, &options, false);
    ath__columns_release(options.columns);
    free(memory);
    return 0;
}
