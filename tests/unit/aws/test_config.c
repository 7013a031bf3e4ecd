#include "../base/hooks.h"
#include "env.h"

#include "aws/config.h"

#include <math.h>

/* What most cases start from: a region, and requests that need no keys. */
struct fixture {
    struct env env;
    struct ath_client_options options;
    struct ath__config config;
    struct ath_error err;
};

static int set_up(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    env_init(&f->env);
    f->options = (struct ath_client_options){
        .size = sizeof f->options,
        .region = "us-east-1",
        .credentials_source = ATH_CREDENTIALS_NONE,
    };
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    ath__config_clear(&f->config);
    env_clear(&f->env);
    test_free(f);
    return 0;
}

static int load(struct fixture *f) {
    ath__config_clear(&f->config);
    return ath__config_load(&f->options, env_get, &f->env, &f->config, &f->err);
}

static void load_well(struct fixture *f) {
    if (load(f))
        fail_msg("%s", f->err.message);
}

static void load_badly(struct fixture *f, int code, const char *part) {
    assert_int_equal(load(f), code);
    assert_int_equal(f->err.code, code);
    assert_contains(f->err.message, part);
}

/* -- defaults and numbers
 * -------------------------------------------------------------------------- */

static void test_load_gives_the_documented_defaults(void **state) {
    struct fixture *f = *state;
    load_well(f);
    assert_string_equal(f->config.region, "us-east-1");
    assert_null(f->config.profile);
    assert_string_equal(f->config.athena.host, "athena.us-east-1.amazonaws.com");
    assert_true(f->config.athena.https);
    assert_true(f->config.athena_is_aws);
    assert_null(f->config.s3.host);
    assert_int_equal(f->config.keys_source, ATH__KEYS_UNSIGNED);
    assert_int_equal(f->config.connect_timeout_ms, 10000);
    assert_int_equal(f->config.read_timeout_ms, 60000);
    assert_int_equal(f->config.call_timeout_ms, 60000);
    assert_int_equal(f->config.start_timeout_ms, 300000);
    assert_int_equal(f->config.host_max, 64);
    assert_int_equal(f->config.retry_attempts, 5);
    assert_int_equal(f->config.retry_multiplier_ms, 1000);
    assert_int_equal(f->config.retry_delay_max_ms, 100000);
    assert_int_equal(f->config.transient_attempts, 5);
    assert_true(f->config.retry_base > 1.99 && f->config.retry_base < 2.01);
    assert_true(f->config.quota_share > 0.99);
    assert_true(f->config.budget_bytes == 64 << 20);
    assert_null(f->config.athena_proxy);
    assert_null(f->config.trace_id);
    assert_contains(f->config.user_agent, "libathena/");
    assert_contains(f->config.user_agent, ath_version());
}

static void test_load_refuses_numbers_out_of_range(void **state) {
    struct fixture *f = *state;
    f->options.read_timeout_ms = -1;
    load_badly(f, ATH_ERR_INVALID, "read_timeout_ms");
    f->options.read_timeout_ms = 0;
    f->options.quota_share = 1.5;
    load_badly(f, ATH_ERR_INVALID, "quota_share");
    f->options.quota_share = -0.5;
    load_badly(f, ATH_ERR_INVALID, "quota_share");
    f->options.quota_share = (double)NAN;
    load_badly(f, ATH_ERR_INVALID, "");
    f->options.quota_share = 0;
    f->options.retry_base = 0.5;
    load_badly(f, ATH_ERR_INVALID, "retry_base");
    f->options.retry_base = (double)NAN;
    load_badly(f, ATH_ERR_INVALID, "retry_base");
    f->options.retry_base = 0;
    f->options.budget_bytes = -1;
    load_badly(f, ATH_ERR_INVALID, "budget_bytes");
    f->options.budget_bytes = 0;
    f->options.credentials_source = 7;
    load_badly(f, ATH_ERR_INVALID, "credentials_source");
}

/* -- region
 * ---------------------------------------------------------------------------------------- */

static void test_load_takes_the_region_in_order(void **state) {
    struct fixture *f = *state;
    env_write(&f->env, "config", "[default]\nregion = r-config\n");
    env_set(&f->env, "AWS_REGION", "r-env");
    env_set(&f->env, "AWS_DEFAULT_REGION", "r-default");
    f->options.region = "r-option";
    load_well(f);
    assert_string_equal(f->config.region, "r-option");
    assert_string_equal(f->config.profile, "default");
    f->options.region = NULL;
    load_well(f);
    assert_string_equal(f->config.region, "r-env");
    env_set(&f->env, "AWS_REGION", "");
    load_well(f);
    assert_string_equal(f->config.region, "r-default");
    env_set(&f->env, "AWS_DEFAULT_REGION", NULL);
    load_well(f);
    assert_string_equal(f->config.region, "r-config");
    env_write(&f->env, "credentials", "[default]\nregion = r-credentials\n");
    load_well(f);
    assert_string_equal(f->config.region, "r-credentials");
}

static void test_load_refuses_no_region_and_bad_ones(void **state) {
    struct fixture *f = *state;
    f->options.region = NULL;
    load_badly(f, ATH_ERR_CONFIG, "no region: set region_name, AWS_REGION or `region` in");
    env_set(&f->env, "AWS_REGION", "evil.com/");
    load_badly(f, ATH_ERR_CONFIG, "evil.com/");
    f->options.region = "a.b";
    load_badly(f, ATH_ERR_INVALID, "a.b");
}

/* -- profile
 * --------------------------------------------------------------------------------------- */

static void test_load_finds_the_profile_in_either_file(void **state) {
    struct fixture *f = *state;
    f->options.region = NULL;
    env_write(&f->env, "config", "[profile a]\nregion = r-a\n[b]\nregion = r-b\n");
    env_write(&f->env, "credentials", "[c]\nregion = r-c\n");
    f->options.profile = "a";
    load_well(f);
    assert_string_equal(f->config.region, "r-a");
    assert_string_equal(f->config.profile, "a");
    f->options.profile = NULL;
    env_set(&f->env, "AWS_PROFILE", "c");
    load_well(f);
    assert_string_equal(f->config.region, "r-c");
    env_set(&f->env, "AWS_PROFILE", "b");
    load_badly(f, ATH_ERR_CONFIG, "profile 'b'");
    f->options.profile = "missing";
    load_badly(f, ATH_ERR_CONFIG, "profile 'missing'");
    assert_contains(f->err.message, f->env.home);
}

static void test_load_reads_the_files_the_variables_name(void **state) {
    struct fixture *f = *state;
    char path[128];
    f->options.region = NULL;
    env_write(&f->env, "other", "[default]\nregion = r-other\n");
    env_path(&f->env, "other", path);
    env_set(&f->env, "AWS_CONFIG_FILE", path);
    load_well(f);
    assert_string_equal(f->config.region, "r-other");
    env_set(&f->env, "AWS_CONFIG_FILE", "~/.aws/other");
    load_well(f);
    env_set(&f->env, "AWS_CONFIG_FILE", "~/.aws/none");
    load_badly(f, ATH_ERR_CONFIG, "no region");
    env_set(&f->env, "AWS_CONFIG_FILE", "/dev/null");
    load_badly(f, ATH_ERR_CONFIG, "no region");
    env_set(&f->env, "AWS_CONFIG_FILE", f->env.home);
    load_badly(f, ATH_ERR_CONFIG, "no regular file");
}

static void test_load_names_file_and_line_of_a_broken_file(void **state) {
    struct fixture *f = *state;
    env_write(&f->env, "config", "[default]\n\nwhat is this\n");
    load_badly(f, ATH_ERR_CONFIG, "/.aws/config, line 3:");
    env_write(&f->env, "config", "[default]\nservices = a\n  b\n");
    load_badly(f, ATH_ERR_CONFIG, "line 2: the value of services goes over several lines");
}

/* -- endpoints
 * ------------------------------------------------------------------------------------- */

static void test_load_takes_the_endpoint_in_order(void **state) {
    struct fixture *f = *state;
    env_write(
        &f->env,
        "config",
        "[default]\nendpoint_url = http://profile\nservices = dev\n[services dev]\nathena =\n"
        "  endpoint_url = http://services\n");
    env_set(&f->env, "AWS_ENDPOINT_URL", "http://all");
    env_set(&f->env, "AWS_ENDPOINT_URL_ATHENA", "http://mine:81/x/");
    f->options.endpoint_url = "https://option";
    load_well(f);
    assert_string_equal(f->config.athena.host, "option");
    assert_false(f->config.athena_is_aws);
    assert_string_equal(f->config.s3.host, "all");
    f->options.endpoint_url = NULL;
    load_well(f);
    assert_string_equal(f->config.athena.authority, "mine:81");
    assert_string_equal(f->config.athena.path, "/x");
    env_set(&f->env, "AWS_ENDPOINT_URL_ATHENA", NULL);
    load_well(f);
    assert_string_equal(f->config.athena.host, "all");
    env_set(&f->env, "AWS_ENDPOINT_URL", NULL);
    load_well(f);
    assert_string_equal(f->config.athena.host, "services");
    assert_string_equal(f->config.s3.host, "profile");
    env_set(&f->env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE");
    load_well(f);
    assert_true(f->config.athena_is_aws);
    assert_null(f->config.s3.host);
    f->options.endpoint_url = "http://option";
    load_well(f);
    assert_string_equal(f->config.athena.host, "option");
}

static void test_load_refuses_broken_endpoints(void **state) {
    struct fixture *f = *state;
    env_write(&f->env, "config", "[default]\nservices = gone\n");
    load_badly(f, ATH_ERR_CONFIG, "[services gone]");
    env_write(&f->env, "config", "[default]\nendpoint_url = nonsense\n");
    load_badly(f, ATH_ERR_CONFIG, "the profile's endpoint_url:");
    env_set(&f->env, "AWS_ENDPOINT_URL_S3", "http://u@s3");
    f->options.endpoint_url = "http://a";
    load_badly(f, ATH_ERR_CONFIG, "AWS_ENDPOINT_URL_S3:");
    env_set(&f->env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "yes");
    load_badly(f, ATH_ERR_CONFIG, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
}

static void test_load_builds_fips_and_dualstack_hosts(void **state) {
    struct fixture *f = *state;
    env_set(&f->env, "AWS_USE_FIPS_ENDPOINT", "true");
    env_write(&f->env, "config", "[default]\nuse_dualstack_endpoint = true\n");
    load_well(f);
    assert_string_equal(f->config.athena.host, "athena-fips.us-east-1.api.aws");
    f->options.use_fips = -1;
    load_well(f);
    assert_string_equal(f->config.athena.host, "athena.us-east-1.api.aws");
    f->options.endpoint_url = "http://a";
    load_badly(f, ATH_ERR_CONFIG, "endpoint_url cannot be joined with dual-stack");
    f->options.use_dualstack = -1;
    load_well(f);
    f->options.use_fips = 1;
    load_badly(f, ATH_ERR_CONFIG, "FIPS");
    f->options.use_fips = 2;
    load_badly(f, ATH_ERR_INVALID, "use_fips");
}

/* -- TLS
 * ------------------------------------------------------------------------------------------- */

static void test_load_takes_the_ca_file_in_order(void **state) {
    struct fixture *f = *state;
    char path[128], line[256];
    env_write(&f->env, "ca.pem", "x");
    env_path(&f->env, "ca.pem", path);
    env_set(&f->env, "SSL_CERT_FILE", path);
    load_well(f);
    assert_string_equal(f->config.ca_file, path);
    snprintf(line, sizeof line, "[default]\nca_bundle = %s.gone\n", path);
    env_write(&f->env, "config", line);
    load_badly(f, ATH_ERR_CONFIG, "ca_bundle");
    env_set(&f->env, "AWS_CA_BUNDLE", path);
    load_well(f);
    f->options.ca_file = "/nonexistent/ca";
    load_badly(f, ATH_ERR_CONFIG, "ca_file: /nonexistent/ca");
    f->options.tls_verify_off = 1;
    load_well(f);
    assert_null(f->config.ca_file);
    assert_true(f->config.tls_verify_off);
}

static void test_load_checks_client_certificates(void **state) {
    struct fixture *f = *state;
    f->options.tls_verify_off = 1;
    f->options.client_key = "/etc/passwd";
    load_badly(f, ATH_ERR_INVALID, "client_key needs client_cert");
    f->options.client_cert = "/nonexistent/cert";
    load_badly(f, ATH_ERR_CONFIG, "client_cert");
    f->options.client_cert = "/etc/passwd";
    load_well(f);
    assert_string_equal(f->config.client_cert, "/etc/passwd");
    assert_string_equal(f->config.client_key, "/etc/passwd");
}

/* -- proxies
 * --------------------------------------------------------------------------------------- */

static void test_load_takes_proxies_in_order(void **state) {
    struct fixture *f = *state;
    env_set(&f->env, "HTTPS_PROXY", "http://upper:1");
    env_set(&f->env, "HTTP_PROXY", "http://plain:1");
    load_well(f);
    assert_string_equal(f->config.athena_proxy, "http://upper:1");
    assert_string_equal(f->config.http_proxy, "http://plain:1");
    env_set(&f->env, "https_proxy", "http://lower:1");
    load_well(f);
    assert_string_equal(f->config.athena_proxy, "http://lower:1");
    f->options.https_proxy = "http://option:1";
    load_well(f);
    assert_string_equal(f->config.athena_proxy, "http://option:1");
    f->options.https_proxy = "";
    load_well(f);
    assert_null(f->config.athena_proxy);
    f->options.endpoint_url = "http://athena.local";
    load_well(f);
    assert_string_equal(f->config.athena_proxy, "http://plain:1");
    env_set(&f->env, "NO_PROXY", "x, .local");
    load_well(f);
    assert_null(f->config.athena_proxy);
    env_set(&f->env, "no_proxy", "y");
    load_well(f);
    assert_non_null(f->config.athena_proxy);
    f->options.no_proxy = "*";
    load_well(f);
    assert_null(f->config.athena_proxy);
}

static void test_load_ignores_a_requests_proxy_header(void **state) {
    struct fixture *f = *state;
    env_set(&f->env, "HTTP_PROXY", "http://attacker:1");
    env_set(&f->env, "REQUEST_METHOD", "GET");
    load_well(f);
    assert_null(f->config.http_proxy);
    env_set(&f->env, "http_proxy", "http://ours:1");
    load_well(f);
    assert_string_equal(f->config.http_proxy, "http://ours:1");
}

static void test_load_refuses_a_proxy_without_showing_it(void **state) {
    struct fixture *f = *state;
    env_set(&f->env, "https_proxy", "ftp://user:hunter2@p");
    load_badly(f, ATH_ERR_CONFIG, "https_proxy");
    assert_null(strstr(f->err.message, "hunter2"));
}

/* -- user agent
 * ------------------------------------------------------------------------------------ */

static void test_load_builds_the_user_agent(void **state) {
    struct fixture *f = *state;
    char big[5000];
    f->options.user_agent_extra = "PyAthena/4";
    env_set(&f->env, "AWS_SDK_UA_APP_ID", "my-app");
    load_well(f);
    assert_true(ath__slice_ends(ath__slice_str(f->config.user_agent), " PyAthena/4 app/my-app"));
    f->options.user_agent_extra = "a\r\nX: y";
    load_badly(f, ATH_ERR_INVALID, "user_agent_extra");
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    f->options.user_agent_extra = big;
    load_badly(f, ATH_ERR_INVALID, "user_agent_extra");
    f->options.user_agent_extra = NULL;
    env_set(&f->env, "AWS_SDK_UA_APP_ID", "a\nb");
    load_badly(f, ATH_ERR_CONFIG, "AWS_SDK_UA_APP_ID");
}

static void test_load_takes_the_trace_id_inside_lambda_only(void **state) {
    struct fixture *f = *state;
    env_set(&f->env, "_X_AMZN_TRACE_ID", "Root=1");
    load_well(f);
    assert_null(f->config.trace_id);
    env_set(&f->env, "AWS_LAMBDA_FUNCTION_NAME", "fn");
    load_well(f);
    assert_string_equal(f->config.trace_id, "Root=1");
    env_set(&f->env, "_X_AMZN_TRACE_ID", "a\r\nb");
    load_well(f);
    assert_null(f->config.trace_id);
}

/* -- credentials
 * ----------------------------------------------------------------------------------- */

static void expect_keys(
    const struct fixture *f,
    const char *id,
    const char *secret,
    const char *token,
    const char *origin) {
    assert_int_equal(f->config.keys_source, ATH__KEYS_STATIC);
    assert_string_equal(f->config.access_key_id, id);
    assert_string_equal(f->config.secret_access_key, secret);
    if (token)
        assert_string_equal(f->config.session_token, token);
    else
        assert_null(f->config.session_token);
    assert_contains(f->config.keys_origin, origin);
}

static void test_keys_find_options_before_the_environment(void **state) {
    struct fixture *f = *state;
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    env_set(&f->env, "AWS_ACCESS_KEY_ID", "E");
    env_set(&f->env, "AWS_SECRET_ACCESS_KEY", "es");
    env_set(&f->env, "AWS_SESSION_TOKEN", "et");
    env_set(&f->env, "AWS_CREDENTIAL_EXPIRATION", "2026-01-31T23:59:59Z");
    load_well(f);
    expect_keys(f, "E", "es", "et", "the environment");
    assert_true(f->config.keys_expire_at == 1769903999);
    f->options.access_key_id = "O";
    load_badly(f, ATH_ERR_INVALID, "secret_access_key");
    f->options.secret_access_key = "os";
    load_well(f);
    expect_keys(f, "O", "os", NULL, "the options");
    assert_true(f->config.keys_expire_at == 0);
    f->options.access_key_id = NULL;
    load_badly(f, ATH_ERR_INVALID, "access_key_id");
    f->options.secret_access_key = NULL;
    f->options.session_token = "t";
    load_badly(f, ATH_ERR_INVALID, "access_key_id");
}

static void test_keys_find_refuses_half_pairs_and_bad_bytes(void **state) {
    struct fixture *f = *state;
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    env_set(&f->env, "AWS_ACCESS_KEY_ID", "E");
    load_badly(f, ATH_ERR_CREDENTIALS, "AWS_SECRET_ACCESS_KEY");
    env_set(&f->env, "AWS_SECRET_ACCESS_KEY", "hunter2 \n");
    load_badly(f, ATH_ERR_CREDENTIALS, "the environment");
    assert_null(strstr(f->err.message, "hunter2"));
    env_set(&f->env, "AWS_SECRET_ACCESS_KEY", "s");
    env_set(&f->env, "AWS_CREDENTIAL_EXPIRATION", "soon");
    load_badly(f, ATH_ERR_CREDENTIALS, "AWS_CREDENTIAL_EXPIRATION");
    env_set(&f->env, "AWS_ACCESS_KEY_ID", NULL);
    env_write(&f->env, "credentials", "[default]\naws_access_key_id = A\n");
    load_badly(f, ATH_ERR_CREDENTIALS, "aws_secret_access_key");
}

static void test_keys_find_a_named_profile_beats_the_environment(void **state) {
    struct fixture *f = *state;
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    env_set(&f->env, "AWS_ACCESS_KEY_ID", "E");
    env_set(&f->env, "AWS_SECRET_ACCESS_KEY", "es");
    env_write(
        &f->env,
        "credentials",
        "[p]\naws_access_key_id = P\naws_secret_access_key = ps\naws_session_token = pt\n");
    env_set(&f->env, "AWS_PROFILE", "p");
    load_well(f);
    expect_keys(f, "E", "es", NULL, "the environment");
    f->options.profile = "p";
    load_well(f);
    expect_keys(f, "P", "ps", "pt", "profile 'p' in ");
}

static void test_keys_find_files_in_order(void **state) {
    struct fixture *f = *state;
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    env_write(
        &f->env,
        "config",
        "[default]\naws_access_key_id = C\naws_secret_access_key = cs\n"
        "[profile p]\naws_access_key_id = CP\naws_secret_access_key = cps\n"
        "credential_process = /bin/tool \"a b\"\n");
    load_well(f);
    expect_keys(f, "C", "cs", NULL, "/.aws/config");
    env_write(
        &f->env, "credentials", "[default]\naws_access_key_id = D\naws_secret_access_key = ds\n");
    load_well(f);
    expect_keys(f, "D", "ds", NULL, "/.aws/credentials");
    f->options.profile = "p";
    load_well(f);
    assert_int_equal(f->config.keys_source, ATH__KEYS_PROCESS);
    assert_string_equal(f->config.process_argv[0], "/bin/tool");
    assert_string_equal(f->config.process_argv[1], "a b");
    assert_null(f->config.process_argv[2]);
    assert_null(f->config.secret_access_key);
}

static void test_keys_find_refuses_sources_it_cannot_read(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *keys, *part;
    } cases[] = {
        {"role_arn = a\nsource_profile = b\n", "role_arn"},
        {"role_arn = a\nweb_identity_token_file = b\n", "web_identity_token_file"},
        {"sso_session = s\nsso_account_id = 1\nsso_role_name = r\n", "uses SSO"},
        {"login_session = l\n", "login_session"},
    };
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    f->options.profile = "x";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(
            text,
            sizeof text,
            "[profile x]\ncredential_process = t\naws_access_key_id = A\n%s",
            cases[i].keys);
        env_write(&f->env, "config", text);
        load_badly(f, ATH_ERR_CREDENTIALS, cases[i].part);
        assert_contains(f->err.message, "session=boto3.Session(profile_name='x')");
        f->options.credentials_source = ATH_CREDENTIALS_EXTERNAL;
        load_well(f);
        assert_int_equal(f->config.keys_source, ATH__KEYS_EXTERNAL);
        f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    }
}

static void test_keys_find_refuses_environments_it_cannot_read(void **state) {
    struct fixture *f = *state;
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    load_badly(f, ATH_ERR_CREDENTIALS, "no credentials: looked at");
    assert_contains(f->err.message, "/.aws/credentials");
    assert_contains(f->err.message, "boto3.Session()");
    env_set(&f->env, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x");
    load_badly(f, ATH_ERR_CREDENTIALS, "container credentials");
    env_set(&f->env, "AWS_WEB_IDENTITY_TOKEN_FILE", "/x");
    load_badly(f, ATH_ERR_CREDENTIALS, "AWS_WEB_IDENTITY_TOKEN_FILE");
}

static void test_keys_find_refuses_a_broken_command(void **state) {
    struct fixture *f = *state;
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    env_write(&f->env, "config", "[default]\ncredential_process = tool 'x\n");
    load_badly(f, ATH_ERR_CONFIG, "a quote is not closed");
}

/* Neither what was read nor what was kept of it lies about once the configuration is gone. */
static void test_config_clear_leaves_no_secret(void **state) {
    struct fixture *f = *state;
    struct hooks hooks;
    f->options.credentials_source = ATH_CREDENTIALS_CHAIN;
    env_write(
        &f->env,
        "credentials",
        "[default]\naws_access_key_id = AKID\naws_secret_access_key = hunter2\n");
    hooks_set(&hooks);
    hooks.secret = "hunter2";
    int rc = load(f);
    assert_string_equal(f->config.secret_access_key, "hunter2");
    ath__config_clear(&f->config);
    hooks_unset(&hooks);
    assert_int_equal(rc, 0);
    assert_false(hooks.found);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_load_gives_the_documented_defaults),
        CASE(test_load_refuses_numbers_out_of_range),
        CASE(test_load_takes_the_region_in_order),
        CASE(test_load_refuses_no_region_and_bad_ones),
        CASE(test_load_finds_the_profile_in_either_file),
        CASE(test_load_reads_the_files_the_variables_name),
        CASE(test_load_names_file_and_line_of_a_broken_file),
        CASE(test_load_takes_the_endpoint_in_order),
        CASE(test_load_refuses_broken_endpoints),
        CASE(test_load_builds_fips_and_dualstack_hosts),
        CASE(test_load_takes_the_ca_file_in_order),
        CASE(test_load_checks_client_certificates),
        CASE(test_load_takes_proxies_in_order),
        CASE(test_load_ignores_a_requests_proxy_header),
        CASE(test_load_refuses_a_proxy_without_showing_it),
        CASE(test_load_builds_the_user_agent),
        CASE(test_load_takes_the_trace_id_inside_lambda_only),
        CASE(test_keys_find_options_before_the_environment),
        CASE(test_keys_find_refuses_half_pairs_and_bad_bytes),
        CASE(test_keys_find_a_named_profile_beats_the_environment),
        CASE(test_keys_find_files_in_order),
        CASE(test_keys_find_refuses_sources_it_cannot_read),
        CASE(test_keys_find_refuses_environments_it_cannot_read),
        CASE(test_keys_find_refuses_a_broken_command),
        CASE(test_config_clear_leaves_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
