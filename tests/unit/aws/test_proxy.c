#include "testing.h"

#include "aws/proxy.h"

static void test_no_proxy_covers_names_and_subdomains(void **state) {
    (void)state;
    static const struct {
        const char *list, *host;
        bool covered;
    } cases[] = {
        {NULL, "a.com", false},          {"", "a.com", false},
        {",, ,", "a.com", false},        {"*", "a.com", true},
        {"x,*", "a.com", true},          {"a.com", "A.com", true},
        {"A.COM", "x.a.com", true},      {".a.com", "a.com", true},
        {".a.com", "x.y.a.com", true},   {"a.com", "ba.com", false},
        {"a.com", "com", false},         {" b.org , a.com ", "a.com", true},
        {"10.0.0.1", "10.0.0.1", true},  {"10.0.0.1", "110.0.0.1", false},
        {"[::1]", "::1", true},          {"::1", "[::1]", true},
        {NULL, "169.254.169.254", true}, {NULL, "169.254.170.2", true},
        {NULL, "FD00:EC2::254", true},   {NULL, "169.254.169.25", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ath__no_proxy_covers(cases[i].list, cases[i].host) != cases[i].covered)
            fail_msg("case %zu: %s", i, cases[i].host);
}

static void test_proxy_is_valid_forms(void **state) {
    (void)state;
    static const char *const good[] = {
        "http://p:3128", "https://p", "p:3128", "p", "http://u:s@p:1", "HTTP://p/"};
    static const char *const bad[] = {
        "",
        " ",
        "http://",
        "http://p q",
        "ftp://p",
        "socks5h://p",
        "https2://p",
        "http://p\n",
        "http://u@",
        "://p",
        "http://:1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!ath__proxy_is_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ath__proxy_is_valid(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_proxy_covers_names_and_subdomains),
        cmocka_unit_test(test_proxy_is_valid_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
