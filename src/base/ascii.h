/* Characters by ASCII, never by locale. */
#ifndef ATH_BASE_ASCII_H
#define ATH_BASE_ASCII_H

#include <stdbool.h>

static inline bool ath__is_digit(char c) {
    return c >= '0' && c <= '9';
}

static inline bool ath__is_alnum(char c) {
    return ath__is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ath__is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline char ath__to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

#endif
