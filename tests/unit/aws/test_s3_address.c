#include "testing.h"

#include "aws/s3.h"

#include <stdio.h>

struct fixture {
    struct ath__config config;
    struct ath__arena arena;
    struct ath__s3_place place;
    struct ath_error err;
};

static int set_up(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    f->config.region = "eu-west-1";
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    ath__arena_clear(&f->config.arena);
    ath__arena_clear(&f->arena);
    test_free(f);
    return 0;
}

static void use_endpoint(struct fixture *f, const char *url) {
    if (ath__url_parse(ath__slice_str(url), &f->config.arena, &f->config.s3, &f->err))
        fail_msg("%s", f->err.message);
}

static int locate_slice(struct fixture *f, const char *bucket, struct ath_slice key) {
    return ath__s3_locate(&f->config, NULL, bucket, key, &f->arena, &f->place, &f->err);
}

static void locate(
    struct fixture *f,
    const char *bucket,
    const char *key,
    const char *authority,
    const char *path) {
    if (locate_slice(f, bucket, ath__slice_str(key)))
        fail_msg("%s", f->err.message);
    assert_string_equal(f->place.authority, authority);
    assert_string_equal(f->place.path, path);
}

static void
refuse(struct fixture *f, const char *bucket, const char *key, int code, const char *part) {
    assert_int_equal(locate_slice(f, bucket, ath__slice_str(key)), code);
    assert_int_equal(f->err.code, code);
    assert_contains(f->err.message, part);
    assert_null(f->place.host);
}

static void test_locate_on_aws_by_virtual_host(void **state) {
    struct fixture *f = *state;
    locate(f, "my-bucket1", "a/b.csv", "my-bucket1.s3.eu-west-1.amazonaws.com", "/a/b.csv");
    assert_string_equal(f->place.host, f->place.authority);
    assert_true(f->place.https);
    assert_int_equal(f->place.port, 443);
    assert_true(ath__s3_is_aws(&f->config));
    locate(f, "my-bucket1", "", "my-bucket1.s3.eu-west-1.amazonaws.com", "/");
    locate(f, NULL, "", "s3.eu-west-1.amazonaws.com", "/");
}

static void test_locate_on_aws_by_path_where_no_host_fits(void **state) {
    struct fixture *f = *state;
    static const char *const buckets[] = {
        "a.b.c", "Upper", "under_score", "-dash", "dash-", "192.168.5.4"};
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
        char path[40];
        snprintf(path, sizeof path, "/%s/k", buckets[i]);
        locate(f, buckets[i], "k", "s3.eu-west-1.amazonaws.com", path);
    }
    locate(f, "a.b.c", "", "s3.eu-west-1.amazonaws.com", "/a.b.c");
    f->config.s3_addressing = 1;
    locate(f, "bucket", "k", "s3.eu-west-1.amazonaws.com", "/bucket/k");
    f->config.s3_addressing = 2;
    locate(f, "bucket", "k", "bucket.s3.eu-west-1.amazonaws.com", "/k");
    locate(f, "a.b.c", "k", "s3.eu-west-1.amazonaws.com", "/a.b.c/k");
}

static void test_locate_in_another_region_and_partition(void **state) {
    struct fixture *f = *state;
    struct ath_slice key = ath__slice_str("k");
    assert_int_equal(
        ath__s3_locate(&f->config, "us-east-1", "bucket", key, &f->arena, &f->place, NULL), 0);
    assert_string_equal(f->place.host, "bucket.s3.us-east-1.amazonaws.com");
    assert_int_equal(
        ath__s3_locate(&f->config, "a.evil.com/", "bucket", key, &f->arena, &f->place, &f->err),
        ATH_ERR_INVALID);
    f->config.region = "cn-north-1";
    locate(f, "bucket", "k", "bucket.s3.cn-north-1.amazonaws.com.cn", "/k");
}

static void test_locate_variants_of_hosts(void **state) {
    struct fixture *f = *state;
    f->config.use_dualstack = true;
    locate(f, "bucket", "k", "bucket.s3.dualstack.eu-west-1.amazonaws.com", "/k");
    f->config.use_fips = true;
    locate(f, "bucket", "k", "bucket.s3-fips.dualstack.eu-west-1.amazonaws.com", "/k");
    f->config.use_dualstack = false;
    locate(f, "bucket", "k", "bucket.s3-fips.eu-west-1.amazonaws.com", "/k");
}

static void test_locate_accelerated(void **state) {
    struct fixture *f = *state;
    f->config.s3_accelerate = true;
    locate(f, "bucket", "k", "bucket.s3-accelerate.amazonaws.com", "/k");
    locate(f, "bucket", "", "bucket.s3.eu-west-1.amazonaws.com", "/");
    locate(f, NULL, "", "s3.eu-west-1.amazonaws.com", "/");
    refuse(f, "a.b.c", "k", ATH_ERR_INVALID, "'a.b.c'");
    f->config.use_dualstack = true;
    locate(f, "bucket", "k", "bucket.s3-accelerate.dualstack.amazonaws.com", "/k");
    f->config.use_fips = true;
    refuse(f, "bucket", "k", ATH_ERR_CONFIG, "FIPS");
    f->config.use_fips = false;
    f->config.s3_addressing = 1;
    refuse(f, "bucket", "k", ATH_ERR_CONFIG, "path-style");
    use_endpoint(f, "http://localhost:9000");
    refuse(f, "bucket", "k", ATH_ERR_CONFIG, "configured S3 endpoint");
}

static void test_locate_at_a_configured_endpoint(void **state) {
    struct fixture *f = *state;
    use_endpoint(f, "http://localhost:9000/store");
    assert_false(ath__s3_is_aws(&f->config));
    locate(f, "b", "k", "localhost:9000", "/store/b/k");
    assert_string_equal(f->place.host, "localhost");
    assert_int_equal(f->place.port, 9000);
    assert_false(f->place.https);
    locate(f, NULL, "", "localhost:9000", "/store/");
    f->config.s3_addressing = 2;
    locate(f, "bucket", "k", "bucket.localhost:9000", "/store/k");
    assert_string_equal(f->place.host, "bucket.localhost");
    locate(f, "a.b.c", "k", "a.b.c.localhost:9000", "/store/k");
    use_endpoint(f, "https://s3.example.org");
    locate(f, "a.b.c", "k", "s3.example.org", "/a.b.c/k");
    locate(f, "bucket", "k", "bucket.s3.example.org", "/k");
    assert_string_equal(f->place.host, f->place.authority);
}

static void test_locate_at_an_address_by_path(void **state) {
    struct fixture *f = *state;
    f->config.s3_addressing = 2;
    use_endpoint(f, "http://127.0.0.1:9000");
    locate(f, "bucket", "k", "127.0.0.1:9000", "/bucket/k");
    use_endpoint(f, "http://[::1]:9000");
    locate(f, "bucket", "k", "[::1]:9000", "/bucket/k");
    assert_string_equal(f->place.host, "::1");
}

static void test_locate_encodes_the_key_once_and_keeps_its_path(void **state) {
    struct fixture *f = *state;
    const char *host = "bucket.s3.eu-west-1.amazonaws.com";
    locate(f, "bucket", "../a/./b//c/", host, "/../a/./b//c/");
    locate(f, "bucket", "/lead", host, "//lead");
    locate(f, "bucket", "a b+c%2F?#&=~", host, "/a%20b%2Bc%252F%3F%23%26%3D~");
    locate(f, "bucket", "\xc3\xa9\xf0\x9f\x98\x80", host, "/%C3%A9%F0%9F%98%80");
    locate(f, "bucket", "\x01\x7f\r\n", host, "/%01%7F%0D%0A");
}

static void test_locate_refuses_keys(void **state) {
    struct fixture *f = *state;
    char key[1026];
    memset(key, '!', sizeof key);
    assert_int_equal(locate_slice(f, "bucket", ath__slice(key, 1024)), 0);
    assert_int_equal(strlen(f->place.path), 1 + 3 * 1024);
    assert_int_equal(locate_slice(f, "bucket", ath__slice(key, 1025)), ATH_ERR_INVALID);
    assert_contains(f->err.message, "longer than 1,024 bytes");
    assert_int_equal(locate_slice(f, "bucket", ath__slice("a\0b", 3)), ATH_ERR_INVALID);
    assert_contains(f->err.message, "NUL");
    refuse(f, "bucket", "\xff", ATH_ERR_INVALID, "not UTF-8");
    refuse(f, "bucket", "\xed\xa0\x80", ATH_ERR_INVALID, "not UTF-8");
    refuse(f, NULL, "k", ATH_ERR_INVALID, "bucket");
}

static void test_locate_refuses_bucket_names(void **state) {
    struct fixture *f = *state;
    char name[257] = "";
    static const char *const buckets[] = {
        "a/b/c",
        "evil.com#",
        "buck@et",
        "buck et",
        "buck:et",
        "bucket\n",
        "b\xc3\xa9te",
        "%2e%2e",
        "..",
        "b?x=1",
        "back\\slash"};
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
        refuse(f, buckets[i], "k", ATH_ERR_INVALID, "bucket name");
    refuse(f, "ab", "k", ATH_ERR_INVALID, "'ab'");
    refuse(f, "", "k", ATH_ERR_INVALID, "3 to 63");
    memset(name, 'a', 64);
    refuse(f, name, "k", ATH_ERR_INVALID, "3 to 63");
    use_endpoint(f, "http://localhost:9000");
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
        refuse(f, buckets[i], "k", ATH_ERR_INVALID, "bucket name");
    refuse(f, ".", "k", ATH_ERR_INVALID, "bucket name");
    memset(name, 'a', 255);
    assert_int_equal(locate_slice(f, name, ath__slice_str("k")), 0);
    name[255] = 'a';
    refuse(f, name, "k", ATH_ERR_INVALID, "1 to 255");
}

static void test_locate_names_what_is_not_supported(void **state) {
    struct fixture *f = *state;
    refuse(
        f,
        "arn:aws:s3:eu-west-1:1:accesspoint/x",
        "k",
        ATH_ERR_UNSUPPORTED,
        "arn:aws:s3:eu-west-1:1:accesspoint/x");
    refuse(f, "b--use1-az4--x-s3", "k", ATH_ERR_UNSUPPORTED, "b--use1-az4--x-s3");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_locate_on_aws_by_virtual_host),
        CASE(test_locate_on_aws_by_path_where_no_host_fits),
        CASE(test_locate_in_another_region_and_partition),
        CASE(test_locate_variants_of_hosts),
        CASE(test_locate_accelerated),
        CASE(test_locate_at_a_configured_endpoint),
        CASE(test_locate_at_an_address_by_path),
        CASE(test_locate_encodes_the_key_once_and_keeps_its_path),
        CASE(test_locate_refuses_keys),
        CASE(test_locate_refuses_bucket_names),
        CASE(test_locate_names_what_is_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
