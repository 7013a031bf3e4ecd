/* Growable byte buffer. An allocation failure is remembered and checked once, at the end. */
#ifndef STUB_TEXT_H
#define STUB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data; /* not terminated; NULL while empty */
    size_t len;
    size_t cap;
    bool failed; /* an append ran out of memory; later appends do nothing */
};

void stub_text_clear(struct text *text);
void stub_text_add(struct text *text, const char *data, size_t len);
void stub_text_puts(struct text *text, const char *string);
void stub_text_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a JSON string with its quotes. */
void stub_text_json(struct text *text, const char *data, size_t len);

/* Appends a quoted CSV field; quotes inside are doubled. */
void stub_text_csv(struct text *text, const char *data, size_t len);

#endif
