/* Signs requests given as JSON, one a line, and prints each step as JSON: the other side of
 * tests/python/test_sigv4_botocore.py. */
#include "aws/sigv4.h"

#include "base/buf.h"
#include "base/time.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static struct ath_slice text_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return ath__slice(json_string_value(value), json_string_length(value));
}

static void fill_request(const json_t *input, struct ath__request *out) {
    const json_t *headers = json_object_get(input, "headers");
    *out = (struct ath__request){
        .method = json_string_value(json_object_get(input, "method")),
        .host = text_of(input, "host"),
        .path = text_of(input, "path"),
        .query = text_of(input, "query"),
        .body = text_of(input, "body"),
    };
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i);
        const json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);
        if (ath__request_add(
                out,
                ath__slice(json_string_value(name), json_string_length(name)),
                ath__slice(json_string_value(value), json_string_length(value)))) {
            fprintf(stderr, "header refused\n");
            exit(1);
        }
    }
}

static void sign_line(const json_t *input, struct ath__signing_key *cache) {
    struct ath__arena arena = {0};
    struct ath__request request;
    struct ath_error err = {0};
    struct ath__buf canonical, names, text;
    char scope[256], amz_date[17];
    struct ath__keys keys = {
        text_of(input, "access_key"), text_of(input, "secret"), text_of(input, "token")};
    const char *region = json_string_value(json_object_get(input, "region"));
    const char *service = json_string_value(json_object_get(input, "service"));
    const char *hash = json_string_value(json_object_get(input, "payload_hash"));
    int64_t now = json_integer_value(json_object_get(input, "time"));
    bool single = json_is_true(json_object_get(input, "single_encode"));
    fill_request(input, &request);
    int rc =
        ath__sigv4_sign(&request, &keys, region, service, now, single, hash, cache, &arena, &err);
    if (rc) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    ath__buf_init(&canonical, 1 << 20);
    ath__buf_init(&names, 1 << 16);
    ath__buf_init(&text, 1 << 10);
    ath__time_format_basic(now, amz_date);
    snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", amz_date, region, service);
    if (ath__sigv4_canonical(&request, single, hash, &canonical, &names) ||
        ath__sigv4_string_to_sign(ath__buf_slice(&canonical), amz_date, scope, &text))
        exit(1);
    struct ath_slice authorization = request.headers[request.headers_count - 1].value;
    json_t *output = json_pack(
        "{s:s%,s:s%,s:s%}",
        "canonical_request",
        canonical.ptr,
        canonical.len,
        "string_to_sign",
        text.ptr,
        text.len,
        "authorization",
        authorization.ptr,
        authorization.len);
    json_dumpf(output, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(output);
    ath__buf_clear(&canonical);
    ath__buf_clear(&names);
    ath__buf_clear(&text);
    ath__arena_clear(&arena);
}

int main(void) {
    struct ath__signing_key cache = {0};
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        json_t *input = json_loads(line, 0, NULL);
        if (!input) {
            fprintf(stderr, "no JSON\n");
            return 1;
        }
        sign_line(input, &cache);
        json_decref(input);
    }
    free(line);
    ath__signing_key_clear(&cache);
    return 0;
}
