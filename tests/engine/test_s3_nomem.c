/* Memory that runs out at any allocation of an S3 operation: one clear end, no leak, nothing left.
 */
#include "store.h"

#define PART (5 * MIB)

static struct store s;
static char *s_bytes;

enum script {
    CALL,
    GET_INTO,
    GET_STREAM,
    PUT,
    PUT_PARTS,
    PUT_STREAM,
    PUT_LOST, /* the answer to CreateMultipartUpload */
    COPY_PARTS,
    LIST,
    DELETE,
    SCRIPTS
};

static bool loses_upload(const struct store_request *r) {
    if (r->op == 'C' && r->nth == 1)
        store_lose(r);
    return false;
}

static int start(enum script script, char *out, struct ath_op **op, struct ath_error *err) {
    struct ath_s3_pair header = {"x-amz-meta-a", "b"};
    struct ath_slice key = ath__slice_str("k"), keys[2] = {key, ath__slice_str("\001")};
    struct ath_s3_call_options call = {
        .size = sizeof call,
        .operation = "HeadObject",
        .method = "HEAD",
        .bucket = "bucket",
        .key = key,
        .query = &header,
        .query_count = 1,
        .headers = &header,
        .headers_count = 1};
    struct ath_s3_get_options get = {
        .size = sizeof get, .bucket = "bucket", .key = key, .length = -1, .part_bytes = 10};
    struct ath_s3_put_options put = {
        .size = sizeof put,
        .bucket = "bucket",
        .key = ath__slice_str("new"),
        .part_bytes = PART,
        .headers = &header,
        .headers_count = 1,
        .if_none_match = "*"};
    struct ath_s3_copy_options copy = {
        .size = sizeof copy,
        .source_bucket = "bucket",
        .source_key = key,
        .bucket = "bucket",
        .key = ath__slice_str("new"),
        .multipart_from = 5,
        .part_bytes = PART};
    struct ath_s3_list_options list = {
        .size = sizeof list, .kind = ATH_S3_LIST_OBJECTS, .bucket = "bucket", .prefix = "k"};
    struct ath_s3_delete_options del = {
        .size = sizeof del, .bucket = "bucket", .keys = keys, .count = 2};
    if (script == GET_INTO) {
        get.into = out;
        get.into_len = 25;
    }
    if (script == PUT || script == PUT_PARTS || script == PUT_LOST)
        put.body = ath__slice(s_bytes, script == PUT ? 100 : PART + 1);
    put.is_stream = script == PUT_STREAM;
    switch (script) {
    case CALL:
        return ath_s3_call_start(s.w.client, s.w.queue, &call, op, err);
    case GET_INTO:
    case GET_STREAM:
        return ath_s3_get_start(s.w.client, s.w.queue, &get, op, err);
    case COPY_PARTS:
        return ath_s3_copy_start(s.w.client, s.w.queue, &copy, op, err);
    case LIST:
        return ath_s3_list_start(s.w.client, s.w.queue, &list, op, err);
    case DELETE:
        return ath_s3_delete_start(s.w.client, s.w.queue, &del, op, err);
    default:
        return ath_s3_put_start(s.w.client, s.w.queue, &put, op, err);
    }
}

static void follow(enum script script, struct ath_op *op) {
    struct ath_s3_chunk *chunk;
    struct ath_s3_page *page;
    struct ath_error err = {0};
    if (script == PUT_STREAM) {
        int rc = ath_s3_put_write(op, ath__slice(s_bytes, PART + 1), &err);
        if (rc == 0)
            rc = ath_s3_put_end(op, &err);
        if (rc)
            ath_op_cancel(op, true);
    }
    for (int i = 0; i < 1000 && !ath_op_is_done(op); i++) {
        if (script == GET_STREAM && ath_s3_chunk_next(op, &chunk, NULL) == 1)
            ath_s3_chunk_release(chunk);
        if (script == LIST && ath_s3_page_next(op, &page, NULL) == 1)
            ath_s3_page_release(page);
        world_run(&s.w, 100 * MS);
    }
    assert_true(ath_op_is_done(op));
    int code = ath_op_error(op, &err);
    if (code != 0 && code != ATH_ERR_NOMEM && code != ATH_ERR_CANCELLED)
        fail_msg("ended with %s: %s", ath_error_name(code), err.message);
}

/* True while there was an allocation to fail. */
static bool run_once(enum script script, uint64_t at, bool all) {
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    struct ath_op *op = NULL;
    struct ath_error err = {0};
    char out[25];
    client.access_key_id = "AKID";
    client.secret_access_key = "secret";
    store_open(&s, &client);
    store_put(&s, "k", s_bytes, 25);
    s.list_max = 1;
    s.after = script == PUT_LOST ? loses_upload : NULL;
    store_put(&s, "k2", "", 0);
    harness_fail_at(at, all);
    int rc = start(script, out, &op, &err);
    assert_true(rc == 0 || rc == ATH_ERR_NOMEM);
    if (rc == 0)
        follow(script, op);
    bool failed = harness_has_failed();
    harness_fail_at(0, false);
    ath_op_release(op);
    world_run(&s.w, 5 * SECOND);
    if (!all) /* a search that wants memory is given up */
        assert_true(store_open_uploads(&s) <= (script == PUT_LOST));
    assert_int_equal(atomic_load(&s.w.client->stats.budget_used), 0);
    store_close(&s);
    return failed;
}

static void test_nomem_s3(void **state) {
    (void)state;
    s_bytes = store_pattern(PART + 1);
    for (int script = 0; script < SCRIPTS; script++)
        for (int all = 0; all < 2; all++) {
            uint64_t at = 1;
            while (run_once((enum script)script, at, all))
                at++;
            assert_true(at > 8);
        }
    free(s_bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nomem_s3)};
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
