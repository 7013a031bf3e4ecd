#include "testing.h"

#include "aws/athena.h"

#include <locale.h>

static const char s_full[] =
    "{\"QueryExecutionId\":\"i\",\"StatementType\":\"DML\",\"SubstatementType\":\"SELECT\","
    "\"WorkGroup\":\"primary\",\"QueryExecutionContext\":{\"Database\":\"d\\u00e9\",\"Catalog\":"
    "\"c\"},\"ResultConfiguration\":{\"OutputLocation\":\"s3://b/i.csv\"},\"Status\":{\"State\":"
    "\"FAILED\",\"StateChangeReason\":\"why\",\"SubmissionDateTime\":1565649050.175,"
    "\"CompletionDateTime\":1565649051,\"AthenaError\":{\"ErrorCategory\":2,\"ErrorType\":1006,"
    "\"Retryable\":false,\"ErrorMessage\":\"m\"}},\"Statistics\":{\"DataManifestLocation\":"
    "\"s3://b/m\",\"DataScannedInBytes\":9007199254740993,\"EngineExecutionTimeInMillis\":1,"
    "\"QueryQueueTimeInMillis\":2,\"QueryPlanningTimeInMillis\":3,"
    "\"ServicePreProcessingTimeInMillis\":4,\"ServiceProcessingTimeInMillis\":5,"
    "\"TotalExecutionTimeInMillis\":6,\"ResultReuseInformation\":{\"ReusedPreviousResult\":true}},"
    "\"New\":[1,null]}";

static void expect_full(const struct ath_execution_info *info) {
    assert_int_equal(info->state, ATH_QUERY_FAILED);
    assert_string_equal(info->query_id, "i");
    assert_string_equal(info->statement_type, "DML");
    assert_string_equal(info->substatement_type, "SELECT");
    assert_string_equal(info->work_group, "primary");
    assert_string_equal(info->database, "d\xc3\xa9");
    assert_string_equal(info->catalog, "c");
    assert_string_equal(info->output_location, "s3://b/i.csv");
    assert_string_equal(info->state_change_reason, "why");
    assert_string_equal(info->error_message, "m");
    assert_string_equal(info->data_manifest_location, "s3://b/m");
    assert_int_equal(info->error_category, 2);
    assert_int_equal(info->error_type, 1006);
    assert_int_equal(info->retryable, 0);
    assert_true(info->submission_time > 1565649050.1749 && info->submission_time < 1565649050.1751);
    assert_true(info->completion_time > 1565649050.9 && info->completion_time < 1565649051.1);
    assert_true(info->data_scanned_bytes == 9007199254740993);
    assert_int_equal(info->engine_ms, 1);
    assert_int_equal(info->queue_ms, 2);
    assert_int_equal(info->planning_ms, 3);
    assert_int_equal(info->preprocessing_ms, 4);
    assert_int_equal(info->processing_ms, 5);
    assert_int_equal(info->total_ms, 6);
    assert_int_equal(info->reused_previous_result, 1);
}

static void test_execution_parse_reads_every_member(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath_execution_info info;
    assert_int_equal(ath__execution_parse(ath__slice_str(s_full), &arena, &info, NULL), 0);
    expect_full(&info);
    ath__arena_clear(&arena);
}

static void test_execution_parse_ignores_the_locale(void **state) {
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    const char *chosen = NULL;
    for (size_t i = 0; !chosen && i < sizeof locales / sizeof *locales; i++)
        chosen = setlocale(LC_ALL, locales[i]);
    if (!chosen || strcmp(localeconv()->decimal_point, ",") != 0) {
        setlocale(LC_ALL, "C");
        skip();
    }
    struct ath__arena arena = {0};
    struct ath_execution_info info;
    assert_int_equal(ath__execution_parse(ath__slice_str(s_full), &arena, &info, NULL), 0);
    setlocale(LC_ALL, "C");
    expect_full(&info);
    ath__arena_clear(&arena);
}

static void test_execution_parse_marks_absent_members(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath_execution_info info;
    const char *text = "{\"QueryExecutionId\":\"i\",\"WorkGroup\":null,\"Statistics\":null}";
    assert_int_equal(ath__execution_parse(ath__slice_str(text), &arena, &info, NULL), 0);
    assert_int_equal(info.state, ATH_QUERY_UNKNOWN);
    assert_null(info.work_group);
    assert_null(info.error_message);
    assert_int_equal(info.total_ms, -1);
    assert_int_equal(info.data_scanned_bytes, -1);
    assert_int_equal(info.error_category, -1);
    assert_int_equal(info.retryable, -1);
    assert_int_equal(info.reused_previous_result, -1);
    assert_true(info.submission_time == 0 && info.completion_time == 0);
    ath__arena_clear(&arena);
}

static void test_execution_parse_names_a_wrong_type(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"[]", "QueryExecution"},
        {"{\"WorkGroup\":1}", "WorkGroup"},
        {"{\"Status\":[]}", "Status"},
        {"{\"Status\":{\"SubmissionDateTime\":\"x\"}}", "SubmissionDateTime"},
        {"{\"Status\":{\"AthenaError\":{\"ErrorType\":2147483648}}}", "ErrorType"},
        {"{\"Status\":{\"AthenaError\":{\"Retryable\":1}}}", "Retryable"},
        {"{\"Statistics\":{\"DataScannedInBytes\":\"1\"}}", "DataScannedInBytes"},
        {"{\"Statistics\":{\"DataScannedInBytes\":1e300}}", "DataScannedInBytes"},
        {"{\"WorkGroup\":\"a\",\"WorkGroup\":\"b\"}", "malformed"},
        {"{", "malformed"},
        {"", "malformed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ath__arena arena = {0};
        struct ath_execution_info info;
        struct ath_error err = {0};
        assert_int_equal(
            ath__execution_parse(ath__slice_str(cases[i][0]), &arena, &info, &err),
            ATH_ERR_PROTOCOL);
        assert_contains(err.message, cases[i][1]);
        ath__arena_clear(&arena);
    }
}

static void test_execution_parse_shows_text_behind_a_nul(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    struct ath_execution_info info;
    const char *text = "{\"Status\":{\"StateChangeReason\":\"a\\u0000b\"}}";
    assert_int_equal(ath__execution_parse(ath__slice_str(text), &arena, &info, NULL), 0);
    assert_string_equal(info.state_change_reason, "a?b");
    ath__arena_clear(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_execution_parse_reads_every_member),
        cmocka_unit_test(test_execution_parse_ignores_the_locale),
        cmocka_unit_test(test_execution_parse_marks_absent_members),
        cmocka_unit_test(test_execution_parse_names_a_wrong_type),
        cmocka_unit_test(test_execution_parse_shows_text_behind_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
