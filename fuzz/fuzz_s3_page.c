/* S3's listings, the first byte tells which: entries lie within their page and are UTF-8 where keys
 * are, the next query holds no byte that would end it. */
#include "aws/s3.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
        ath_s3_page_release(page);
    }
    ath__buf_clear(&next);
    return 0;
}
