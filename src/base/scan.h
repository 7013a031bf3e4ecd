/* The inner loop of text scanning: where a run of plain string bytes ends. */
#ifndef ATH_BASE_SCAN_H
#define ATH_BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(ATH_NO_SIMD)
#include <emmintrin.h>
#define ATH__SCAN_SSE2 1
#endif

/* First quote, backslash or control byte in [p, end), or `end`. `*has_high` is set, never cleared,
 * when a byte before it is above 0x7f. */
static inline const char *ath__scan_plain(const char *p, const char *end, bool *has_high) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t seen = 0;
    for (uint64_t word; end - p >= 8; p += 8) {
        memcpy(&word, p, 8);
        uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
             ((word - ones * 0x20) & ~word)) &
            highs)
            break;
        seen |= word;
    }
    for (; p < end; p++) {
        unsigned char byte = (unsigned char)*p;
        if (byte == '"' || byte == '\\' || byte < 0x20)
            break;
        seen |= byte;
    }
    *has_high |= (seen & highs) != 0;
    return p;
}

#ifdef ATH__SCAN_SSE2
static inline const char *ath__scan_sse2(const char *p, const char *end, bool *has_high) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    for (; end - p >= 16; p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)),
            _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
        unsigned stops = (unsigned)_mm_movemask_epi8(stop);
        unsigned highs = (unsigned)_mm_movemask_epi8(bytes);
        if (stops) {
            unsigned at = (unsigned)__builtin_ctz(stops);
            *has_high |= (highs & ((1u << at) - 1)) != 0;
            return p + at;
        }
        *has_high |= highs != 0;
    }
    return ath__scan_plain(p, end, has_high);
}
#endif

static inline const char *ath__scan_string(const char *p, const char *end, bool *has_high) {
#ifdef ATH__SCAN_SSE2
    return ath__scan_sse2(p, end, has_high);
#else
    return ath__scan_plain(p, end, has_high);
#endif
}

#endif
