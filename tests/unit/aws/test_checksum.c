#include "testing.h"

#include "aws/checksum.h"

#include <stdlib.h>

static const int algorithms[] = {
    ATH__CHECKSUM_CRC32, ATH__CHECKSUM_CRC32C, ATH__CHECKSUM_CRC64NVME};
#define ALGORITHMS_COUNT (sizeof algorithms / sizeof *algorithms)

/* The same bytes on every run. */
static void fill(unsigned char *out, size_t len) {
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out[i] = (unsigned char)state;
    }
}

/* Bit by bit, by the definition. */
static uint64_t define(int algorithm, const unsigned char *data, size_t len) {
    static const uint64_t polynomials[] = {0, 0xEDB88320u, 0x82F63B78u, 0x9A6C9329AC4BC9B5u};
    uint64_t mask = algorithm == ATH__CHECKSUM_CRC64NVME ? UINT64_MAX : 0xffffffffu, crc = mask;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomials[algorithm] : 0);
    }
    return crc ^ mask;
}

static void test_update_gives_the_check_values(void **state) {
    (void)state;
    static const uint64_t values[] = {0xcbf43926u, 0xe3069283u, 0xae8b14860a799888u};
    for (size_t i = 0; i < ALGORITHMS_COUNT; i++) {
        assert_true(ath__checksum_update(algorithms[i], 0, "123456789", 9) == values[i]);
        assert_true(ath__checksum_update_plain(algorithms[i], 0, "123456789", 9) == values[i]);
    }
}

static void test_update_of_any_length_and_alignment(void **state) {
    (void)state;
    unsigned char data[400];
    fill(data, sizeof data);
    for (size_t i = 0; i < ALGORITHMS_COUNT; i++)
        for (size_t offset = 0; offset < 17; offset++)
            for (size_t len = 0; len <= 300; len++) {
                uint64_t crc = ath__checksum_update(algorithms[i], 0, data + offset, len);
                assert_true(
                    crc == ath__checksum_update_plain(algorithms[i], 0, data + offset, len));
                if (offset < 2)
                    assert_true(crc == define(algorithms[i], data + offset, len));
            }
}

static void test_update_of_large_data(void **state) {
    (void)state;
    size_t len = (1 << 20) + 77;
    unsigned char *data = malloc(len);
    assert_non_null(data);
    fill(data, len);
    for (size_t i = 0; i < ALGORITHMS_COUNT; i++) {
        uint64_t whole = ath__checksum_update(algorithms[i], 0, data, len), pieces = 0;
        assert_true(whole == ath__checksum_update_plain(algorithms[i], 0, data, len));
        for (size_t at = 0, size = 1; at < len; at += size, size = size * 3 + 1) {
            size = size < len - at ? size : len - at;
            pieces = ath__checksum_update(algorithms[i], pieces, data + at, size);
        }
        assert_true(pieces == whole);
    }
    free(data);
}

static void test_combine_equals_the_whole(void **state) {
    (void)state;
    unsigned char data[3000];
    fill(data, sizeof data);
    for (size_t i = 0; i < ALGORITHMS_COUNT; i++) {
        uint64_t whole = ath__checksum_update_plain(algorithms[i], 0, data, sizeof data);
        for (size_t cut = 0; cut <= sizeof data; cut += 125) {
            uint64_t first = ath__checksum_update(algorithms[i], 0, data, cut);
            uint64_t second = ath__checksum_update(algorithms[i], 0, data + cut, sizeof data - cut);
            assert_true(
                ath__checksum_combine(algorithms[i], first, second, sizeof data - cut) == whole);
        }
    }
}

/* 2^62 + 2^62 zeros are 2^63: the exponent, 8 times that, does not fit 64 bits. */
static void test_combine_of_lengths_near_the_limit(void **state) {
    (void)state;
    for (size_t i = 0; i < ALGORITHMS_COUNT; i++) {
        uint64_t half = (uint64_t)1 << 62;
        uint64_t once = ath__checksum_combine(algorithms[i], 0x12345678u, 0, 2 * half);
        uint64_t twice = ath__checksum_combine(algorithms[i], 0x12345678u, 0, half);
        assert_true(once == ath__checksum_combine(algorithms[i], twice, 0, half));
        assert_true(once != 0);
    }
}

static void test_text_is_base64_of_big_endian(void **state) {
    (void)state;
    char text[16];
    ath__checksum_text(ATH__CHECKSUM_CRC32, 0xcbf43926u, text);
    assert_string_equal(text, "y/Q5Jg==");
    ath__checksum_text(ATH__CHECKSUM_CRC32C, 0, text);
    assert_string_equal(text, "AAAAAA==");
    ath__checksum_text(ATH__CHECKSUM_CRC64NVME, 0xae8b14860a799888u, text);
    assert_string_equal(text, "rosUhgp5mIg=");
    ath__checksum_text(ATH__CHECKSUM_NONE, 1, text);
    assert_string_equal(text, "");
}

static void test_names_of_each_algorithm(void **state) {
    (void)state;
    assert_string_equal(ath__checksum_header(ATH__CHECKSUM_CRC32), "x-amz-checksum-crc32");
    assert_string_equal(ath__checksum_header(ATH__CHECKSUM_CRC64NVME), "x-amz-checksum-crc64nvme");
    assert_string_equal(ath__checksum_name(ATH__CHECKSUM_CRC32C), "CRC32C");
    assert_string_equal(ath__checksum_element(ATH__CHECKSUM_CRC64NVME), "ChecksumCRC64NVME");
    assert_null(ath__checksum_header(ATH__CHECKSUM_NONE));
    assert_null(ath__checksum_name(99));
    assert_null(ath__checksum_element(-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update_gives_the_check_values),
        cmocka_unit_test(test_update_of_any_length_and_alignment),
        cmocka_unit_test(test_update_of_large_data),
        cmocka_unit_test(test_combine_equals_the_whole),
        cmocka_unit_test(test_combine_of_lengths_near_the_limit),
        cmocka_unit_test(test_text_is_base64_of_big_endian),
        cmocka_unit_test(test_names_of_each_algorithm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
