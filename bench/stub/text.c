#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stub_text_clear(struct text *text) {
    free(text->data);
    *text = (struct text){0};
}

static bool reserve(struct text *text, size_t more) {
    if (text->failed || more > SIZE_MAX / 2 - text->len) {
        text->failed = true;
        return false;
    }
    if (text->len + more <= text->cap)
        return true;
    size_t cap = text->cap ? text->cap : 256;
    while (cap < text->len + more)
        cap *= 2;
    char *data = realloc(text->data, cap);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void stub_text_add(struct text *text, const char *data, size_t len) {
    if (len == 0 || !reserve(text, len))
        return;
    memcpy(text->data + text->len, data, len);
    text->len += len;
}

void stub_text_puts(struct text *text, const char *string) {
    stub_text_add(text, string, strlen(string));
}

void stub_text_format(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(text, (size_t)len + 1)) {
        text->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(text->data + text->len, (size_t)len + 1, format, args);
    va_end(args);
    text->len += (size_t)len;
}

void stub_text_json(struct text *text, const char *data, size_t len) {
    stub_text_puts(text, "\"");
    size_t done = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        stub_text_add(text, data + done, i - done);
        if (c < 0x20)
            stub_text_format(text, "\\u%04x", c);
        else
            stub_text_format(text, "\\%c", c);
        done = i + 1;
    }
    stub_text_add(text, data + done, len - done);
    stub_text_puts(text, "\"");
}

void stub_text_csv(struct text *text, const char *data, size_t len) {
    stub_text_puts(text, "\"");
    for (size_t done = 0; done < len;) {
        const char *quote = memchr(data + done, '"', len - done);
        size_t end = quote ? (size_t)(quote - data) + 1 : len;
        stub_text_add(text, data + done, end - done);
        if (quote)
            stub_text_puts(text, "\"");
        done = end;
    }
    stub_text_puts(text, "\"");
}
