/*
 * A strict JSON scanner (RFC 8259) for answers of which only a few members matter: it walks, checks
 * and skips, and builds no tree. Functions return 0 or ATH_ERR_PROTOCOL with `error` set; once one
 * has failed the cursor must not be used further.
 */
#ifndef ATH_BASE_JSON_SKIP_H
#define ATH_BASE_JSON_SKIP_H

#include "base/slice.h"

#define ATH__JSON_DEPTH_MAX 64

struct ath__json_cursor {
    const char *start, *at, *end;
    unsigned depth, depth_max;
    const char *error; /* static text of the failure; `at` is where */
};

/* A string as it stands in the text, UTF-8 and escapes checked (lone surrogates refused). */
struct ath__json_string {
    struct ath_slice text; /* between the quotes, escapes not undone */
    bool has_escapes;
    bool is_ascii; /* the raw bytes; with has_escapes the value may still hold other characters */
};

/* State of a walk through an object or array; zeroed before the first step. */
struct ath__json_walk {
    bool begun;
};

/* `depth_max` (at most ATH__JSON_DEPTH_MAX) counts open objects and arrays. */
void ath__json_init(struct ath__json_cursor *c, struct ath_slice text, unsigned depth_max);
/* Notes the failure; returns ATH_ERR_PROTOCOL. */
int ath__json_fail(struct ath__json_cursor *c, const char *error);
size_t ath__json_offset(const struct ath__json_cursor *c);

void ath__json_skip_blank(struct ath__json_cursor *c);
/* The next byte that is no blank, not taken; '\0' at the end of the text. */
char ath__json_peek(struct ath__json_cursor *c);
/* Takes `wanted` behind blanks. */
int ath__json_expect(struct ath__json_cursor *c, char wanted);
/* Takes true, false or null behind blanks when it stands there. */
bool ath__json_literal(struct ath__json_cursor *c, const char *word);
/* Nothing but blanks may follow. */
int ath__json_end(struct ath__json_cursor *c);

int ath__json_string_raw(struct ath__json_cursor *c, struct ath__json_string *out);
int ath__json_number(struct ath__json_cursor *c, struct ath_slice *out);
int ath__json_skip_value(struct ath__json_cursor *c);

/*
 * One step into '{' or '['. 1: a member (its key taken, `at` before the value) or an element; the
 * caller then takes exactly one value. 0: the end was taken. Negative: failure.
 */
int ath__json_object_next(
    struct ath__json_cursor *c, struct ath__json_walk *walk, struct ath__json_string *out_key);
int ath__json_array_next(struct ath__json_cursor *c, struct ath__json_walk *walk);

/* The string with its quotes. */
static inline struct ath_slice ath__json_string_quoted(const struct ath__json_string *string) {
    return (struct ath_slice){string->text.ptr - 1, string->text.len + 2};
}

/* Undoes the escapes of a checked string into `out`, which has room for text.len bytes (the value
 * is never longer). Returns the value's length. U+0000 comes out as a byte 0. */
size_t ath__json_string_decode(const struct ath__json_string *string, char *out);

/* True when the value is `text`, whatever the escapes. */
bool ath__json_string_is(const struct ath__json_string *string, const char *text);

#endif
