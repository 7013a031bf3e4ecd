#include "../base/hooks.h"
#include "client.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ath__process *next_process(struct client *client) {
    for (;;) {
        struct ath__process *p = client->http->ops->next_process_done(client->http);
        if (p)
            return p;
        assert_int_equal(client->http->ops->drive(client->http, UINT64_MAX), 0);
    }
}

/* posix_spawn's type for arguments that nobody changes. */
static char *word(const char *text) {
    return (char *)(uintptr_t)text;
}

static void prepare(struct client *client, struct ath__process *p, char *const *argv) {
    ath__process_init(p);
    p->argv = argv;
    p->deadline_ns = client_now(client) + 30u * (uint64_t)SECOND;
}

static void run_shell(struct client *client, struct ath__process *p, const char *script) {
    char text[256];
    snprintf(text, sizeof text, "%s", script);
    char *argv[] = {word("sh"), word("-c"), text, NULL};
    prepare(client, p, argv);
    client->http->ops->spawn(client->http, p);
    assert_ptr_equal(next_process(client), p);
}

static void assert_no_children(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void test_spawn_collects_output(void **state) {
    struct client client;
    struct ath__process p;
    (void)state;
    client_open(&client, NULL, 0);
    run_shell(&client, &p, "echo '{\"Version\": 1}'; echo warning >&2");
    assert_int_equal(p.result, 0);
    assert_true(WIFEXITED(p.exit_status) && WEXITSTATUS(p.exit_status) == 0);
    assert_true(ath__slice_is(ath__buf_slice(&p.output), "{\"Version\": 1}\n"));
    assert_true(ath__slice_is(ath__buf_slice(&p.errors), "warning\n"));
    ath__process_clear(&p);
    assert_no_children();
    client_close(&client);
}

static void test_spawn_tells_exit_status(void **state) {
    struct client client;
    struct ath__process p;
    (void)state;
    client_open(&client, NULL, 0);
    run_shell(&client, &p, "exit 3");
    assert_int_equal(p.result, 0);
    assert_int_equal(WEXITSTATUS(p.exit_status), 3);
    ath__process_clear(&p);
    run_shell(&client, &p, "kill -9 $$");
    assert_int_equal(p.result, 0);
    assert_true(WIFSIGNALED(p.exit_status));
    ath__process_clear(&p);
    /* Output ends before the process does. */
    run_shell(&client, &p, "exec >&- 2>&-; : | cat; exit 4");
    assert_int_equal(p.result, 0);
    ath__process_clear(&p);
    client_close(&client);
}

static void test_spawn_unknown_program_is_system(void **state) {
    struct client client;
    struct ath__process p;
    char *argv[] = {word("/nonexistent/helper"), NULL};
    (void)state;
    client_open(&client, NULL, 0);
    prepare(&client, &p, argv);
    client.http->ops->spawn(client.http, &p);
    assert_ptr_equal(next_process(&client), &p);
    assert_int_equal(p.result, ATH_ERR_SYSTEM);
    assert_int_equal(ath__buf_add_char(&p.errors, '\0'), 0);
    assert_non_null(strstr(p.errors.ptr, "cannot start /nonexistent/helper: No such file"));
    ath__process_clear(&p);
    client_close(&client);
}

static void test_spawn_past_deadline_is_killed(void **state) {
    struct client client;
    struct ath__process p;
    char *argv[] = {word("sleep"), word("1000"), NULL};
    (void)state;
    client_open(&client, NULL, 0);
    prepare(&client, &p, argv);
    p.deadline_ns = client_now(&client) + 20000000;
    client.http->ops->spawn(client.http, &p);
    assert_ptr_equal(next_process(&client), &p);
    assert_int_equal(p.result, ATH_ERR_TIMEOUT);
    ath__process_clear(&p);
    client_close(&client);
    assert_no_children();
}

static void test_spawn_past_limit_is_killed(void **state) {
    struct client client;
    struct ath__process p;
    char *argv[] = {word("yes"), NULL};
    (void)state;
    client_open(&client, NULL, 0);
    prepare(&client, &p, argv);
    p.output_max = 10000;
    client.http->ops->spawn(client.http, &p);
    assert_ptr_equal(next_process(&client), &p);
    assert_int_equal(p.result, ATH_ERR_TOO_LARGE);
    assert_true(p.output.len <= 10000);
    ath__process_clear(&p);
    client_close(&client);
    assert_no_children();
}

static void test_spawn_cuts_standard_error(void **state) {
    struct client client;
    struct ath__process p;
    (void)state;
    client_open(&client, NULL, 0);
    run_shell(&client, &p, "head -c 100000 /dev/zero >&2; cat; echo end");
    assert_int_equal(p.result, 0);
    assert_int_equal(p.errors.len, 1024);
    assert_true(ath__slice_is(ath__buf_slice(&p.output), "end\n"));
    ath__process_clear(&p);
    client_close(&client);
}

static void test_kill_forgets_process(void **state) {
    struct client client;
    struct ath__process p, other;
    char *argv[] = {word("sleep"), word("1000"), NULL};
    (void)state;
    client_open(&client, NULL, 0);
    prepare(&client, &p, argv);
    client.http->ops->spawn(client.http, &p);
    client.http->ops->kill(client.http, &p);
    client.http->ops->kill(client.http, &p);
    run_shell(&client, &other, "echo done");
    assert_int_equal(other.result, 0);
    assert_null(client.http->ops->next_process_done(client.http));
    ath__process_clear(&p);
    ath__process_clear(&other);
    client_close(&client);
    assert_no_children();
}

static void test_release_ends_processes(void **state) {
    struct client client;
    struct ath__process p;
    char *argv[] = {word("sleep"), word("1000"), NULL};
    (void)state;
    client_open(&client, NULL, 0);
    prepare(&client, &p, argv);
    client.http->ops->spawn(client.http, &p);
    client_close(&client);
    ath__process_clear(&p);
    assert_no_children();
}

/* What the program has open is none of a helper's business, close-on-exec or not. */
static void test_spawn_hands_down_no_descriptors(void **state) {
    struct client client;
    struct ath__process p;
    (void)state;
    client_open(&client, NULL, 0);
    int fd = dup(1);
    assert_true(fd > 2);
    run_shell(
        &client, &p, "for f in /dev/fd/*; do [ ${f##*/} -lt 3 ] || [ ! -e $f ] || echo $f; done");
    close(fd);
    assert_int_equal(p.result, 0);
    assert_true(ath__slice_is(ath__buf_slice(&p.output), ""));
    ath__process_clear(&p);
    client_close(&client);
}

/* The answer holds keys: growing the memory for it must leave no copies behind. */
static void test_process_clear_leaves_no_secret(void **state) {
    struct client client;
    struct ath__process p;
    struct hooks hooks;
    char *again[] = {word("true"), NULL};
    (void)state;
    hooks_set(&hooks);
    hooks.secret = "hunter2";
    client_open(&client, NULL, 0);
    run_shell(&client, &p, "echo hunter2; sleep 0.01; head -c 20000 /dev/zero; echo hunter2 >&2");
    assert_int_equal(p.result, 0);
    assert_int_equal(p.output.len, 20008);
    p.argv = again;
    client.http->ops->spawn(client.http, &p); /* once more, with what the first left in it */
    assert_ptr_equal(next_process(&client), &p);
    ath__process_clear(&p);
    client_close(&client);
    assert_false(hooks.found);
    hooks_unset(&hooks);
}

static void test_spawn_resets_signals(void **state) {
    struct client client;
    struct ath__process p;
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    client_open(&client, NULL, 0);
    run_shell(&client, &p, "kill -PIPE $$; exit 5");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(p.result, 0);
    assert_true(WIFSIGNALED(p.exit_status) && WTERMSIG(p.exit_status) == SIGPIPE);
    ath__process_clear(&p);
    client_close(&client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn_collects_output),
        cmocka_unit_test(test_spawn_tells_exit_status),
        cmocka_unit_test(test_spawn_unknown_program_is_system),
        cmocka_unit_test(test_spawn_past_deadline_is_killed),
        cmocka_unit_test(test_spawn_past_limit_is_killed),
        cmocka_unit_test(test_spawn_cuts_standard_error),
        cmocka_unit_test(test_kill_forgets_process),
        cmocka_unit_test(test_release_ends_processes),
        cmocka_unit_test(test_spawn_hands_down_no_descriptors),
        cmocka_unit_test(test_process_clear_leaves_no_secret),
        cmocka_unit_test(test_spawn_resets_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
