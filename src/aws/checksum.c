#include "aws/checksum.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#if (defined(__x86_64__) || defined(__i386__)) && !defined(ATH_NO_SIMD)
#define HAVE_X86 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__) && !defined(ATH_NO_SIMD)
#define HAVE_ARM 1
#include <arm_acle.h>
#include <sys/auxv.h>
#endif
#if (defined(HAVE_X86) && defined(__x86_64__)) || defined(HAVE_ARM)
#define HAVE_CRC 1
#endif

/*
 * All three are "reflected": the lowest bit of a byte is the highest power, so that a remainder of
 * W bits stands in the low bits of its word with x^0 at bit W-1.
 */
struct crc {
    uint64_t polynomial; /* without x^W */
    unsigned width;
    const char *header, *name, *element;
    /* table[k][b]: the remainder of byte b followed by k bytes of zeros */
    uint64_t table[8][256];
    /* x^(n-1) for n = 512+64, 512, 128+64, 128, reflected in 64 bits: see fold() */
    uint64_t fold[4];
};
static struct crc s_crcs[] = {
    {.polynomial = 0},
    {.polynomial = 0xEDB88320u,
     .width = 32,
     .header = "x-amz-checksum-crc32",
     .name = "CRC32",
     .element = "ChecksumCRC32"},
    {.polynomial = 0x82F63B78u,
     .width = 32,
     .header = "x-amz-checksum-crc32c",
     .name = "CRC32C",
     .element = "ChecksumCRC32C"},
    {.polynomial = 0x9A6C9329AC4BC9B5u,
     .width = 64,
     .header = "x-amz-checksum-crc64nvme",
     .name = "CRC64NVME",
     .element = "ChecksumCRC64NVME"},
};
#define CRCS_COUNT ((int)(sizeof s_crcs / sizeof *s_crcs))

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
#ifdef HAVE_X86
static bool s_has_fold; /* carry-less multiplication */
#endif
#ifdef HAVE_CRC
static bool s_has_crc; /* instructions for CRC32C, on Arm for CRC32 too */
#endif

static uint64_t mask_of(const struct crc *crc) {
    return crc->width == 64 ? UINT64_MAX : ((uint64_t)1 << crc->width) - 1;
}

/* -- powers of x ------------------------------------------------------------------------------- */

static uint64_t times_x(const struct crc *crc, uint64_t a) {
    return (a >> 1) ^ (a & 1 ? crc->polynomial : 0);
}

static uint64_t multiply(const struct crc *crc, uint64_t a, uint64_t b) {
    uint64_t product = 0;
    for (unsigned bit = crc->width; bit-- > 0; b = times_x(crc, b))
        if (a >> bit & 1)
            product ^= b;
    return product;
}

/* x^n modulo the polynomial. */
static uint64_t power(const struct crc *crc, uint64_t n) {
    uint64_t result = (uint64_t)1 << (crc->width - 1), square = result >> 1;
    for (; n; n >>= 1, square = multiply(crc, square, square))
        if (n & 1)
            result = multiply(crc, result, square);
    return result;
}

/* -- tables ------------------------------------------------------------------------------------ */

static void make_tables(struct crc *crc) {
    static const uint64_t distances[4] = {512 + 64, 512, 128 + 64, 128};
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = times_x(crc, value);
        crc->table[0][byte] = value;
    }
    for (int k = 1; k < 8; k++)
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t before = crc->table[k - 1][byte];
            crc->table[k][byte] = before >> 8 ^ crc->table[0][before & 0xff];
        }
    for (int i = 0; i < 4; i++)
        crc->fold[i] = power(crc, distances[i] - 1) << (64 - crc->width);
}

static void set_up(void) {
    for (int i = ATH__CHECKSUM_CRC32; i < CRCS_COUNT; i++)
        make_tables(&s_crcs[i]);
#ifdef HAVE_X86
    __builtin_cpu_init();
    s_has_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse2");
#ifdef HAVE_CRC
    s_has_crc = __builtin_cpu_supports("sse4.2");
#endif
#elif defined(HAVE_ARM)
    s_has_crc = (getauxval(AT_HWCAP) & (1ul << 7)) != 0; /* HWCAP_CRC32 */
#endif
}

static const struct crc *find(int algorithm) {
    pthread_once(&s_once, set_up);
    return algorithm > ATH__CHECKSUM_NONE && algorithm < CRCS_COUNT ? &s_crcs[algorithm] : NULL;
}

/* -- plain C ----------------------------------------------------------------------------------- */

static uint64_t load_le64(const unsigned char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* `raw`: without the inversions at the start and the end. */
static uint64_t
update_raw(const struct crc *crc, uint64_t raw, const unsigned char *p, size_t len) {
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word = load_le64(p) ^ raw;
        raw = 0;
        for (int k = 0; k < 8; k++)
            raw ^= crc->table[7 - k][word >> (8 * k) & 0xff];
    }
    for (; len > 0; p++, len--)
        raw = raw >> 8 ^ crc->table[0][(raw ^ *p) & 0xff];
    return raw;
}

uint64_t ath__checksum_update_plain(int algorithm, uint64_t state, const void *data, size_t len) {
    const struct crc *crc = find(algorithm);
    if (!crc)
        return 0;
    uint64_t mask = mask_of(crc);
    return ~update_raw(crc, ~state & mask, data, len) & mask;
}

/* -- instructions ------------------------------------------------------------------------------ */

#ifdef HAVE_X86
#define FOLD_MIN 128

__attribute__((target("pclmul,sse2"))) static inline __m128i load(const unsigned char *p) {
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* `lane` moved on by the distance of `by`, over `next`: its low half holds the higher powers. A
 * product of two reflected words is one power short, which the constants make up for. */
__attribute__((target("pclmul,sse2"))) static inline __m128i
fold(__m128i lane, __m128i by, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(lane, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* Whole blocks of 16 bytes from 64 on; the remainder of all of them is that of 16 bytes, which the
 * tables finish. Moves on *p and *len. */
__attribute__((target("pclmul,sse2"))) static uint64_t
update_fold(const struct crc *crc, uint64_t raw, const unsigned char **p, size_t *len) {
    const unsigned char *at = *p;
    size_t left = *len;
    unsigned char last[16];
    __m128i by4 = _mm_set_epi64x((long long)crc->fold[1], (long long)crc->fold[0]);
    __m128i by1 = _mm_set_epi64x((long long)crc->fold[3], (long long)crc->fold[2]);
    __m128i a = _mm_xor_si128(load(at), _mm_set_epi64x(0, (long long)raw));
    __m128i b = load(at + 16), c = load(at + 32), d = load(at + 48);
    for (at += 64, left -= 64; left >= 64; at += 64, left -= 64) {
        a = fold(a, by4, load(at));
        b = fold(b, by4, load(at + 16));
        c = fold(c, by4, load(at + 32));
        d = fold(d, by4, load(at + 48));
    }
    a = fold(fold(fold(a, by1, b), by1, c), by1, d);
    for (; left >= 16; at += 16, left -= 16)
        a = fold(a, by1, load(at));
    _mm_storeu_si128((__m128i *)(void *)last, a);
    *p = at;
    *len = left;
    return update_raw(crc, 0, last, sizeof last);
}
#endif

#if defined(HAVE_X86) && defined(HAVE_CRC)
__attribute__((target("sse4.2"))) static uint64_t
update_crc32c(uint64_t raw, const unsigned char *p, size_t len) {
    for (; len >= 8; p += 8, len -= 8)
        raw = _mm_crc32_u64(raw, load_le64(p));
    for (; len > 0; p++, len--)
        raw = _mm_crc32_u8((uint32_t)raw, *p);
    return raw;
}
#elif defined(HAVE_ARM)
__attribute__((target("+crc"))) static uint64_t
update_crc32c(uint64_t raw, const unsigned char *p, size_t len) {
    uint32_t value = (uint32_t)raw;
    for (; len >= 8; p += 8, len -= 8)
        value = __crc32cd(value, load_le64(p));
    for (; len > 0; p++, len--)
        value = __crc32cb(value, *p);
    return value;
}

__attribute__((target("+crc"))) static uint64_t
update_crc32(uint64_t raw, const unsigned char *p, size_t len) {
    uint32_t value = (uint32_t)raw;
    for (; len >= 8; p += 8, len -= 8)
        value = __crc32d(value, load_le64(p));
    for (; len > 0; p++, len--)
        value = __crc32b(value, *p);
    return value;
}
#endif

static uint64_t update_best(
    int algorithm, const struct crc *crc, uint64_t raw, const unsigned char *p, size_t len) {
#ifdef HAVE_X86
    if (s_has_fold && len >= FOLD_MIN)
        raw = update_fold(crc, raw, &p, &len);
#endif
#ifdef HAVE_CRC
    if (algorithm == ATH__CHECKSUM_CRC32C && s_has_crc)
        return update_crc32c(raw, p, len);
#endif
#ifdef HAVE_ARM
    if (algorithm == ATH__CHECKSUM_CRC32 && s_has_crc)
        return update_crc32(raw, p, len);
#endif
    (void)algorithm;
    return update_raw(crc, raw, p, len);
}

uint64_t ath__checksum_update(int algorithm, uint64_t state, const void *data, size_t len) {
    const struct crc *crc = find(algorithm);
    if (!crc || len == 0)
        return state;
    uint64_t mask = mask_of(crc);
    return ~update_best(algorithm, crc, ~state & mask, data, len) & mask;
}

/* The inversions of the parts cancel. */
uint64_t
ath__checksum_combine(int algorithm, uint64_t first, uint64_t second, uint64_t second_len) {
    const struct crc *crc = find(algorithm);
    if (!crc)
        return 0;
    uint64_t shift = power(crc, second_len);
    for (int i = 0; i < 3; i++) /* x^(8n) out of x^n, whose exponent cannot overflow */
        shift = multiply(crc, shift, shift);
    return multiply(crc, shift, first) ^ second;
}

/* -- texts ------------------------------------------------------------------------------------- */

void ath__checksum_text(int algorithm, uint64_t state, char out[16]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct crc *crc = find(algorithm);
    size_t count = crc ? crc->width / 8 : 0, at = 0;
    for (size_t i = 0; i < count; i += 3) {
        uint64_t group = 0;
        for (size_t k = i; k < i + 3; k++)
            group = group << 8 | (k < count ? state >> (8 * (count - 1 - k)) & 0xff : 0);
        for (size_t k = 0; k < 4; k++)
            out[at++] = i + k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
    out[at] = '\0';
}

const char *ath__checksum_header(int algorithm) {
    const struct crc *crc = find(algorithm);
    return crc ? crc->header : NULL;
}

const char *ath__checksum_name(int algorithm) {
    const struct crc *crc = find(algorithm);
    return crc ? crc->name : NULL;
}

const char *ath__checksum_element(int algorithm) {
    const struct crc *crc = find(algorithm);
    return crc ? crc->element : NULL;
}
