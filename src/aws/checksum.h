/*
 * The checksums S3 takes, by hardware instructions when the processor has them. A state is the
 * checksum of the bytes so far: 0 at the start.
 */
#ifndef ATH_AWS_CHECKSUM_H
#define ATH_AWS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

enum ath__checksum {
    ATH__CHECKSUM_NONE,
    ATH__CHECKSUM_CRC32,
    ATH__CHECKSUM_CRC32C,
    ATH__CHECKSUM_CRC64NVME,
};

uint64_t ath__checksum_update(int algorithm, uint64_t state, const void *data, size_t len);
/* The same in plain C, whatever the processor has. */
uint64_t ath__checksum_update_plain(int algorithm, uint64_t state, const void *data, size_t len);
/* CRC of a concatenation out of the CRCs of its parts. */
uint64_t ath__checksum_combine(int algorithm, uint64_t first, uint64_t second, uint64_t second_len);

/* Base64 of the big-endian value, NUL-terminated: 9 or 13 characters with the NUL. */
void ath__checksum_text(int algorithm, uint64_t state, char out[16]);

/* "x-amz-checksum-crc32", "CRC32" and "ChecksumCRC32" for the first; NULL for NONE. */
const char *ath__checksum_header(int algorithm);
const char *ath__checksum_name(int algorithm);
const char *ath__checksum_element(int algorithm);

#endif
