/* Pages: whatever the bytes, one step and many small ones must come to the same end. */
#include "fuzz.h"

#include "result/page_decode.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <athena/error.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int decode(
    struct ath_slice body,
    const struct ath__page_options *options,
    size_t step,
    struct ath__page *out_page,
    struct ath_error *err) {
    struct ath__page_decoder *decoder;
    memset(out_page, 0, sizeof *out_page);
    int rc = ath__page_decoder_new(body, options, &decoder, err);
    if (rc)
        return rc;
    while ((rc = ath__page_decoder_step(decoder, step, err)) == 0)
        continue;
    if (rc == 1)
        ath__page_decoder_take(decoder, out_page);
    ath__page_decoder_release(decoder);
    return rc;
}

static void clear(struct ath__page *page) {
    ath_batch_release(page->batch);
    ath__columns_release(page->columns);
    ath__free(page->next_token);
}

static size_t width_of(int storage) {
    switch (storage) {
    case ATH_STORAGE_INT8:
        return 1;
    case ATH_STORAGE_INT16:
        return 2;
    case ATH_STORAGE_INT32:
    case ATH_STORAGE_DATE32:
        return 4;
    case ATH_STORAGE_DECIMAL128:
        return 16;
    default:
        return 8;
    }
}

static bool is_present(const struct ath_column *column, size_t row) {
    return !column->validity || (column->validity[row / 8] >> (row % 8) & 1);
}

static void check_column(const struct ath_column *column, size_t rows) {
    int64_t nulls = 0;
    for (size_t row = 0; row < rows; row++) {
        nulls += !is_present(column, row);
        if (!column->offsets)
            continue;
        CHECK(column->offsets[row] <= column->offsets[row + 1]);
        const char *text = (const char *)column->values + column->offsets[row];
        size_t len = (size_t)(column->offsets[row + 1] - column->offsets[row]);
        CHECK(is_present(column, row) || len == 0);
        if (column->storage == ATH_STORAGE_TEXT) {
            CHECK(ath__utf8_is_valid(text, len));
            CHECK(!column->is_ascii || ath__utf8_is_ascii(text, len));
        }
    }
    CHECK(nulls == column->null_count);
    CHECK(!column->offsets || column->offsets[0] == 0);
}

static void check_same_column(const struct ath_column *a, const struct ath_column *b, size_t rows) {
    CHECK(a->storage == b->storage && a->scale == b->scale && a->null_count == b->null_count);
    CHECK(a->is_ascii == b->is_ascii);
    for (size_t row = 0; row < rows; row++)
        CHECK(is_present(a, row) == is_present(b, row));
    if (a->offsets) {
        CHECK(memcmp(a->offsets, b->offsets, (rows + 1) * sizeof *a->offsets) == 0);
        CHECK(memcmp(a->values, b->values, (size_t)a->offsets[rows]) == 0);
    } else if (a->storage == ATH_STORAGE_BOOL) {
        CHECK(memcmp(a->values, b->values, (rows + 7) / 8) == 0);
    } else {
        CHECK(memcmp(a->values, b->values, rows * width_of(a->storage)) == 0);
    }
}

static void check_export(const struct ath__page *page, bool decode_text) {
    struct ArrowSchema schema;
    struct ArrowArray array;
    CHECK(ath__columns_arrow_schema(page->columns, decode_text, &schema, NULL) == 0);
    schema.release(&schema);
    if (page->batch && ath_batch_arrow_array(page->batch, &array, NULL) == 0)
        array.release(&array);
}

static void check_same(const struct ath__page *a, const struct ath__page *b) {
    CHECK(!a->batch == !b->batch);
    CHECK(a->update_count == b->update_count);
    CHECK(!a->next_token == !b->next_token);
    CHECK(!a->next_token || strcmp(a->next_token, b->next_token) == 0);
    if (!a->batch)
        return;
    size_t rows = ath_batch_rows(a->batch);
    CHECK(rows > 0 && rows == ath_batch_rows(b->batch));
    CHECK(ath_batch_columns(a->batch) == ath_batch_columns(b->batch));
    for (size_t i = 0; i < ath_batch_columns(a->batch); i++) {
        check_column(ath_batch_column(a->batch, i), rows);
        check_same_column(ath_batch_column(a->batch, i), ath_batch_column(b->batch, i), rows);
    }
}

/* The first byte chooses the options. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct ath_slice body = {(const char *)data + 1, size - 1};
    struct ath__page_options options = {
        .is_first = data[0] & 1,
        .header_expected = data[0] & 2,
        .decode_text = data[0] & 4,
        .rows_max = data[0] & 8 ? 3 : 0,
    };
    struct ath__page once, stepwise, later;
    struct ath_error once_err = {0}, stepwise_err = {0};
    int rc = decode(body, &options, 0, &once, &once_err);
    CHECK(decode(body, &options, 1, &stepwise, &stepwise_err) == rc);
    CHECK(rc != ATH_ERR_NOMEM && strcmp(once_err.message, stepwise_err.message) == 0);
    if (rc == 1) {
        check_same(&once, &stepwise);
        check_export(&once, options.decode_text);
        options.is_first = false;
        options.columns = once.columns;
        CHECK(decode(body, &options, 7, &later, NULL) == 1);
        CHECK(later.columns == once.columns);
        clear(&later);
    }
    clear(&once);
    clear(&stepwise);
    return 0;
}
