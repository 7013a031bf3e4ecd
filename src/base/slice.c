#include "base/slice.h"

#include "base/ascii.h"

bool ath__slice_eq_nocase(struct ath_slice a, struct ath_slice b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ath__to_lower(a.ptr[i]) != ath__to_lower(b.ptr[i]))
            return false;
    return true;
}

bool ath__slice_starts(struct ath_slice a, const char *prefix) {
    size_t len = strlen(prefix);
    return a.len >= len && (len == 0 || memcmp(a.ptr, prefix, len) == 0);
}

bool ath__slice_ends(struct ath_slice a, const char *suffix) {
    size_t len = strlen(suffix);
    return a.len >= len && (len == 0 || memcmp(a.ptr + a.len - len, suffix, len) == 0);
}

struct ath_slice ath__slice_trim(struct ath_slice a) {
    while (a.len && ath__is_blank(a.ptr[0])) {
        a.ptr++;
        a.len--;
    }
    while (a.len && ath__is_blank(a.ptr[a.len - 1]))
        a.len--;
    return a;
}

struct ath_slice ath__slice_split(struct ath_slice *rest, char sep) {
    struct ath_slice head = *rest;
    const char *at = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
    if (!at) {
        *rest = (struct ath_slice){NULL, 0};
        return head;
    }
    head.len = (size_t)(at - head.ptr);
    rest->ptr = at + 1;
    rest->len -= head.len + 1;
    return head;
}

bool ath__slice_to_u64(struct ath_slice a, uint64_t *out_value) {
    uint64_t value = 0;
    if (a.len == 0)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned digit = (unsigned)((unsigned char)a.ptr[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out_value = value;
    return true;
}
