/* Gets: ranges, resumption, changes in the middle, streams within the budget. */
#include "store.h"

static struct store s;

static void test_get_into_by_ranges(void **state) {
    (void)state;
    char *bytes = store_pattern(95), out[95];
    store_open(&s, NULL);
    store_put(&s, "k", bytes, 95);
    struct ath_s3_get_options options = store_get_options("k");
    options.into = out;
    options.into_len = sizeof out;
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_memory_equal(out, bytes, 95);
    assert_string_equal(s.log, "GGGGGGGGGG");
    assert_int_equal(ath_s3_object_size(op), 95);
    assert_int_equal(ath_s3_transferred(op), 95);
    assert_int_equal(ath_s3_status(op), 206);
    assert_true(ath__slice_is(ath_s3_header(op, "etag"), store_find(&s, "k")->etag));
    assert_string_equal(world_trace(&s.w, op), "RD");
    for (size_t i = 1; i < 10; i++)
        assert_non_null(strstr(ath__fake_request_at(s.w.fake, i)->headers, "If-Match: \""));
    assert_string_equal(
        ath__fake_request_at(s.w.fake, 0)->host, "bucket.s3.us-east-1.amazonaws.com");
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static void test_get_ranges_that_come_with_status_200(void **state) {
    (void)state;
    char *bytes = store_pattern(95), out[60];
    store_open(&s, NULL);
    store_put(&s, "k", bytes, 95);
    s.ranges_as_200 = true;
    struct ath_s3_get_options options = store_get_options("k");
    options.offset = 13;
    options.length = 60;
    options.into = out;
    options.into_len = sizeof out;
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_memory_equal(out, bytes + 13, 60);
    assert_int_equal(ath_s3_object_size(op), 95);
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static void test_get_stream_in_order(void **state) {
    (void)state;
    char *bytes = store_pattern(95), out[95];
    store_open(&s, NULL);
    store_put(&s, "k", bytes, 95);
    struct ath_s3_get_options options = store_get_options("k");
    options.offset = 3;
    options.length = 80;
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_int_equal(store_take_chunks(op, out), 80);
    assert_memory_equal(out, bytes + 3, 80);
    assert_int_equal(ath_op_error(op, NULL), 0);
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static void test_get_stream_stays_in_budget(void **state) {
    (void)state;
    char *bytes = store_pattern(1000), out[1000];
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    client.credentials_source = ATH_CREDENTIALS_NONE;
    client.budget_bytes = 100;
    store_open(&s, &client);
    store_put(&s, "k", bytes, 1000);
    struct ath_s3_get_options options = store_get_options("k");
    struct ath_op *op = store_start_get(&s, &options), *other = store_start_get(&s, &options);
    world_run(&s.w, SECOND);
    assert_false(ath_op_is_done(op));
    assert_in_range(s.count['G'], 10, 12);
    assert_int_equal(atomic_load(&s.w.client->stats.budget_used) <= 110, 1);
    size_t len = 0, len2 = 0;
    while (!ath_op_is_done(op) || !ath_op_is_done(other)) {
        len += store_take_chunks(op, out + len);
        char sink[1000];
        len2 += store_take_chunks(other, sink);
        world_run(&s.w, 10 * MS);
        assert_true(atomic_load(&s.w.client->stats.budget_used) <= 120);
    }
    len += store_take_chunks(op, out + len);
    char sink[1000];
    len2 += store_take_chunks(other, sink);
    assert_int_equal(len, 1000);
    assert_int_equal(len2, 1000);
    assert_memory_equal(out, bytes, 1000);
    ath_op_release(op);
    ath_op_release(other);
    assert_int_equal(atomic_load(&s.w.client->stats.budget_used), 0);
    store_close(&s);
    free(bytes);
}

/* A server that gives a connection 90 MB/s after 20 ms: the budget is spread over so many
 * connections that a stream gets the sum of them, and its memory stays within the budget. */
static void test_get_stream_of_slow_connections(void **state) {
    (void)state;
    size_t len = 192 * MIB, at = 0;
    char *bytes = store_pattern(len);
    store_open(&s, NULL);
    store_put(&s, "k", bytes, len);
    s.latency_ns = 20 * MS;
    s.mib_ns = MIB * 1000 / 90;
    struct ath_s3_get_options options = store_get_options("k");
    options.part_bytes = 0;
    uint64_t began_ns = world_now(&s.w);
    struct ath_op *op = store_start_get(&s, &options);
    while (!ath_op_is_done(op) || at < len) {
        struct ath_s3_chunk *chunk;
        assert_true(atomic_load(&s.w.client->stats.budget_used) <= (int64_t)(72 * MIB));
        while (ath_s3_chunk_next(op, &chunk, NULL) == 1) {
            struct ath_slice part = ath_s3_chunk_bytes(chunk);
            assert_memory_equal(part.ptr, bytes + at, part.len);
            at += part.len;
            ath_s3_chunk_release(chunk);
        }
        world_run(&s.w, MS / 4);
    }
    uint64_t took_ns = world_now(&s.w) - began_ns;
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_in_range(len * 1000 / took_ns, 670, 5000); /* MB/s */
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static void test_get_empty_and_past_the_end(void **state) {
    (void)state;
    char out[16];
    store_open(&s, NULL);
    store_put(&s, "empty", "", 0);
    store_put(&s, "k", "0123456789", 10);
    struct ath_s3_get_options options = store_get_options("empty");
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_int_equal(ath_s3_object_size(op), 0);
    assert_int_equal(store_take_chunks(op, out), 0);
    assert_string_equal(s.log, "GH");
    ath_op_release(op);
    options = store_get_options("k");
    options.offset = 20;
    options.into = out;
    options.into_len = sizeof out;
    op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_int_equal(ath_s3_transferred(op), 0);
    assert_int_equal(ath_s3_object_size(op), 10);
    ath_op_release(op);
    options.offset = 7;
    options.length = 16;
    op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_int_equal(ath_s3_transferred(op), 3);
    assert_memory_equal(out, "789", 3);
    ath_op_release(op);
    options.length = 0;
    op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_int_equal(ath_s3_object_size(op), 10);
    ath_op_release(op);
    options = store_get_options("k");
    options.into = out;
    options.into_len = 4;
    op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), ATH_ERR_TOO_LARGE);
    ath_op_release(op);
    options = store_get_options("none");
    op = store_start_get(&s, &options);
    struct ath_error err = {0};
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_NOT_FOUND);
    assert_string_equal(err.service_code, "NoSuchKey");
    assert_int_equal(ath_s3_status(op), 404);
    ath_op_release(op);
    store_close(&s);
}

/* Every first answer of a range breaks off after four bytes. */
static bool breaks_off(const struct store_request *r) {
    if (r->op == 'G' && r->a->body_len == 10) {
        r->a->result = ATH_ERR_IO;
        r->a->request_sent = true;
        r->a->body_len = 4;
    }
    return false;
}

static void test_get_goes_on_where_it_stopped(void **state) {
    (void)state;
    char *bytes = store_pattern(30), out[30];
    store_open(&s, NULL);
    store_put(&s, "k", bytes, 30);
    s.after = breaks_off;
    struct ath_s3_get_options options = store_get_options("k");
    options.into = out;
    options.into_len = sizeof out;
    options.parallel = 1;
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_memory_equal(out, bytes, 30);
    assert_string_equal(s.log, "GGGGGG");
    for (size_t i = 0; i < 3; i++) {
        char range[40];
        snprintf(range, sizeof range, "Range: bytes=%zu-%zu", i * 10 + 4, i * 10 + 9);
        const struct ath__fake_request *r = ath__fake_request_at(s.w.fake, 2 * i + 1);
        assert_non_null(strstr(r->headers, range));
        assert_non_null(strstr(r->headers, "If-Match: \""));
    }
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static bool changes(const struct store_request *r) {
    if (r->op == 'G' && r->nth == 3)
        store_put(r->s, "k", "another one that is as long as it was", 30);
    return false;
}

static void test_get_change_is_an_error(void **state) {
    (void)state;
    char *bytes = store_pattern(30);
    struct ath_error err = {0};
    store_open(&s, NULL);
    store_put(&s, "k", bytes, 30);
    s.before = changes;
    struct ath_s3_get_options options = store_get_options("k");
    options.parallel = 1;
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_SERVICE);
    assert_non_null(strstr(err.message, "changed while it was read"));
    assert_int_equal(err.http_status, 412);
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

/* The third range finds the object gone; or the rest of a range that broke off finds another one;
 * or the server does not know If-Match and gives bytes of another one. */
static bool changes_otherwise(const struct store_request *r) {
    if (r->op != 'G' || r->nth != 3)
        return false;
    if (r->s->w.counter == 0) {
        store_error(r, 404, "NoSuchKey");
        return true;
    }
    if (r->s->w.counter == 1) {
        *r->a = (struct ath__fake_answer){
            .result = ATH_ERR_IO,
            .request_sent = true,
            .status = 206,
            .head = r->s->head,
            .body = "1234"};
        snprintf(
            r->s->head,
            sizeof r->s->head,
            "ETag: %s\r\nContent-Range: bytes 20-29/30\r\n",
            store_find(r->s, "k")->etag);
        store_put(r->s, "k", "another one that is as long as it was", 30);
        return true;
    }
    r->a->status = 206;
    r->a->head = "ETag: \"other\"\r\nContent-Range: bytes 20-29/30\r\n";
    r->a->body = "9876543210";
    return true;
}

static void test_get_never_splices(void **state) {
    (void)state;
    char out[30];
    for (unsigned how = 0; how < 3; how++)
        for (int into = 0; into < 2; into++) {
            struct ath_error err = {0};
            store_open(&s, NULL);
            store_put(&s, "k", "012345678901234567890123456789", 30);
            s.before = changes_otherwise;
            s.w.counter = how;
            struct ath_s3_get_options options = store_get_options("k");
            options.parallel = 1;
            options.into = into ? out : NULL;
            options.into_len = into ? sizeof out : 0;
            struct ath_op *op = store_start_get(&s, &options);
            assert_true(store_finish(&s, op, &err) != 0);
            assert_non_null(strstr(err.message, "changed while it was read"));
            assert_int_equal(ath_s3_transferred(op), 20);
            ath_op_release(op);
            store_close(&s);
        }
}

/* The first range breaks off, and the rest is of another object. */
static bool breaks_and_changes(const struct store_request *r) {
    if (r->nth == 1) {
        r->a->result = ATH_ERR_IO;
        r->a->request_sent = true;
        r->a->body_len = 4;
        memcpy(r->s->objects[0].etag, "\"new", 4);
    }
    return false;
}

static void test_get_first_range_never_splices(void **state) {
    (void)state;
    char out[30];
    struct ath_error err = {0};
    store_open(&s, NULL);
    store_put(&s, "k", "012345678901234567890123456789", 30);
    s.after = breaks_and_changes;
    struct ath_s3_get_options options = store_get_options("k");
    options.into = out;
    options.into_len = sizeof out;
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_SERVICE);
    assert_int_equal(err.http_status, 412);
    assert_string_equal(s.log, "GG");
    ath_op_release(op);
    store_close(&s);
}

static bool lies(const struct store_request *r) {
    if (r->op == 'G' && r->nth == r->s->w.counter) {
        if (r->s->list_max == 0)
            r->a->head = "ETag: \"e\"\r\nContent-Range: bytes 1-10/30\r\n";
        else if (r->s->list_max == 1)
            r->a->body_len--;
        else
            r->a->head = "ETag: \"e\"\r\n";
        if (r->s->list_max == 3)
            r->a->status = 200; /* the whole object, it says */
    }
    return false;
}

static void test_get_wrong_ranges_are_refused(void **state) {
    (void)state;
    char out[30];
    for (size_t how = 0; how < 4; how++)
        for (unsigned nth = 1; nth <= 2; nth++) {
            store_open(&s, NULL);
            store_put(&s, "k", "012345678901234567890123456789", 30);
            s.after = lies;
            s.list_max = how;
            s.w.counter = nth;
            struct ath_s3_get_options options = store_get_options("k");
            options.into = how % 2 ? out : NULL;
            options.into_len = options.into ? 30 : 0;
            options.offset = 2;
            struct ath_op *op = store_start_get(&s, &options);
            /* bytes that are missing once are asked for again */
            assert_int_equal(store_finish(&s, op, NULL), how == 1 ? 0 : ATH_ERR_PROTOCOL);
            if (how == 1)
                assert_memory_equal(out, "2345678901234567890123456789", 28);
            ath_op_release(op);
            store_close(&s);
        }
}

static void test_get_cancel_at_each_step(void **state) {
    (void)state;
    char out[95];
    char *bytes = store_pattern(95);
    for (int how = 0; how < 3; how++)
        for (unsigned ms = 0; ms < 8; ms++) {
            store_open(&s, NULL);
            store_put(&s, "k", bytes, 95);
            struct ath_s3_get_options options = store_get_options("k");
            options.parallel = 2;
            options.into = how ? out : NULL;
            options.into_len = how ? sizeof out : 0;
            struct ath_op *op = store_start_get(&s, &options);
            if (ms)
                world_run(&s.w, ms * MS - MS / 2);
            if (how == 2) {
                ath_op_detach(op); /* on return the memory is ours */
                assert_int_equal(ath__fake_in_flight(s.w.fake), 0);
            } else {
                ath_op_cancel(op, true);
                world_run(&s.w, SECOND);
                assert_true(ath_op_is_done(op));
                int code = ath_op_error(op, NULL);
                assert_true(code == ATH_ERR_CANCELLED || code == 0);
            }
            ath_op_release(op);
            store_close(&s);
        }
    free(bytes);
}

static bool slow_down(const struct store_request *r) {
    if (r->nth > 2)
        return false;
    store_error(r, 503, "SlowDown");
    return true;
}

static void test_get_slow_down_is_waited_for(void **state) {
    (void)state;
    store_open(&s, NULL);
    store_put(&s, "k", "123456789", 9);
    s.before = slow_down;
    struct ath_s3_get_options options = store_get_options("k");
    struct ath_op *op = store_start_get(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_string_equal(s.log, "GGG");
    struct ath_client_stats stats = {.size = sizeof stats};
    ath_client_stats(s.w.client, &stats);
    assert_int_equal(stats.refusals, 2);
    ath_op_release(op);
    store_close(&s);
}

static void test_get_bad_options(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_error err;
    store_open(&s, NULL);
    struct ath_s3_get_options good = store_get_options("k"), o = good;
    o.size = 8;
    assert_int_equal(ath_s3_get_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    assert_int_equal(ath_s3_get_start(s.w.client, NULL, NULL, &op, &err), ATH_ERR_INVALID);
    o = good;
    o.bucket = "No_Slash/";
    assert_int_equal(ath_s3_get_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    o = good;
    o.key = ath__slice(NULL, 0);
    assert_int_equal(ath_s3_get_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    o = good;
    o.length = -2;
    assert_int_equal(ath_s3_get_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    o = good;
    o.offset = UINT64_MAX;
    assert_int_equal(ath_s3_get_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    struct ath_s3_pair wrong[] = {{"Host", "x"}, {"x-a", "a\r\nb"}, {"a b", "c"}};
    for (size_t i = 0; i < 3; i++) {
        o = good;
        o.headers = &wrong[i];
        o.headers_count = 1;
        assert_int_equal(ath_s3_get_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    }
    store_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_into_by_ranges),
        cmocka_unit_test(test_get_ranges_that_come_with_status_200),
        cmocka_unit_test(test_get_stream_in_order),
        cmocka_unit_test(test_get_stream_stays_in_budget),
        cmocka_unit_test(test_get_stream_of_slow_connections),
        cmocka_unit_test(test_get_empty_and_past_the_end),
        cmocka_unit_test(test_get_goes_on_where_it_stopped),
        cmocka_unit_test(test_get_change_is_an_error),
        cmocka_unit_test(test_get_never_splices),
        cmocka_unit_test(test_get_first_range_never_splices),
        cmocka_unit_test(test_get_wrong_ranges_are_refused),
        cmocka_unit_test(test_get_cancel_at_each_step),
        cmocka_unit_test(test_get_slow_down_is_waited_for),
        cmocka_unit_test(test_get_bad_options),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
