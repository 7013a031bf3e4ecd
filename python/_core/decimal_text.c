#include "decimal_text.h"

#include <stdbool.h>
#include <string.h>

/* The digits of `value` backwards from `end`; at least `width` of them. Returns the first. */
static char *digits_before(char *end, uint64_t value, int width) {
    char *at = end;
    while (value > 0 || end - at < width) {
        *--at = (char)('0' + value % 10);
        value /= 10;
    }
    return at;
}

/* Divides high:low by 10^19; the quotient fits 64 bits for magnitudes up to 2^127. */
static uint64_t divide_1e19(uint64_t high, uint64_t low, uint64_t *out_rest) {
    const uint64_t divisor = 10000000000000000000u;
    uint64_t quotient = 0;
    uint64_t rest = 0;
    for (int bit = 127; bit >= 0; bit--) {
        uint64_t next = bit >= 64 ? high >> (bit - 64) & 1 : low >> bit & 1;
        bool carry = rest >> 63;
        rest = rest << 1 | next;
        quotient <<= 1;
        if (carry || rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    *out_rest = rest;
    return quotient;
}

size_t core_decimal_text(const unsigned char *bytes, int32_t scale, char *out) {
    char digits[40];
    char *end = digits + sizeof(digits);
    char *first;
    uint64_t low = 0;
    uint64_t high = 0;
    for (int i = 7; i >= 0; i--) {
        low = low << 8 | bytes[i];
        high = high << 8 | bytes[i + 8];
    }
    bool negative = high >> 63;
    if (negative) {
        low = ~low + 1;
        high = ~high + (low == 0);
    }
    if (high == 0) {
        first = digits_before(end, low, scale + 1);
    } else {
        uint64_t rest;
        uint64_t quotient = divide_1e19(high, low, &rest);
        first = digits_before(end, rest, 19);
        first = digits_before(first, quotient, scale + 1 - 19);
    }
    char *at = out;
    size_t whole = (size_t)(end - first) - (size_t)scale;
    if (negative)
        *at++ = '-';
    memcpy(at, first, whole);
    at += whole;
    if (scale > 0) {
        *at++ = '.';
        memcpy(at, first + whole, (size_t)scale);
        at += scale;
    }
    return (size_t)(at - out);
}
