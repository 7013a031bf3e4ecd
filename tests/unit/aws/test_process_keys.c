#include "testing.h"

#include "aws/process_keys.h"

static void test_command_split_like_a_shell(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *argv[6];
    } cases[] = {
        {"tool", {"tool"}},
        {"  /bin/a  b\tc ", {"/bin/a", "b", "c"}},
        {"a 'b  c' \"d e\"", {"a", "b  c", "d e"}},
        {"a b'c'\"d\"e", {"a", "bcde"}},
        {"a '' \"\"", {"a", "", ""}},
        {"a b\\ c \\' \\\\", {"a", "b c", "'", "\\"}},
        {"a \"x\\\"y\\\\z\\n\" '\\n'", {"a", "x\"y\\z\\n", "\\n"}},
        {"a $HOME `id` ;|&#", {"a", "$HOME", "`id`", ";|&#"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__arena arena = {0};
        char **argv;
        assert_int_equal(ath__command_split(ath__slice_str(cases[i].text), &arena, &argv, NULL), 0);
        size_t at = 0;
        for (; cases[i].argv[at]; at++) {
            assert_non_null(argv[at]);
            assert_string_equal(argv[at], cases[i].argv[at]);
        }
        assert_null(argv[at]);
        ath__arena_clear(&arena);
    }
}

static void test_command_split_refuses_the_unbalanced(void **state) {
    (void)state;
    static const char *const bad[] = {"", "  ", "a 'b", "a \"b", "a b\\", "a \"b\\", "'' a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ath__arena arena = {0};
        struct ath_error err = {0};
        char **argv;
        assert_int_equal(
            ath__command_split(ath__slice_str(bad[i]), &arena, &argv, &err), ATH_ERR_CONFIG);
        assert_contains(err.message, "credential_process");
        ath__arena_clear(&arena);
    }
    struct ath__arena arena = {0};
    char **argv, text[1200];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 2 ? ' ' : 'a';
    text[sizeof text - 1] = '\0';
    assert_int_equal(ath__command_split(ath__slice_str(text), &arena, &argv, NULL), ATH_ERR_CONFIG);
    ath__arena_clear(&arena);
}

static void test_process_keys_parse_reads_all(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath__process_keys keys;
    const char *text = "{\"Version\": 1, \"AccessKeyId\": \"A\\u0042\", \"SecretAccessKey\": "
                       "\"s\\/k\", \"SessionToken\": \"t\", \"Expiration\": "
                       "\"2026-01-31T23:59:59Z\", \"AccountId\": \"1\"}\n";
    assert_int_equal(ath__process_keys_parse(ath__slice_str(text), &arena, &keys, NULL), 0);
    assert_string_equal(keys.access_key_id, "AB");
    assert_string_equal(keys.secret_access_key, "s/k");
    assert_string_equal(keys.session_token, "t");
    assert_true(keys.expire_at == 1769903999);
    text = "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"\","
           "\"Expiration\":null}";
    assert_int_equal(ath__process_keys_parse(ath__slice_str(text), &arena, &keys, NULL), 0);
    assert_null(keys.session_token);
    assert_true(keys.expire_at == 0);
    ath__arena_clear(&arena);
}

static void test_process_keys_parse_says_what_is_wrong_but_not_the_keys(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "malformed"},
        {"[]", "malformed"},
        {"hunter2", "malformed"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hunter2\"}", "Version"},
        {"{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hunter2\"}", "Version"},
        {"{\"Version\":\"1\",\"AccessKeyId\":\"A\"}", "malformed"},
        {"{\"Version\":1,\"SecretAccessKey\":\"hunter2\"}", "AccessKeyId"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\"}", "SecretAccessKey"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"\"}", "SecretAccessKey"},
        {"{\"Version\":1,\"AccessKeyId\":7,\"SecretAccessKey\":\"hunter2\"}", "malformed"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\\n\",\"SecretAccessKey\":\"hunter2\"}", "characters"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"AccessKeyId\":\"B\"}", "twice"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hunter2\",\"Expiration\":"
         "\"soon\"}",
         "Expiration"},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hunter2\"} more", "behind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__arena arena = {0};
        struct ath__process_keys keys;
        struct ath_error err = {0};
        assert_int_equal(
            ath__process_keys_parse(ath__slice_str(cases[i].text), &arena, &keys, &err),
            ATH_ERR_CREDENTIALS);
        assert_contains(err.message, cases[i].part);
        assert_null(strstr(err.message, "hunter2"));
        ath__arena_clear(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_split_like_a_shell),
        cmocka_unit_test(test_command_split_refuses_the_unbalanced),
        cmocka_unit_test(test_process_keys_parse_reads_all),
        cmocka_unit_test(test_process_keys_parse_says_what_is_wrong_but_not_the_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
