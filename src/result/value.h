/*
 * Texts of Athena's types into numbers. Each takes only the ordinary form of its type and returns
 * false on anything else; no locale, no allocation.
 */
#ifndef ATH_RESULT_VALUE_H
#define ATH_RESULT_VALUE_H

#include "base/slice.h"

/* Optional '-', digits, within int64. */
bool ath__value_int64(struct ath_slice text, int64_t *out);
bool ath__value_bool(struct ath_slice text, bool *out);
/* [-]digits[.digits], exactly `scale` of them behind the point and at most `precision` in all
 * (<= 38): 16 bytes, little-endian two's complement. Negative zero has no such form. */
bool ath__value_decimal(struct ath_slice text, int32_t precision, int32_t scale, uint8_t out[16]);
/* [+-]Y{4,7}-MM-DD: days since 1970-01-01. */
bool ath__value_date(struct ath_slice text, int32_t *out_days);
/* HH:MM:SS[.f{1,12}]: microseconds since midnight; digits past the sixth must be zeros. */
bool ath__value_time(struct ath_slice text, int64_t *out_us);
/* Date, blank, time: microseconds since 1970-01-01 00:00. */
bool ath__value_timestamp(struct ath_slice text, int64_t *out_us);
/* Pairs of hex digits, all or none separated by single blanks. `out` has room for (len + 1) / 2. */
bool ath__value_hex(struct ath_slice text, uint8_t *out, size_t *out_len);

#endif
