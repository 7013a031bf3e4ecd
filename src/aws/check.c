#include "aws/check.h"

#include "base/ascii.h"
#include "base/err.h"
#include "base/utf8.h"

#include <inttypes.h>

static size_t count_chars(const char *text, size_t len) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

int ath__check_text(
    const char *member, const char *value, size_t chars_max, struct ath_error *err) {
    size_t len = value ? strlen(value) : 0;
    if (!ath__utf8_is_valid(value, len))
        return ath__err_set(err, ATH_ERR_INVALID, "%s is not UTF-8", member);
    size_t count = count_chars(value, len);
    if (count > chars_max)
        return ath__err_set(
            err,
            ATH_ERR_INVALID,
            "%s has %zu characters, at most %zu are allowed",
            member,
            count,
            chars_max);
    return 0;
}

int ath__check_required(
    const char *member, const char *value, size_t chars_max, struct ath_error *err) {
    if (!ath__is_given(value))
        return ath__err_set(err, ATH_ERR_INVALID, "%s is required", member);
    return ath__check_text(member, value, chars_max, err);
}

int ath__check_work_group(const char *value, struct ath_error *err) {
    size_t len = value ? strlen(value) : 0;
    for (size_t i = 0; i < len; i++)
        if (!ath__is_alnum(value[i]) && !strchr("._-", value[i]))
            return ath__err_set(
                err, ATH_ERR_INVALID, "work_group may hold letters, digits, '.', '_' and '-' only");
    if (len > 128)
        return ath__err_set(
            err, ATH_ERR_INVALID, "work_group has %zu characters, at most 128 are allowed", len);
    return 0;
}

int ath__check_range(
    const char *member, int64_t value, int64_t min, int64_t max, struct ath_error *err) {
    if (value >= min && value <= max)
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_INVALID,
        "%s is %" PRId64 ", it must lie within %" PRId64 " and %" PRId64,
        member,
        value,
        min,
        max);
}

bool ath__is_plain_id(struct ath_slice id) {
    if (id.len < 1 || id.len > 128)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!ath__is_alnum(id.ptr[i]) && (!id.ptr[i] || !strchr("-_.:", id.ptr[i])))
            return false;
    return true;
}

int ath__refuse_answer(
    const char *operation, const struct ath__json_cursor *c, struct ath_error *err) {
    return ath__err_set(
        err,
        ATH_ERR_PROTOCOL,
        "%s's answer is malformed at byte %zu: %s",
        operation,
        ath__json_offset(c),
        c->error);
}
