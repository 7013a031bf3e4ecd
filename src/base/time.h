/* Calendar arithmetic and time texts, without locale and time zone database. */
#ifndef ATH_BASE_TIME_H
#define ATH_BASE_TIME_H

#include "base/slice.h"

/* Days since 1970-01-01 in the proleptic Gregorian calendar; month 1..12, day 1..31. */
int64_t ath__days_from_civil(int64_t year, unsigned month, unsigned day);
void ath__civil_from_days(int64_t days, int64_t *out_year, unsigned *out_month, unsigned *out_day);
/* True for a date that exists. */
bool ath__civil_is_valid(int64_t year, unsigned month, unsigned day);
/* "20260131T235959Z" (16 characters and a NUL), as SigV4 wants it. */
void ath__time_format_basic(int64_t unix_s, char out[17]);
/* HTTP's "Sun, 06 Nov 1994 08:49:37 GMT"; false when it is anything else. */
bool ath__time_parse_http(struct ath_slice text, int64_t *out_unix_s);
/* ISO 8601 as credential documents use it: "2026-01-31T23:59:59[.fff][Z|UTC|+hh:mm|+hhmm]", UTC
 * when no zone is given. */
bool ath__time_parse_iso(struct ath_slice text, int64_t *out_unix_s);

#endif
