#include "aws/s3.h"
#include "aws/s3_xml.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/err.h"
#include "base/time.h"
#include "base/utf8.h"

/* About what one takes in the answer. */
#define ENTRY_BYTES 256

/* Servers give 1,000 (10,000 buckets); some give what was asked for. */
#define ENTRIES_MAX 100000

/* One block of memory: this, the entries, their texts. */
struct ath_s3_page {
    size_t count;
    size_t bytes;
    struct ath_s3_entry entries[];
};

enum id {
    BUCKET = 1,
    BUCKETS,
    COMMON_PREFIXES,
    CONTENTS,
    CONTINUATION_TOKEN,
    CREATION_DATE,
    DELETE_MARKER,
    DISPLAY_NAME,
    ENCODING_TYPE,
    ETAG,
    ID,
    INITIATED,
    IS_LATEST,
    IS_TRUNCATED,
    KEY,
    LAST_MODIFIED,
    NAME,
    NEXT_CONTINUATION_TOKEN,
    NEXT_KEY_MARKER,
    NEXT_PART_NUMBER_MARKER,
    NEXT_UPLOAD_ID_MARKER,
    NEXT_VERSION_ID_MARKER,
    OWNER,
    PART,
    PART_NUMBER,
    PREFIX,
    SIZE,
    STORAGE_CLASS,
    UPLOAD,
    UPLOAD_ID,
    VERSION,
    VERSION_ID,
    ROOT_BUCKETS,
    ROOT_OBJECTS,
    ROOT_PARTS,
    ROOT_UPLOADS,
    ROOT_VERSIONS,
};
static const char *const names[] = {
    "Bucket",
    "Buckets",
    "CommonPrefixes",
    "Contents",
    "ContinuationToken",
    "CreationDate",
    "DeleteMarker",
    "DisplayName",
    "EncodingType",
    "ETag",
    "ID",
    "Initiated",
    "IsLatest",
    "IsTruncated",
    "Key",
    "LastModified",
    "Name",
    "NextContinuationToken",
    "NextKeyMarker",
    "NextPartNumberMarker",
    "NextUploadIdMarker",
    "NextVersionIdMarker",
    "Owner",
    "Part",
    "PartNumber",
    "Prefix",
    "Size",
    "StorageClass",
    "Upload",
    "UploadId",
    "Version",
    "VersionId",
    "ListAllMyBucketsResult",
    "ListBucketResult",
    "ListPartsResult",
    "ListMultipartUploadsResult",
    "ListVersionsResult",
    NULL,
};

struct reader {
    int kind;
    int root;       /* id of the root this kind has */
    int item_depth; /* where the entries stand */
    struct ath_s3_entry *entries;
    size_t count, cap, expected;
    struct ath_s3_entry *item; /* the one at hand, NULL between them */
    bool is_url_encoded, is_truncated;
    struct ath_slice token, key_marker, second_marker;
};

/* -- entries ----------------------------------------------------------------------------------- */

/* The type of the entry that an element is, 0 when it is none of this kind's list. */
static int entry_type(int kind, int id) {
    switch (id) {
    case CONTENTS:
        return kind == ATH_S3_LIST_OBJECTS ? ATH_S3_OBJECT : 0;
    case COMMON_PREFIXES:
        return kind <= ATH_S3_LIST_UPLOADS ? ATH_S3_PREFIX : 0;
    case VERSION:
        return kind == ATH_S3_LIST_VERSIONS ? ATH_S3_VERSION : 0;
    case DELETE_MARKER:
        return kind == ATH_S3_LIST_VERSIONS ? ATH_S3_DELETE_MARKER : 0;
    case UPLOAD:
        return kind == ATH_S3_LIST_UPLOADS ? ATH_S3_UPLOAD : 0;
    case BUCKET:
        return kind == ATH_S3_LIST_BUCKETS ? ATH_S3_BUCKET : 0;
    case PART:
        return kind == ATH_S3_LIST_PARTS ? ATH_S3_PART : 0;
    default:
        return 0;
    }
}

static int add_entry(struct reader *reader, struct ath__s3_xml *xml, int type) {
    if (reader->count == ENTRIES_MAX)
        return ath__s3_xml_refuse(xml, "it holds too many entries");
    if (reader->count == reader->cap) {
        size_t cap = reader->cap ? 2 * reader->cap : reader->expected;
        struct ath_s3_entry *entries =
            ath__realloc_array(reader->entries, cap, sizeof *reader->entries);
        if (!entries)
            return ATH_ERR_NOMEM;
        reader->entries = entries;
        reader->cap = cap;
    }
    reader->item = &reader->entries[reader->count++];
    memset(reader->item, 0, sizeof *reader->item);
    reader->item->type = type;
    return 0;
}

static int open_element(struct ath__s3_xml *xml, int id) {
    struct reader *reader = xml->user;
    if (xml->depth == 1)
        return id == reader->root ? 0 : ath__s3_xml_refuse(xml, "its root is another one");
    if (xml->depth != reader->item_depth)
        return 0;
    if (reader->item_depth == 3 && xml->path[2] != BUCKETS)
        return 0;
    int type = entry_type(reader->kind, id);
    return type ? add_entry(reader, xml, type) : 0;
}

static int close_item(struct reader *reader, struct ath__s3_xml *xml) {
    const struct ath_s3_entry *item = reader->item;
    reader->item = NULL;
    if (item->type == ATH_S3_PART ? item->part_number == 0 : item->key.len == 0)
        return ath__s3_xml_refuse(xml, "an entry has no key, name or number");
    if (item->type == ATH_S3_UPLOAD && item->upload_id.len == 0)
        return ath__s3_xml_refuse(xml, "an upload has no id");
    return 0;
}

/* -- values ------------------------------------------------------------------------------------ */

static int keep_text(struct ath__s3_xml *xml, struct ath_slice text, struct ath_slice *out) {
    *out = text;
    ath__s3_xml_keep(xml);
    return 0;
}

/* Texts that mostly are those of the entry before: kept once. */
static int keep_repeated(
    struct ath__s3_xml *xml, struct ath_slice text, size_t member, struct ath_slice *out) {
    const struct reader *reader = xml->user;
    if (reader->count > 1) {
        const char *before = (const char *)&reader->entries[reader->count - 2] + member;
        struct ath_slice last;
        memcpy(&last, before, sizeof last);
        if (ath__slice_eq(last, text)) {
            *out = last;
            return 0;
        }
    }
    return keep_text(xml, text, out);
}

/* Seconds since 1970 with their fraction. */
static int put_time(struct ath__s3_xml *xml, struct ath_slice text, double *out) {
    int64_t seconds, part = 0, scale = 1;
    if (!ath__time_parse_iso(text, &seconds))
        return ath__s3_xml_refuse(xml, "a time is malformed");
    for (size_t i = 20; text.len > 20 && text.ptr[19] == '.' && i < text.len && i < 29; i++) {
        if (!ath__is_digit(text.ptr[i]))
            break;
        part = part * 10 + (text.ptr[i] - '0');
        scale *= 10;
    }
    *out = (double)seconds + (double)part / (double)scale;
    return 0;
}

static int put_bool(struct ath__s3_xml *xml, struct ath_slice text, bool *out) {
    *out = ath__slice_is(text, "true");
    return *out || ath__slice_is(text, "false")
               ? 0
               : ath__s3_xml_refuse(xml, "a value is neither true nor false");
}

static int put_number(struct ath__s3_xml *xml, struct ath_slice text, int64_t max, int64_t *out) {
    uint64_t value;
    if (!ath__slice_to_u64(text, &value) || value > (uint64_t)max)
        return ath__s3_xml_refuse(xml, "a size or number is malformed");
    *out = (int64_t)value;
    return 0;
}

static int put_part_number(struct ath__s3_xml *xml, struct ath_slice text, int32_t *out) {
    int64_t number = 0;
    int rc = put_number(xml, text, 10000, &number);
    *out = (int32_t)number;
    return rc;
}

static int
put_member(struct ath__s3_xml *xml, struct ath_s3_entry *item, int id, struct ath_slice text) {
    switch (id) {
    case KEY:
    case PREFIX:
    case NAME:
        return keep_text(xml, text, &item->key);
    case ETAG:
        return keep_text(xml, text, &item->etag);
    case VERSION_ID:
        return keep_text(xml, text, &item->version_id);
    case UPLOAD_ID:
        return keep_text(xml, text, &item->upload_id);
    case STORAGE_CLASS:
        return keep_repeated(
            xml, text, offsetof(struct ath_s3_entry, storage_class), &item->storage_class);
    case LAST_MODIFIED:
    case INITIATED:
    case CREATION_DATE:
        return put_time(xml, text, &item->last_modified);
    case IS_LATEST:
        return put_bool(xml, text, &item->is_latest);
    case SIZE:
        return put_number(xml, text, INT64_MAX, &item->bytes);
    case PART_NUMBER:
        return put_part_number(xml, text, &item->part_number);
    default:
        return 0;
    }
}

static int
put_owner(struct ath__s3_xml *xml, struct ath_s3_entry *item, int id, struct ath_slice text) {
    if (id == ID)
        return keep_repeated(xml, text, offsetof(struct ath_s3_entry, owner_id), &item->owner_id);
    if (id == DISPLAY_NAME)
        return keep_repeated(
            xml, text, offsetof(struct ath_s3_entry, owner_name), &item->owner_name);
    return 0;
}

/* What stands right under the root: how the list goes on. */
static int put_setting(struct ath__s3_xml *xml, int id, struct ath_slice text) {
    struct reader *reader = xml->user;
    switch (id) {
    case IS_TRUNCATED:
        return put_bool(xml, text, &reader->is_truncated);
    case ENCODING_TYPE:
        reader->is_url_encoded = ath__slice_is(text, "url");
        return text.len == 0 || reader->is_url_encoded
                   ? 0
                   : ath__s3_xml_refuse(xml, "its encoding type is not known");
    case CONTINUATION_TOKEN: /* of objects: the one that was sent */
        return reader->kind == ATH_S3_LIST_BUCKETS ? keep_text(xml, text, &reader->token) : 0;
    case NEXT_CONTINUATION_TOKEN:
        return keep_text(xml, text, &reader->token);
    case NEXT_KEY_MARKER:
        return keep_text(xml, text, &reader->key_marker);
    case NEXT_VERSION_ID_MARKER:
    case NEXT_UPLOAD_ID_MARKER:
        return keep_text(xml, text, &reader->second_marker);
    case NEXT_PART_NUMBER_MARKER:
        return keep_text(xml, text, &reader->token);
    default:
        return 0;
    }
}

static int close_element(struct ath__s3_xml *xml, int id, struct ath_slice text) {
    struct reader *reader = xml->user;
    if (!reader->item)
        return xml->depth == 2 ? put_setting(xml, id, text) : 0;
    if (xml->depth == reader->item_depth)
        return close_item(reader, xml);
    if (xml->depth == reader->item_depth + 1)
        return put_member(xml, reader->item, id, text);
    if (xml->depth == reader->item_depth + 2 && xml->path[xml->depth - 1] == OWNER)
        return put_owner(xml, reader->item, id, text);
    return 0;
}

/* -- decoding ---------------------------------------------------------------------------------- */

static int hex_value(char c) {
    if (ath__is_digit(c))
        return c - '0';
    c = ath__to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* encoding-type=url, in place. False when an escape is malformed, or the result not UTF-8. */
static bool decode(const struct ath__buf *texts, struct ath_slice *text) {
    if (text->len == 0)
        return true;
    char *start = texts->ptr + (text->ptr - texts->ptr), *out = start;
    const char *end = start + text->len;
    while (out < end && *out != '%' && *out != '+')
        out++;
    for (const char *p = out; p < end; p++) {
        if (*p != '%') {
            *out++ = *p == '+' ? ' ' : *p;
            continue;
        }
        if (end - p < 3 || hex_value(p[1]) < 0 || hex_value(p[2]) < 0)
            return false;
        *out++ = (char)(hex_value(p[1]) << 4 | hex_value(p[2]));
        p += 2;
    }
    text->len = (size_t)(out - start);
    return ath__utf8_is_valid(start, text->len);
}

static int decode_all(struct reader *reader, const struct ath__buf *texts, struct ath_error *err) {
    bool is_well = decode(texts, &reader->key_marker);
    for (size_t i = 0; is_well && i < reader->count; i++)
        is_well = decode(texts, &reader->entries[i].key);
    return is_well ? 0
                   : ath__err_set(
                         err,
                         ATH_ERR_PROTOCOL,
                         "S3's answer cannot be read: a key is not UTF-8 in percent-encoding");
}

/* -- the next request -------------------------------------------------------------------------- */

static int add_marker(const char *name, struct ath_slice value, struct ath__buf *next) {
    int rc = next->len > 0 ? ath__buf_add_char(next, '&') : 0;
    if (!rc)
        rc = ath__buf_add_str(next, name);
    return rc ? rc : ath__s3_encode(value, false, next);
}

static int make_next(const struct reader *reader, struct ath__buf *next, struct ath_error *err) {
    const char *second =
        reader->kind == ATH_S3_LIST_VERSIONS ? "version-id-marker=" : "upload-id-marker=";
    bool is_marked = reader->kind == ATH_S3_LIST_VERSIONS || reader->kind == ATH_S3_LIST_UPLOADS;
    struct ath_slice first = is_marked ? reader->key_marker : reader->token;
    /* Buckets have no IsTruncated. */
    if (reader->kind == ATH_S3_LIST_BUCKETS ? first.len == 0 : !reader->is_truncated)
        return 0;
    if (first.len == 0)
        return ath__err_set(
            err, ATH_ERR_PROTOCOL, "S3's answer says that the list goes on, but not from where");
    const char *name = is_marked                           ? "key-marker="
                       : reader->kind == ATH_S3_LIST_PARTS ? "part-number-marker="
                                                           : "continuation-token=";
    int rc = add_marker(name, first, next);
    if (!rc && is_marked && reader->second_marker.len > 0)
        rc = add_marker(second, reader->second_marker, next);
    if (rc == ATH_ERR_NOMEM)
        return ath__err_nomem(err);
    return rc ? ath__err_set(err, rc, "S3's marker of the next page is longer than the limit") : 0;
}

/* -- the page ---------------------------------------------------------------------------------- */

static void rebase(struct ath_slice *text, const struct ath__buf *from, char *to) {
    text->ptr = text->len ? to + (text->ptr - from->ptr) : NULL;
}

static struct ath_s3_page *pack(const struct reader *reader, const struct ath__s3_xml *xml) {
    size_t entries_size = reader->count * sizeof *reader->entries;
    size_t size = sizeof(struct ath_s3_page) + entries_size + xml->kept;
    struct ath_s3_page *page = ath__alloc(size);
    if (!page)
        return NULL;
    page->count = reader->count;
    page->bytes = size;
    char *texts = (char *)(page->entries + reader->count);
    if (entries_size)
        memcpy(page->entries, reader->entries, entries_size);
    if (xml->kept)
        memcpy(texts, xml->texts.ptr, xml->kept);
    for (size_t i = 0; i < page->count; i++) {
        struct ath_s3_entry *entry = &page->entries[i];
        rebase(&entry->key, &xml->texts, texts);
        rebase(&entry->etag, &xml->texts, texts);
        rebase(&entry->storage_class, &xml->texts, texts);
        rebase(&entry->version_id, &xml->texts, texts);
        rebase(&entry->upload_id, &xml->texts, texts);
        rebase(&entry->owner_id, &xml->texts, texts);
        rebase(&entry->owner_name, &xml->texts, texts);
    }
    return page;
}

static void reset(struct ath__s3_xml *xml) {
    struct reader *reader = xml->user;
    *reader = (struct reader){
        .kind = reader->kind,
        .root = reader->root,
        .item_depth = reader->item_depth,
        .entries = reader->entries,
        .cap = reader->cap,
        .expected = reader->expected};
}

static int read_page(
    struct reader *reader,
    struct ath__s3_xml *xml,
    struct ath_slice body,
    struct ath_s3_page **out_page,
    struct ath__buf *next,
    struct ath_error *err) {
    int rc = ath__s3_xml_read(xml, body, err);
    if (!rc && reader->is_url_encoded)
        rc = decode_all(reader, &xml->texts, err);
    if (!rc)
        rc = make_next(reader, next, err);
    if (rc)
        return rc;
    *out_page = pack(reader, xml);
    return *out_page ? 0 : ath__err_nomem(err);
}

int ath__s3_page_parse(
    int kind,
    struct ath_slice body,
    struct ath_s3_page **out_page,
    struct ath__buf *next,
    struct ath_error *err) {
    static const int roots[] = {
        [ATH_S3_LIST_OBJECTS] = ROOT_OBJECTS,
        [ATH_S3_LIST_VERSIONS] = ROOT_VERSIONS,
        [ATH_S3_LIST_UPLOADS] = ROOT_UPLOADS,
        [ATH_S3_LIST_BUCKETS] = ROOT_BUCKETS,
        [ATH_S3_LIST_PARTS] = ROOT_PARTS,
    };
    *out_page = NULL;
    next->len = 0;
    if (kind < ATH_S3_LIST_OBJECTS || kind > ATH_S3_LIST_PARTS)
        return ath__err_set(err, ATH_ERR_INVALID, "kind %d is none of ath_s3_list_kind", kind);
    struct reader reader = {
        .kind = kind,
        .root = roots[kind],
        .item_depth = kind == ATH_S3_LIST_BUCKETS ? 3 : 2,
        .expected =
            body.len / ENTRY_BYTES < ENTRIES_MAX ? body.len / ENTRY_BYTES + 16 : ENTRIES_MAX};
    struct ath__s3_xml xml = {
        .names = names,
        .open = open_element,
        .close = close_element,
        .reset = reset,
        .user = &reader};
    int rc = read_page(&reader, &xml, body, out_page, next, err);
    if (rc)
        next->len = 0;
    ath__s3_xml_clear(&xml);
    ath__free(reader.entries);
    return rc;
}

size_t ath__s3_page_bytes(const struct ath_s3_page *page) {
    return page->bytes;
}

const struct ath_s3_entry *ath_s3_page_entries(const struct ath_s3_page *page, size_t *out_count) {
    *out_count = page->count;
    return page->entries;
}

void ath_s3_page_release(struct ath_s3_page *page) {
    ath__free(page);
}
