#include "base/time.h"

#include "base/ascii.h"

#include <stdio.h>

int64_t ath__days_from_civil(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void ath__civil_from_days(int64_t days, int64_t *out_year, unsigned *out_month, unsigned *out_day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *out_day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *out_month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *out_year = yoe + era * 400 + (*out_month <= 2);
}

bool ath__civil_is_valid(int64_t year, unsigned month, unsigned day) {
    static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= lengths[month - 1] + (unsigned)(month == 2 && leap);
}

void ath__time_format_basic(int64_t unix_s, char out[17]) {
    int64_t days = unix_s / 86400, rest = unix_s % 86400, year;
    unsigned month, day;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    ath__civil_from_days(days, &year, &month, &day);
    char text[64];
    snprintf(
        text,
        sizeof text,
        "%04d%02u%02uT%02d%02d%02dZ",
        (int)(year < 0 || year > 9999 ? 0 : year),
        month,
        day,
        (int)(rest / 3600),
        (int)(rest / 60 % 60),
        (int)(rest % 60));
    memcpy(out, text, 16);
    out[16] = '\0';
}

/* Exactly `count` digits at `at`. */
static bool digits(struct ath_slice text, size_t at, size_t count, int64_t *out) {
    uint64_t value;
    if (at + count > text.len || !ath__slice_to_u64(ath__slice(text.ptr + at, count), &value))
        return false;
    *out = (int64_t)value;
    return true;
}

/* `text` has the form of `pattern`, in which '#' stands for any byte. */
static bool is_like(struct ath_slice text, const char *pattern) {
    if (text.len != strlen(pattern))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (pattern[i] != '#' && pattern[i] != text.ptr[i])
            return false;
    return true;
}

static bool
join(int64_t year, int64_t month, int64_t day, int64_t h, int64_t m, int64_t s, int64_t *out) {
    if (!ath__civil_is_valid(year, (unsigned)month, (unsigned)day) || h > 23 || m > 59 || s > 60)
        return false;
    int64_t days = ath__days_from_civil(year, (unsigned)month, (unsigned)day);
    *out = days * 86400 + h * 3600 + m * 60 + s;
    return true;
}

bool ath__time_parse_http(struct ath_slice text, int64_t *out_unix_s) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t day, year, h, m, s;
    if (!is_like(text, "###, ## ### #### ##:##:## GMT"))
        return false;
    if (!digits(text, 5, 2, &day) || !digits(text, 12, 4, &year) || !digits(text, 17, 2, &h) ||
        !digits(text, 20, 2, &m) || !digits(text, 23, 2, &s))
        return false;
    for (int64_t month = 0; month < 12; month++)
        if (memcmp(text.ptr + 8, months + 3 * month, 3) == 0)
            return join(year, month + 1, day, h, m, s, out_unix_s);
    return false;
}

/* The zone behind a time: "", Z, UTC, +hh:mm, -hhmm; seconds east of UTC. */
static bool parse_zone(struct ath_slice zone, int64_t *out_offset_s) {
    int64_t h, m;
    *out_offset_s = 0;
    if (zone.len == 0 || ath__slice_is(zone, "Z") || ath__slice_is(zone, "UTC"))
        return true;
    if ((zone.ptr[0] != '+' && zone.ptr[0] != '-') || !digits(zone, 1, 2, &h) ||
        (zone.len != 5 && (zone.len != 6 || zone.ptr[3] != ':')) ||
        !digits(zone, zone.len - 2, 2, &m) || h > 23 || m > 59)
        return false;
    *out_offset_s = (zone.ptr[0] == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

bool ath__time_parse_iso(struct ath_slice text, int64_t *out_unix_s) {
    int64_t year, month, day, h, m, s, offset_s;
    if (text.len < 19 || !is_like(ath__slice(text.ptr, 19), "####-##-#####:##:##") ||
        (text.ptr[10] != 'T' && text.ptr[10] != ' '))
        return false;
    if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) || !digits(text, 8, 2, &day) ||
        !digits(text, 11, 2, &h) || !digits(text, 14, 2, &m) || !digits(text, 17, 2, &s))
        return false;
    size_t at = 19;
    if (at < text.len && text.ptr[at] == '.') {
        for (at++; at < text.len && ath__is_digit(text.ptr[at]);)
            at++;
        if (at == 20)
            return false;
    }
    if (!parse_zone(ath__slice(text.ptr + at, text.len - at), &offset_s) ||
        !join(year, month, day, h, m, s, out_unix_s))
        return false;
    *out_unix_s -= offset_s;
    return true;
}
