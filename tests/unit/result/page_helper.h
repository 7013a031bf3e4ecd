/* Pages for tests: documents in, cells as text out. */
#ifndef PAGE_HELPER_H
#define PAGE_HELPER_H

#include "result/page_decode.h"

#include "base/alloc.h"

#include <athena/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_NULL ((const char *)NULL)
#define COLUMN(name, type) "{\"Name\":\"" name "\",\"Type\":\"" type "\"}"
#define CELL(text) "{\"VarCharValue\":\"" text "\"}"
#define ROW(cells) "{\"Data\":[" cells "]}"
#define PAGE(columns, rows)                                                                        \
    "{\"ResultSet\":{\"ResultSetMetadata\":{\"ColumnInfo\":[" columns "]},\"Rows\":[" rows "]}}"

/* In a copy of exactly the length, so that a read past the end shows. `step` 0: at once. */
static inline int decode_bytes(
    const char *text,
    size_t len,
    const struct ath__page_options *options,
    size_t step,
    struct ath__page *out_page,
    struct ath_error *err) {
    struct ath__page_decoder *decoder = NULL;
    char *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    memcpy(copy, text, len);
    memset(out_page, 0, sizeof *out_page);
    int rc = ath__page_decoder_new((struct ath_slice){copy, len}, options, &decoder, err);
    if (!rc)
        while ((rc = ath__page_decoder_step(decoder, step, err)) == 0)
            continue;
    if (rc == 1) {
        ath__page_decoder_take(decoder, out_page);
        rc = 0;
    }
    ath__page_decoder_release(decoder);
    free(copy);
    return rc;
}

static inline void page_clear(struct ath__page *page) {
    page->batch = ath_batch_release(page->batch);
    page->columns = ath__columns_release(page->columns);
    ath__free(page->next_token);
    page->next_token = NULL;
}

/* Decodes what must be well formed, at once and in the smallest steps. */
static inline struct ath__page decode_page(const char *text, bool header_expected) {
    struct ath__page_options options = {.is_first = true, .header_expected = header_expected};
    struct ath__page page, slow;
    struct ath_error err = {0};
    int rc = decode_bytes(text, strlen(text), &options, 0, &page, &err);
    if (rc)
        print_error("%s\n", err.message);
    assert_int_equal(rc, 0);
    assert_int_equal(decode_bytes(text, strlen(text), &options, 1, &slow, &err), 0);
    assert_int_equal(
        slow.batch ? ath_batch_rows(slow.batch) : 0, page.batch ? ath_batch_rows(page.batch) : 0);
    page_clear(&slow);
    return page;
}

/* The message of the refusal. */
static inline const char *
refusal(const char *text, const struct ath__page_options *options, int code) {
    static struct ath_error err;
    struct ath__page page;
    memset(&err, 0, sizeof err);
    assert_int_equal(decode_bytes(text, strlen(text), options, 0, &page, &err), code);
    assert_int_equal(err.code, code);
    return err.message;
}

static inline bool page_is_null(const struct ath__page *page, size_t column, size_t row) {
    const struct ath_column *c = ath_batch_column(page->batch, column);
    return c->validity && !(c->validity[row / 8] >> (row % 8) & 1);
}

static inline int64_t page_int(const struct ath__page *page, size_t column, size_t row) {
    const struct ath_column *c = ath_batch_column(page->batch, column);
    switch (c->storage) {
    case ATH_STORAGE_BOOL:
        return ((const uint8_t *)c->values)[row / 8] >> (row % 8) & 1;
    case ATH_STORAGE_INT8:
        return ((const int8_t *)c->values)[row];
    case ATH_STORAGE_INT16:
        return ((const int16_t *)c->values)[row];
    case ATH_STORAGE_INT32:
    case ATH_STORAGE_DATE32:
        return ((const int32_t *)c->values)[row];
    case ATH_STORAGE_INT64:
    case ATH_STORAGE_TIME_US:
    case ATH_STORAGE_TIMESTAMP_US:
        return ((const int64_t *)c->values)[row];
    default:
        fail_msg("column %zu holds no integers", column);
        return 0;
    }
}

/* Checks one cell of a TEXT or BINARY column; NULL is PAGE_NULL. */
static inline void assert_bytes(
    const struct ath__page *page, size_t column, size_t row, const char *wanted, size_t len) {
    const struct ath_column *c = ath_batch_column(page->batch, column);
    assert_true(c->storage == ATH_STORAGE_TEXT || c->storage == ATH_STORAGE_BINARY);
    assert_int_equal(page_is_null(page, column, row), wanted == NULL);
    int32_t from = c->offsets[row], to = c->offsets[row + 1];
    assert_int_equal(to - from, wanted ? len : 0);
    if (len)
        assert_memory_equal((const char *)c->values + from, wanted, len);
}

static inline void
assert_text(const struct ath__page *page, size_t column, size_t row, const char *wanted) {
    assert_bytes(page, column, row, wanted, wanted ? strlen(wanted) : 0);
}

static inline void assert_storage(const struct ath__page *page, size_t column, int storage) {
    assert_int_equal(ath_batch_column(page->batch, column)->storage, storage);
}

/* -- memory that fails ------------------------------------------------------------------------- */

struct failing {
    size_t left; /* allocations that still succeed */
    size_t live; /* blocks not freed */
};

static inline void *failing_alloc(size_t size, void *user) {
    struct failing *f = user;
    if (f->left == 0)
        return NULL;
    f->left--;
    f->live++;
    return malloc(size);
}

static inline void *failing_realloc(void *ptr, size_t size, void *user) {
    struct failing *f = user;
    if (f->left == 0)
        return NULL;
    f->left--;
    f->live += !ptr;
    return realloc(ptr, size);
}

static inline void failing_free(void *ptr, void *user) {
    ((struct failing *)user)->live--;
    free(ptr);
}

static inline void failing_install(struct failing *f, size_t left) {
    *f = (struct failing){.left = left};
    ath_allocator_set(&(struct ath_allocator){failing_alloc, failing_realloc, failing_free, f});
}

#endif
