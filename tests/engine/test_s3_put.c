/* Puts and copies: one request or many, files, streams, conditions, and what a failure leaves. */
#include "store.h"

#include <unistd.h>

static struct store s;

static void check_object(const char *bytes, size_t len) {
    struct store_object *object = store_find(&s, "k");
    assert_non_null(object);
    assert_int_equal(object->len, len);
    assert_memory_equal(object->bytes, bytes, len);
    assert_int_equal(store_open_uploads(&s), 0);
}

static void test_put_small(void **state) {
    (void)state;
    struct ath_s3_pair type = {"Content-Type", "text/plain"};
    store_open(&s, NULL);
    struct ath_s3_put_options options = store_put_options("123456789", 9);
    options.headers = &type;
    options.headers_count = 1;
    struct ath_op *op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    check_object("123456789", 9);
    const struct ath__fake_request *r = ath__fake_request_at(s.w.fake, 0);
    assert_non_null(strstr(r->headers, "x-amz-checksum-crc32: y/Q5Jg==\r\n"));
    assert_non_null(strstr(r->headers, "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
    assert_non_null(strstr(r->headers, "Content-Type: text/plain\r\n"));
    assert_true(ath_s3_header(op, "ETag").len == 34);
    assert_int_equal(ath_s3_transferred(op), 9);
    ath_op_release(op);
    options = store_put_options("", 0);
    op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    check_object("", 0);
    assert_string_equal(s.log, "PP");
    ath_op_release(op);
    store_close(&s);
}

/* A server of its own over http: the payload's hash is signed, no checksum is sent. */
static void test_put_other_server(void **state) {
    (void)state;
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    client.s3_endpoint_url = "http://127.0.0.1:9000";
    client.access_key_id = "AKID";
    client.secret_access_key = "secret";
    char *bytes = store_pattern(MIB);
    char hash[65], line[120];
    store_open(&s, &client);
    struct ath_s3_put_options options = store_put_options(bytes, MIB);
    struct ath_op *op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    check_object(bytes, MIB);
    const struct ath__fake_request *r = ath__fake_request_at(s.w.fake, 0);
    ath__sha256_hex(ath__slice(bytes, MIB), hash);
    snprintf(line, sizeof line, "x-amz-content-sha256: %s\r\n", hash);
    assert_non_null(strstr(r->headers, line));
    assert_null(strstr(r->headers, "x-amz-checksum"));
    assert_non_null(strstr(r->headers, "/us-east-1/s3/aws4_request"));
    assert_string_equal(r->target, "/bucket/k");
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static void test_put_multipart(void **state) {
    (void)state;
    size_t len = 12 * MIB + 5;
    char *bytes = store_pattern(len);
    store_open(&s, NULL);
    struct ath_s3_put_options options = store_put_options(bytes, len);
    struct ath_op *op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_string_equal(s.log, "CUUUM");
    check_object(bytes, len);
    const struct ath__fake_request *r = ath__fake_request_at(s.w.fake, 4);
    assert_non_null(strstr(r->body, "<ChecksumCRC32>"));
    assert_non_null(
        strstr(ath__fake_request_at(s.w.fake, 0)->headers, "x-amz-checksum-algorithm: CRC32\r\n"));
    assert_int_equal(ath_s3_transferred(op), len);
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static void test_put_file(void **state) {
    (void)state;
    char path[] = "/tmp/athena-put-XXXXXX";
    size_t len = 11 * MIB;
    char *bytes = store_pattern(len);
    struct ath_error err = {0};
    struct ath_op *op;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    store_open(&s, NULL);
    struct ath_s3_put_options options = store_put_options(NULL, 0);
    options.path = path;
    op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_string_equal(s.log, "CUUUM");
    check_object(bytes, len);
    ath_op_release(op);
    assert_int_equal(ftruncate(fd, 1000), 0);
    op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    check_object(bytes, 1000);
    ath_op_release(op);
    op = store_start_put(&s, &options);
    assert_int_equal(ftruncate(fd, 10), 0); /* under its hands */
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_IO);
    ath_op_release(op);
    close(fd);
    unlink(path);
    assert_int_equal(ath_s3_put_start(s.w.client, NULL, &options, &op, &err), ATH_ERR_NOT_FOUND);
    options.path = "/tmp";
    assert_int_equal(ath_s3_put_start(s.w.client, NULL, &options, &op, &err), ATH_ERR_INVALID);
    store_close(&s);
    free(bytes);
}

static void write_all(struct ath_op *op, const char *bytes, size_t len, size_t step) {
    for (size_t at = 0; at < len;) {
        size_t n = len - at < step ? len - at : step;
        int rc = ath_s3_put_write(op, ath__slice(bytes + at, n), NULL);
        assert_in_range(rc, 0, 1);
        if (rc == 0) {
            at += n;
            continue;
        }
        while (!(ath_op_wait(op, ATH_WAIT_BATCH, 0) & ATH_WAIT_BATCH)) {
            assert_false(ath_op_is_done(op));
            world_run(&s.w, MS);
        }
    }
}

static void test_put_stream(void **state) {
    (void)state;
    size_t lens[] = {0, 100, 5 * MIB, 5 * MIB + 1, 23 * MIB};
    const char *logs[] = {"P", "P", "P", "CUUM", "CUUUUUM"};
    char *bytes = store_pattern(23 * MIB);
    for (size_t i = 0; i < 5; i++) {
        struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
        client.credentials_source = ATH_CREDENTIALS_NONE;
        client.budget_bytes = 8 * (int64_t)MIB;
        store_open(&s, &client);
        struct ath_s3_put_options options = store_put_options(NULL, 0);
        options.is_stream = true;
        struct ath_op *op = store_start_put(&s, &options);
        write_all(op, bytes, lens[i], 300000);
        assert_true(atomic_load(&s.w.client->stats.budget_used) <= 8 * (int64_t)MIB);
        assert_int_equal(ath_s3_put_end(op, NULL), 0);
        assert_int_equal(ath_s3_put_end(op, NULL), ATH_ERR_STATE);
        assert_int_equal(store_finish(&s, op, NULL), 0);
        assert_string_equal(s.log, logs[i]);
        check_object(bytes, lens[i]);
        assert_int_equal(atomic_load(&s.w.client->stats.budget_used), 0);
        assert_int_equal(ath_s3_put_write(op, ath__slice("x", 1), NULL), ATH_ERR_STATE);
        ath_op_release(op);
        store_close(&s);
    }
    free(bytes);
}

/* -- failures ---------------------------------------------------------------------------------- */

static char s_op;
static unsigned s_nth;
static int s_how;

static bool fails(const struct store_request *r) {
    if (r->op != s_op || r->nth < s_nth || (s_how && r->nth > s_nth))
        return false;
    if (s_how == 0)
        store_error(r, 403, "AccessDenied");
    else if (s_how == 1)
        store_error(r, 503, "SlowDown");
    else if (s_how == 2)
        store_error(r, 500, "InternalError");
    else
        store_lose(r);
    return true;
}

static void test_put_errors_at_each_step(void **state) {
    (void)state;
    static const struct {
        char op;
        unsigned nth;
    } steps[] = {{'C', 1}, {'U', 1}, {'U', 3}, {'M', 1}};
    size_t len = 12 * MIB;
    char *bytes = store_pattern(len);
    for (size_t i = 0; i < 4; i++)
        for (s_how = 0; s_how < 4; s_how++) {
            s_op = steps[i].op;
            s_nth = steps[i].nth;
            store_open(&s, NULL);
            s.before = fails;
            struct ath_s3_put_options options = store_put_options(bytes, len);
            options.parallel = 2;
            struct ath_op *op = store_start_put(&s, &options);
            struct ath_error err = {0};
            int code = store_finish(&s, op, &err);
            world_run(&s.w, SECOND);
            if (s_how == 0) {
                assert_int_equal(code, ATH_ERR_ACCESS);
                assert_int_equal(s.count['A'] > 0, s_op != 'C');
                assert_null(store_find(&s, "k"));
            } else {
                assert_int_equal(code, 0);
                check_object(bytes, len);
            }
            assert_int_equal(store_open_uploads(&s), 0);
            ath_op_release(op);
            store_close(&s);
        }
    free(bytes);
}

/* 200 that turns out to be a failure: tried again. */
static bool fails_late(const struct store_request *r) {
    if ((r->op != 'M' && r->op != 'c' && r->op != 'u') || r->nth > 1)
        return false;
    store_error(r, 200, "InternalError");
    return true;
}

static void test_put_error_in_success(void **state) {
    (void)state;
    char *bytes = store_pattern(6 * MIB);
    store_open(&s, NULL);
    s.before = fails_late;
    struct ath_s3_put_options options = store_put_options(bytes, 6 * MIB);
    struct ath_op *op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_string_equal(s.log, "CUUMM");
    check_object(bytes, 6 * MIB);
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

/* 200, and a final refusal: what was stored goes, nothing appears. */
static bool refuses_late(const struct store_request *r) {
    if (r->op != 'M' && r->op != 'c' && r->op != 'u')
        return false;
    store_error(r, 200, "AccessDenied");
    return true;
}

/* 200, and a document that ends in its middle: done or not, who knows. `s_how`: not done. */
static bool cuts(const struct store_request *r) {
    if (r->nth > 1 || r->op != s_op)
        return false;
    *r->a =
        (struct ath__fake_answer){.body = s_how ? "  <Err" : "  <CompleteMultipartUploadResult><E"};
    return s_how;
}

static bool cuts_after(const struct store_request *r) {
    cuts(r);
    return false;
}

static struct ath_op *start_copy(const char *source_bucket, size_t multipart_from) {
    struct ath_error err = {0};
    struct ath_op *op = NULL;
    struct ath_s3_copy_options options = {
        .size = sizeof options,
        .source_bucket = source_bucket,
        .source_key = ATH__SLICE_INIT("from"),
        .bucket = "bucket",
        .key = ATH__SLICE_INIT("k"),
        .multipart_from = multipart_from,
        .part_bytes = 5 * MIB,
        .parallel = 1,
    };
    if (ath_s3_copy_start(s.w.client, s.w.queue, &options, &op, &err))
        fail_msg("ath_s3_copy_start: %s", err.message);
    return op;
}

/* A put in parts, a copy, a copy in parts. */
static struct ath_op *start_one(int kind, const char *bytes) {
    struct ath_s3_put_options options = store_put_options(bytes, 6 * MIB);
    if (kind == 0) {
        options.parallel = 1;
        return store_start_put(&s, &options);
    }
    store_put(&s, "from", bytes, 6 * MIB);
    return start_copy("bucket", kind == 1 ? 0 : 1);
}

static void test_put_refusal_in_success(void **state) {
    (void)state;
    static const char *const logs[] = {"CUUMA", "Hc", "HCuA"};
    char *bytes = store_pattern(6 * MIB);
    for (int kind = 0; kind < 3; kind++) {
        store_open(&s, NULL);
        s.before = refuses_late;
        struct ath_op *op = start_one(kind, bytes);
        assert_int_equal(store_finish(&s, op, NULL), ATH_ERR_ACCESS);
        world_run(&s.w, SECOND);
        assert_string_equal(s.log, logs[kind]);
        assert_null(store_find(&s, "k"));
        assert_int_equal(store_open_uploads(&s), 0);
        ath_op_release(op);
        store_close(&s);
    }
    free(bytes);
}

static void test_put_truncated_answers(void **state) {
    (void)state;
    static const struct {
        int kind;
        char op;
        const char *done, *not_done;
    } cases[] = {
        {0, 'M', "CUUMMH", "CUUMM"},
        {1, 'c', "Hcc", "Hcc"},
        {2, 'u', "HCuuuM", "HCuuuM"},
        {0, 'C', "CCUUMlpA", "CCUUMl"},
    };
    char *bytes = store_pattern(6 * MIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (s_how = 0; s_how < 2; s_how++) {
            store_open(&s, NULL);
            s_op = cases[i].op;
            s.before = s_how ? cuts : NULL;
            s.after = s_how ? NULL : cuts_after;
            struct ath_op *op = start_one(cases[i].kind, bytes);
            assert_int_equal(store_finish(&s, op, NULL), 0);
            world_run(&s.w, SECOND);
            assert_string_equal(s.log, s_how ? cases[i].not_done : cases[i].done);
            check_object(bytes, 6 * MIB);
            ath_op_release(op);
            store_close(&s);
        }
    free(bytes);
}

/* The store has done it, but its answer is lost. */
static bool loses(const struct store_request *r) {
    if (r->op == s_op && r->nth == 1)
        store_lose(r);
    return false;
}

static void test_put_lost_answers(void **state) {
    (void)state;
    char *bytes = store_pattern(6 * MIB);
    for (int i = 0; i < 3; i++) {
        size_t len = i ? 6 * MIB : 1000;
        s_op = i ? 'M' : 'P';
        store_open(&s, NULL);
        s.after = loses;
        struct ath_s3_put_options options = store_put_options(bytes, len);
        options.if_none_match = i < 2 ? "*" : NULL;
        struct ath_op *op = store_start_put(&s, &options);
        assert_int_equal(store_finish(&s, op, NULL), 0);
        assert_string_equal(s.log, i ? "CUUMMH" : "PPH");
        check_object(bytes, len);
        ath_op_release(op);
        store_close(&s);
    }
    free(bytes);
}

/* -- a lost CreateMultipartUpload -------------------------------------------------------------- */

static unsigned s_losses;

/* The first uploads are begun, but nobody hears of them. */
static bool loses_uploads(const struct store_request *r) {
    if (r->op != 'C' || r->nth > s_losses)
        return false;
    if (s_how == 2) /* cut short, and the length said so */
        *r->a = (struct ath__fake_answer){.body = "<InitiateMultipartUploadResult><Upload"};
    else
        store_lose(r);
    return false;
}

static bool refuses_the_end(const struct store_request *r) {
    if (r->op != 'M' || s_how != 1)
        return false;
    store_error(r, 403, "AccessDenied");
    return true;
}

static void begin_upload(const char *key, uint64_t at_ns, const char *part) {
    struct store_upload *up = &s.uploads[s.uploads_count++];
    snprintf(up->key, sizeof up->key, "%s", key);
    up->at_ns = at_ns;
    if (part) {
        up->parts[1].bytes = strdup(part);
        up->parts[1].len = strlen(part);
    }
}

static void test_put_lost_uploads_are_found_and_aborted(void **state) {
    (void)state;
    static const struct {
        int how;
        unsigned losses;
        int code;
    } cases[] = {
        {0, 1, 0}, {0, 2, 0}, {1, 1, ATH_ERR_ACCESS}, {0, 9, ATH_ERR_IO}, {2, 9, ATH_ERR_PROTOCOL}};
    char *bytes = store_pattern(6 * MIB);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s_how = cases[i].how;
        s_losses = cases[i].losses;
        store_open(&s, NULL);
        s.before = refuses_the_end;
        s.after = loses_uploads;
        world_run(&s.w, 100 * SECOND);
        uint64_t now_ns = world_now(&s.w);
        begin_upload("k", now_ns - 10 * SECOND, NULL); /* before */
        begin_upload("k", now_ns, "data");             /* of another writer */
        begin_upload("kk", now_ns, NULL);              /* of another object */
        struct ath_s3_put_options options = store_put_options(bytes, 6 * MIB);
        struct ath_op *op = store_start_put(&s, &options);
        assert_int_equal(store_finish(&s, op, NULL), cases[i].code);
        world_run(&s.w, 60 * SECOND);
        assert_int_equal(store_open_uploads(&s), 3);
        for (size_t j = 0; j < 3; j++)
            assert_false(s.uploads[j].is_aborted);
        assert_int_equal(store_find(&s, "k") != NULL, cases[i].code == 0);
        ath_op_release(op);
        store_close(&s);
    }
    free(bytes);
}

/* Nobody looks for uploads where none was lost: refusals come before anything is done. */
static void test_put_refused_uploads_are_not_looked_for(void **state) {
    (void)state;
    char *bytes = store_pattern(6 * MIB);
    s_op = 'C';
    s_nth = 1;
    s_how = 1;
    store_open(&s, NULL);
    s.before = fails;
    struct ath_s3_put_options options = store_put_options(bytes, 6 * MIB);
    struct ath_op *op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_int_equal(s.count['l'], 0);
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static bool loses_the_second(const struct store_request *r) {
    if (r->op == 'C' && r->nth == 2)
        store_lose(r);
    if (r->op == 'U' && r->nth == 1)
        r->a->delay_ns = 30 * SECOND;
    return false;
}

/* Another put of this process has begun an upload of the key, and its first part travels. */
static void test_put_lost_upload_beside_a_rival_is_left(void **state) {
    (void)state;
    char *bytes = store_pattern(6 * MIB);
    store_open(&s, NULL);
    s.after = loses_the_second;
    struct ath_s3_put_options options = store_put_options(bytes, 6 * MIB);
    options.parallel = 1;
    struct ath_op *rival = store_start_put(&s, &options);
    world_run(&s.w, MS + MS / 2);
    assert_string_equal(s.log, "CU");
    struct ath_op *op = store_start_put(&s, &options);
    world_run(&s.w, 10 * SECOND);
    assert_true(ath_op_is_done(op));
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(store_finish(&s, rival, NULL), 0);
    assert_int_equal(s.count['l'] + s.count['A'], 0);
    assert_int_equal(store_open_uploads(&s), 1);
    ath_op_release(op);
    ath_op_release(rival);
    store_close(&s);
    free(bytes);
}

static bool loses_and_holds(const struct store_request *r) {
    if (r->op == 'C' && r->nth == 1)
        store_lose(r);
    if (r->op == 'l')
        r->a->delay_ns = 20 * SECOND;
    return false;
}

/* The search is not waited for long, and not at all by those who have let go. */
static void test_put_search_for_uploads_is_bounded(void **state) {
    (void)state;
    char *bytes = store_pattern(6 * MIB);
    for (int how = 0; how < 3; how++) {
        store_open(&s, NULL);
        s.after = loses_and_holds;
        struct ath_s3_put_options options = store_put_options(bytes, 6 * MIB);
        struct ath_op *op = store_start_put(&s, &options);
        while (!s.count['l'])
            world_run(&s.w, MS);
        uint64_t from = world_now(&s.w);
        if (how == 1)
            ath_op_cancel(op, true);
        if (how == 2) {
            ath_op_release(op);
            assert_int_equal(world_now(&s.w) - from, 0);
        } else {
            world_finish(&s.w, op, 60 * SECOND);
            assert_int_equal(ath_op_error(op, NULL), 0);
            assert_in_range(world_now(&s.w) - from, 1990 * MS, 2010 * MS);
            ath_op_release(op);
        }
        world_run(&s.w, 60 * SECOND);
        check_object(bytes, 6 * MIB);
        store_close(&s);
    }
    free(bytes);
}

static void test_put_create_only(void **state) {
    (void)state;
    char *bytes = store_pattern(6 * MIB);
    struct ath_error err = {0};
    store_open(&s, NULL);
    store_put(&s, "k", "there", 5);
    struct ath_s3_put_options options = store_put_options("123", 3);
    options.if_none_match = "*";
    struct ath_op *op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_SERVICE);
    assert_string_equal(err.service_code, "PreconditionFailed");
    ath_op_release(op);
    options.body = ath__slice(bytes, 6 * MIB);
    op = store_start_put(&s, &options);
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_SERVICE);
    world_run(&s.w, SECOND);
    check_object("there", 5);
    assert_string_equal(s.log, "PCUUMA");
    ath_op_release(op);
    store_close(&s);
    free(bytes);
}

static void test_put_cancel_at_each_step(void **state) {
    (void)state;
    size_t len = 16 * MIB;
    char *bytes = store_pattern(len);
    for (int how = 0; how < 3; how++)
        for (unsigned half_ms = 0; half_ms < 14; half_ms++) {
            store_open(&s, NULL);
            struct ath_s3_put_options options =
                store_put_options(how < 2 ? bytes : NULL, how < 2 ? len : 0);
            options.is_stream = how == 2;
            options.parallel = 1;
            struct ath_op *op = store_start_put(&s, &options);
            if (how == 2)
                assert_int_equal(ath_s3_put_write(op, ath__slice(bytes, len), NULL), 0);
            if (half_ms)
                world_run(&s.w, half_ms * MS / 2);
            if (how == 1) {
                ath_op_release(op);
            } else {
                ath_op_cancel(op, true);
                world_finish(&s.w, op, 3 * SECOND);
                int code = ath_op_error(op, NULL);
                assert_true(code == ATH_ERR_CANCELLED || (code == 0 && store_find(&s, "k")));
                if (how == 2)
                    assert_true(ath_s3_put_write(op, ath__slice(bytes, 1), NULL) < 0);
                ath_op_release(op);
            }
            world_run(&s.w, 10 * SECOND);
            assert_int_equal(store_open_uploads(&s), 0);
            assert_int_equal(ath__fake_in_flight(s.w.fake), 0);
            assert_int_equal(atomic_load(&s.w.client->stats.budget_used), 0);
            store_close(&s);
        }
    free(bytes);
}

static bool holds_abort(const struct store_request *r) {
    if (r->op == 'A')
        r->a->delay_ns = 20 * SECOND;
    return false;
}

static void test_put_cancel_waits_two_seconds(void **state) {
    (void)state;
    char *bytes = store_pattern(16 * MIB);
    store_open(&s, NULL);
    s.before = holds_abort;
    struct ath_s3_put_options options = store_put_options(bytes, 16 * MIB);
    struct ath_op *op = store_start_put(&s, &options);
    world_run(&s.w, MS + MS / 2);
    ath_op_cancel(op, false);
    uint64_t from = world_now(&s.w);
    world_finish(&s.w, op, 60 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), ATH_ERR_CANCELLED);
    assert_in_range(world_now(&s.w) - from, 2 * SECOND, 2 * SECOND + 10 * MS);
    ath_op_release(op);
    world_run(&s.w, 60 * SECOND);
    assert_int_equal(store_open_uploads(&s), 0);
    store_close(&s);
    free(bytes);
}

/* -- copies ------------------------------------------------------------------------------------ */

static void test_copy_whole_and_in_parts(void **state) {
    (void)state;
    size_t len = 12 * MIB;
    char *bytes = store_pattern(len);
    for (int parts = 0; parts < 2; parts++) {
        struct ath_error err = {0};
        store_open(&s, NULL);
        s.before = fails_late;
        struct store_object *source = store_put(&s, "from", bytes, len);
        snprintf(source->content_type, sizeof source->content_type, "text/csv");
        struct ath_op *op = start_copy("other", parts ? MIB : 0);
        assert_int_equal(store_finish(&s, op, &err), 0);
        assert_string_equal(s.log, parts ? "HCuuuuMM" : "Hcc");
        check_object(bytes, len);
        assert_int_equal(ath_s3_transferred(op), len);
        const struct ath__fake_request *r = ath__fake_request_at(s.w.fake, 1);
        assert_string_equal(
            ath__fake_request_at(s.w.fake, 0)->host, "other.s3.us-east-1.amazonaws.com");
        if (parts) {
            assert_non_null(strstr(r->headers, "Content-Type: text/csv\r\n"));
            assert_non_null(strstr(r->headers, "x-amz-meta-colour: blue\r\n"));
            r = ath__fake_request_at(s.w.fake, 2);
        }
        assert_non_null(strstr(r->headers, "x-amz-copy-source: other/from\r\n"));
        assert_non_null(strstr(r->headers, "x-amz-copy-source-if-match: \""));
        ath_op_release(op);
        store_close(&s);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_small),
        cmocka_unit_test(test_put_other_server),
        cmocka_unit_test(test_put_multipart),
        cmocka_unit_test(test_put_file),
        cmocka_unit_test(test_put_stream),
        cmocka_unit_test(test_put_errors_at_each_step),
        cmocka_unit_test(test_put_error_in_success),
        cmocka_unit_test(test_put_refusal_in_success),
        cmocka_unit_test(test_put_truncated_answers),
        cmocka_unit_test(test_put_lost_answers),
        cmocka_unit_test(test_put_lost_uploads_are_found_and_aborted),
        cmocka_unit_test(test_put_refused_uploads_are_not_looked_for),
        cmocka_unit_test(test_put_lost_upload_beside_a_rival_is_left),
        cmocka_unit_test(test_put_search_for_uploads_is_bounded),
        cmocka_unit_test(test_put_create_only),
        cmocka_unit_test(test_put_cancel_at_each_step),
        cmocka_unit_test(test_put_cancel_waits_two_seconds),
        cmocka_unit_test(test_copy_whole_and_in_parts),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
