#include "base/utf8.h"

#include <string.h>

bool ath__utf8_is_ascii(const char *ptr, size_t len) {
    uint64_t word;
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, ptr + i, 8);
        if (word & 0x8080808080808080u)
            return false;
    }
    for (; i < len; i++)
        if ((unsigned char)ptr[i] & 0x80)
            return false;
    return true;
}

/* Length of the sequence at p (n bytes left), 0 when it is not well formed. */
static size_t sequence_len(const unsigned char *p, size_t n) {
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || n < need)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return need;
}

size_t ath__utf8_valid_len(const char *ptr, size_t len) {
    size_t i = 0;
    uint64_t word;
    while (i < len) {
        if (i + 8 <= len) {
            memcpy(&word, ptr + i, 8);
            word &= 0x8080808080808080u;
            if (!word) {
                i += 8;
                continue;
            }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            i += (size_t)__builtin_ctzll(word) / 8;
#endif
        }
        size_t step = sequence_len((const unsigned char *)ptr + i, len - i);
        if (step == 0)
            break;
        i += step;
    }
    return i;
}

size_t ath__utf8_encode(uint32_t code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t ath__utf8_cut(const char *ptr, size_t len, size_t max) {
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)ptr[max] & 0xc0) == 0x80)
        max--;
    return max;
}
