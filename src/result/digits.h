/* Decimal digits eight at a time, inside of a 64-bit word; nothing is read past the text. */
#ifndef ATH_RESULT_DIGITS_H
#define ATH_RESULT_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ATH__ZEROS UINT64_C(0x3030303030303030)

/* Eight bytes, the first one lowest. */
static inline uint64_t ath__word_load(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* 1..8 bytes, the last one highest, digits zero before them. */
static inline uint64_t ath__word_load_short(const char *p, size_t len) {
    const unsigned char *bytes = (const unsigned char *)p;
    uint64_t word;
    if (len == 8)
        return ath__word_load(p);
    if (len >= 4) {
        uint32_t first, last; /* may overlap */
        memcpy(&first, p, sizeof first);
        memcpy(&last, p + len - 4, sizeof last);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        first = __builtin_bswap32(first);
        last = __builtin_bswap32(last);
#endif
        word = first | (uint64_t)last << 8 * (len - 4);
    } else {
        word = bytes[0] | (uint64_t)bytes[len / 2] << 8 * (len / 2) |
               (uint64_t)bytes[len - 1] << 8 * (len - 1);
    }
    return word << 8 * (8 - len) | ATH__ZEROS >> 8 * len;
}

static inline bool ath__word_is_digits(uint64_t word) {
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0), six = UINT64_C(0x0606060606060606);
    return (((word & high) ^ ATH__ZEROS) | (((word + six) & high) ^ ATH__ZEROS)) == 0;
}

/* The number that eight digits are; of anything else any number. */
static inline uint64_t ath__word_value(uint64_t word) {
    word -= ATH__ZEROS;
    word = word * 10 + (word >> 8); /* pairs in every second byte */
    const uint64_t mask = UINT64_C(0x000000ff000000ff);
    const uint64_t first = UINT64_C(0x000f424000000064), second = UINT64_C(0x0000271000000001);
    return (((word & mask) * first + ((word >> 16) & mask) * second) >> 32) & UINT32_MAX;
}

/* 1..19 digits, all of the text. */
static inline bool ath__digits_parse(const char *p, size_t len, uint64_t *out) {
    size_t short_len = (len - 1) % 8 + 1;
    uint64_t word = ath__word_load_short(p, short_len);
    bool is_good = ath__word_is_digits(word);
    uint64_t value = ath__word_value(word);
    for (p += short_len, len -= short_len; len > 0; p += 8, len -= 8) {
        word = ath__word_load(p);
        is_good &= ath__word_is_digits(word);
        value = value * 100000000u + ath__word_value(word);
    }
    *out = value;
    return is_good;
}

#endif
