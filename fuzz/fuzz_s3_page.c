/* S3's listings, the first byte tells which: entries lie within their page and are UTF-8 where keys
 * are, the next query holds no byte that would end it; and what the scanner reads is what expat
 * reads. */
#include "fuzz.h"

#include "aws/s3.h"
#include "base/utf8.h"

#include <stdlib.h>

static void check_within(const struct ath_s3_page *page, struct ath_slice text) {
    const char *start = (const char *)page, *end = start + ath__s3_page_bytes(page);
    if (text.len > 0 ? text.ptr < start || text.len > (size_t)(end - text.ptr) : text.ptr != NULL)
        abort();
    if (!ath__utf8_is_valid(text.ptr, text.len))
        abort();
}

static void check_page(const struct ath_s3_page *page) {
    size_t count;
    const struct ath_s3_entry *entries = ath_s3_page_entries(page, &count);
    for (size_t i = 0; i < count; i++) {
        const struct ath_s3_entry *e = &entries[i];
        check_within(page, e->key);
        check_within(page, e->etag);
        check_within(page, e->storage_class);
        check_within(page, e->version_id);
        check_within(page, e->upload_id);
        check_within(page, e->owner_id);
        check_within(page, e->owner_name);
        if (e->type < ATH_S3_OBJECT || e->type > ATH_S3_PART || e->bytes < 0)
            abort();
        if (e->type == ATH_S3_PART ? e->part_number < 1 : e->key.len == 0)
            abort();
    }
}

static void check_next(struct ath_slice next) {
    for (size_t i = 0; i < next.len; i++)
        if (next.ptr[i] <= ' ' || next.ptr[i] > '~' || strchr("#?/+", next.ptr[i]))
            abort();
}

static void check_same_text(struct ath_slice a, struct ath_slice b) {
    if (!ath__slice_eq(a, b))
        abort();
}

static void check_same(const struct ath_s3_page *a, const struct ath_s3_page *b) {
    size_t count, other;
    const struct ath_s3_entry *x = ath_s3_page_entries(a, &count);
    const struct ath_s3_entry *y = ath_s3_page_entries(b, &other);
    if (count != other)
        abort();
    for (; count > 0; count--, x++, y++) {
        if (x->type != y->type || x->is_latest != y->is_latest || x->bytes != y->bytes ||
            x->part_number != y->part_number || x->last_modified < y->last_modified ||
            x->last_modified > y->last_modified)
            abort();
        check_same_text(x->key, y->key);
        check_same_text(x->etag, y->etag);
        check_same_text(x->storage_class, y->storage_class);
        check_same_text(x->version_id, y->version_id);
        check_same_text(x->upload_id, y->upload_id);
        check_same_text(x->owner_id, y->owner_id);
        check_same_text(x->owner_name, y->owner_name);
    }
}

/* A comment behind it keeps the scanner from any answer. */
static void check_expat(
    int kind, struct ath_slice body, const struct ath_s3_page *page, struct ath_slice next) {
    struct ath__buf text, other_next;
    struct ath_s3_page *other;
    ath__buf_init(&text, SIZE_MAX);
    ath__buf_init(&other_next, 4096);
    if (ath__buf_add_slice(&text, body) || ath__buf_add_str(&text, "<!---->"))
        abort();
    if (ath__s3_page_parse(kind, ath__buf_slice(&text), &other, &other_next, NULL))
        abort();
    check_same(page, other);
    check_same_text(next, ath__buf_slice(&other_next));
    ath_s3_page_release(other);
    ath__buf_clear(&other_next);
    ath__buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ath_s3_page *page;
    struct ath__buf next;
    struct ath_error err;
    if (size == 0)
        return 0;
    ath__buf_init(&next, 4096);
    struct ath_slice body = ath__slice((const char *)data + 1, size - 1);
    if (ath__s3_page_parse(1 + data[0] % 5, body, &page, &next, &err) == 0) {
        check_page(page);
        check_next(ath__buf_slice(&next));
        check_expat(1 + data[0] % 5, body, page, ath__buf_slice(&next));
        ath_s3_page_release(page);
    }
    ath__buf_clear(&next);
    return 0;
}
