#include "aws/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

/* FIPS 180-2's examples, fed in every split. */
static void test_sha256_update_in_steps(void **state) {
    (void)state;
    static const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    char hex[65];
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct ath__sha256 sha = {0};
        assert_int_equal(ath__sha256_update(&sha, ath__slice(text, cut)), 0);
        assert_int_equal(
            ath__sha256_update(&sha, ath__slice(text + cut, sizeof text - 1 - cut)), 0);
        assert_int_equal(ath__sha256_final(&sha, hex), 0);
        assert_string_equal(
            hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        ath__sha256_clear(&sha);
    }
}

static void test_sha256_final_of_nothing(void **state) {
    (void)state;
    struct ath__sha256 sha = {0};
    char hex[65];
    assert_int_equal(ath__sha256_final(&sha, hex), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ath__sha256_clear(&sha);
}

/* RFC 1321's examples; a system whose policy has no MD5 says so. */
static void test_md5_examples(void **state) {
    (void)state;
    char hex[33], text[25];
    int rc = ath__md5_hex(ath__slice_str("message digest"), hex);
    if (rc == ATH_ERR_UNSUPPORTED)
        skip();
    assert_int_equal(rc, 0);
    assert_string_equal(hex, "f96b697d7cb7938d525a2f31aaf161d0");
    assert_int_equal(ath__md5_base64(ath__slice(NULL, 0), text), 0);
    assert_string_equal(text, "1B2M2Y8AsgTpgAmY7PhCfg==");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_update_in_steps),
        cmocka_unit_test(test_sha256_final_of_nothing),
        cmocka_unit_test(test_md5_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
