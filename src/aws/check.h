/* Checks of request members against the limits of Athena's API, and of answers. */
#ifndef ATH_AWS_CHECK_H
#define ATH_AWS_CHECK_H

#include "base/json_skip.h"

#include <athena/error.h>

/* Not NULL and not "". */
static inline bool ath__is_given(const char *text) {
    return text && *text;
}

/* UTF-8 of at most `chars_max` characters. NULL and "" pass. INVALID names `member`. */
int ath__check_text(const char *member, const char *value, size_t chars_max, struct ath_error *err);
/* ath__check_text for a member that must be given. */
int ath__check_required(
    const char *member, const char *value, size_t chars_max, struct ath_error *err);
/* [a-zA-Z0-9._-]{1,128}, NULL and "" pass. */
int ath__check_work_group(const char *value, struct ath_error *err);
int ath__check_range(
    const char *member, int64_t value, int64_t min, int64_t max, struct ath_error *err);
/* A query id or the like: 1..128 of letters, digits and "-_.:". */
bool ath__is_plain_id(struct ath_slice id);
/* ATH_ERR_PROTOCOL with where and why the scanner stopped. */
int ath__refuse_answer(
    const char *operation, const struct ath__json_cursor *c, struct ath_error *err);

#endif
