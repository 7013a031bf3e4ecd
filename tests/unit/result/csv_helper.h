/* CSV for tests: documents in blocks of any size in, batches out. */
#ifndef CSV_HELPER_H
#define CSV_HELPER_H

#include "page_helper.h"

#include "result/columns.h"
#include "result/csv_decode.h"

#define BATCHES_MAX 64

struct csv {
    struct ath_batch *batches[BATCHES_MAX];
    size_t count;
    struct ath_error err;
};

static inline void csv_clear(struct csv *csv) {
    for (size_t i = 0; i < csv->count; i++)
        ath_batch_release(csv->batches[i]);
    csv->count = 0;
}

/* "name type" pairs, precision 10 and scale 2 for all. */
static inline struct ath__columns *csv_columns(const char *const (*columns)[2], size_t count) {
    struct ath__columns *made = ath__columns_new();
    for (size_t i = 0; made && i < count; i++) {
        struct ath_column_info info = {
            .name = columns[i][0], .type = columns[i][1], .precision = 10, .scale = 2};
        if (ath__columns_add(made, &info))
            return ath__columns_release(made);
    }
    return made;
}

/* Runs a decoder over blocks of `block` bytes (0: one), each in memory of its exact length. */
static inline int csv_run(
    struct ath__csv_decoder *decoder,
    struct ath_slice text,
    size_t block,
    size_t step,
    struct csv *out) {
    char *copy = NULL;
    int rc;
    while ((rc = ath__csv_decoder_step(decoder, step, &out->err)) >= 0 && rc != ATH__CSV_END) {
        if (rc == ATH__CSV_BATCH) {
            assert_true(out->count < BATCHES_MAX);
            out->batches[out->count++] = ath__csv_decoder_take(decoder);
        } else if (rc == ATH__CSV_FEED && text.len == 0) {
            ath__csv_decoder_finish(decoder);
        } else if (rc == ATH__CSV_FEED) {
            size_t len = block && block < text.len ? block : text.len;
            free(copy);
            copy = malloc(len);
            assert_non_null(copy);
            memcpy(copy, text.ptr, len);
            assert_int_equal(
                ath__csv_decoder_feed(decoder, (struct ath_slice){copy, len}, &out->err), 0);
            text.ptr += len;
            text.len -= len;
        }
    }
    free(copy);
    return rc == ATH__CSV_END ? 0 : rc;
}

static inline int csv_decode(
    const struct ath__csv_options *options,
    struct ath_slice text,
    size_t block,
    size_t step,
    struct csv *out) {
    struct ath__csv_decoder *decoder;
    memset(out, 0, sizeof *out);
    int rc = ath__csv_decoder_new(options, &decoder, &out->err);
    if (rc)
        return rc;
    rc = csv_run(decoder, text, block, step, out);
    if (rc)
        csv_clear(out);
    ath__csv_decoder_release(decoder);
    return rc;
}

static inline size_t csv_rows(const struct csv *csv) {
    size_t rows = 0;
    for (size_t i = 0; i < csv->count; i++)
        rows += ath_batch_rows(csv->batches[i]);
    return rows;
}

/* The batch of a row, and the row's number there. */
static inline struct ath__page csv_at(const struct csv *csv, size_t *row) {
    size_t i = 0;
    for (; i < csv->count && *row >= ath_batch_rows(csv->batches[i]); i++)
        *row -= ath_batch_rows(csv->batches[i]);
    assert_true(i < csv->count);
    return (struct ath__page){.batch = csv->batches[i]};
}

static inline void
assert_csv_text(const struct csv *csv, size_t column, size_t row, const char *wanted) {
    struct ath__page page = csv_at(csv, &row);
    assert_storage(&page, column, ATH_STORAGE_TEXT);
    assert_text(&page, column, row, wanted);
}

static inline int64_t csv_int(const struct csv *csv, size_t column, size_t row) {
    struct ath__page page = csv_at(csv, &row);
    assert_false(page_is_null(&page, column, row));
    return page_int(&page, column, row);
}

#endif
