#include "base/json_skip.h"

#include "base/ascii.h"
#include "base/scan.h"
#include "base/utf8.h"

#include <athena/error.h>

void ath__json_init(struct ath__json_cursor *c, struct ath_slice text, unsigned depth_max) {
    const char *ptr = text.ptr ? text.ptr : "";
    if (depth_max > ATH__JSON_DEPTH_MAX)
        depth_max = ATH__JSON_DEPTH_MAX;
    *c = (struct ath__json_cursor){
        .start = ptr, .at = ptr, .end = ptr + text.len, .depth_max = depth_max};
}

int ath__json_fail(struct ath__json_cursor *c, const char *error) {
    c->error = error;
    return ATH_ERR_PROTOCOL;
}

size_t ath__json_offset(const struct ath__json_cursor *c) {
    return (size_t)(c->at - c->start);
}

void ath__json_skip_blank(struct ath__json_cursor *c) {
    while (c->at < c->end && ath__is_blank(*c->at))
        c->at++;
}

char ath__json_peek(struct ath__json_cursor *c) {
    ath__json_skip_blank(c);
    return c->at < c->end ? *c->at : '\0';
}

int ath__json_expect(struct ath__json_cursor *c, char wanted) {
    ath__json_skip_blank(c);
    if (c->at == c->end || *c->at != wanted)
        return ath__json_fail(c, c->at == c->end ? "unexpected end" : "unexpected character");
    c->at++;
    return 0;
}

bool ath__json_literal(struct ath__json_cursor *c, const char *word) {
    ath__json_skip_blank(c);
    size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

int ath__json_end(struct ath__json_cursor *c) {
    ath__json_skip_blank(c);
    return c->at == c->end ? 0 : ath__json_fail(c, "text behind the value");
}

/* Four hex digits at p; -1 when they are none. */
static int32_t hex4(const char *p) {
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t unit) {
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit) {
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Length of the escape at p (a backslash), 0 when it is malformed. */
static size_t escape_len(const char *p, const char *end) {
    if (end - p < 2)
        return 0;
    if (p[1] != 'u')
        return strchr("\"\\/bfnrt", p[1]) && p[1] ? 2 : 0;
    int32_t unit = end - p < 6 ? -1 : hex4(p + 2);
    if (unit < 0 || is_low_surrogate(unit))
        return 0;
    if (!is_high_surrogate(unit))
        return 6;
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u' || !is_low_surrogate(hex4(p + 8)))
        return 0;
    return 12;
}

int ath__json_string_raw(struct ath__json_cursor *c, struct ath__json_string *out) {
    if (ath__json_expect(c, '"'))
        return ATH_ERR_PROTOCOL;
    const char *begin = c->at, *p = begin;
    bool has_escapes = false, has_high = false;
    for (;;) {
        p = ath__scan_string(p, c->end, &has_high);
        if (p == c->end)
            return ath__json_fail(c, "string without its end");
        if (*p == '"')
            break;
        c->at = p;
        size_t step = *p == '\\' ? escape_len(p, c->end) : 0;
        if (step == 0)
            return ath__json_fail(c, "malformed escape or control character in a string");
        has_escapes = true;
        p += step;
    }
    struct ath_slice text = {begin, (size_t)(p - begin)};
    if (has_high && !ath__utf8_is_valid(text.ptr, text.len))
        return ath__json_fail(c, "string is not UTF-8");
    *out = (struct ath__json_string){text, has_escapes, !has_high};
    c->at = p + 1;
    return 0;
}

static size_t skip_digits(struct ath__json_cursor *c) {
    const char *from = c->at;
    while (c->at < c->end && ath__is_digit(*c->at))
        c->at++;
    return (size_t)(c->at - from);
}

int ath__json_number(struct ath__json_cursor *c, struct ath_slice *out) {
    ath__json_skip_blank(c);
    const char *begin = c->at;
    if (c->at < c->end && *c->at == '-')
        c->at++;
    const char *first = c->at;
    size_t count = skip_digits(c);
    if (count == 0 || (*first == '0' && count > 1))
        return ath__json_fail(c, "malformed value");
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (skip_digits(c) == 0)
            return ath__json_fail(c, "malformed number");
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        if (skip_digits(c) == 0)
            return ath__json_fail(c, "malformed number");
    }
    *out = (struct ath_slice){begin, (size_t)(c->at - begin)};
    return 0;
}

static int enter(struct ath__json_cursor *c, char open) {
    if (ath__json_expect(c, open))
        return ATH_ERR_PROTOCOL;
    if (c->depth == c->depth_max)
        return ath__json_fail(c, "nested too deeply");
    c->depth++;
    return 0;
}

/* 1: an element follows. 0: `close` was taken. */
static int advance(struct ath__json_cursor *c, struct ath__json_walk *walk, char open, char close) {
    bool is_first = !walk->begun;
    if (is_first && enter(c, open))
        return ATH_ERR_PROTOCOL;
    walk->begun = true;
    if (ath__json_peek(c) == close) {
        c->at++;
        c->depth--;
        return 0;
    }
    if (!is_first && ath__json_expect(c, ','))
        return ATH_ERR_PROTOCOL;
    return 1;
}

int ath__json_array_next(struct ath__json_cursor *c, struct ath__json_walk *walk) {
    return advance(c, walk, '[', ']');
}

int ath__json_object_next(
    struct ath__json_cursor *c, struct ath__json_walk *walk, struct ath__json_string *out_key) {
    int rc = advance(c, walk, '{', '}');
    if (rc != 1)
        return rc;
    rc = ath__json_string_raw(c, out_key);
    if (!rc)
        rc = ath__json_expect(c, ':');
    return rc ? rc : 1;
}

static int skip_scalar(struct ath__json_cursor *c) {
    struct ath__json_string string;
    struct ath_slice number;
    switch (ath__json_peek(c)) {
    case '"':
        return ath__json_string_raw(c, &string);
    case 't':
        return ath__json_literal(c, "true") ? 0 : ath__json_fail(c, "malformed value");
    case 'f':
        return ath__json_literal(c, "false") ? 0 : ath__json_fail(c, "malformed value");
    case 'n':
        return ath__json_literal(c, "null") ? 0 : ath__json_fail(c, "malformed value");
    default:
        return ath__json_number(c, &number);
    }
}

int ath__json_skip_value(struct ath__json_cursor *c) {
    struct ath__json_walk walks[ATH__JSON_DEPTH_MAX];
    bool is_object[ATH__JSON_DEPTH_MAX];
    struct ath__json_string key;
    size_t open = 0;
    do {
        char next = ath__json_peek(c);
        int rc = 0;
        if (next == '{' || next == '[') {
            if (open == ATH__JSON_DEPTH_MAX)
                return ath__json_fail(c, "nested too deeply");
            walks[open] = (struct ath__json_walk){false};
            is_object[open++] = next == '{';
        } else {
            rc = skip_scalar(c);
        }
        while (!rc && open > 0) {
            rc = is_object[open - 1] ? ath__json_object_next(c, &walks[open - 1], &key)
                                     : ath__json_array_next(c, &walks[open - 1]);
            if (rc == 0)
                open--;
        }
        if (rc < 0)
            return rc;
    } while (open > 0);
    return 0;
}

/* One escape at p into out; returns how far p moves and adds to *len what was written. */
static size_t decode_escape(const char *p, char *out, size_t *len) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p[1] != 'u') {
        out[(*len)++] = to[strchr(from, p[1]) - from];
        return 2;
    }
    int32_t unit = hex4(p + 2);
    size_t step = 6;
    if (is_high_surrogate(unit)) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (hex4(p + 8) - 0xdc00);
        step = 12;
    }
    char bytes[4];
    size_t count = ath__utf8_encode((uint32_t)unit, bytes);
    memcpy(out + *len, bytes, count);
    *len += count;
    return step;
}

size_t ath__json_string_decode(const struct ath__json_string *string, char *out) {
    const char *p = string->text.ptr, *end = p + string->text.len;
    size_t len = 0;
    while (p < end) {
        const char *slash = string->has_escapes ? memchr(p, '\\', (size_t)(end - p)) : NULL;
        size_t plain = (size_t)((slash ? slash : end) - p);
        memcpy(out + len, p, plain);
        len += plain;
        p += plain;
        if (slash)
            p += decode_escape(p, out, &len);
    }
    return len;
}

bool ath__json_string_is(const struct ath__json_string *string, const char *text) {
    char value[256];
    if (!string->has_escapes)
        return ath__slice_is(string->text, text);
    if (string->text.len > sizeof value)
        return false;
    return ath__slice_is(ath__slice(value, ath__json_string_decode(string, value)), text);
}
