/* UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing past U+10FFFF. */
#ifndef ATH_BASE_UTF8_H
#define ATH_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes are well formed, up to the first that are not. */
size_t ath__utf8_valid_len(const char *ptr, size_t len);
static inline bool ath__utf8_is_valid(const char *ptr, size_t len) {
    return ath__utf8_valid_len(ptr, len) == len;
}
bool ath__utf8_is_ascii(const char *ptr, size_t len);
/* Writes one code point (not a surrogate, at most U+10FFFF) and returns its length, 1..4. */
size_t ath__utf8_encode(uint32_t code, char out[4]);
/* The longest prefix of at most `max` bytes that does not cut a character. */
size_t ath__utf8_cut(const char *ptr, size_t len, size_t max);

#endif
