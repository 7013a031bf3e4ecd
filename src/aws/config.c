#include "aws/config.h"

#include "aws/check.h"
#include "aws/config_source.h"
#include "aws/endpoint.h"
#include "aws/keys_chain.h"
#include "aws/s3_config.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *keep(struct ath__config *config, const char *text) {
    return ath__arena_copy(&config->arena, ath__slice_str(text));
}

static bool has_control(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* -- region and profile ------------------------------------------------------------------------ */

static int load_region(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const char *region = source->options->region;
    int code = ATH_ERR_INVALID, rc = 0;
    if (!ath__is_given(region)) {
        code = ATH_ERR_CONFIG;
        region = ath__source_env(source, "AWS_REGION");
        if (!region)
            rc = ath__source_setting(source, "AWS_DEFAULT_REGION", "region", &region, err);
    }
    if (rc)
        return rc;
    if (!region)
        return ath__err_set(
            err,
            ATH_ERR_CONFIG,
            "no region: set region_name, AWS_REGION or `region` in profile '%s' of %s",
            source->profile,
            source->config_path ? source->config_path : "~/.aws/config");
    if (!ath__region_is_valid(region))
        return ath__err_set(
            err, code, "the region '%.80s' may hold letters, digits and '-' only", region);
    out->region = keep(out, region);
    return out->region ? 0 : ath__err_nomem(err);
}

/* -- endpoints --------------------------------------------------------------------------------- */

/* `services = NAME` of the profile, then "SERVICE =" with an indented endpoint_url. */
static int find_in_services(
    const struct ath__config_source *source,
    const char *service,
    const char **out_url,
    struct ath_error *err) {
    const char *name;
    int rc = ath__source_value(source, "services", &name, err);
    if (rc || !name)
        return rc;
    if (!ath__profile_has(&source->config, "services", name))
        return ath__err_set(
            err,
            ATH_ERR_CONFIG,
            "profile '%s' names services = %s, but %s has no [services %s]",
            source->profile,
            name,
            source->config_path ? source->config_path : "~/.aws/config",
            name);
    const struct ath__profile_entry *entry =
        ath__profile_find(&source->config, "services", name, service, "endpoint_url");
    *out_url = entry && *entry->value ? entry->value : NULL;
    return 0;
}

/* The URL configured for a service and where it stands; NULL when there is none. */
static int find_endpoint(
    const struct ath__config_source *source,
    const char *variable,
    const char *service,
    const char **out_url,
    const char **out_origin,
    struct ath_error *err) {
    bool is_ignored;
    int rc = ath__source_bool(
        source,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "ignore_configured_endpoint_urls",
        &is_ignored,
        err);
    *out_url = NULL;
    if (rc || is_ignored)
        return rc;
    *out_origin = variable;
    *out_url = ath__source_env(source, variable);
    if (*out_url)
        return 0;
    *out_origin = "AWS_ENDPOINT_URL";
    *out_url = ath__source_env(source, "AWS_ENDPOINT_URL");
    if (*out_url)
        return 0;
    *out_origin = "the profile's endpoint_url";
    rc = find_in_services(source, service, out_url, err);
    return rc || *out_url ? rc : ath__source_value(source, "endpoint_url", out_url, err);
}

/* The configured URL of one service, parsed; `out->host` NULL when there is none. */
static int load_endpoint(
    const struct ath__config_source *source,
    const char *option_name,
    const char *option,
    const char *variable,
    const char *service,
    struct ath__config *config,
    struct ath__url *out,
    struct ath_error *err) {
    const char *url = option, *origin = option_name;
    int rc =
        ath__is_given(option) ? 0 : find_endpoint(source, variable, service, &url, &origin, err);
    if (rc || !ath__is_given(url))
        return rc;
    rc = ath__url_parse(ath__slice_str(url), &config->arena, out, err);
    if (rc == ATH_ERR_CONFIG)
        ath__err_prefix(err, origin);
    if (rc)
        return rc;
    if (config->use_fips || config->use_dualstack)
        return ath__err_set(
            err,
            ATH_ERR_CONFIG,
            "%s cannot be joined with %s endpoints",
            origin,
            config->use_fips ? "FIPS" : "dual-stack");
    return 0;
}

static int load_variant(
    const struct ath__config_source *source,
    int option,
    const char *name,
    const char *variable,
    const char *key,
    bool *out_value,
    struct ath_error *err) {
    int rc = ath__check_range(name, option, -1, 1, err);
    *out_value = option == 1;
    return rc || option ? rc : ath__source_bool(source, variable, key, out_value, err);
}

static int load_endpoints(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const struct ath_client_options *o = source->options;
    char host[256], url[272];
    int rc = load_variant(
        source,
        o->use_fips,
        "use_fips",
        "AWS_USE_FIPS_ENDPOINT",
        "use_fips_endpoint",
        &out->use_fips,
        err);
    if (!rc)
        rc = load_variant(
            source,
            o->use_dualstack,
            "use_dualstack",
            "AWS_USE_DUALSTACK_ENDPOINT",
            "use_dualstack_endpoint",
            &out->use_dualstack,
            err);
    if (!rc)
        rc = load_endpoint(
            source,
            "endpoint_url",
            o->endpoint_url,
            "AWS_ENDPOINT_URL_ATHENA",
            "athena",
            out,
            &out->athena,
            err);
    if (!rc)
        rc = load_endpoint(
            source,
            "s3_endpoint_url",
            o->s3_endpoint_url,
            "AWS_ENDPOINT_URL_S3",
            "s3",
            out,
            &out->s3,
            err);
    if (rc || out->athena.host)
        return rc;
    out->athena_is_aws = true;
    ath__region_host("athena", out->region, out->use_fips, out->use_dualstack, host);
    snprintf(url, sizeof url, "https://%s", host);
    return ath__url_parse(ath__slice_str(url), &out->arena, &out->athena, err);
}

/* -- TLS --------------------------------------------------------------------------------------- */

static int keep_file(
    struct ath__config *config,
    const char *origin,
    const char *path,
    const char **out_path,
    struct ath_error *err) {
    if (access(path, R_OK))
        return ath__err_set(err, ATH_ERR_CONFIG, "%s: %s cannot be read", origin, path);
    *out_path = keep(config, path);
    return *out_path ? 0 : ath__err_nomem(err);
}

/* Debian, Ubuntu, Alpine, Arch; Fedora and RHEL; SUSE; macOS and the BSDs. */
static const char *find_system_ca(void) {
    static const char *const paths[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (access(paths[i], R_OK) == 0)
            return paths[i];
    return NULL;
}

static int
load_ca(const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const char *path = source->options->ca_file, *origin = "ca_file";
    int rc = 0;
    if (out->tls_verify_off)
        return 0;
    if (!ath__is_given(path)) {
        origin = "AWS_CA_BUNDLE (or ca_bundle)";
        rc = ath__source_setting(source, "AWS_CA_BUNDLE", "ca_bundle", &path, err);
    }
    if (!rc && !ath__is_given(path)) {
        origin = "SSL_CERT_FILE";
        path = ath__source_env(source, "SSL_CERT_FILE");
    }
    if (rc || ath__is_given(path))
        return rc ? rc : keep_file(out, origin, path, &out->ca_file, err);
    out->ca_file = find_system_ca();
    if (out->ca_file || !out->athena.https)
        return 0;
    return ath__err_set(
        err,
        ATH_ERR_CONFIG,
        "no file with certificate authorities was found for %s: install the ca-certificates "
        "package, or name one by ca_file or AWS_CA_BUNDLE",
        out->athena.host);
}

static int
load_tls(const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const struct ath_client_options *o = source->options;
    int rc = ath__check_range("tls_verify_off", o->tls_verify_off, 0, 1, err);
    out->tls_verify_off = o->tls_verify_off == 1;
    if (!rc)
        rc = load_ca(source, out, err);
    if (!rc && ath__is_given(o->client_key) && !ath__is_given(o->client_cert))
        rc = ath__err_set(err, ATH_ERR_INVALID, "client_key needs client_cert");
    if (!rc && ath__is_given(o->client_cert))
        rc = keep_file(out, "client_cert", o->client_cert, &out->client_cert, err);
    if (!rc && ath__is_given(o->client_key))
        rc = keep_file(out, "client_key", o->client_key, &out->client_key, err);
    return rc;
}

/* -- proxies ----------------------------------------------------------------------------------- */

/* Option ("" = none), the lower-case variable, the upper-case one (NULL: not to be read). */
static int load_proxy(
    const struct ath__config_source *source,
    const char *option_name,
    const char *option,
    const char *lower,
    const char *upper,
    struct ath__config *out,
    const char **out_proxy,
    struct ath_error *err) {
    const char *proxy = option, *origin = option_name;
    if (!proxy) {
        proxy = ath__source_env(source, lower);
        origin = lower;
    }
    if (!proxy && upper) {
        proxy = ath__source_env(source, upper);
        origin = upper;
    }
    if (!ath__is_given(proxy))
        return 0;
    /* The text is not shown: it may hold a password. */
    if (!ath__proxy_is_valid(proxy))
        return ath__err_set(
            err,
            option ? ATH_ERR_INVALID : ATH_ERR_CONFIG,
            "%s must look like http://host:port (http or https)",
            origin);
    *out_proxy = keep(out, proxy);
    return *out_proxy ? 0 : ath__err_nomem(err);
}

static int load_proxies(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const struct ath_client_options *o = source->options;
    /* A web server hands a request's Proxy header to CGI programs as HTTP_PROXY. */
    bool is_cgi = ath__source_env(source, "REQUEST_METHOD") != NULL;
    int rc = load_proxy(
        source,
        "http_proxy",
        o->http_proxy,
        "http_proxy",
        is_cgi ? NULL : "HTTP_PROXY",
        out,
        &out->http_proxy,
        err);
    if (!rc)
        rc = load_proxy(
            source,
            "https_proxy",
            o->https_proxy,
            "https_proxy",
            "HTTPS_PROXY",
            out,
            &out->https_proxy,
            err);
    if (rc)
        return rc;
    const char *list = o->no_proxy ? o->no_proxy : ath__source_env(source, "no_proxy");
    if (!list)
        list = ath__source_env(source, "NO_PROXY");
    if (ath__is_given(list) && !(out->no_proxy = keep(out, list)))
        return ath__err_nomem(err);
    if (!ath__no_proxy_covers(out->no_proxy, out->athena.host))
        out->athena_proxy = out->athena.https ? out->https_proxy : out->http_proxy;
    return 0;
}

/* -- user agent -------------------------------------------------------------------------------- */

#if defined(__linux__)
#define OS_NAME "linux"
#elif defined(__APPLE__)
#define OS_NAME "macos"
#else
#define OS_NAME "other"
#endif

static int load_user_agent(
    const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    const char *extra = source->options->user_agent_extra, *app, *trace;
    struct ath__buf text;
    int rc = ath__source_setting(source, "AWS_SDK_UA_APP_ID", "sdk_ua_app_id", &app, err);
    if (rc)
        return rc;
    if (ath__is_given(extra) && has_control(extra))
        return ath__err_set(err, ATH_ERR_INVALID, "user_agent_extra holds control characters");
    if (app && (has_control(app) || strchr(app, ' ')))
        return ath__err_set(
            err, ATH_ERR_CONFIG, "AWS_SDK_UA_APP_ID holds blanks or control characters");
    ath__buf_init(&text, 4096);
    rc = ath__buf_add_str(&text, "libathena/");
    const char *const parts[] = {
        ath_version(),
        " os/" OS_NAME,
        ath__is_given(extra) ? " " : "",
        ath__is_given(extra) ? extra : "",
        app ? " app/" : "",
        app ? app : ""};
    for (size_t i = 0; !rc && i < sizeof parts / sizeof *parts; i++)
        rc = ath__buf_add_str(&text, parts[i]);
    if (!rc && !(out->user_agent = ath__arena_copy(&out->arena, ath__buf_slice(&text))))
        rc = ATH_ERR_NOMEM;
    ath__buf_clear(&text);
    trace = ath__source_env(source, "_X_AMZN_TRACE_ID");
    if (!rc && trace && !has_control(trace) &&
        ath__source_env(source, "AWS_LAMBDA_FUNCTION_NAME") && !(out->trace_id = keep(out, trace)))
        rc = ATH_ERR_NOMEM;
    if (rc == ATH_ERR_TOO_LARGE)
        return ath__err_set(err, ATH_ERR_INVALID, "user_agent_extra is longer than 4,000 bytes");
    return rc ? ath__err_nomem(err) : 0;
}

/* -- numbers ----------------------------------------------------------------------------------- */

static int load_count(
    const char *name, int32_t option, uint32_t standard, uint32_t *out, struct ath_error *err) {
    *out = option > 0 ? (uint32_t)option : standard;
    return ath__check_range(name, option, 0, INT32_MAX, err);
}

static int
load_numbers(const struct ath_client_options *o, struct ath__config *out, struct ath_error *err) {
    const struct {
        const char *name;
        int32_t option;
        uint32_t standard;
        uint32_t *out;
    } counts[] = {
        {"connect_timeout_ms", o->connect_timeout_ms, 10000, &out->connect_timeout_ms},
        {"read_timeout_ms", o->read_timeout_ms, 60000, &out->read_timeout_ms},
        {"call_timeout_ms", o->call_timeout_ms, 60000, &out->call_timeout_ms},
        {"start_timeout_ms", o->start_timeout_ms, 300000, &out->start_timeout_ms},
        {"connections_per_host", o->connections_per_host, 64, &out->host_max},
        {"retry_attempts", o->retry_attempts, 5, &out->retry_attempts},
        {"retry_multiplier_ms", o->retry_multiplier_ms, 1000, &out->retry_multiplier_ms},
        {"retry_delay_max_ms", o->retry_delay_max_ms, 100000, &out->retry_delay_max_ms},
        {"transient_attempts", o->transient_attempts, 5, &out->transient_attempts},
    };
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof counts / sizeof *counts; i++)
        rc = load_count(counts[i].name, counts[i].option, counts[i].standard, counts[i].out, err);
    if (!rc)
        rc = ath__check_range("budget_bytes", o->budget_bytes, 0, INT64_MAX, err);
    out->budget_bytes = o->budget_bytes > 0 ? o->budget_bytes : (int64_t)64 << 20;
    out->retry_base = o->retry_base > 0 || o->retry_base < 0 ? o->retry_base : 2.0;
    out->quota_share = o->quota_share > 0 || o->quota_share < 0 ? o->quota_share : 1.0;
    /* Written so that NaN fails, which compares false with everything. */
    bool is_nan = o->retry_base != o->retry_base || o->quota_share != o->quota_share;
    if (!rc && (is_nan || !(out->retry_base >= 1.0 && out->retry_base <= 1000.0)))
        rc = ath__err_set(err, ATH_ERR_INVALID, "retry_base must lie within 1 and 1000");
    if (!rc && !(out->quota_share > 0.0 && out->quota_share <= 1.0))
        rc = ath__err_set(err, ATH_ERR_INVALID, "quota_share must be above 0 and at most 1");
    if (!rc && ath__is_given(o->retry_codes) && !(out->retry_codes = keep(out, o->retry_codes)))
        rc = ath__err_nomem(err);
    return rc;
}

/* -- all --------------------------------------------------------------------------------------- */

static const char *get_process_env(const char *name, void *user) {
    (void)user;
    return getenv(name);
}

static int
load(const struct ath__config_source *source, struct ath__config *out, struct ath_error *err) {
    int rc = load_numbers(source->options, out, err);
    if (!rc && source->profile_exists && !(out->profile = keep(out, source->profile)))
        rc = ath__err_nomem(err);
    if (!rc)
        rc = load_region(source, out, err);
    if (!rc)
        rc = load_endpoints(source, out, err);
    if (!rc)
        rc = ath__s3_config_load(source, out, err);
    if (!rc)
        rc = load_tls(source, out, err);
    if (!rc)
        rc = load_proxies(source, out, err);
    if (!rc)
        rc = load_user_agent(source, out, err);
    return rc ? rc : ath__keys_find(source, out, err);
}

int ath__config_load(
    const struct ath_client_options *options,
    ath__getenv_fn *getenv_fn,
    void *user,
    struct ath__config *out,
    struct ath_error *err) {
    struct ath__config_source source;
    *out = (struct ath__config){0};
    int rc = ath__source_init(&source, options, getenv_fn ? getenv_fn : get_process_env, user, err);
    if (!rc)
        rc = load(&source, out, err);
    ath__source_clear(&source);
    return rc;
}

void ath__config_clear(struct ath__config *config) {
    ath__arena_clear(&config->arena);
    *config = (struct ath__config){0};
}
