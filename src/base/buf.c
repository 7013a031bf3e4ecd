#include "base/buf.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <athena/error.h>

void ath__buf_init(struct ath__buf *buf, size_t max) {
    *buf = (struct ath__buf){.max = max};
}

void ath__buf_clear(struct ath__buf *buf) {
    ath__free(buf->ptr);
    *buf = (struct ath__buf){.max = buf->max};
}

void ath__buf_wipe(struct ath__buf *buf) {
    ath__wipe(buf->ptr, buf->cap);
    ath__buf_clear(buf);
}

int ath__buf_reserve(struct ath__buf *buf, size_t more) {
    if (more > buf->max || buf->len > buf->max - more)
        return ATH_ERR_TOO_LARGE;
    size_t need = buf->len + more;
    if (need <= buf->cap)
        return 0;
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap < need)
        cap = cap > buf->max / 2 ? buf->max : cap * 2;
    char *ptr = ath__realloc(buf->ptr, cap);
    if (!ptr)
        return ATH_ERR_NOMEM;
    buf->ptr = ptr;
    buf->cap = cap;
    return 0;
}

int ath__buf_add(struct ath__buf *buf, const void *data, size_t len) {
    int rc = ath__buf_reserve(buf, len);
    if (rc)
        return rc;
    if (len)
        memcpy(buf->ptr + buf->len, data, len);
    buf->len += len;
    return 0;
}

int ath__buf_add_str(struct ath__buf *buf, const char *text) {
    return ath__buf_add(buf, text, strlen(text));
}

int ath__buf_add_slice(struct ath__buf *buf, struct ath_slice data) {
    return ath__buf_add(buf, data.ptr, data.len);
}

int ath__buf_add_char(struct ath__buf *buf, char c) {
    return ath__buf_add(buf, &c, 1);
}

int ath__buf_add_u64(struct ath__buf *buf, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return ath__buf_add(buf, digits + at, sizeof digits - at);
}

static int add_escaped(struct ath__buf *buf, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    char out[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    switch (c) {
    case '"':
        return ath__buf_add(buf, "\\\"", 2);
    case '\\':
        return ath__buf_add(buf, "\\\\", 2);
    case '\n':
        return ath__buf_add(buf, "\\n", 2);
    case '\r':
        return ath__buf_add(buf, "\\r", 2);
    case '\t':
        return ath__buf_add(buf, "\\t", 2);
    default:
        return ath__buf_add(buf, out, sizeof out);
    }
}

int ath__buf_add_json(struct ath__buf *buf, struct ath_slice text) {
    if (!ath__utf8_is_valid(text.ptr, text.len))
        return ATH_ERR_INVALID;
    int rc = ath__buf_reserve(buf, text.len + 2);
    if (!rc)
        rc = ath__buf_add_char(buf, '"');
    size_t from = 0;
    for (size_t i = 0; !rc && i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        rc = ath__buf_add(buf, text.ptr + from, i - from);
        if (!rc)
            rc = add_escaped(buf, c);
        from = i + 1;
    }
    if (!rc && from < text.len)
        rc = ath__buf_add(buf, text.ptr + from, text.len - from);
    return rc ? rc : ath__buf_add_char(buf, '"');
}
