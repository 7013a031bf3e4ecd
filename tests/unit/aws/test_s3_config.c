#include "env.h"

#include "aws/config.h"

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

static void load(struct fixture *f, int code) {
    ath__config_clear(&f->config);
    int rc = ath__config_load(&f->options, env_get, &f->env, &f->config, &f->err);
    if (rc != code)
        fail_msg("%d, not %d: %s", rc, code, rc ? f->err.message : "");
}

static void test_load_by_default(void **state) {
    struct fixture *f = *state;
    load(f, 0);
    assert_int_equal(f->config.s3_addressing, 0);
    assert_int_equal(f->config.s3_checksums, 1);
    assert_false(f->config.s3_accelerate);
    assert_false(f->config.s3_payload_signing);
    f->options.s3_endpoint_url = "http://localhost:9000";
    load(f, 0);
    assert_int_equal(f->config.s3_checksums, 2);
}

static void test_load_from_the_profile(void **state) {
    struct fixture *f = *state;
    env_write(
        &f->env,
        "config",
        "[default]\nrequest_checksum_calculation = WHEN_REQUIRED\ns3 =\n"
        "  addressing_style = Virtual\n  use_accelerate_endpoint = true\n"
        "  payload_signing_enabled = TRUE\n[profile p]\ns3 =\n  addressing_style = path\n");
    load(f, 0);
    assert_int_equal(f->config.s3_addressing, 2);
    assert_int_equal(f->config.s3_checksums, 2);
    assert_true(f->config.s3_accelerate);
    assert_true(f->config.s3_payload_signing);
    f->options.profile = "p";
    load(f, 0);
    assert_int_equal(f->config.s3_addressing, 1);
    assert_int_equal(f->config.s3_checksums, 1);
    assert_false(f->config.s3_accelerate);
    env_write(&f->env, "credentials", "[p]\ns3 =\n  addressing_style = auto\n");
    load(f, 0);
    assert_int_equal(f->config.s3_addressing, 0);
}

static void test_load_prefers_options_then_the_environment(void **state) {
    struct fixture *f = *state;
    env_write(
        &f->env,
        "config",
        "[default]\nrequest_checksum_calculation = when_required\ns3 =\n"
        "  addressing_style = path\n  use_accelerate_endpoint = true\n");
    env_set(&f->env, "AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported");
    load(f, 0);
    assert_int_equal(f->config.s3_checksums, 1);
    f->options.s3_checksums = 2;
    f->options.s3_addressing = 2;
    f->options.s3_accelerate = -1;
    f->options.s3_payload_signing = 1;
    load(f, 0);
    assert_int_equal(f->config.s3_checksums, 2);
    assert_int_equal(f->config.s3_addressing, 2);
    assert_false(f->config.s3_accelerate);
    assert_true(f->config.s3_payload_signing);
}

static void test_load_refuses_values(void **state) {
    struct fixture *f = *state;
    static const char *const values[][2] = {
        {"addressing_style = dns", "'dns'"},
        {"use_accelerate_endpoint = yes", "use_accelerate_endpoint"},
        {"payload_signing_enabled = 1", "payload_signing_enabled"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[100];
        snprintf(text, sizeof text, "[default]\ns3 =\n  %s\n", values[i][0]);
        env_write(&f->env, "config", text);
        load(f, ATH_ERR_CONFIG);
        assert_contains(f->err.message, values[i][1]);
    }
    env_write(&f->env, "config", "[default]\nrequest_checksum_calculation = never\n");
    load(f, ATH_ERR_CONFIG);
    assert_contains(f->err.message, "when_supported or when_required");
    env_write(&f->env, "config", "");
    f->options.s3_addressing = 3;
    load(f, ATH_ERR_INVALID);
    f->options.s3_addressing = 0;
    f->options.s3_checksums = -1;
    load(f, ATH_ERR_INVALID);
    f->options.s3_checksums = 0;
    f->options.s3_accelerate = 2;
    load(f, ATH_ERR_INVALID);
    f->options.s3_accelerate = 0;
    f->options.s3_payload_signing = -2;
    load(f, ATH_ERR_INVALID);
    assert_contains(f->err.message, "s3_payload_signing");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_load_by_default),
        CASE(test_load_from_the_profile),
        CASE(test_load_prefers_options_then_the_environment),
        CASE(test_load_refuses_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
