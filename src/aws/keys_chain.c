#include "aws/keys_chain.h"

#include "aws/check.h"
#include "aws/process_keys.h"
#include "base/err.h"
#include "base/time.h"

#include <stdio.h>

/* 1: found. 0: not here, ask the next. Negative: an error. */
typedef int(find_fn)(const struct ath__config_source *, struct ath__config *, struct ath_error *);

/* Keys go into headers, where only visible ASCII can stand. */
static bool is_clean(const char *text) {
    for (; text && *text; text++)
        if (*text < '!' || *text > '~')
            return false;
    return true;
}

static int take(
    struct ath__config *out,
    const char *origin,
    const char *id,
    const char *secret,
    const char *token,
    struct ath_error *err) {
    if (!is_clean(id) || !is_clean(secret) || !is_clean(token))
        return ath__err_set(
            err,
            ATH_ERR_CREDENTIALS,
            "the keys from %s hold blanks or other characters that keys do not have",
            origin);
    out->keys_source = ATH__KEYS_STATIC;
    out->keys_origin = ath__arena_copy(&out->arena, ath__slice_str(origin));
    out->access_key_id = ath__arena_copy(&out->arena, ath__slice_str(id));
    out->secret_access_key = ath__arena_copy(&out->arena, ath__slice_str(secret));
    out->session_token =
        ath__is_given(token) ? ath__arena_copy(&out->arena, ath__slice_str(token)) : NULL;
    if (!out->keys_origin || !out->access_key_id || !out->secret_access_key ||
        (ath__is_given(token) && !out->session_token))
        return ath__err_nomem(err);
    return 1;
}

static int find_in_options(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const struct ath_client_options *o = source->options;
    bool has_id = ath__is_given(o->access_key_id), has_secret = ath__is_given(o->secret_access_key);
    if (!has_id && !has_secret && !ath__is_given(o->session_token))
        return 0;
    if (!has_id || !has_secret)
        return ath__err_set(
            err,
            ATH_ERR_INVALID,
            "%s is missing: access_key_id and secret_access_key go together",
            has_id ? "secret_access_key" : "access_key_id");
    return take(out, "the options", o->access_key_id, o->secret_access_key, o->session_token, err);
}

static int find_in_environment(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const char *id = ath__source_env(source, "AWS_ACCESS_KEY_ID");
    const char *secret = ath__source_env(source, "AWS_SECRET_ACCESS_KEY");
    const char *token = ath__source_env(source, "AWS_SECURITY_TOKEN");
    const char *expiration = ath__source_env(source, "AWS_CREDENTIAL_EXPIRATION");
    if (source->profile_is_explicit || !id)
        return 0;
    if (!secret)
        return ath__err_set(
            err, ATH_ERR_CREDENTIALS, "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
    if (!token)
        token = ath__source_env(source, "AWS_SESSION_TOKEN");
    if (expiration && !ath__time_parse_iso(ath__slice_str(expiration), &out->keys_expire_at))
        return ath__err_set(
            err, ATH_ERR_CREDENTIALS, "AWS_CREDENTIAL_EXPIRATION is no ISO 8601 time");
    return take(out, "the environment", id, secret, token, err);
}

static int
refuse_profile(const struct ath__config_source *source, const char *what, struct ath_error *err) {
    return ath__err_set(
        err,
        ATH_ERR_CREDENTIALS,
        "profile '%s' uses %s, which this version cannot read yet; in Python pass "
        "session=boto3.Session(profile_name='%s')",
        source->profile,
        what,
        source->profile);
}

/* The first of `keys` the profile has decides; `what` names it for people. */
static int refuse_when_set(
    const struct ath__config_source *source,
    const char *const *keys,
    const char *what,
    struct ath_error *err) {
    for (size_t i = 0; keys[i]; i++) {
        const char *value;
        int rc = ath__source_value(source, keys[i], &value, err);
        if (rc)
            return rc;
        if (value)
            return refuse_profile(source, what, err);
    }
    return 0;
}

static int
find_role(const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    static const char *const role[] = {"role_arn", NULL};
    const char *file;
    (void)out;
    int rc = ath__source_value(source, "web_identity_token_file", &file, err);
    if (rc)
        return rc;
    return file ? 0 : refuse_when_set(source, role, "an assumed role (role_arn)", err);
}

static int find_web_identity(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    static const char *const keys[] = {"web_identity_token_file", NULL};
    (void)out;
    int rc = refuse_when_set(source, keys, "a web identity (web_identity_token_file)", err);
    if (rc || source->profile_is_explicit ||
        !ath__source_env(source, "AWS_WEB_IDENTITY_TOKEN_FILE"))
        return rc;
    return ath__err_set(
        err,
        ATH_ERR_CREDENTIALS,
        "AWS_WEB_IDENTITY_TOKEN_FILE is set, but this version cannot use a web identity yet; in "
        "Python pass session=boto3.Session()");
}

static int
find_sso(const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    static const char *const keys[] = {"sso_account_id", "sso_role_name", NULL};
    (void)out;
    return refuse_when_set(source, keys, "SSO", err);
}

/* Static keys of one file. */
static int find_in_file(
    const struct ath__config_source *source,
    const struct ath__profile_file *file,
    const char *path,
    const char *kind,
    struct ath__config *out,
    struct ath_error *err) {
    static const char *const keys[] = {
        "aws_access_key_id", "aws_secret_access_key", "aws_security_token", "aws_session_token"};
    const char *values[4] = {NULL};
    char origin[512];
    for (size_t i = 0; i < 4; i++) {
        const struct ath__profile_entry *entry =
            ath__profile_find(file, kind, source->profile, "", keys[i]);
        int rc = ath__source_entry_value(entry, path, &values[i], err);
        if (rc)
            return rc;
    }
    if (!values[0])
        return 0;
    snprintf(origin, sizeof origin, "profile '%s' in %s", source->profile, path);
    if (!values[1])
        return ath__err_set(
            err,
            ATH_ERR_CREDENTIALS,
            "%s has aws_access_key_id but no aws_secret_access_key",
            origin);
    return take(out, origin, values[0], values[1], values[2] ? values[2] : values[3], err);
}

static int find_in_credentials(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    return find_in_file(source, &source->credentials, source->credentials_path, "", out, err);
}

static int find_login(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    static const char *const keys[] = {"login_session", NULL};
    (void)out;
    return refuse_when_set(source, keys, "a console sign-in (login_session)", err);
}

static int find_process(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const char *command;
    char origin[512];
    int rc = ath__source_value(source, "credential_process", &command, err);
    if (rc || !command)
        return rc;
    rc = ath__command_split(ath__slice_str(command), &out->arena, &out->process_argv, err);
    if (rc)
        return rc;
    snprintf(origin, sizeof origin, "credential_process of profile '%s'", source->profile);
    out->keys_origin = ath__arena_copy(&out->arena, ath__slice_str(origin));
    out->keys_source = ATH__KEYS_PROCESS;
    return out->keys_origin ? 1 : ath__err_nomem(err);
}

static int find_in_config(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const struct ath__profile_file *file = &source->config;
    int rc = find_in_file(source, file, source->config_path, "profile", out, err);
    if (rc || strcmp(source->profile, "default") != 0)
        return rc;
    return find_in_file(source, file, source->config_path, "", out, err);
}

static int find_container(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    (void)out;
    if (!ath__source_env(source, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") &&
        !ath__source_env(source, "AWS_CONTAINER_CREDENTIALS_FULL_URI"))
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_CREDENTIALS,
        "the environment offers container credentials (AWS_CONTAINER_CREDENTIALS_*), which this "
        "version cannot read yet; in Python pass session=boto3.Session()");
}

static int refuse_all(const struct ath__config_source *source, struct ath_error *err) {
    return ath__err_set(
        err,
        ATH_ERR_CREDENTIALS,
        "no credentials: looked at the options, the environment%s, profile '%s' in %s and %s, and "
        "its credential_process; the metadata services of EC2 instances and containers are not "
        "read yet (in Python pass session=boto3.Session())",
        source->profile_is_explicit ? " (not its keys, as a profile was named)" : "",
        source->profile,
        source->credentials_path ? source->credentials_path : "~/.aws/credentials",
        source->config_path ? source->config_path : "~/.aws/config");
}

int ath__keys_find(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    static find_fn *const chain[] = {
        find_in_options,
        find_in_environment,
        find_role,
        find_web_identity,
        find_sso,
        find_in_credentials,
        find_login,
        find_process,
        find_in_config,
        find_container,
    };
    int source_asked = source->options->credentials_source;
    if (source_asked == ATH_CREDENTIALS_EXTERNAL || source_asked == ATH_CREDENTIALS_NONE) {
        bool is_external = source_asked == ATH_CREDENTIALS_EXTERNAL;
        out->keys_source = is_external ? ATH__KEYS_EXTERNAL : ATH__KEYS_UNSIGNED;
        out->keys_origin = is_external ? "the program" : "none, requests are not signed";
        return 0;
    }
    if (source_asked != ATH_CREDENTIALS_CHAIN)
        return ath__err_set(
            err, ATH_ERR_INVALID, "credentials_source is no enum ath_credentials_source");
    for (size_t i = 0; i < sizeof chain / sizeof *chain; i++) {
        int rc = chain[i](source, out, err);
        if (rc)
            return rc < 0 ? rc : 0;
    }
    return refuse_all(source, err);
}
