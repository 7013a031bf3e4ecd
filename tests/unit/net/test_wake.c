#include "net/wake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>

static void test_wake_poll_is_silent_before_signal(void **state) {
    struct ath__wake wake;
    (void)state;
    assert_int_equal(ath__wake_init(&wake), 0);
    assert_int_equal(ath__wake_poll(&wake, 0), 0);
    assert_int_equal(ath__wake_poll(&wake, 1), 0);
    ath__wake_clear(&wake);
    assert_int_equal(wake.read_fd, -1);
}

static void test_wake_signals_collapse_into_one(void **state) {
    struct ath__wake wake;
    (void)state;
    assert_int_equal(ath__wake_init(&wake), 0);
    for (int i = 0; i < 100000; i++) /* more than a pipe holds */
        ath__wake_signal(&wake);
    assert_int_equal(ath__wake_poll(&wake, -1), 1);
    ath__wake_reset(&wake);
    assert_int_equal(ath__wake_poll(&wake, 0), 0);
    ath__wake_reset(&wake);
    ath__wake_signal(&wake);
    assert_int_equal(ath__wake_poll(&wake, 0), 1);
    ath__wake_clear(&wake);
}

static void test_wake_init_sets_flags(void **state) {
    struct ath__wake wake;
    (void)state;
    assert_int_equal(ath__wake_init(&wake), 0);
    assert_true(fcntl(wake.read_fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(wake.write_fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(wake.read_fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(wake.write_fd, F_GETFL) & O_NONBLOCK);
    ath__wake_clear(&wake);
}

static void *signal_it(void *arg) {
    ath__wake_signal(arg);
    return NULL;
}

static void test_wake_poll_ends_by_other_thread(void **state) {
    struct ath__wake wake;
    pthread_t thread;
    (void)state;
    assert_int_equal(ath__wake_init(&wake), 0);
    assert_int_equal(pthread_create(&thread, NULL, signal_it, &wake), 0);
    assert_int_equal(ath__wake_poll(&wake, -1), 1);
    pthread_join(thread, NULL);
    ath__wake_clear(&wake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_poll_is_silent_before_signal),
        cmocka_unit_test(test_wake_signals_collapse_into_one),
        cmocka_unit_test(test_wake_init_sets_flags),
        cmocka_unit_test(test_wake_poll_ends_by_other_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
