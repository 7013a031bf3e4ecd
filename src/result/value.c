#include "result/value.h"

#include "result/digits.h"

#include "base/time.h"

#define US_PER_S INT64_C(1000000)
#define US_PER_DAY (86400 * US_PER_S)

__extension__ typedef unsigned __int128 u128;

/* The value of a digit, above 9 for anything else. */
static inline unsigned digit(char c) {
    return (unsigned)(unsigned char)c - '0';
}

bool ath__value_int64(struct ath_slice text, int64_t *out) {
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    const char *p = text.ptr + is_negative;
    size_t len = text.len - is_negative;
    uint64_t value;
    if (len < 1 || len > 19 || !ath__digits_parse(p, len, &value))
        return false;
    if (value > (uint64_t)INT64_MAX + is_negative)
        return false;
    *out = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool ath__value_bool(struct ath_slice text, bool *out) {
    *out = text.len == 4;
    return (text.len == 4 && memcmp(text.ptr, "true", 4) == 0) ||
           (text.len == 5 && memcmp(text.ptr, "false", 5) == 0);
}

static const uint64_t s_pow10[20] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
    10000000000000000000u,
};

/* Appends digits to a number of less than 39 digits in all. */
static bool append_digits(const char *p, size_t len, u128 *value) {
    while (len > 0) {
        size_t step = len > 19 ? 19 : len;
        uint64_t part;
        if (!ath__digits_parse(p, step, &part))
            return false;
        *value = *value * s_pow10[step] + part;
        p += step;
        len -= step;
    }
    return true;
}

/* Digits with a point between them, if there is a fraction. */
static bool join_digits(const char *p, size_t whole, size_t fraction, u128 *out) {
    *out = 0;
    return append_digits(p, whole, out) && append_digits(p + whole + 1, fraction, out);
}

/* The same of at most 19 digits. */
static inline bool join_few_digits(const char *p, size_t whole, size_t fraction, u128 *out) {
    uint64_t high, low = 0;
    bool is_good = ath__digits_parse(p, whole, &high);
    if (fraction)
        is_good &= ath__digits_parse(p + whole + 1, fraction, &low);
    *out = high * s_pow10[fraction] + low;
    return is_good;
}

bool ath__value_decimal(struct ath_slice text, int32_t precision, int32_t scale, uint8_t out[16]) {
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    const char *p = text.ptr + is_negative;
    size_t len = text.len - is_negative, fraction = (size_t)scale;
    size_t whole = fraction ? len - fraction - 1 : len;
    if (precision > 38 || scale < 0 || len < 1 || (fraction && len < fraction + 2))
        return false;
    for (; whole > 1 && *p == '0'; whole--)
        p++;
    if (whole + fraction > (size_t)precision && (*p != '0' || fraction > (size_t)precision))
        return false;
    u128 value;
    if (fraction && p[whole] != '.')
        return false;
    if (!(whole + fraction > 19 ? join_digits(p, whole, fraction, &value)
                                : join_few_digits(p, whole, fraction, &value)))
        return false;
    if (is_negative && value == 0)
        return false;
    if (is_negative)
        value = 0 - value;
    uint64_t halves[2] = {(uint64_t)value, (uint64_t)(value >> 64)};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    halves[0] = __builtin_bswap64(halves[0]);
    halves[1] = __builtin_bswap64(halves[1]);
#endif
    memcpy(out, halves, 16);
    return true;
}

/* Two digits; above 99 when they are none. */
static inline unsigned two_digits(const char *p) {
    unsigned tens = digit(p[0]), ones = digit(p[1]);
    return tens > 9 || ones > 9 ? 1000 : tens * 10 + ones;
}

/* "01:23:45" or "2024-12-": the word's digits as pairs, each in the byte of its tens. False when
 * a byte of `zeros` is not there: a digit for '0', else itself. */
static inline bool read_pairs(const char *p, uint64_t zeros, uint64_t limits, uint64_t *out) {
    uint64_t values = ath__word_load(p) ^ zeros;
    *out = values * 10 + (values >> 8);
    return (((values + limits) | values) & UINT64_C(0x8080808080808080)) == 0;
}

static inline unsigned pair(uint64_t pairs, unsigned byte) {
    return (unsigned)(pairs >> 8 * byte) & 0xff;
}

/* YYYY-MM-DD. */
static inline bool read_plain_days(const char *p, int64_t *out) {
    static const uint16_t before[2][13] = {
        {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
        {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366},
    };
    uint64_t pairs;
    bool is_good =
        read_pairs(p, UINT64_C(0x2d30302d30303030), UINT64_C(0x7f76767f76767676), &pairs);
    unsigned year = pair(pairs, 0) * 100 + pair(pairs, 2), month = pair(pairs, 5) - 1;
    unsigned day = two_digits(p + 8) - 1, leap = (year & (year % 25 ? 3 : 15)) == 0;
    if (!is_good || month > 11 || day >= (unsigned)(before[leap][month + 1] - before[leap][month]))
        return false;
    unsigned years = year + 399; /* the leap day comes at the end of every fourth one */
    *out = (int64_t)(365 * years + years / 4 - years / 100 + years / 400) - 865259 +
           before[leap][month] + day;
    return true;
}

/* The date that is all of `text`. */
static bool read_days(const char *p, size_t len, int64_t *out) {
    bool is_negative = len > 0 && p[0] == '-';
    size_t sign = len > 0 && (p[0] == '-' || p[0] == '+');
    uint64_t year;
    if (len == 10 && !sign)
        return read_plain_days(p, out);
    if (len < 10 + sign || len > 13 + sign || p[len - 3] != '-' || p[len - 6] != '-')
        return false;
    if (!ath__digits_parse(p + sign, len - sign - 6, &year))
        return false;
    unsigned month = two_digits(p + len - 5), day = two_digits(p + len - 2);
    int64_t signed_year = is_negative ? -(int64_t)year : (int64_t)year;
    if (!ath__civil_is_valid(signed_year, month, day))
        return false;
    *out = ath__days_from_civil(signed_year, month, day);
    return true;
}

bool ath__value_date(struct ath_slice text, int32_t *out_days) {
    int64_t days;
    if (!read_days(text.ptr, text.len, &days) || days < INT32_MIN || days > INT32_MAX)
        return false;
    *out_days = (int32_t)days;
    return true;
}

static bool read_fraction(const char *p, size_t len, int64_t *out_us) {
    uint64_t us = 0;
    if (len < 1 || len > 12 || !ath__digits_parse(p, len < 6 ? len : 6, &us))
        return false;
    for (size_t i = 6; i < len; i++)
        if (p[i] != '0')
            return false;
    *out_us = (int64_t)(len < 6 ? us * s_pow10[6 - len] : us);
    return true;
}

static bool read_time(const char *p, size_t len, int64_t *out_us) {
    int64_t us = 0;
    uint64_t pairs;
    if (len < 8 ||
        !read_pairs(p, UINT64_C(0x30303a30303a3030), UINT64_C(0x76767f76767f7676), &pairs))
        return false;
    unsigned h = pair(pairs, 0), m = pair(pairs, 3), s = pair(pairs, 6);
    if (h > 23 || m > 59 || s > 59)
        return false;
    if (len > 8 && (p[8] != '.' || !read_fraction(p + 9, len - 9, &us)))
        return false;
    *out_us = (int64_t)(h * 3600 + m * 60 + s) * US_PER_S + us;
    return true;
}

bool ath__value_time(struct ath_slice text, int64_t *out_us) {
    return read_time(text.ptr, text.len, out_us);
}

bool ath__value_timestamp(struct ath_slice text, int64_t *out_us) {
    /* The blank is the eleventh byte, but for years with a sign or more digits. */
    const char *blank = text.len > 10 && text.ptr[10] == ' '
                            ? text.ptr + 10
                            : memchr(text.ptr, ' ', text.len > 15 ? 15 : text.len);
    int64_t days, us, whole;
    if (!blank || !read_days(text.ptr, (size_t)(blank - text.ptr), &days) ||
        !read_time(blank + 1, text.len - (size_t)(blank - text.ptr) - 1, &us))
        return false;
    if (__builtin_mul_overflow(days, US_PER_DAY, &whole))
        return false;
    return !__builtin_add_overflow(whole, us, out_us);
}

/* The value of a hex digit, above 15 for anything else. */
static unsigned hex_digit(char c) {
    unsigned d = digit(c);
    if (d <= 9)
        return d;
    unsigned letter = ((unsigned)(unsigned char)c | 0x20u) - 'a';
    return letter < 6 ? letter + 10 : 16;
}

bool ath__value_hex(struct ath_slice text, uint8_t *out, size_t *out_len) {
    size_t stride = text.len > 2 && text.ptr[2] == ' ' ? 3 : 2;
    *out_len = (text.len + stride - 2) / stride;
    if (text.len == 0)
        return true;
    if ((text.len + stride - 2) % stride != 0)
        return false;
    for (size_t i = 0; i < *out_len; i++) {
        const char *p = text.ptr + i * stride;
        unsigned high = hex_digit(p[0]), low = hex_digit(p[1]);
        if (high > 15 || low > 15 || (stride == 3 && i + 1 < *out_len && p[2] != ' '))
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
