#include "testing.h"

#include "aws/profile.h"

static const char *find(
    const struct ath__profile_file *file,
    const char *kind,
    const char *name,
    const char *parent,
    const char *key) {
    const struct ath__profile_entry *entry = ath__profile_find(file, kind, name, parent, key);
    return entry ? entry->value : NULL;
}

static void
parse(const char *text, bool has_kinds, struct ath__arena *arena, struct ath__profile_file *out) {
    struct ath_error err = {0};
    if (ath__profile_parse(ath__slice_str(text), "FILE", has_kinds, arena, out, &err))
        fail_msg("%s", err.message);
}

static void test_profile_parse_reads_sections_and_keys(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath__profile_file file;
    parse(
        "\xef\xbb\xbf# a comment\r\n; another\r\n\r\n[default]\r\nRegion = us-east-1 \r\n"
        "[profile my prod] # note\nregion=eu-west-1\n[ profile \"two words\" ]\nregion : x=y:z\n"
        "[sso-session s]\nsso_region = r\n[profile my prod]\noutput = json\nregion = eu-west-2",
        true,
        &arena,
        &file);
    assert_string_equal(find(&file, "", "default", "", "region"), "us-east-1");
    assert_string_equal(find(&file, "profile", "my prod", "", "region"), "eu-west-2");
    assert_string_equal(find(&file, "profile", "my prod", "", "output"), "json");
    assert_string_equal(find(&file, "profile", "two words", "", "region"), "x=y:z");
    assert_string_equal(find(&file, "sso-session", "s", "", "sso_region"), "r");
    assert_null(find(&file, "profile", "default", "", "region"));
    assert_true(ath__profile_has(&file, "profile", "two words"));
    assert_false(ath__profile_has(&file, "", "two words"));
    ath__arena_clear(&arena);
}

static void test_profile_parse_takes_whole_names_without_kinds(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath__profile_file file;
    parse("[my prod]\naws_access_key_id = A\n['q']\na=b\n", false, &arena, &file);
    assert_string_equal(find(&file, "", "my prod", "", "aws_access_key_id"), "A");
    assert_string_equal(find(&file, "", "q", "", "a"), "b");
    ath__arena_clear(&arena);
}

static void test_profile_parse_nests_by_indentation(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath__profile_file file;
    parse(
        "[services x]\nathena =\n  endpoint_url = http://a\n\n  # c\n\tother = 1\ns3 = \n"
        " endpoint_url=http://s\n[default]\n  region = r\n  output = o\n  deep =\n      k = v\n"
        "long = a\n   b\n",
        true,
        &arena,
        &file);
    assert_string_equal(find(&file, "services", "x", "athena", "endpoint_url"), "http://a");
    assert_string_equal(find(&file, "services", "x", "athena", "other"), "1");
    assert_string_equal(find(&file, "services", "x", "s3", "endpoint_url"), "http://s");
    assert_null(find(&file, "services", "x", "", "endpoint_url"));
    assert_string_equal(find(&file, "", "default", "", "region"), "r");
    assert_string_equal(find(&file, "", "default", "", "output"), "o");
    assert_string_equal(find(&file, "", "default", "deep", "k"), "v");
    assert_false(ath__profile_find(&file, "", "default", "", "region")->is_continued);
    assert_true(ath__profile_find(&file, "", "default", "", "long")->is_continued);
    ath__arena_clear(&arena);
}

static void test_profile_parse_names_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"a = b\n", "FILE, line 1"},
        {"[x\n", "FILE, line 1: the section's ']'"},
        {"[x]\nfoo\n", "FILE, line 2: 'key = value'"},
        {"[x]\n= v\n", "FILE, line 2"},
        {"[]\n", "line 1"},
        {"[profile ]\n[profile \"\"]", "line 2"},
        {"\n\n[profile \"a]\n", "line 3"},
        {"[profile \"a\"b\"]\n", "line 1"},
        {"[x] y\n", "text follows"},
        {"[x]\ns3 =\n  noequals\n", "line 3"},
        {"[x]\n\xff\n", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__arena arena = {0};
        struct ath__profile_file file;
        struct ath_error err = {0};
        if (ath__profile_parse(ath__slice_str(cases[i].text), "FILE", true, &arena, &file, &err) !=
            ATH_ERR_CONFIG)
            fail_msg("accepted: %s", cases[i].text);
        assert_contains(err.message, cases[i].part);
        assert_null(file.entries);
        ath__arena_clear(&arena);
    }
}

static void test_profile_parse_refuses_nul_and_giants(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath__profile_file file;
    assert_int_equal(
        ath__profile_parse(ath__slice("[a]\n\0", 5), "FILE", true, &arena, &file, NULL),
        ATH_ERR_CONFIG);
    char *big = test_malloc(ATH__PROFILE_FILE_MAX + 1);
    memset(big, '\n', ATH__PROFILE_FILE_MAX + 1);
    assert_int_equal(
        ath__profile_parse(
            ath__slice(big, ATH__PROFILE_FILE_MAX), "FILE", true, &arena, &file, NULL),
        0);
    assert_int_equal(
        ath__profile_parse(
            ath__slice(big, ATH__PROFILE_FILE_MAX + 1), "FILE", true, &arena, &file, NULL),
        ATH_ERR_CONFIG);
    test_free(big);
    ath__arena_clear(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_parse_reads_sections_and_keys),
        cmocka_unit_test(test_profile_parse_takes_whole_names_without_kinds),
        cmocka_unit_test(test_profile_parse_nests_by_indentation),
        cmocka_unit_test(test_profile_parse_names_file_and_line),
        cmocka_unit_test(test_profile_parse_refuses_nul_and_giants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
