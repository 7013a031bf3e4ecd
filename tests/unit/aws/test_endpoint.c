#include "testing.h"

#include "aws/endpoint.h"

static void test_region_host_by_partition(void **state) {
    (void)state;
    static const struct {
        const char *region;
        bool fips, dualstack;
        const char *host;
    } cases[] = {
        {"us-east-1", false, false, "athena.us-east-1.amazonaws.com"},
        {"us-east-1", true, false, "athena-fips.us-east-1.amazonaws.com"},
        {"us-east-1", false, true, "athena.us-east-1.api.aws"},
        {"us-east-1", true, true, "athena-fips.us-east-1.api.aws"},
        {"mx-central-1", false, false, "athena.mx-central-1.amazonaws.com"},
        {"cn-north-1", false, false, "athena.cn-north-1.amazonaws.com.cn"},
        {"cn-north-1", false, true, "athena.cn-north-1.api.amazonwebservices.com.cn"},
        {"us-gov-west-1", true, false, "athena-fips.us-gov-west-1.amazonaws.com"},
        {"eusc-de-east-1", false, false, "athena.eusc-de-east-1.amazonaws.eu"},
        {"us-iso-east-1", false, false, "athena.us-iso-east-1.c2s.ic.gov"},
        {"us-isob-east-1", false, false, "athena.us-isob-east-1.sc2s.sgov.gov"},
        {"eu-isoe-west-1", false, false, "athena.eu-isoe-west-1.cloud.adc-e.uk"},
        {"us-isof-south-1", false, false, "athena.us-isof-south-1.csp.hci.ic.gov"},
        {"zz-new-9", false, false, "athena.zz-new-9.amazonaws.com"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[256];
        ath__region_host("athena", cases[i].region, cases[i].fips, cases[i].dualstack, host);
        assert_string_equal(host, cases[i].host);
    }
}

static void test_region_is_valid_guards_the_host(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "-a",
        "a-",
        "us.east",
        "us-east-1/x",
        "a b",
        "a@b",
        "\xc3\xa9",
        "a:1",
        "a#",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    assert_true(ath__region_is_valid("us-east-1"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ath__region_is_valid(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_region_host_by_partition),
        cmocka_unit_test(test_region_is_valid_guards_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
