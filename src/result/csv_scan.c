#include "result/csv_scan.h"

#include "result/digits.h"

#include "base/scan.h"

#ifdef ATH__SCAN_SSE2
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(ATH_NO_SIMD)
#define HAS_NEON 1
#include <arm_neon.h>
#endif

/* Which of 64 bytes are what, the first byte in the lowest bit. */
struct bitmaps {
    uint64_t quote, comma, lf, high;
};

/* The place of the lowest bit; of no bit anything. */
static inline unsigned lowest_bit(uint64_t bits) {
    return (unsigned)__builtin_ctzll(bits | UINT64_C(1) << 63);
}

static bool is_lf(const struct ath__csv_scan *scan, size_t end) {
    return scan->source.ptr[scan->ends[end]] == '\n';
}

/* The first separator from cell `from` on that is not the one its place in the row asks for. */
static size_t find_odd_end(const struct ath__csv_scan *scan, size_t from, size_t count) {
    size_t column = (from - 1) % scan->columns;
    for (; from <= count && is_lf(scan, from) == (column + 1 == scan->columns); from++)
        column = column + 1 == scan->columns ? 0 : column + 1;
    return from;
}

/* Whether all LF end a whole row and all rows end with one. */
static bool is_regular(const struct ath__csv_scan *scan, size_t count, size_t lf_count) {
    size_t rows = count / scan->columns;
    bool is_good = rows == lf_count;
    for (size_t row = 1; row <= rows && is_good; row++)
        is_good = is_lf(scan, row * scan->columns);
    return is_good;
}

/* After a kernel has written the ends of `count` cells, `lf_count` LF among them, and found a byte
 * that may not be where it is at `wrong_at` (or none: SIZE_MAX). */
static void end_scan(struct ath__csv_scan *scan, size_t count, size_t lf_count, size_t wrong_at) {
    size_t good = count;
    scan->ends[0] = UINT32_MAX;
    if (__builtin_expect(!is_regular(scan, count, lf_count), 0))
        good = find_odd_end(scan, 1, count) - 1;
    scan->rows = good / scan->columns;
    if (scan->rows > scan->rows_max)
        scan->rows = scan->rows_max;
    scan->used = scan->ends[scan->rows * scan->columns] + (size_t)1;
    scan->error = NULL;
    if (scan->rows > 0)
        return;
    scan->used = 0;
    if (good < count) {
        scan->error = is_lf(scan, good + 1) ? "a row with fewer cells than columns"
                                            : "a row with more cells than columns";
        scan->error_at = scan->ends[good + 1];
    } else if (wrong_at != SIZE_MAX) {
        scan->error = "a byte outside of quotes that is neither comma nor LF";
        scan->error_at = wrong_at;
    }
}

/* Each bit the parity of the bits up to it. */
static inline uint64_t prefix_xor(uint64_t bits) {
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* The machine's instruction for it is not part of the x86-64 baseline. */
static inline size_t count_bits(uint64_t bits) {
#ifdef __x86_64__
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (size_t)(bits * UINT64_C(0x0101010101010101) >> 56);
#else
    return (size_t)__builtin_popcountll(bits);
#endif
}

/* -- plain C ----------------------------------------------------------------------------------- */

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define EACH_HIGH UINT64_C(0x8080808080808080)

/* The high bits of eight bytes, the first byte's lowest. */
static inline uint64_t gather_high(uint64_t word) {
    return ((word & EACH_HIGH) >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

/* 0x80 in the bytes that are `byte`, without carries between them. */
static inline uint64_t equal_bytes(uint64_t word, unsigned char byte) {
    uint64_t other = word ^ (EACH_BYTE * byte);
    return ~(((other & ~EACH_HIGH) + ~EACH_HIGH) | other | ~EACH_HIGH);
}

static inline void read_plain(const char *p, struct bitmaps *out) {
    *out = (struct bitmaps){0};
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t word = ath__word_load(p + i);
        out->quote |= gather_high(equal_bytes(word, '"')) << i;
        out->comma |= gather_high(equal_bytes(word, ',')) << i;
        out->lf |= gather_high(equal_bytes(word, '\n')) << i;
        out->high |= word & EACH_HIGH;
    }
}

#define SCAN_NAME scan_plain
#define SCAN_TARGET
#define SCAN_READ read_plain
#define SCAN_PREFIX prefix_xor
#define SCAN_COUNT count_bits
#include "result/csv_scan_kernel.h"

/* -- x86-64 ------------------------------------------------------------------------------------ */

#ifdef ATH__SCAN_SSE2

static inline uint64_t match_sse2(const __m128i bytes[4], char byte) {
    const __m128i wanted = _mm_set1_epi8(byte);
    uint64_t bits = 0;
    for (unsigned i = 0; i < 4; i++)
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes[i], wanted)) << 16 * i;
    return bits;
}

static inline void read_sse2(const char *p, struct bitmaps *out) {
    __m128i bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    out->quote = match_sse2(bytes, '"');
    out->comma = match_sse2(bytes, ',');
    out->lf = match_sse2(bytes, '\n');
    out->high = (unsigned)_mm_movemask_epi8(
        _mm_or_si128(_mm_or_si128(bytes[0], bytes[1]), _mm_or_si128(bytes[2], bytes[3])));
}

#define SCAN_NAME scan_sse2
#define SCAN_TARGET
#define SCAN_READ read_sse2
#define SCAN_PREFIX prefix_xor
#define SCAN_COUNT count_bits
#include "result/csv_scan_kernel.h"

#define AVX2 __attribute__((target("avx2,bmi,popcnt,pclmul")))

AVX2 static inline uint64_t match_avx2(__m256i first, __m256i second, char byte) {
    const __m256i wanted = _mm256_set1_epi8(byte);
    unsigned low = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(first, wanted));
    unsigned high = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(second, wanted));
    return low | (uint64_t)high << 32;
}

AVX2 static inline void read_avx2(const char *p, struct bitmaps *out) {
    __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    out->quote = match_avx2(first, second, '"');
    out->comma = match_avx2(first, second, ',');
    out->lf = match_avx2(first, second, '\n');
    out->high = (unsigned)_mm256_movemask_epi8(_mm256_or_si256(first, second));
}

AVX2 static inline uint64_t prefix_clmul(uint64_t bits) {
    __m128i product =
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#define SCAN_NAME scan_avx2
#define SCAN_TARGET AVX2
#define SCAN_READ read_avx2
#define SCAN_PREFIX prefix_clmul
#define SCAN_COUNT (size_t) __builtin_popcountll
#include "result/csv_scan_kernel.h"

#endif

/* -- arm64 ------------------------------------------------------------------------------------- */

#ifdef HAS_NEON

static inline uint64_t match_neon(const uint8x16_t bytes[4], uint8_t byte) {
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t weight = vld1q_u8(weights), wanted = vdupq_n_u8(byte);
    uint8x16_t low = vpaddq_u8(
        vandq_u8(vceqq_u8(bytes[0], wanted), weight), vandq_u8(vceqq_u8(bytes[1], wanted), weight));
    uint8x16_t high = vpaddq_u8(
        vandq_u8(vceqq_u8(bytes[2], wanted), weight), vandq_u8(vceqq_u8(bytes[3], wanted), weight));
    low = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(low, low)), 0);
}

static inline void read_neon(const char *p, struct bitmaps *out) {
    uint8x16_t bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = vld1q_u8((const uint8_t *)p + 16 * i);
    out->quote = match_neon(bytes, '"');
    out->comma = match_neon(bytes, ',');
    out->lf = match_neon(bytes, '\n');
    out->high =
        vmaxvq_u8(vorrq_u8(vorrq_u8(bytes[0], bytes[1]), vorrq_u8(bytes[2], bytes[3]))) & 0x80u;
}

#define SCAN_NAME scan_neon
#define SCAN_TARGET
#define SCAN_READ read_neon
#define SCAN_PREFIX prefix_xor
#define SCAN_COUNT count_bits
#include "result/csv_scan_kernel.h"

#endif

/* ---------------------------------------------------------------------------------------------- */

#ifdef ATH__SCAN_SSE2
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
}
#endif

ath__csv_scan_fn *ath__csv_scan_pick(enum ath__csv_kernel kernel) {
    switch (kernel) {
#ifdef ATH__SCAN_SSE2
    case ATH__CSV_BEST:
        return has_avx2() ? scan_avx2 : scan_sse2;
    case ATH__CSV_SSE2:
        return scan_sse2;
    case ATH__CSV_AVX2:
        return has_avx2() ? scan_avx2 : NULL;
#elif defined(HAS_NEON)
    case ATH__CSV_BEST:
    case ATH__CSV_NEON:
        return scan_neon;
#else
    case ATH__CSV_BEST:
#endif
    case ATH__CSV_PLAIN:
        return scan_plain;
    default:
        return NULL;
    }
}

void ath__csv_find_row_end(const char *p, size_t len, struct ath__csv_row_end *end) {
    bool is_quoted = end->is_quoted;
    size_t i = 0;
    end->is_found = end->is_malformed = false;
    while (i < len && !end->is_found && !end->is_malformed) {
        char byte = p[i++];
        if (byte == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && byte == '\n')
            end->is_found = true;
        else if (!is_quoted && byte != ',')
            end->is_malformed = true;
    }
    end->is_quoted = is_quoted;
    end->used = i;
}
