#include "testing.h"

#include "base/log.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdio.h>

#define RING 256

struct seen {
    size_t count;
    int level;
    char subject[32];
    char first[512], last[512];
};

static void note(int level, const char *subject, const char *message, void *user) {
    struct seen *seen = user;
    if (seen->count++ == 0)
        snprintf(seen->first, sizeof seen->first, "%s", message);
    seen->level = level;
    snprintf(seen->subject, sizeof seen->subject, "%s", subject);
    snprintf(seen->last, sizeof seen->last, "%s", message);
}

static void test_log_lets_through_by_level(void **state) {
    struct seen seen = {0};
    (void)state;
    ATH__LOG(ATH_LOG_ERROR, "net", "off by default");
    ath_log_level_set(ATH_LOG_WARNING);
    ATH__LOG(ATH_LOG_INFO, "net", "too detailed");
    ATH__LOG(ATH_LOG_WARNING, "net", "number %d", 7);
    assert_int_equal(ath_log_drain(note, &seen), 1);
    assert_int_equal(seen.level, ATH_LOG_WARNING);
    assert_string_equal(seen.subject, "net");
    assert_string_equal(seen.last, "number 7");
    assert_int_equal(ath_log_drain(note, &seen), 0);
}

static void test_log_drops_the_oldest_and_tells(void **state) {
    struct seen seen = {0};
    (void)state;
    ath_log_level_set(ATH_LOG_DEBUG);
    for (int i = 0; i < RING + 10; i++)
        ATH__LOG(ATH_LOG_DEBUG, "test", "record %d", i);
    assert_int_equal(ath_log_drain(note, &seen), RING + 1);
    assert_string_equal(seen.first, "10 log records were dropped");
    assert_string_equal(seen.last, "record 265");
}

static void test_log_cuts_at_a_character(void **state) {
    struct seen seen = {0};
    char text[600];
    (void)state;
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 4);
    ath_log_level_set(ATH_LOG_ERROR);
    ATH__LOG(ATH_LOG_ERROR, "test", "%s", text);
    assert_int_equal(ath_log_drain(note, &seen), 1);
    assert_in_range(strlen(seen.last), 390, 399);
    assert_true(ath__utf8_is_valid(seen.last, strlen(seen.last)));
}

static void write_more(int level, const char *subject, const char *message, void *user) {
    size_t *count = user;
    (void)level;
    (void)subject;
    (void)message;
    if (++*count < 3)
        ATH__LOG(ATH_LOG_ERROR, "test", "from within");
}

static void test_log_drain_may_call_back(void **state) {
    size_t count = 0;
    (void)state;
    ath_log_level_set(ATH_LOG_ERROR);
    ATH__LOG(ATH_LOG_ERROR, "test", "first");
    assert_int_equal(ath_log_drain(write_more, &count), 3);
}

static void *write_many(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++)
        ATH__LOG(ATH_LOG_ERROR, "test", "from a thread");
    return NULL;
}

static void test_log_takes_records_of_many_threads(void **state) {
    pthread_t threads[4];
    struct seen seen = {0};
    (void)state;
    ath_log_level_set(ATH_LOG_ERROR);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ath_log_drain(note, &seen), RING + 1);
    assert_string_equal(seen.first, "3744 log records were dropped");
}

static void test_log_after_fork_is_empty(void **state) {
    struct seen seen = {0};
    (void)state;
    ath_log_level_set(ATH_LOG_ERROR);
    ATH__LOG(ATH_LOG_ERROR, "test", "the parent's");
    ath__log_after_fork();
    assert_int_equal(ath_log_drain(note, &seen), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_lets_through_by_level),
        cmocka_unit_test(test_log_drops_the_oldest_and_tells),
        cmocka_unit_test(test_log_cuts_at_a_character),
        cmocka_unit_test(test_log_drain_may_call_back),
        cmocka_unit_test(test_log_takes_records_of_many_threads),
        cmocka_unit_test(test_log_after_fork_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
