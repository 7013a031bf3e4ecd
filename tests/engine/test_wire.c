/* The engine over libcurl and real threads, against the stub server of bench/stub (ATHENA_STUB). */
#include "child.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif
#ifndef HAS_TSAN
#define HAS_TSAN 0
#endif

static pid_t s_stub;
static char s_url[64];

static int start_stub(const char *path) {
    int fds[2];
    char text[128] = "";
    unsigned port = 0;
    if (pipe(fds))
        return -1;
    s_stub = fork();
    if (s_stub == 0) {
        dup2(fds[1], 1);
        close(fds[0]);
        close(fds[1]);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    for (size_t len = 0; len < sizeof text - 1 && !strchr(text, '\n');) {
        ssize_t n = read(fds[0], text + len, sizeof text - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fds[0]);
    if (sscanf(text, "{\"port\": %u}", &port) != 1)
        return -1;
    snprintf(s_url, sizeof s_url, "http://127.0.0.1:%u", port);
    return 0;
}

static struct ath_client *new_client(void) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_client *client;
    struct ath_error err = {0};
    options.region = "us-east-1";
    options.endpoint_url = s_url;
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    if (ath_client_new(&options, &client, &err))
        fail_msg("%s", err.message);
    return client;
}

static struct ath_op *start(struct ath_client *client, struct ath_queue *queue, const char *sql) {
    struct ath_query_options options = world_options(sql);
    struct ath_op *op;
    struct ath_error err = {0};
    if (ath_query_start(client, queue, &options, &op, &err))
        fail_msg("%s", err.message);
    return op;
}

static size_t threads_now(void) {
    size_t count = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

#define CROWD 1000
static struct ath_op *s_ops[CROWD];

/* One thread of ours, one of the library's, and a queue drained when its descriptor says so. */
static void test_wire_crowd_drained_by_descriptor(void **state) {
    struct ath_event events[64];
    struct ath_queue *queue;
    struct ath_client_stats stats = {.size = sizeof stats};
    size_t done = 0, most = 0, results = 0, rows = 0;
    (void)state;
    size_t before = threads_now();
    struct ath_client *client = new_client();
    assert_int_equal(ath_queue_new(&queue, NULL), 0);
    for (size_t i = 0; i < CROWD; i++)
        s_ops[i] = start(client, queue, "SELECT 1 -- run_ms=300 rows=20");
    while (done < CROWD) {
        struct pollfd fd = {.fd = ath_queue_fd(queue), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 60000), 1);
        size_t n = ath_queue_drain(queue, events, 64), threads = threads_now();
        most = threads > most ? threads : most;
        for (size_t i = 0; i < n; i++) {
            results += events[i].type == ATH_EVENT_RESULT;
            done += events[i].type == ATH_EVENT_DONE;
            if (events[i].type == ATH_EVENT_DONE)
                assert_int_equal(events[i].code, 0);
            ath_event_clear(&events[i]);
        }
    }
    assert_int_equal(results, CROWD);
    assert_true(most - before <= 2);
    for (size_t i = 0; i < CROWD; i++) {
        rows += world_take_rows(s_ops[i]);
        ath_op_release(s_ops[i]);
    }
    assert_int_equal(rows, CROWD * 20);
    ath_client_stats(client, &stats);
    assert_int_equal(stats.queries_finished, CROWD);
    assert_true(stats.connections_opened > 0 && stats.connections_opened <= 64);
    ath_queue_release(queue);
    ath_client_release(client);
}

/* -- many users -------------------------------------------------------------------------------- */

struct user {
    pthread_t thread;
    unsigned seed;
    size_t failures;
};

static int wait_for_rows(struct ath_op *op, size_t *rows) {
    for (;;) {
        int bits = ath_op_wait(op, ATH_WAIT_RESULT | ATH_WAIT_BATCH | ATH_WAIT_STATE, 60000);
        if (bits <= 0)
            return -1;
        *rows += world_take_rows(op);
        if (bits & ATH_WAIT_DONE)
            return ath_op_error(op, NULL);
        if (!(bits & ATH_WAIT_BATCH)) /* RESULT stays set: wait for what comes next */
            ath_op_wait(op, ATH_WAIT_BATCH, 1000);
    }
}

static void use_one(struct user *user, struct ath_client *client) {
    size_t rows = 0;
    unsigned kind = (unsigned)rand_r(&user->seed) % 6;
    struct ath_op *op = start(client, NULL, "SELECT 1 -- run_ms=30 rows=2500");
    switch (kind) {
    case 0:
        ath_op_cancel(op, true);
        user->failures += ath_op_wait(op, 0, 60000) <= 0;
        break;
    case 1:
        ath_op_wait(op, ATH_WAIT_STARTED, 60000);
        ath_query_interrupt(op);
        user->failures += ath_op_wait(op, 0, 60000) <= 0;
        break;
    case 2:
        ath_op_wait(op, ATH_WAIT_STARTED, (int)(user->seed % 40));
        ath_op_detach(op);
        break;
    case 3:
        break; /* released in flight */
    default:
        user->failures += wait_for_rows(op, &rows) != 0 || rows != 2500;
    }
    ath_query_id(op);
    ath_execution_release(ath_query_execution(op));
    ath_op_release(op);
}

static void *use(void *arg) {
    struct user *user = arg;
    struct ath_client *client = new_client();
    for (int i = 0; i < 30; i++)
        use_one(user, client);
    ath_client_release(client);
    return NULL;
}

static void test_wire_users_in_threads(void **state) {
    struct user users[6];
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        users[i] = (struct user){.seed = i + 1};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(users[i].thread, NULL);
        assert_int_equal(users[i].failures, 0);
    }
}

/* -- fork and shutdown ---------------------------------------------------------------------------
 */

static int run_in_child(struct ath_client *client, struct ath_op *old) {
    size_t rows = 0;
    if (ath_op_wait(old, ATH_WAIT_DONE, -1) != ATH_ERR_FORKED)
        return 2;
    ath_op_release(old);
    if (HAS_TSAN)
        return 0; /* it allows no threads in a child of threads */
    struct ath_op *op = start(client, NULL, "SELECT 1 -- run_ms=20 rows=10");
    int rc = wait_for_rows(op, &rows);
    ath_op_release(op);
    ath_client_release(client);
    ath_shutdown(2000);
    return rc == 0 && rows == 10 ? 0 : 3;
}

static void test_wire_fork_while_busy(void **state) {
    pid_t children[8];
    (void)state;
    struct ath_client *client = new_client();
    for (size_t i = 0; i < 200; i++)
        s_ops[i] = start(client, NULL, "SELECT 1 -- run_ms=200 rows=50");
    for (int i = 0; i < 8; i++) {
        ath_op_wait(s_ops[i * 10], ATH_WAIT_STARTED, 60000);
        fflush(NULL);
        children[i] = fork();
        if (children[i] == 0) {
            alarm(60);
            int rc = run_in_child(client, s_ops[i]);
            _exit(rc);
        }
    }
    for (int i = 0; i < 8; i++)
        assert_child_succeeds(children[i]);
    for (size_t i = 0; i < 200; i++) {
        size_t rows = 0;
        assert_int_equal(wait_for_rows(s_ops[i], &rows), 0);
        assert_int_equal(rows, 50);
        ath_op_release(s_ops[i]);
    }
    ath_client_release(client);
}

static void test_wire_shutdown_with_work(void **state) {
    (void)state;
    struct ath_client *client = new_client();
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 100; i++)
            s_ops[i] = start(client, NULL, "SELECT 1 -- run_ms=60000");
        if (round)
            ath_op_wait(s_ops[round * 20], ATH_WAIT_STARTED, 60000);
        assert_int_equal(ath_shutdown(10000), 0);
        for (size_t i = 0; i < 100; i++) {
            assert_true(ath_op_is_done(s_ops[i]));
            assert_int_not_equal(ath_op_error(s_ops[i], NULL), 0);
            ath_op_release(s_ops[i]);
        }
    }
    ath_client_release(client);
    assert_int_equal(ath_shutdown(1000), 0);
    assert_int_equal(harness_live(), 0);
}

/* Nobody listens there: a clear error, soon. */
static void test_wire_connection_refused(void **state) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_client *client;
    struct ath_error err = {0};
    (void)state;
    options.region = "us-east-1";
    options.endpoint_url = "http://127.0.0.1:1";
    options.credentials_source = ATH_CREDENTIALS_NONE;
    assert_int_equal(ath_client_new(&options, &client, &err), 0);
    struct ath_op *op = start(client, NULL, "SELECT 1");
    assert_int_equal(ath_op_wait(op, 0, 60000), ATH_WAIT_DONE);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_CONNECT);
    assert_int_equal(err.attempts, 5);
    ath_op_release(op);
    ath_client_release(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_crowd_drained_by_descriptor),
        cmocka_unit_test(test_wire_users_in_threads),
        cmocka_unit_test(test_wire_fork_while_busy),
        cmocka_unit_test(test_wire_connection_refused),
        cmocka_unit_test(test_wire_shutdown_with_work),
    };
    const char *path = getenv("ATHENA_STUB");
    harness_init();
    if (!path || access(path, X_OK) != 0) {
        printf("skipped: ATHENA_STUB names no server (build with -Dbench=true)\n");
        return 77;
    }
    if (start_stub(path)) {
        fprintf(stderr, "%s does not start\n", path);
        return 1;
    }
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    kill(s_stub, SIGTERM);
    waitpid(s_stub, NULL, 0);
    return rc;
}
