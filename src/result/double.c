#include "result/double.h"

#include "result/digits.h"
#include "result/double_powers.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#define TEXT_MAX 400
#define DIGITS_MAX 19 /* more may not fit 64 bits */

__extension__ typedef unsigned __int128 u128;

/* What the text says: mantissa * 10^exponent. */
struct decimal {
    uint64_t mantissa;
    int64_t exponent;
    bool is_exact; /* all digits are in the mantissa */
};

static double join(uint64_t bits, bool is_negative) {
    double value;
    bits |= (uint64_t)is_negative << 63;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/*
 * Lemire, "Number parsing at a gigabyte per second" (2021): the product with a 128-bit power of
 * five decides the rounding but for cases that it can tell. False there and outside the table.
 */
static bool multiply(const struct decimal *decimal, uint64_t *out_bits) {
    int64_t q = decimal->exponent;
    if (q < -ATH__POWER_MAX || q > ATH__POWER_MAX)
        return false;
    const uint64_t *power = ath__powers_of_5[q + ATH__POWER_MAX];
    int shift = __builtin_clzll(decimal->mantissa);
    uint64_t w = decimal->mantissa << shift;
    u128 product = (u128)w * power[0];
    if ((product >> 64 & 0x1ff) == 0x1ff)
        product += (u128)w * power[1] >> 64;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if (low == UINT64_MAX && (q < -27 || q > 55))
        return false;
    int top = (int)(high >> 63);
    uint64_t mantissa = high >> (top + 9);
    int64_t exponent = ((217706 * q) >> 16) + 63 + top - shift + 1023;
    if (exponent < 1)
        return false;
    /* Exactly between two doubles: the even one. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == high)
        mantissa &= ~UINT64_C(1);
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >> 53) {
        mantissa = UINT64_C(1) << 52;
        exponent++;
    }
    if (exponent >= 0x7ff)
        return false;
    *out_bits = (mantissa & ~(UINT64_C(1) << 52)) | (uint64_t)exponent << 52;
    return true;
}

static bool parse_slowly(const char *p, size_t len, double *out) {
    char text[TEXT_MAX + 1];
    memcpy(text, p, len);
    text[len] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return false;
    *out = strtod_l(text, NULL, plain);
    freelocale(plain);
    return isfinite(*out);
}

static inline bool is_digit(const char *p, const char *end) {
    return p < end && (unsigned char)(*p - '0') <= 9;
}

static const char *take_digits(const char *p, const char *end, uint64_t *mantissa) {
    uint64_t value = *mantissa, word;
    for (; end - p >= 8 && ath__word_is_digits(word = ath__word_load(p)); p += 8)
        value = value * 100000000u + ath__word_value(word);
    for (; is_digit(p, end); p++)
        value = value * 10 + (unsigned)(*p - '0');
    *mantissa = value;
    return p;
}

/* Digits from the first that is not zero; `p` may hold one point. */
static size_t count_significant(const char *p, const char *end) {
    size_t count = 0;
    for (; p < end; p++)
        count += *p != '.' && (count > 0 || *p != '0');
    return count;
}

/* The exponent's digits; NULL when there are none. Huge ones stay huge. */
static const char *take_exponent(const char *p, const char *end, int64_t *exponent) {
    bool is_negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (!is_digit(p, end))
        return NULL;
    int64_t value = 0;
    for (; is_digit(p, end); p++)
        if (value < 100000)
            value = value * 10 + (*p - '0');
    *exponent += is_negative ? -value : value;
    return p;
}

static bool scan(const char *p, const char *end, struct decimal *out) {
    const char *begin = p, *digits;
    *out = (struct decimal){0};
    p = take_digits(p, end, &out->mantissa);
    if (p == begin)
        return false;
    if (p < end && *p == '.') {
        digits = ++p;
        p = take_digits(p, end, &out->mantissa);
        if (p == digits)
            return false;
        out->exponent = digits - p;
    }
    out->is_exact = p - begin <= DIGITS_MAX || count_significant(begin, p) <= DIGITS_MAX;
    if (p < end && (*p | 0x20) == 'e')
        p = take_exponent(p + 1, end, &out->exponent);
    return p == end;
}

static bool parse_word(struct ath_slice text, double *out) {
    if (ath__slice_is(text, "NaN"))
        *out = join(UINT64_C(0x7ff8000000000000), false);
    else if (ath__slice_is(text, "Infinity"))
        *out = join(UINT64_C(0x7ff0000000000000), false);
    else if (ath__slice_is(text, "-Infinity"))
        *out = join(UINT64_C(0x7ff0000000000000), true);
    else
        return false;
    return true;
}

bool ath__double_parse(struct ath_slice text, double *out) {
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    struct decimal decimal;
    uint64_t bits;
    if (text.len > TEXT_MAX || text.len == 0)
        return false;
    if (!scan(text.ptr + is_negative, text.ptr + text.len, &decimal))
        return parse_word(text, out);
    if (decimal.is_exact && decimal.mantissa == 0) {
        *out = join(0, is_negative);
        return true;
    }
    if (decimal.is_exact && multiply(&decimal, &bits)) {
        *out = join(bits, is_negative);
        return true;
    }
    return parse_slowly(text.ptr, text.len, out);
}
