#include "testing.h"

#include "aws/athena.h"

#include <jansson.h>
#include <stdio.h>

static void test_get_build_and_batch_build_bodies(void **state) {
    (void)state;
    static const char *const ids[] = {"a", "b"};
    struct ath__buf out;
    ath__buf_init(&out, 4096);
    assert_int_equal(ath__athena_get_build("a", &out), 0);
    assert_slice(ath__buf_slice(&out), "{\"QueryExecutionId\":\"a\"}");
    out.len = 0;
    assert_int_equal(ath__athena_batch_build(ids, 2, &out), 0);
    assert_slice(ath__buf_slice(&out), "{\"QueryExecutionIds\":[\"a\",\"b\"]}");
    ath__buf_clear(&out);
}

/* The head and tail joined must be the object without its Query, in whatever order. */
static void expect_cut(const char *object, const char *query, const char *joined) {
    char body[1024], text[1024];
    struct ath__status status;
    struct ath_error err = {0};
    snprintf(body, sizeof body, "{\"QueryExecution\":%s}", object);
    if (ath__athena_get_parse(ath__slice_str(body), &status, &err))
        fail_msg("%s", err.message);
    assert_slice(status.query, query);
    snprintf(
        text,
        sizeof text,
        "%.*s%.*s",
        (int)status.json_head.len,
        status.json_head.ptr,
        (int)status.json_tail.len,
        status.json_tail.len ? status.json_tail.ptr : "");
    assert_string_equal(text, joined);
    json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(tree);
    json_decref(tree);
}

#define ID "\"QueryExecutionId\":\"i\""
#define STATUS "\"Status\":{\"State\":\"RUNNING\"}"

static void test_get_parse_cuts_the_query_out(void **state) {
    (void)state;
    expect_cut(
        "{" ID ",\"Query\":\"S \\\"1\\\"\"," STATUS "}", "\"S \\\"1\\\"\"", "{" ID "," STATUS "}");
    expect_cut("{\"Query\":\"S\"," ID "," STATUS "}", "\"S\"", "{" ID "," STATUS "}");
    expect_cut("{" ID "," STATUS ",\"Query\":\"S\"}", "\"S\"", "{" ID "," STATUS "}");
    expect_cut("{ \"Query\" : \"S\" , " ID " , " STATUS " }", "\"S\"", "{ " ID " , " STATUS " }");
    expect_cut("{ " ID " , \"Query\" : \"S\" , " STATUS " }", "\"S\"", "{ " ID " , " STATUS " }");
    expect_cut("{" ID "," STATUS "}", "", "{" ID "," STATUS "}");
    expect_cut("{" ID ",\"Query\":null," STATUS "}", "", "{" ID ",\"Query\":null," STATUS "}");
    expect_cut("{" ID "," STATUS ",\"Quer\\u0079\":\"S\"}", "\"S\"", "{" ID "," STATUS "}");
}

static void test_get_parse_knows_every_state(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int state;
    } states[] = {
        {"QUEUED", ATH_QUERY_QUEUED},
        {"RUNNING", ATH_QUERY_RUNNING},
        {"SUCCEEDED", ATH_QUERY_SUCCEEDED},
        {"FAILED", ATH_QUERY_FAILED},
        {"CANCELLED", ATH_QUERY_CANCELLED},
        {"SLEEPING", ATH_QUERY_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        char body[256];
        struct ath__status status;
        snprintf(
            body,
            sizeof body,
            "{\"QueryExecution\":{" ID
            ",\"Status\":{\"State\":\"%s\",\"AthenaError\":{\"State\":\"X\"}}}}",
            states[i].name);
        assert_int_equal(ath__athena_get_parse(ath__slice_str(body), &status, NULL), 0);
        assert_int_equal(status.state, states[i].state);
        assert_slice(status.id, "i");
    }
}

static void test_get_parse_refuses_broken_answers(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"QueryExecution\":null}",
        "{\"QueryExecution\":[]}",
        "{\"QueryExecution\":{}}",
        "{\"QueryExecution\":{" ID "}}",
        "{\"QueryExecution\":{" STATUS "}}",
        "{\"QueryExecution\":{" ID ",\"Status\":{}}}",
        "{\"QueryExecution\":{" ID ",\"Status\":null}}",
        "{\"QueryExecution\":{" ID ",\"Status\":{\"State\":1}}}",
        "{\"QueryExecution\":{" ID ",\"Status\":{\"State\":\"FAILED\",\"State\":\"QUEUED\"}}}",
        "{\"QueryExecution\":{" ID "," STATUS "," STATUS "}}",
        "{\"QueryExecution\":{" ID "," ID "," STATUS "}}",
        "{\"QueryExecution\":{" ID "," STATUS ",\"Query\":1}}",
        "{\"QueryExecution\":{" ID "," STATUS ",\"Query\":\"a\",\"Query\":\"b\"}}",
        "{\"QueryExecution\":{" ID "," STATUS ",\"Query\":\"\xff\"}}",
        "{\"QueryExecution\":{" ID "," STATUS ",\"Query\":\"\\q\"}}",
        "{\"QueryExecution\":{" ID "," STATUS "}}}",
        "{\"QueryExecution\":{" ID "," STATUS "},\"QueryExecution\":{" ID "," STATUS "}}",
        "{\"QueryExecution\":{\"QueryExecutionId\":\"a b\"," STATUS "}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct ath__status status;
        struct ath_error err = {0};
        if (ath__athena_get_parse(ath__slice_str(bodies[i]), &status, &err) != ATH_ERR_PROTOCOL)
            fail_msg("accepted: %s", bodies[i]);
        assert_contains(err.message, "GetQueryExecution");
    }
}

static void test_get_parse_bounds_the_nesting(void **state) {
    (void)state;
    char body[512] = "{\"QueryExecution\":{" ID "," STATUS ",\"X\":";
    size_t fixed = strlen(body);
    for (size_t depth = 29; depth <= 31; depth++) {
        struct ath__status status;
        memset(body + fixed, '[', depth);
        memset(body + fixed + depth, ']', depth);
        memcpy(body + fixed + 2 * depth, "}}", 3);
        assert_int_equal(
            ath__athena_get_parse(ath__slice_str(body), &status, NULL),
            depth > 30 ? ATH_ERR_PROTOCOL : 0);
    }
}

static void test_batch_parse_reads_both_lists(void **state) {
    (void)state;
    static const char body[] =
        "{\"QueryExecutions\":[{" ID "," STATUS ",\"Query\":\"S\"},"
        "{\"QueryExecutionId\":\"j\",\"Status\":{\"State\":\"FAILED\"}}],\"X\":1,"
        "\"UnprocessedQueryExecutionIds\":[{\"QueryExecutionId\":\"k\",\"ErrorCode\":\"E\","
        "\"ErrorMessage\":\"m\"},{\"QueryExecutionId\":\"l\"}]}";
    struct ath__status_list list;
    assert_int_equal(ath__athena_batch_parse(ath__slice_str(body), &list, NULL), 0);
    assert_int_equal(list.count, 2);
    assert_slice(list.items[1].id, "j");
    assert_int_equal(list.items[1].state, ATH_QUERY_FAILED);
    assert_int_equal(list.missing_count, 2);
    assert_slice(list.missing[0].id, "k");
    assert_slice(list.missing[0].code, "E");
    assert_int_equal(list.missing[1].code.len, 0);
}

static void test_batch_parse_takes_absent_lists(void **state) {
    (void)state;
    struct ath__status_list list;
    const char *body = "{\"QueryExecutions\":null}";
    assert_int_equal(ath__athena_batch_parse(ath__slice_str(body), &list, NULL), 0);
    assert_int_equal(list.count + list.missing_count, 0);
    assert_int_equal(ath__athena_batch_parse(ath__slice_str("{}"), &list, NULL), 0);
    body = "{\"QueryExecutions\":{}}";
    assert_int_equal(ath__athena_batch_parse(ath__slice_str(body), &list, NULL), ATH_ERR_PROTOCOL);
}

static void test_batch_parse_refuses_more_than_fifty(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++)
        for (int count = 50; count <= 51; count++) {
            char body[8192], *at = body;
            struct ath__status_list list;
            at += sprintf(
                at, "{\"%s\":[", which ? "QueryExecutions" : "UnprocessedQueryExecutionIds");
            for (int i = 0; i < count; i++)
                at += sprintf(at, "%s{" ID "," STATUS "}", i ? "," : "");
            strcpy(at, "]}");
            assert_int_equal(
                ath__athena_batch_parse(ath__slice_str(body), &list, NULL),
                count > 50 ? ATH_ERR_PROTOCOL : 0);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_build_and_batch_build_bodies),
        cmocka_unit_test(test_get_parse_cuts_the_query_out),
        cmocka_unit_test(test_get_parse_knows_every_state),
        cmocka_unit_test(test_get_parse_refuses_broken_answers),
        cmocka_unit_test(test_get_parse_bounds_the_nesting),
        cmocka_unit_test(test_batch_parse_reads_both_lists),
        cmocka_unit_test(test_batch_parse_takes_absent_lists),
        cmocka_unit_test(test_batch_parse_refuses_more_than_fifty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
