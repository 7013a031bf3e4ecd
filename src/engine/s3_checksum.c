/* Checksums of S3: which one a request carries, and whether an object's bytes have the one that
 * came with them. */
#include "engine/s3_internal.h"

#define PREFIX "x-amz-checksum-"
#define NAMED "x-amz-checksum-algorithm"
#define NAMED_FOR_ONE "x-amz-sdk-checksum-algorithm" /* as SDKs say it for one request */

static const int s_algorithms[] = {
    ATH__CHECKSUM_CRC64NVME, ATH__CHECKSUM_CRC32C, ATH__CHECKSUM_CRC32};
#define ALGORITHMS_COUNT (sizeof s_algorithms / sizeof *s_algorithms)

static bool is_named(const char *name, const char *header) {
    return ath__slice_eq_nocase(ath__slice_str(name), ath__slice_str(header));
}

/* -- requests ---------------------------------------------------------------------------------- */

bool ath__s3_is_sum_of_body(const char *name) {
    if (is_named(name, "Content-MD5"))
        return true;
    return ath__s3_name_starts(ath__slice_str(name), PREFIX) && !is_named(name, NAMED) &&
           !is_named(name, PREFIX "type") && !is_named(name, PREFIX "mode");
}

bool ath__s3_is_about_body(const char *name) {
    return ath__s3_is_sum_of_body(name) || is_named(name, NAMED_FOR_ONE);
}

const char *ath__s3_sum_of_program(const struct ath__s3_op *s3) {
    for (size_t i = 0; i < s3->headers_count; i++)
        if (ath__s3_is_sum_of_body(s3->headers[i].name))
            return s3->headers[i].name;
    return NULL;
}

static int find_algorithm(const char *name) {
    for (size_t i = 0; i < ALGORITHMS_COUNT; i++)
        if (is_named(name, ath__checksum_name(s_algorithms[i])))
            return s_algorithms[i];
    return ATH__CHECKSUM_NONE;
}

static const char *named_algorithm(const struct ath__s3_op *s3) {
    for (size_t i = 0; i < s3->headers_count; i++)
        if (is_named(s3->headers[i].name, NAMED) || is_named(s3->headers[i].name, NAMED_FOR_ONE))
            return s3->headers[i].value;
    return NULL;
}

int ath__s3_check_algorithm(const struct ath__s3_op *s3, struct ath_error *err) {
    const char *name = named_algorithm(s3);
    if (!name || find_algorithm(name) || ath__s3_sum_of_program(s3))
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_UNSUPPORTED,
        "headers: %.40s is none of the checksums CRC32, CRC32C and CRC64NVME",
        name);
}

int ath__s3_algorithm(const struct ath__s3_op *s3) {
    const char *name = named_algorithm(s3);
    if (name)
        return find_algorithm(name);
    return s3->op.client->config.s3_checksums == 1 ? ATH__CHECKSUM_CRC32 : ATH__CHECKSUM_NONE;
}

void ath__s3_call_protect(struct ath__s3_call *s, bool is_required) {
    char probe[25];
    if (s->checksum || (s->header_use == ATH__S3_HEADERS_ALL && ath__s3_sum_of_program(s->s3)))
        return;
    s->checksum = ath__s3_algorithm(s->s3);
    if (s->checksum || !is_required)
        return;
    if (ath__md5_base64(ath__slice("", 0), probe) == 0)
        s->wants_md5 = true;
    else
        s->checksum = ATH__CHECKSUM_CRC32;
}

/* -- answers ----------------------------------------------------------------------------------- */

void ath__s3_sum_read(const struct ath__exchange *x, struct ath__s3_sum *out) {
    *out = (struct ath__s3_sum){0};
    if (ath__slice_eq_nocase(ath__exchange_header(x, PREFIX "type"), ATH__SLICE_LIT("COMPOSITE")))
        return;
    for (size_t i = 0; i < ALGORITHMS_COUNT; i++) {
        struct ath_slice said = ath__exchange_header(x, ath__checksum_header(s_algorithms[i]));
        if (!said.ptr || memchr(said.ptr, '-', said.len)) /* of parts, not of the object */
            continue;
        out->algorithm = s_algorithms[i];
        if (said.len < sizeof out->said) /* a longer one is none of ours, and so a wrong one */
            memcpy(out->said, said.ptr, said.len);
        return;
    }
}

/* The sum of a whole is that of its parts, each moved on over what comes after it. */
void ath__s3_sum_add(struct ath__s3_sum *sum, struct ath_slice bytes, uint64_t after) {
    uint64_t crc = ath__checksum_update(sum->algorithm, 0, bytes.ptr, bytes.len);
    sum->crc ^= ath__checksum_combine(sum->algorithm, crc, 0, after);
}

int ath__s3_sum_check(const struct ath__s3_sum *sum, struct ath_error *err) {
    char text[16];
    if (!sum->algorithm)
        return 0;
    ath__checksum_text(sum->algorithm, sum->crc, text);
    if (strcmp(text, sum->said) == 0)
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_IO,
        "GetObject: the bytes do not have the %s checksum that S3 tells",
        ath__checksum_name(sum->algorithm));
}
