/* S3 operations over a fork: the parent's go on, the child is told that they are not its own and
 * starts others. */
#include "child.h"
#include "store.h"

#include <unistd.h>

static struct store s, s_child;
static char *s_bytes;

enum { GET, PUT, LIST, DELETE, CALL, OPS };
static struct ath_op *s_ops[OPS];

static int start_get(struct store *at, const char *key, struct ath_op **op, struct ath_error *err) {
    struct ath_s3_get_options options = store_get_options(key);
    return ath_s3_get_start(s.w.client, at->w.queue, &options, op, err);
}

static int start_put(struct store *at, struct ath_op **op, struct ath_error *err) {
    struct ath_s3_put_options options = {
        .size = sizeof options,
        .bucket = "bucket",
        .key = ATH__SLICE_INIT("new"),
        .part_bytes = 5 * MIB,
        .is_stream = true};
    return ath_s3_put_start(s.w.client, at->w.queue, &options, op, err);
}

static void start_all(void) {
    struct ath_error err = {0};
    struct ath_slice key = ath__slice_str("gone");
    struct ath_s3_list_options list = {
        .size = sizeof list, .kind = ATH_S3_LIST_OBJECTS, .bucket = "bucket"};
    struct ath_s3_delete_options del = {
        .size = sizeof del, .bucket = "bucket", .keys = &key, .count = 1};
    struct ath_s3_call_options call = store_call_options("HeadObject", "HEAD", "k");
    assert_int_equal(start_get(&s, "k", &s_ops[GET], &err), 0);
    assert_int_equal(start_put(&s, &s_ops[PUT], &err), 0);
    assert_int_equal(ath_s3_put_write(s_ops[PUT], ath__slice(s_bytes, 5 * MIB + 9), &err), 0);
    assert_int_equal(ath_s3_list_start(s.w.client, s.w.queue, &list, &s_ops[LIST], &err), 0);
    assert_int_equal(ath_s3_delete_start(s.w.client, s.w.queue, &del, &s_ops[DELETE], &err), 0);
    assert_int_equal(ath_s3_call_start(s.w.client, s.w.queue, &call, &s_ops[CALL], &err), 0);
}

static void refuse_old(void) {
    struct ath_s3_chunk *chunk;
    struct ath_s3_page *page;
    struct ath_error err;
    size_t count = 9;
    CHILD_CHECK(ath_s3_chunk_next(s_ops[GET], &chunk, &err) == ATH_ERR_FORKED);
    CHILD_CHECK(err.code == ATH_ERR_FORKED);
    CHILD_CHECK(ath_s3_put_write(s_ops[PUT], ath__slice("x", 1), &err) == ATH_ERR_FORKED);
    CHILD_CHECK(ath_s3_put_end(s_ops[PUT], &err) == ATH_ERR_FORKED);
    CHILD_CHECK(ath_s3_page_next(s_ops[LIST], &page, &err) == ATH_ERR_FORKED);
    CHILD_CHECK(ath_s3_delete_failures(s_ops[DELETE], &count) == NULL && count == 0);
    CHILD_CHECK(ath_s3_status(s_ops[CALL]) == 0);
    CHILD_CHECK(ath_s3_header(s_ops[CALL], "ETag").ptr == NULL);
    CHILD_CHECK(ath_s3_head(s_ops[CALL]).ptr == NULL && ath_s3_body(s_ops[CALL]).ptr == NULL);
    CHILD_CHECK(ath_s3_object_size(s_ops[GET]) == -1 && ath_s3_transferred(s_ops[GET]) == 0);
    for (int i = 0; i < OPS; i++) {
        CHILD_CHECK(ath_op_wait(s_ops[i], ATH_WAIT_DONE, -1) == ATH_ERR_FORKED);
        CHILD_CHECK(ath_op_is_done(s_ops[i]));
        CHILD_CHECK(ath_op_error(s_ops[i], &err) == ATH_ERR_FORKED);
        ath_op_cancel(s_ops[i], true);
        ath_op_detach(s_ops[i]);
        ath_op_release(s_ops[i]);
    }
}

/* The old client makes a runtime of the child's own. */
static void use_own(void) {
    struct ath_op *op;
    struct ath_error err;
    char out[64], url[2048];
    size_t sent = ath__fake_request_count(s.w.fake);
    CHILD_CHECK(start_get(&s, "k", &op, &err) == ATH_ERR_FORKED); /* the queue is the parent's */
    ath_queue_release(s.w.queue);
    store_open(&s_child, NULL);
    store_put(&s_child, "own", "0123456789abcdef", 16);
    CHILD_CHECK(start_get(&s_child, "own", &op, &err) == 0);
    child_finish(&s_child.w, op);
    CHILD_CHECK(store_take_chunks(op, out) == 16 && memcmp(out, "0123456789abcdef", 16) == 0);
    ath_op_release(op);
    CHILD_CHECK(start_put(&s_child, &op, &err) == 0);
    CHILD_CHECK(ath_s3_put_write(op, ath__slice(s_bytes, 5 * MIB + 1), &err) == 0);
    CHILD_CHECK(ath_s3_put_end(op, &err) == 0);
    child_finish(&s_child.w, op);
    ath_op_release(op);
    CHILD_CHECK(store_find(&s_child, "new") && store_find(&s_child, "new")->len == 5 * MIB + 1);
    CHILD_CHECK(
        ath_s3_presign(
            s.w.client, "GET", "bucket", ath__slice_str("k"), NULL, 0, 60, url, sizeof url, &err) ==
        ATH_ERR_CREDENTIALS); /* it has none; the answer shows that it was not stuck */
    CHILD_CHECK(ath__fake_request_count(s.w.fake) == sent);
    ath_client_release(s.w.client);
    ath_client_release(s_child.w.client);
    ath_queue_release(s_child.w.queue);
    CHILD_CHECK(ath_shutdown(1000) == 0);
}

/* At each moment of the operations: submitted, on the wire, answered in part. */
static void test_fork_s3_operations(void **state) {
    (void)state;
    s_bytes = store_pattern(6 * MIB);
    for (unsigned half_ms = 0; half_ms < 6; half_ms++) {
        char out[64];
        store_open(&s, NULL);
        store_put(&s, "k", s_bytes, 45);
        store_put(&s, "gone", "x", 1);
        start_all();
        if (half_ms)
            world_run(&s.w, half_ms * MS / 2);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(20);
            refuse_old();
            use_own();
            _exit(0);
        }
        assert_child_succeeds(pid);
        assert_int_equal(ath_s3_put_end(s_ops[PUT], NULL), 0);
        for (int i = 0; i < OPS; i++) {
            world_finish(&s.w, s_ops[i], 10 * SECOND);
            assert_int_equal(ath_op_error(s_ops[i], NULL), 0);
        }
        assert_int_equal(store_take_chunks(s_ops[GET], out), 45);
        assert_memory_equal(out, s_bytes, 45);
        assert_int_equal(store_find(&s, "new")->len, 5 * MIB + 9);
        assert_memory_equal(store_find(&s, "new")->bytes, s_bytes, 5 * MIB + 9);
        assert_null(store_find(&s, "gone"));
        assert_int_equal(ath_s3_status(s_ops[CALL]), 200);
        for (int i = 0; i < OPS; i++)
            ath_op_release(s_ops[i]);
        store_close(&s);
    }
    free(s_bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork_s3_operations)};
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
