#include "aws/s3_config.h"

#include "aws/check.h"
#include "base/err.h"

/* A key nested under `s3 =`: the credentials file's before the config file's. NULL: not there. */
static const char *find_nested(const struct ath__config_source *source, const char *key) {
    const struct ath__profile_entry *entry =
        ath__profile_find(&source->credentials, "", source->profile, "s3", key);
    if (!entry)
        entry = ath__profile_find(&source->config, "profile", source->profile, "s3", key);
    if (!entry && strcmp(source->profile, "default") == 0)
        entry = ath__profile_find(&source->config, "", "default", "s3", key);
    return entry && *entry->value ? entry->value : NULL;
}

/* The place of `value` in a list of words (any case), from 0; CONFIG names what may stand there. */
static int pick(
    const char *name,
    const char *value,
    const char *const words[],
    int count,
    int *out,
    struct ath_error *err) {
    for (int i = 0; i < count; i++) {
        if (ath__slice_eq_nocase(ath__slice_str(value), ath__slice_str(words[i]))) {
            *out = i;
            return 0;
        }
    }
    return ath__err_set(
        err,
        ATH_ERR_CONFIG,
        "%s must be %s or %s, not '%.80s'",
        name,
        words[0],
        count == 2 ? words[1] : "path or virtual",
        value);
}

static int load_addressing(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    static const char *const words[] = {"auto", "path", "virtual"};
    int option = source->options->s3_addressing;
    int rc = ath__check_range("s3_addressing", option, 0, 2, err);
    const char *value = find_nested(source, "addressing_style");
    out->s3_addressing = option;
    if (rc || option || !value)
        return rc;
    return pick("the profile's s3 addressing_style", value, words, 3, &out->s3_addressing, err);
}

static int load_checksums(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    static const char *const words[] = {"when_supported", "when_required"};
    const char *value;
    int option = source->options->s3_checksums, at = 0;
    int rc = ath__check_range("s3_checksums", option, 0, 2, err);
    out->s3_checksums = option;
    if (rc || option)
        return rc;
    rc = ath__source_setting(
        source, "AWS_REQUEST_CHECKSUM_CALCULATION", "request_checksum_calculation", &value, err);
    if (!rc && !value) {
        /* Many other servers refuse the headers that AWS's clients send by default. */
        out->s3_checksums = out->s3.host ? 2 : 1;
        return 0;
    }
    if (!rc)
        rc = pick("request_checksum_calculation", value, words, 2, &at, err);
    if (!rc)
        out->s3_checksums = at + 1;
    return rc;
}

static int load_switch(
    const struct ath__config_source *source,
    const char *name,
    int option,
    const char *key,
    bool *out,
    struct ath_error *err) {
    static const char *const words[] = {"false", "true"};
    int rc = ath__check_range(name, option, -1, 1, err), at = 0;
    const char *value = find_nested(source, key);
    *out = option == 1;
    if (rc || option || !value)
        return rc;
    rc = pick(key, value, words, 2, &at, err);
    if (!rc)
        *out = at == 1;
    return rc;
}

int ath__s3_config_load(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const struct ath_client_options *o = source->options;
    int rc = load_addressing(source, out, err);
    if (!rc)
        rc = load_checksums(source, out, err);
    if (!rc)
        rc = load_switch(
            source,
            "s3_accelerate",
            o->s3_accelerate,
            "use_accelerate_endpoint",
            &out->s3_accelerate,
            err);
    if (!rc)
        rc = load_switch(
            source,
            "s3_payload_signing",
            o->s3_payload_signing,
            "payload_signing_enabled",
            &out->s3_payload_signing,
            err);
    return rc;
}
