#include "testing.h"

#include "aws/url.h"

static void test_url_parse_takes_endpoints_apart(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool https;
        const char *host;
        uint16_t port;
        const char *path, *authority;
    } cases[] = {
        {"https://a.b", true, "a.b", 443, "", "a.b"},
        {"HTTPS://A.B/", true, "a.b", 443, "", "a.b"},
        {"http://localhost:8080", false, "localhost", 8080, "", "localhost:8080"},
        {"http://h:80/x//", false, "h", 80, "/x", "h"},
        {"https://h:80/p/q%20r", true, "h", 80, "/p/q%20r", "h:80"},
        {"http://[::1]:9000/a", false, "::1", 9000, "/a", "[::1]:9000"},
        {"https://[FD00:ec2::23]", true, "fd00:ec2::23", 443, "", "[fd00:ec2::23]"},
        {"http://127.0.0.1", false, "127.0.0.1", 80, "", "127.0.0.1"},
        {"http://a_b:65535", false, "a_b", 65535, "", "a_b:65535"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__arena arena = {0};
        struct ath__url url;
        struct ath_error err = {0};
        if (ath__url_parse(ath__slice_str(cases[i].text), &arena, &url, &err))
            fail_msg("%s: %s", cases[i].text, err.message);
        assert_int_equal(url.https, cases[i].https);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.path, cases[i].path);
        assert_string_equal(url.authority, cases[i].authority);
        ath__arena_clear(&arena);
    }
}

static void test_url_parse_refuses_everything_else(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "a.b",
        "https://",
        "http:///x",
        "ftp://a",
        "//a",
        "https:/a",
        "http://:80",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:99999999999",
        "http://a:8x",
        "http://u@a",
        "http://u:p@a",
        "http://a?x",
        "http://a/?x",
        "http://a/#f",
        "http://a#f",
        "http://a b",
        "http://a/b c",
        "http://a\n",
        "http://a/\r\nHost: x",
        "http://a\\b",
        "http://[::1",
        "http://[::1]x",
        "http://[::1]:",
        "http://[1]",
        "http://[]",
        "http://[fe80::1%25eth0]",
        "http://a..b",
        "http://.a",
        "http://-a",
        "http://a/%2",
        "http://a/%zz",
        "http://a/\x7f",
        "http://\xc3\xa9",
        "http://a/\xc3\xa9",
        "http://a:80:80",
        " http://a",
        "http://a/\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ath__arena arena = {0};
        struct ath__url url;
        struct ath_error err = {0};
        if (ath__url_parse(ath__slice_str(bad[i]), &arena, &url, &err) != ATH_ERR_CONFIG)
            fail_msg("accepted: %s", bad[i]);
        assert_contains(err.message, "URL");
        ath__arena_clear(&arena);
    }
    struct ath__arena arena = {0};
    struct ath__url url;
    assert_int_equal(
        ath__url_parse(ath__slice("http://a/\0b", 11), &arena, &url, NULL), ATH_ERR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_parse_takes_endpoints_apart),
        cmocka_unit_test(test_url_parse_refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
