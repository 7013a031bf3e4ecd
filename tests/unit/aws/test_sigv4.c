#include "testing.h"

#include "aws/sigv4.h"

#include "base/buf.h"
#include "base/time.h"

#include <stdio.h>

struct vector {
    const char *name, *method, *host, *path, *query, *body, *region, *service, *secret, *token;
    const char *payload_hash, *canonical, *text, *authorization;
    int64_t unix_s;
    const char *headers[8][2];
};

#include "sigv4_vectors.h"

static void fill(struct ath__request *request, const struct vector *v) {
    *request = (struct ath__request){
        .method = v->method,
        .host = ath__slice_str(v->host),
        .path = ath__slice_str(v->path),
        .query = ath__slice_str(v->query),
        .body = ath__slice_str(v->body),
    };
    for (size_t i = 0; v->headers[i][0]; i++)
        assert_int_equal(
            ath__request_add(
                request, ath__slice_str(v->headers[i][0]), ath__slice_str(v->headers[i][1])),
            0);
}

static struct ath__keys keys_of(const struct vector *v) {
    return (struct ath__keys){
        ATH__SLICE_LIT("AKIDEXAMPLE"), ath__slice_str(v->secret), ath__slice_str(v->token)};
}

static int sign(
    struct ath__request *request,
    const struct vector *v,
    struct ath__signing_key *cache,
    struct ath__arena *arena) {
    struct ath__keys keys = keys_of(v);
    return ath__sigv4_sign(
        request,
        &keys,
        v->region,
        v->service,
        v->unix_s,
        strcmp(v->service, "s3") == 0,
        v->payload_hash[0] ? v->payload_hash : NULL,
        cache,
        arena,
        NULL);
}

static void test_sign_equals_the_vectors_step_by_step(void **state) {
    (void)state;
    struct ath__signing_key cache = {0};
    for (size_t i = 0; i < sizeof s_vectors / sizeof *s_vectors; i++) {
        const struct vector *v = &s_vectors[i];
        struct ath__arena arena = {0};
        struct ath__request request;
        struct ath__buf canonical, names, text;
        char scope[256], amz_date[17];
        print_message("%s\n", v->name);
        fill(&request, v);
        assert_int_equal(sign(&request, v, &cache, &arena), 0);
        assert_slice(request.headers[request.headers_count - 1].value, v->authorization);
        ath__buf_init(&canonical, 65536);
        ath__buf_init(&names, 65536);
        ath__buf_init(&text, 65536);
        assert_int_equal(
            ath__sigv4_canonical(
                &request,
                strcmp(v->service, "s3") == 0,
                v->payload_hash[0] ? v->payload_hash : NULL,
                &canonical,
                &names),
            0);
        assert_slice(ath__buf_slice(&canonical), v->canonical);
        ath__time_format_basic(v->unix_s, amz_date);
        snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", amz_date, v->region, v->service);
        assert_int_equal(
            ath__sigv4_string_to_sign(ath__buf_slice(&canonical), amz_date, scope, &text), 0);
        assert_slice(ath__buf_slice(&text), v->text);
        ath__buf_clear(&canonical);
        ath__buf_clear(&names);
        ath__buf_clear(&text);
        ath__arena_clear(&arena);
    }
    ath__signing_key_clear(&cache);
}

static void test_sign_again_replaces_its_headers(void **state) {
    (void)state;
    const struct vector *v = &s_vectors[1];
    struct ath__signing_key cache = {0};
    struct ath__arena arena = {0};
    struct ath__request request;
    fill(&request, v);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sign(&request, v, &cache, &arena), 0);
        assert_int_equal(request.headers_count, 3);
        assert_slice(request.headers[2].value, v->authorization);
    }
    ath__arena_clear(&arena);
}

static void test_sign_does_not_reuse_another_key(void **state) {
    (void)state;
    struct ath__signing_key cache = {0}, first;
    struct ath__arena arena = {0};
    struct ath__request request;
    struct vector v = s_vectors[0];
    fill(&request, &v);
    assert_int_equal(sign(&request, &v, &cache, &arena), 0);
    first = cache;
    v.secret = "another";
    assert_int_equal(sign(&request, &v, &cache, &arena), 0);
    assert_memory_not_equal(cache.key, first.key, sizeof cache.key);
    v = s_vectors[0];
    v.region = "eu-west-1";
    assert_int_equal(sign(&request, &v, &cache, &arena), 0);
    assert_memory_not_equal(cache.key, first.key, sizeof cache.key);
    v = s_vectors[0];
    v.unix_s += 86400;
    assert_int_equal(sign(&request, &v, &cache, &arena), 0);
    assert_memory_not_equal(cache.key, first.key, sizeof cache.key);
    v = s_vectors[0];
    assert_int_equal(sign(&request, &v, &cache, &arena), 0);
    assert_memory_equal(cache.key, first.key, sizeof cache.key);
    ath__signing_key_clear(&cache);
    assert_false(cache.is_set);
    ath__arena_clear(&arena);
}

static void test_request_add_refuses_line_breaks_and_overflow(void **state) {
    (void)state;
    struct ath__request request = {0};
    static const char *const bad[] = {"a\rb", "a\nb", "\n"};
    for (size_t i = 0; i < 3; i++) {
        struct ath_slice text = ath__slice_str(bad[i]);
        assert_int_equal(ath__request_add(&request, ATH__SLICE_LIT("n"), text), ATH_ERR_INVALID);
        assert_int_equal(ath__request_add(&request, text, ATH__SLICE_LIT("v")), ATH_ERR_INVALID);
    }
    assert_int_equal(
        ath__request_add(&request, ATH__SLICE_LIT("n"), ath__slice("a\0b", 3)), ATH_ERR_INVALID);
    assert_int_equal(request.headers_count, 0);
    for (size_t i = 0; i < ATH__REQUEST_HEADERS_MAX; i++)
        assert_int_equal(ath__request_add(&request, ATH__SLICE_LIT("n"), ATH__SLICE_LIT("v")), 0);
    assert_int_equal(
        ath__request_add(&request, ATH__SLICE_LIT("n"), ATH__SLICE_LIT("v")), ATH_ERR_INVALID);
}

static void test_sign_refuses_what_it_cannot_hold(void **state) {
    (void)state;
    struct ath__signing_key cache = {0};
    struct ath__arena arena = {0};
    struct ath__request request;
    char region[80];
    struct vector v = s_vectors[0];
    memset(region, 'r', sizeof region);
    region[64] = '\0';
    v.region = region;
    fill(&request, &v);
    assert_int_equal(sign(&request, &v, &cache, &arena), ATH_ERR_INVALID);
    v = s_vectors[0];
    v.secret = "";
    assert_int_equal(sign(&request, &v, &cache, &arena), ATH_ERR_INVALID);
    v = s_vectors[0];
    v.token = "a\r\nX-Evil: 1";
    assert_int_equal(sign(&request, &v, &cache, &arena), ATH_ERR_INVALID);
    v = s_vectors[0];
    fill(&request, &v);
    while (request.headers_count < ATH__REQUEST_HEADERS_MAX - 1)
        assert_int_equal(ath__request_add(&request, ATH__SLICE_LIT("n"), ATH__SLICE_LIT("v")), 0);
    assert_int_equal(sign(&request, &v, &cache, &arena), ATH_ERR_INVALID);
    ath__arena_clear(&arena);
}

static void test_sha256_hex_known_answers(void **state) {
    (void)state;
    char hex[65];
    assert_int_equal(ath__sha256_hex(ath__slice(NULL, 0), hex), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(ath__sha256_hex(ATH__SLICE_LIT("abc"), hex), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_uuid4_has_its_form_and_differs(void **state) {
    (void)state;
    char last[37] = "";
    for (int i = 0; i < 64; i++) {
        char text[37];
        assert_int_equal(ath__uuid4(text), 0);
        assert_int_equal(strlen(text), 36);
        for (size_t at = 0; at < 36; at++)
            assert_true(
                at == 8 || at == 13 || at == 18 || at == 23
                    ? text[at] == '-'
                    : strchr("0123456789abcdef", text[at]) != NULL);
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
        assert_string_not_equal(text, last);
        memcpy(last, text, sizeof last);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign_equals_the_vectors_step_by_step),
        cmocka_unit_test(test_sign_again_replaces_its_headers),
        cmocka_unit_test(test_sign_does_not_reuse_another_key),
        cmocka_unit_test(test_request_add_refuses_line_breaks_and_overflow),
        cmocka_unit_test(test_sign_refuses_what_it_cannot_hold),
        cmocka_unit_test(test_sha256_hex_known_answers),
        cmocka_unit_test(test_uuid4_has_its_form_and_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
