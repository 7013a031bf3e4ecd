/* Digests of bodies that are read in steps, and MD5 where libcrypto has it. Pure. */
#ifndef ATH_AWS_DIGEST_H
#define ATH_AWS_DIGEST_H

#include "base/slice.h"

#include <athena/error.h>

/* SHA-256 in steps. A zeroed record is ready for use; clear it also after an error. */
struct ath__sha256 {
    void *context;
};
/* 0, ATH_ERR_NOMEM or ATH_ERR_SYSTEM (libcrypto). */
int ath__sha256_update(struct ath__sha256 *sha, struct ath_slice data);
/* Hex of all bytes so far: 64 characters and a NUL. Once. */
int ath__sha256_final(struct ath__sha256 *sha, char out[65]);
void ath__sha256_clear(struct ath__sha256 *sha);

/* MD5 of bytes. ATH_ERR_UNSUPPORTED where the system's policy (FIPS) has none. */
int ath__md5(struct ath_slice data, unsigned char out[16]);
int ath__md5_hex(struct ath_slice data, char out[33]);
/* As Content-MD5 wants it: 24 characters and a NUL. */
int ath__md5_base64(struct ath_slice data, char out[25]);

#endif
