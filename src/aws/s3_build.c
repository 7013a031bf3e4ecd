#include "aws/s3.h"
#include "base/ascii.h"
#include "base/utf8.h"

#define NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"

/* -- queries ----------------------------------------------------------------------------------- */

static bool is_unreserved(char c) {
    return ath__is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

size_t ath__s3_encode_to(struct ath_slice text, bool keep_slash, char *out) {
    static const char hex[] = "0123456789ABCDEF";
    char *at = out;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (is_unreserved(text.ptr[i]) || (keep_slash && byte == '/')) {
            *at++ = text.ptr[i];
            continue;
        }
        *at++ = '%';
        *at++ = hex[byte >> 4];
        *at++ = hex[byte & 15];
    }
    return (size_t)(at - out);
}

int ath__s3_encode(struct ath_slice text, bool keep_slash, struct ath__buf *out) {
    if (text.len > SIZE_MAX / 3)
        return ATH_ERR_TOO_LARGE;
    int rc = ath__buf_reserve(out, 3 * text.len);
    if (!rc)
        out->len += ath__s3_encode_to(text, keep_slash, out->ptr + out->len);
    return rc;
}

int ath__s3_query_build(const struct ath_s3_pair *pairs, size_t count, struct ath__buf *out) {
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        if (out->len > 0)
            rc = ath__buf_add_char(out, '&');
        if (!rc)
            rc = ath__s3_encode(ath__slice_str(pairs[i].name), false, out);
        if (!rc)
            rc = ath__buf_add_char(out, '=');
        if (!rc)
            rc = ath__s3_encode(ath__slice_str(pairs[i].value), false, out);
    }
    return rc;
}

/* -- bodies ------------------------------------------------------------------------------------ */

/* XML 1.0's Char: no control characters but tab, LF and CR, no U+FFFE and U+FFFF. */
bool ath__s3_key_fits_xml(struct ath_slice key) {
    for (size_t i = 0; i < key.len; i++) {
        unsigned char byte = (unsigned char)key.ptr[i];
        if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
            return false;
        if (byte == 0xef && key.len - i >= 3 && memcmp(key.ptr + i, "\xef\xbf", 2) == 0 &&
            (unsigned char)key.ptr[i + 2] >= 0xbe)
            return false;
    }
    return ath__utf8_is_valid(key.ptr, key.len);
}

/* What would end the text or be changed on its way; NULL: nothing. */
static const char *escape_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

static int add_text(struct ath__buf *out, struct ath_slice text) {
    int rc = 0;
    size_t start = 0;
    if (!ath__s3_key_fits_xml(text))
        return ATH_ERR_INVALID;
    for (size_t i = 0; !rc && i < text.len; i++) {
        const char *escape = escape_of(text.ptr[i]);
        if (!escape)
            continue;
        rc = ath__buf_add(out, text.ptr + start, i - start);
        if (!rc)
            rc = ath__buf_add_str(out, escape);
        start = i + 1;
    }
    return rc || start == text.len ? rc : ath__buf_add(out, text.ptr + start, text.len - start);
}

static int add_tag(struct ath__buf *out, const char *open, const char *name) {
    int rc = ath__buf_add_str(out, open);
    if (!rc)
        rc = ath__buf_add_str(out, name);
    return rc ? rc : ath__buf_add_char(out, '>');
}

/* Leaves the element out when there is no text. */
static int add_element(struct ath__buf *out, const char *name, struct ath_slice text) {
    if (text.len == 0)
        return 0;
    int rc = add_tag(out, "<", name);
    if (!rc)
        rc = add_text(out, text);
    return rc ? rc : add_tag(out, "</", name);
}

static int
add_part(struct ath__buf *out, const struct ath__s3_part *part, const char *checksum_element) {
    if (part->number < 1)
        return ATH_ERR_INVALID;
    int rc = ath__buf_add_str(out, "<Part><PartNumber>");
    if (!rc)
        rc = ath__buf_add_u64(out, (uint64_t)part->number);
    if (!rc)
        rc = ath__buf_add_str(out, "</PartNumber>");
    if (!rc)
        rc = add_element(out, "ETag", part->etag);
    if (!rc && checksum_element)
        rc = add_element(out, checksum_element, part->checksum);
    return rc ? rc : ath__buf_add_str(out, "</Part>");
}

int ath__s3_complete_build(
    const struct ath__s3_part *parts,
    size_t count,
    const char *checksum_element,
    struct ath__buf *out) {
    int rc = ath__buf_add_str(out, "<CompleteMultipartUpload xmlns=\"" NAMESPACE "\">");
    for (size_t i = 0; !rc && i < count; i++)
        rc = add_part(out, &parts[i], checksum_element);
    return rc ? rc : ath__buf_add_str(out, "</CompleteMultipartUpload>");
}

int ath__s3_delete_build(
    const struct ath_slice *keys,
    const char *const *version_ids,
    size_t count,
    struct ath__buf *out) {
    int rc = ath__buf_add_str(out, "<Delete xmlns=\"" NAMESPACE "\">");
    for (size_t i = 0; !rc && i < count; i++) {
        rc = keys[i].len > 0 ? ath__buf_add_str(out, "<Object>") : ATH_ERR_INVALID;
        if (!rc)
            rc = add_element(out, "Key", keys[i]);
        if (!rc && version_ids)
            rc = add_element(out, "VersionId", ath__slice_str(version_ids[i]));
        if (!rc)
            rc = ath__buf_add_str(out, "</Object>");
    }
    return rc ? rc : ath__buf_add_str(out, "<Quiet>true</Quiet></Delete>");
}
