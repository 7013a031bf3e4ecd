#include "aws/s3.h"
#include "aws/s3_xml.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/err.h"

/* -- answers of one value ---------------------------------------------------------------------- */

/* A text goes into a query or a header: visible ASCII only. */
static bool is_visible(struct ath_slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '!' || text.ptr[i] > '~')
            return false;
    return text.len > 0 && text.len <= 1024;
}

/* The element `names[0]` right under a root that is one of the other names. */
static int open_under_root(struct ath__s3_xml *xml, int id) {
    return xml->depth == 1 && id < 2 ? ath__s3_xml_refuse(xml, "its root is another one") : 0;
}

static int close_under_root(struct ath__s3_xml *xml, int id, struct ath_slice text) {
    struct ath__buf *out = xml->user;
    if (xml->depth != 2 || id != 1)
        return 0;
    if (!is_visible(text) || out->len > 0)
        return ath__s3_xml_refuse(xml, "an id or ETag is empty, given twice or malformed");
    return ath__buf_add_slice(out, text);
}

static int parse_value(
    const char *const *names, struct ath_slice body, struct ath__buf *out, struct ath_error *err) {
    struct ath__s3_xml xml = {
        .names = names, .open = open_under_root, .close = close_under_root, .user = out};
    int rc = ath__s3_xml_read(&xml, body, err);
    ath__s3_xml_clear(&xml);
    if (!rc && out->len == 0)
        rc = ath__err_set(err, ATH_ERR_PROTOCOL, "S3's answer lacks %s", names[0]);
    if (rc == ATH_ERR_TOO_LARGE)
        ath__err_set(err, rc, "S3's %s is longer than the limit", names[0]);
    return rc;
}

int ath__s3_upload_parse(struct ath_slice body, struct ath__buf *upload_id, struct ath_error *err) {
    static const char *const names[] = {
        "UploadId", "InitiateMultipartUploadResult", "InitiateMultipartUpload", NULL};
    return parse_value(names, body, upload_id, err);
}

int ath__s3_etag_parse(struct ath_slice body, struct ath__buf *etag, struct ath_error *err) {
    static const char *const names[] = {
        "ETag", "CopyObjectResult", "CopyPartResult", "CompleteMultipartUploadResult", NULL};
    return parse_value(names, body, etag, err);
}

static int open_anything(struct ath__s3_xml *xml, int id) {
    (void)xml;
    (void)id;
    return 0;
}

static int close_anything(struct ath__s3_xml *xml, int id, struct ath_slice text) {
    (void)xml;
    (void)id;
    (void)text;
    return 0;
}

int ath__s3_document_check(struct ath_slice body, struct ath_error *err) {
    static const char *const names[] = {NULL};
    struct ath__s3_xml xml = {.names = names, .open = open_anything, .close = close_anything};
    int rc = ath__s3_xml_read(&xml, body, err);
    ath__s3_xml_clear(&xml);
    return rc;
}

/* -- DeleteObjects ----------------------------------------------------------------------------- */

enum delete_id {
    DELETE_RESULT = 1,
    DELETE_ERROR,
    DELETE_KEY,
    DELETE_VERSION,
    DELETE_CODE,
    DELETE_MESSAGE
};
static const char *const delete_names[] = {
    "DeleteResult", "Error", "Key", "VersionId", "Code", "Message", NULL};

/* No answer names more keys than a request: 1,000. */
#define FAILURES_MAX 1000

struct delete_reader {
    struct ath__s3_failures *failures;
    struct ath_s3_failure at_hand;
    size_t count;
};

static int grow(struct ath__s3_failures *failures) {
    if (failures->count < failures->cap)
        return 0;
    size_t cap = failures->cap ? 2 * failures->cap : 16;
    struct ath_s3_failure *items =
        ath__realloc_array(failures->items, cap, sizeof *failures->items);
    if (!items)
        return ATH_ERR_NOMEM;
    failures->items = items;
    failures->cap = cap;
    return 0;
}

static int open_delete(struct ath__s3_xml *xml, int id) {
    struct delete_reader *reader = xml->user;
    if (xml->depth == 1 && id != DELETE_RESULT)
        return ath__s3_xml_refuse(xml, "its root is not DeleteResult");
    if (xml->depth == 2 && id == DELETE_ERROR)
        reader->at_hand = (struct ath_s3_failure){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    return 0;
}

static int copy_text(struct ath__arena *arena, struct ath_slice text, struct ath_slice *out) {
    char *copy = ath__arena_copy(arena, text);
    *out = ath__slice(copy, text.len);
    return copy ? 0 : ATH_ERR_NOMEM;
}

static int close_failure(struct delete_reader *reader, struct ath__s3_xml *xml) {
    if (reader->at_hand.code.len == 0)
        return ath__s3_xml_refuse(xml, "a failure has no code");
    if (reader->count == FAILURES_MAX)
        return ath__s3_xml_refuse(xml, "it holds more failures than were asked for");
    int rc = grow(reader->failures);
    if (rc)
        return rc;
    reader->failures->items[reader->failures->count++] = reader->at_hand;
    reader->count++;
    return 0;
}

static int close_delete(struct ath__s3_xml *xml, int id, struct ath_slice text) {
    struct delete_reader *reader = xml->user;
    struct ath__arena *arena = &reader->failures->arena;
    if (xml->depth == 2 && id == DELETE_ERROR)
        return close_failure(reader, xml);
    if (xml->depth != 3 || xml->path[2] != DELETE_ERROR)
        return 0;
    switch (id) {
    case DELETE_KEY:
        return copy_text(arena, text, &reader->at_hand.key);
    case DELETE_VERSION:
        return copy_text(arena, text, &reader->at_hand.version_id);
    case DELETE_CODE:
        return copy_text(arena, text, &reader->at_hand.code);
    case DELETE_MESSAGE:
        return copy_text(arena, text, &reader->at_hand.message);
    default:
        return 0;
    }
}

int ath__s3_delete_parse(
    struct ath_slice body, struct ath__s3_failures *failures, struct ath_error *err) {
    struct delete_reader reader = {.failures = failures};
    struct ath__s3_xml xml = {
        .names = delete_names, .open = open_delete, .close = close_delete, .user = &reader};
    size_t before = failures->count;
    int rc = ath__s3_xml_read(&xml, body, err);
    ath__s3_xml_clear(&xml);
    if (rc)
        failures->count = before;
    return rc;
}

void ath__s3_failures_clear(struct ath__s3_failures *failures) {
    ath__free(failures->items);
    ath__arena_clear(&failures->arena);
    *failures = (struct ath__s3_failures){0};
}
