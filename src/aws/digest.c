#include "aws/digest.h"

#include <openssl/evp.h>
#include <pthread.h>

#define SHA256_LEN 32
#define MD5_LEN 16

static EVP_MD *s_sha256, *s_md5;
static pthread_once_t s_once = PTHREAD_ONCE_INIT;

/* Fetching costs more than digesting a small body. */
static void fetch(void) {
    s_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    s_md5 = EVP_MD_fetch(NULL, "MD5", NULL);
}

static void write_hex(const unsigned char *bytes, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

int ath__sha256_update(struct ath__sha256 *sha, struct ath_slice data) {
    pthread_once(&s_once, fetch);
    if (!s_sha256)
        return ATH_ERR_SYSTEM;
    if (!sha->context) {
        sha->context = EVP_MD_CTX_new();
        if (!sha->context)
            return ATH_ERR_NOMEM;
        if (EVP_DigestInit_ex(sha->context, s_sha256, NULL) != 1)
            return ATH_ERR_SYSTEM;
    }
    if (data.len == 0)
        return 0;
    return EVP_DigestUpdate(sha->context, data.ptr, data.len) == 1 ? 0 : ATH_ERR_SYSTEM;
}

int ath__sha256_final(struct ath__sha256 *sha, char out[65]) {
    unsigned char bytes[SHA256_LEN];
    int rc = ath__sha256_update(sha, (struct ath_slice){NULL, 0});
    if (rc)
        return rc;
    if (EVP_DigestFinal_ex(sha->context, bytes, NULL) != 1)
        return ATH_ERR_SYSTEM;
    write_hex(bytes, sizeof bytes, out);
    return 0;
}

void ath__sha256_clear(struct ath__sha256 *sha) {
    EVP_MD_CTX_free(sha->context);
    sha->context = NULL;
}

int ath__md5(struct ath_slice data, unsigned char out[16]) {
    pthread_once(&s_once, fetch);
    const void *ptr = data.ptr ? data.ptr : "";
    if (!s_md5 || EVP_Digest(ptr, data.len, out, NULL, s_md5, NULL) != 1)
        return ATH_ERR_UNSUPPORTED;
    return 0;
}

int ath__md5_hex(struct ath_slice data, char out[33]) {
    unsigned char bytes[MD5_LEN];
    int rc = ath__md5(data, bytes);
    if (!rc)
        write_hex(bytes, sizeof bytes, out);
    return rc;
}

int ath__md5_base64(struct ath_slice data, char out[25]) {
    unsigned char bytes[MD5_LEN];
    int rc = ath__md5(data, bytes);
    if (!rc)
        EVP_EncodeBlock((unsigned char *)out, bytes, sizeof bytes);
    return rc;
}
