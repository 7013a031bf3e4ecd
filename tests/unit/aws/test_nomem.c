/* Fails every allocation in turn: each call must report it, leak nothing, and work afterwards. */
#include "env.h"

#include "aws/athena.h"
#include "aws/config.h"
#include "aws/s3.h"
#include "aws/sigv4.h"

static size_t s_left; /* allocations that still succeed */
static bool s_failed;

static void *failing_alloc(size_t size, void *user) {
    (void)user;
    if (s_left == 0) {
        s_failed = true;
        return NULL;
    }
    s_left--;
    return malloc(size);
}

static void *failing_realloc(void *ptr, size_t size, void *user) {
    (void)user;
    if (s_left == 0) {
        s_failed = true;
        return NULL;
    }
    s_left--;
    return realloc(ptr, size);
}

static void plain_free(void *ptr, void *user) {
    (void)user;
    free(ptr);
}

/* Runs `step` with 0, 1, 2 ... allocations granted until one run meets no failure. */
static void exhaust(int (*step)(void *, struct ath_error *), void *user) {
    for (size_t granted = 0; granted < 10000; granted++) {
        struct ath_error err = {0};
        s_left = granted;
        s_failed = false;
        int rc = step(user, &err);
        s_left = SIZE_MAX;
        if (!s_failed) {
            assert_int_equal(rc, 0);
            assert_true(granted > 0);
            return;
        }
        assert_int_equal(rc, ATH_ERR_NOMEM);
        assert_int_equal(err.code, ATH_ERR_NOMEM);
    }
    fail_msg("never enough memory");
}

static int build_start(void *user, struct ath_error *err) {
    struct ath__buf out;
    ath__buf_init(&out, 1 << 20);
    int rc = ath__athena_start_build(user, "0123456789abcdef0123456789abcdef", &out, err);
    ath__buf_clear(&out);
    return rc;
}

static void test_start_build_without_memory(void **state) {
    (void)state;
    char sql[5000];
    memset(sql, '\n', sizeof sql);
    struct ath_query_options o = {.size = sizeof o, .sql = ath__slice(sql, sizeof sql)};
    exhaust(build_start, &o);
}

static int parse_metadata(void *user, struct ath_error *err) {
    char token[1025];
    struct ath__buf items;
    ath__buf_init(&items, 1 << 20);
    int rc = ath__athena_metadata_parse(
        ATH_METADATA_DATABASES, ath__slice_str(user), &items, token, err);
    ath__buf_clear(&items);
    return rc;
}

static void test_metadata_parse_without_memory(void **state) {
    (void)state;
    char body[2048] = "{\"DatabaseList\":[{\"N\":1}";
    for (int i = 0; i < 100; i++)
        strcat(body, ",{\"N\":1234}");
    strcat(body, "]}");
    exhaust(parse_metadata, body);
}

static int parse_execution(void *user, struct ath_error *err) {
    struct ath__arena arena = {0};
    struct ath_execution_info info;
    int rc = ath__execution_parse(ath__slice_str(user), &arena, &info, err);
    ath__arena_clear(&arena);
    return rc;
}

static void test_execution_parse_without_memory(void **state) {
    (void)state;
    char body[4096] = "{\"QueryExecutionId\":\"i\",\"Status\":{\"StateChangeReason\":\"";
    memset(body + strlen(body), 'x', 2000);
    strcat(body, "\"}}");
    exhaust(parse_execution, body);
}

static int sign(void *user, struct ath_error *err) {
    struct ath__arena arena = {0};
    struct ath__signing_key cache = {0};
    struct ath__request request = {
        .method = "POST", .host = ATH__SLICE_LIT("h"), .path = ATH__SLICE_LIT("/")};
    int rc =
        ath__sigv4_sign(&request, user, "us-east-1", "athena", 0, false, NULL, &cache, &arena, err);
    ath__arena_clear(&arena);
    return rc;
}

static void test_sigv4_sign_without_memory(void **state) {
    (void)state;
    static char token[3000];
    memset(token, 't', sizeof token);
    struct ath__keys keys = {
        ATH__SLICE_LIT("A"), ATH__SLICE_LIT("s"), ath__slice(token, sizeof token)};
    exhaust(sign, &keys);
}

static int load_config(void *user, struct ath_error *err) {
    struct ath_client_options options = {
        .size = sizeof options,
        .use_dualstack = -1,
        .endpoint_url = "http://h/x",
        .retry_codes = "A,B",
        .user_agent_extra = "x",
    };
    struct ath__config config;
    int rc = ath__config_load(&options, env_get, user, &config, err);
    ath__config_clear(&config);
    return rc;
}

static void test_config_load_without_memory(void **state) {
    (void)state;
    char text[6000] = "[default]\nregion = us-east-1\ncredential_process = a b c\n";
    for (int i = 0; i < 60; i++)
        strcat(text, "some_key_of_another_program = some value that takes room\n");
    struct env env;
    env_init(&env);
    env_set(&env, "https_proxy", "http://p");
    env_set(&env, "no_proxy", "a");
    env_write(&env, "config", text);
    exhaust(load_config, &env);
    env_write(&env, "credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=s\n");
    exhaust(load_config, &env);
    env_clear(&env);
}

static int parse_page(void *user, struct ath_error *err) {
    struct ath_s3_page *page;
    struct ath__buf next;
    ath__buf_init(&next, 4096);
    int rc = ath__s3_page_parse(ATH_S3_LIST_OBJECTS, ath__slice_str(user), &page, &next, err);
    assert_int_equal(page != NULL, rc == 0);
    ath_s3_page_release(page);
    ath__buf_clear(&next);
    return rc;
}

static void test_s3_page_parse_without_memory(void **state) {
    (void)state;
    static char body[20000] = "<ListBucketResult><IsTruncated>true</IsTruncated>"
                              "<NextContinuationToken>t</NextContinuationToken>";
    for (int i = 0; i < 200; i++)
        strcat(body, "<Contents><Key>some/key</Key><Size>1</Size></Contents>");
    strcat(body, "</ListBucketResult>");
    exhaust(parse_page, body);
}

static int parse_failures(void *user, struct ath_error *err) {
    struct ath__s3_failures failures = {.count = 0};
    int rc = ath__s3_delete_parse(ath__slice_str(user), &failures, err);
    assert_int_equal(failures.count, rc ? 0 : 40);
    ath__s3_failures_clear(&failures);
    return rc;
}

static void test_s3_delete_parse_without_memory(void **state) {
    (void)state;
    char body[4000] = "<DeleteResult>";
    for (int i = 0; i < 40; i++)
        strcat(body, "<Error><Key>some/key</Key><Code>AccessDenied</Code></Error>");
    strcat(body, "</DeleteResult>");
    exhaust(parse_failures, body);
}

static int parse_etag(void *user, struct ath_error *err) {
    struct ath__buf etag;
    ath__buf_init(&etag, 4096);
    int rc = ath__s3_etag_parse(ath__slice_str(user), &etag, err);
    ath__buf_clear(&etag);
    return rc;
}

static void test_s3_etag_parse_without_memory(void **state) {
    (void)state;
    char body[] = "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>";
    exhaust(parse_etag, body);
}

static int parse_error(void *user, struct ath_error *err) {
    struct ath__aws_error out;
    char region[64];
    struct ath_slice nothing = {NULL, 0};
    int rc = ath__s3_error_parse(503, ath__slice_str(user), nothing, NULL, 0, &out, region);
    assert_int_equal(out.kind, ATH_ERR_THROTTLED);
    assert_string_equal(out.code, rc ? "503" : "SlowDown");
    if (rc)
        err->code = rc;
    return rc;
}

static void test_s3_error_parse_without_memory(void **state) {
    (void)state;
    char body[] = "<Error><Code>SlowDown</Code><Message>less</Message></Error>";
    exhaust(parse_error, body);
}

static int locate(void *user, struct ath_error *err) {
    struct ath__arena arena = {0};
    struct ath__s3_place place;
    int rc = ath__s3_locate(user, NULL, "bucket", ath__slice_str("key"), &arena, &place, err);
    ath__arena_clear(&arena);
    return rc;
}

static void test_s3_locate_without_memory(void **state) {
    (void)state;
    struct ath__config config = {.region = "us-east-1"};
    exhaust(locate, &config);
    config.s3 = (struct ath__url){
        .host = "localhost", .authority = "localhost:9000", .path = "", .port = 9000};
    exhaust(locate, &config);
}

int main(void) {
    const struct ath_allocator hooks = {failing_alloc, failing_realloc, plain_free, NULL};
    s_left = SIZE_MAX;
    ath_allocator_set(&hooks);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_build_without_memory),
        cmocka_unit_test(test_metadata_parse_without_memory),
        cmocka_unit_test(test_execution_parse_without_memory),
        cmocka_unit_test(test_sigv4_sign_without_memory),
        cmocka_unit_test(test_config_load_without_memory),
        cmocka_unit_test(test_s3_page_parse_without_memory),
        cmocka_unit_test(test_s3_delete_parse_without_memory),
        cmocka_unit_test(test_s3_etag_parse_without_memory),
        cmocka_unit_test(test_s3_error_parse_without_memory),
        cmocka_unit_test(test_s3_locate_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
