/* S3 over real sockets, libcurl and the I/O thread, against a small server in this process. */
#include "harness.h"

#include <arpa/inet.h>
#include <athena/s3.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static struct {
    int fd;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock;
    char *object;
    size_t len;
    unsigned breaks; /* so many answers end short */
    unsigned delay_ms;
    unsigned live; /* connections being served */
    pthread_cond_t quiet;
} s_server = {.lock = PTHREAD_MUTEX_INITIALIZER, .quiet = PTHREAD_COND_INITIALIZER};

static void count_live(int by) {
    pthread_mutex_lock(&s_server.lock);
    s_server.live += (unsigned)by;
    pthread_cond_signal(&s_server.quiet);
    pthread_mutex_unlock(&s_server.lock);
}

static bool read_head(int fd, char *head, size_t size, size_t *out_len, size_t *out_end) {
    size_t len = 0;
    while (len < size - 1) {
        ssize_t n = recv(fd, head + len, size - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        head[len] = '\0';
        char *end = strstr(head, "\r\n\r\n");
        if (end) {
            *out_len = len;
            *out_end = (size_t)(end - head) + 4;
            return true;
        }
    }
    return false;
}

static bool send_all(int fd, const char *bytes, size_t len) {
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool answer_get(int fd, const char *head) {
    unsigned long long first = 0, last = s_server.len - 1;
    const char *range = strstr(head, "Range: bytes=");
    char text[256];
    if (range)
        sscanf(range, "Range: bytes=%llu-%llu", &first, &last);
    if (last >= s_server.len)
        last = s_server.len - 1;
    size_t len = (size_t)(last - first + 1), sent = len;
    pthread_mutex_lock(&s_server.lock);
    if (s_server.breaks && len > 1000) {
        s_server.breaks--;
        sent = len / 2;
    }
    unsigned delay_ms = s_server.delay_ms;
    pthread_mutex_unlock(&s_server.lock);
    if (delay_ms) {
        struct timespec pause = {0, (long)delay_ms * 1000000};
        nanosleep(&pause, NULL);
    }
    snprintf(
        text,
        sizeof text,
        "HTTP/1.1 206 Partial Content\r\nETag: \"e1\"\r\nContent-Range: bytes %llu-%llu/%zu\r\n"
        "Content-Length: %zu\r\n\r\n",
        first,
        last,
        s_server.len,
        len);
    return send_all(fd, text, strlen(text)) && send_all(fd, s_server.object + first, sent) &&
           sent == len;
}

static bool answer_put(int fd, const char *head, const char *body, size_t have) {
    const char *field = strstr(head, "Content-Length: ");
    size_t len = field ? strtoull(field + 16, NULL, 10) : 0, at = have;
    char *bytes = malloc(len + 1);
    memcpy(bytes, body, have);
    while (at < len) {
        ssize_t n = recv(fd, bytes + at, len - at, 0);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    pthread_mutex_lock(&s_server.lock);
    free(s_server.object);
    s_server.object = bytes;
    s_server.len = len;
    pthread_mutex_unlock(&s_server.lock);
    static const char text[] = "HTTP/1.1 200 OK\r\nETag: \"e2\"\r\nContent-Length: 0\r\n\r\n";
    return at == len && send_all(fd, text, sizeof text - 1);
}

static void *serve_one(void *arg) {
    int fd = (int)(intptr_t)arg;
    char head[16384];
    size_t len, end;
    bool ok = true;
    while (ok && read_head(fd, head, sizeof head, &len, &end))
        ok = strncmp(head, "GET ", 4) == 0 ? answer_get(fd, head)
                                           : answer_put(fd, head, head + end, len - end);
    close(fd);
    count_live(-1);
    return NULL;
}

static void *serve(void *arg) {
    (void)arg;
    for (;;) {
        pthread_t thread;
        int fd = accept(s_server.fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        count_live(1);
        if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd)) {
            close(fd);
            count_live(-1);
        } else {
            pthread_detach(thread);
        }
    }
}

static void begin(size_t len) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    s_server.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s_server.fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(s_server.fd, 64), 0);
    getsockname(s_server.fd, (struct sockaddr *)&name, &size);
    s_server.port = ntohs(name.sin_port);
    s_server.object = malloc(len + 1);
    s_server.len = len;
    uint32_t x = 7;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        s_server.object[i] = (char)(x >> 24);
    }
    s_server.breaks = s_server.delay_ms = 0;
    assert_int_equal(pthread_create(&s_server.thread, NULL, serve, NULL), 0);
}

static void end(struct ath_client *client) {
    ath_client_release(client);
    ath_shutdown(5000);
    shutdown(s_server.fd, SHUT_RDWR);
    pthread_join(s_server.thread, NULL);
    pthread_mutex_lock(&s_server.lock);
    while (s_server.live) /* their connections are closed */
        pthread_cond_wait(&s_server.quiet, &s_server.lock);
    pthread_mutex_unlock(&s_server.lock);
    close(s_server.fd);
    free(s_server.object);
}

static struct ath_client *open_client(void) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_client *client;
    struct ath_error err = {0};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", s_server.port);
    options.region = "us-east-1";
    options.endpoint_url = options.s3_endpoint_url = url;
    options.access_key_id = "AKID";
    options.secret_access_key = "secret";
    if (ath_client_new(&options, &client, &err))
        fail_msg("%s", err.message);
    return client;
}

static struct ath_s3_get_options get_options(void) {
    return (struct ath_s3_get_options){
        .size = sizeof(struct ath_s3_get_options),
        .bucket = "bucket",
        .key = ATH__SLICE_INIT("k"),
        .length = -1,
        .part_bytes = MIB,
    };
}

static void test_wire_get_into_with_breaks(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_error err = {0};
    begin(20 * MIB + 7);
    s_server.breaks = 6;
    struct ath_client *client = open_client();
    struct ath_s3_get_options options = get_options();
    char *out = malloc(21 * MIB);
    options.into = out;
    options.into_len = 21 * MIB;
    assert_int_equal(ath_s3_get_start(client, NULL, &options, &op, &err), 0);
    assert_int_equal(ath_op_wait(op, ATH_WAIT_DONE, 60000) & ATH_WAIT_DONE, ATH_WAIT_DONE);
    if (ath_op_error(op, &err))
        fail_msg("%s", err.message);
    assert_int_equal(ath_s3_transferred(op), 20 * MIB + 7);
    assert_memory_equal(out, s_server.object, 20 * MIB + 7);
    ath_op_release(op);
    free(out);
    end(client);
}

static void test_wire_stream(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_s3_chunk *chunk;
    struct ath_error err = {0};
    begin(20 * MIB + 7);
    struct ath_client *client = open_client();
    struct ath_s3_get_options options = get_options();
    size_t at = 0;
    int rc;
    assert_int_equal(ath_s3_get_start(client, NULL, &options, &op, &err), 0);
    while ((rc = ath_s3_chunk_next(op, &chunk, &err)) >= 0) {
        if (rc == 0) {
            if (ath_op_wait(op, ATH_WAIT_BATCH, 60000) == ATH_WAIT_DONE)
                break;
            continue;
        }
        struct ath_slice bytes = ath_s3_chunk_bytes(chunk);
        assert_memory_equal(bytes.ptr, s_server.object + at, bytes.len);
        at += bytes.len;
        ath_s3_chunk_release(chunk);
    }
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(at, 20 * MIB + 7);
    ath_op_release(op);
    end(client);
}

/* The caller's memory is given back at any moment. */
static void test_wire_detach_gives_memory_back(void **state) {
    (void)state;
    struct ath_op *op;
    begin(20 * MIB);
    struct ath_client *client = open_client();
    for (unsigned us = 0; us < 20000; us += 500) {
        struct ath_s3_get_options options = get_options();
        struct timespec pause = {0, (long)us * 1000};
        char *out = malloc(20 * MIB);
        options.into = out;
        options.into_len = 20 * MIB;
        assert_int_equal(ath_s3_get_start(client, NULL, &options, &op, NULL), 0);
        nanosleep(&pause, NULL);
        ath_op_detach(op);
        free(out); /* an address sanitizer hears of any later write */
        ath_op_release(op);
    }
    end(client);
}

static void test_wire_put_of_lent_memory(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_error err = {0};
    size_t len = 7 * MIB;
    char *bytes = malloc(len);
    begin(1);
    memset(bytes, 'x', len);
    struct ath_client *client = open_client();
    struct ath_s3_put_options options = {
        .size = sizeof options,
        .bucket = "bucket",
        .key = ATH__SLICE_INIT("k"),
        .body = {bytes, len},
    };
    assert_int_equal(ath_s3_put_start(client, NULL, &options, &op, &err), 0);
    ath_op_wait(op, ATH_WAIT_DONE, 60000);
    if (ath_op_error(op, &err))
        fail_msg("%s", err.message);
    assert_int_equal(s_server.len, len);
    assert_memory_equal(s_server.object, bytes, len);
    assert_true(ath__slice_is(ath_s3_header(op, "etag"), "\"e2\""));
    ath_op_release(op);
    assert_int_equal(ath_s3_put_start(client, NULL, &options, &op, &err), 0);
    ath_op_release(op);
    free(bytes);
    end(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_get_into_with_breaks),
        cmocka_unit_test(test_wire_stream),
        cmocka_unit_test(test_wire_detach_gives_memory_back),
        cmocka_unit_test(test_wire_put_of_lent_memory),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
