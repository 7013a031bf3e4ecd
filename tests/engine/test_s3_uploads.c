/* Multipart uploads that a program makes by single calls: none stays open unknown. */
#include "store.h"

static struct store s;

static const struct ath_s3_pair s_uploads[] = {{"uploads", ""}};
static unsigned s_losses;
static char s_held;

/* Uploads are begun and nobody hears of it; another operation's answer takes long. */
static bool loses_or_holds(const struct store_request *r) {
    if (r->op == 'C' && r->nth <= s_losses)
        store_lose(r);
    if (r->op == s_held)
        r->a->delay_ns = 20 * SECOND;
    return false;
}

static struct ath_op *begin_upload(unsigned losses, char held) {
    s_losses = losses;
    s_held = held;
    store_open(&s, NULL);
    s.after = loses_or_holds;
    struct ath_s3_call_options options = store_call_options("CreateMultipartUpload", "POST", "k");
    options.query = s_uploads;
    options.query_count = 1;
    return store_start_call(&s, &options);
}

static void test_call_lost_uploads_are_aborted(void **state) {
    (void)state;
    for (unsigned losses = 0; losses < 3; losses++) {
        struct ath_op *op = begin_upload(losses == 2 ? 9 : losses, 0);
        assert_int_equal(store_finish(&s, op, NULL), losses == 2 ? ATH_ERR_IO : 0);
        assert_int_equal(store_open_uploads(&s), losses == 2 ? 0 : 1);
        assert_int_equal(s.count['l'], losses > 0);
        if (losses < 2) { /* the one that the program knows */
            struct store_upload *last = &s.uploads[s.uploads_count - 1];
            assert_false(last->is_aborted);
            assert_true(ath_s3_body(op).len > 0);
        }
        ath_op_release(op);
        store_close(&s);
    }
}

static void test_call_lost_upload_beside_a_rival_is_left(void **state) {
    (void)state;
    static const struct ath_s3_pair query[] = {{"partNumber", "1"}, {"uploadId", "u9"}};
    struct ath_op *op = begin_upload(1, 'U');
    struct ath_s3_call_options options = store_call_options("UploadPart", "PUT", "k");
    options.query = query;
    options.query_count = 2;
    struct ath_op *rival = store_start_call(&s, &options);
    world_run(&s.w, 10 * SECOND);
    assert_true(ath_op_is_done(op));
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(s.count['l'] + s.count['A'], 0);
    ath_op_release(op);
    ath_op_release(rival);
    store_close(&s);
}

/* Cancelled or released at any moment, nothing stays open but what the program was told of. */
static void test_call_given_up_uploads_are_aborted(void **state) {
    (void)state;
    for (unsigned how = 0; how < 4; how++)
        for (unsigned half_ms = 0; half_ms < 8; half_ms++) {
            struct ath_op *op = begin_upload(how / 2, 0);
            size_t told = 0;
            world_run(&s.w, half_ms * MS / 2);
            if (how % 2) {
                told = ath_op_is_done(op) && ath_op_error(op, NULL) == 0;
            } else {
                ath_op_cancel(op, true);
                world_finish(&s.w, op, 3 * SECOND);
                int code = ath_op_error(op, NULL);
                assert_true(code == 0 || code == ATH_ERR_CANCELLED);
                told = code == 0;
            }
            ath_op_release(op);
            world_run(&s.w, 60 * SECOND);
            assert_int_equal(store_open_uploads(&s), told);
            assert_int_equal(ath__fake_in_flight(s.w.fake), 0);
            store_close(&s);
        }
}

static void test_call_search_for_uploads_is_bounded(void **state) {
    (void)state;
    struct ath_op *op = begin_upload(1, 'l');
    while (!s.count['l'])
        world_run(&s.w, MS);
    uint64_t from = world_now(&s.w);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_in_range(world_now(&s.w) - from, 1990 * MS, 2010 * MS);
    ath_op_release(op);
    world_run(&s.w, 60 * SECOND);
    assert_int_equal(store_open_uploads(&s), 1);
    store_close(&s);
}

/* What aborts an upload goes on without those who asked for it. */
static void test_call_abort_is_carried_out_without_its_caller(void **state) {
    (void)state;
    static const struct ath_s3_pair query[] = {{"uploadId", "u0"}};
    for (int how = 0; how < 3; how++) {
        struct ath_op *op = begin_upload(0, how == 2 ? 'A' : 0);
        assert_int_equal(store_finish(&s, op, NULL), 0);
        ath_op_release(op);
        struct ath_s3_call_options options =
            store_call_options("AbortMultipartUpload", "DELETE", "k");
        options.query = query;
        options.query_count = 1;
        op = store_start_call(&s, &options);
        if (how) {
            ath_op_cancel(op, true);
            assert_int_equal(store_finish(&s, op, NULL), ATH_ERR_CANCELLED);
        }
        ath_op_release(op);
        world_run(&s.w, 60 * SECOND);
        assert_int_equal(store_open_uploads(&s), 0);
        store_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_lost_uploads_are_aborted),
        cmocka_unit_test(test_call_lost_upload_beside_a_rival_is_left),
        cmocka_unit_test(test_call_given_up_uploads_are_aborted),
        cmocka_unit_test(test_call_search_for_uploads_is_bounded),
        cmocka_unit_test(test_call_abort_is_carried_out_without_its_caller),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
