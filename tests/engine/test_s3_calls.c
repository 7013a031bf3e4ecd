/* Single calls, regions, keys, listings, deletions, presigned URLs, fork and shutdown. */
#include "store.h"

static struct store s;

static const struct ath__fake_request *request_at(size_t i) {
    const struct ath__fake_request *r = ath__fake_request_at(s.w.fake, i);
    assert_non_null(r);
    return r;
}

static void test_call_answers(void **state) {
    (void)state;
    char out[16];
    store_open(&s, NULL);
    store_put(&s, "k", "hello", 5);
    struct ath_s3_call_options options = store_call_options("GetObject", "GET", "k");
    struct ath_op *op = store_start_call(&s, &options);
    assert_int_equal(ath_s3_status(op), 0);
    assert_null(ath_s3_header(op, "ETag").ptr);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_true(ath__slice_is(ath_s3_body(op), "hello"));
    assert_int_equal(ath_s3_status(op), 200);
    assert_true(ath_s3_head(op).len > 10);
    ath_op_release(op);
    options.into = out;
    options.into_len = sizeof out;
    op = store_start_call(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(ath_s3_body(op).len, 0);
    ath_op_release(op);
    options.into_len = 4;
    op = store_start_call(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), ATH_ERR_TOO_LARGE);
    ath_op_release(op);
    options = store_call_options("GetObject", "GET", "none");
    options.into = out;
    options.into_len = sizeof out;
    struct ath_error err = {0};
    op = store_start_call(&s, &options);
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_NOT_FOUND);
    assert_string_equal(err.service_code, "NoSuchKey");
    assert_string_equal(err.operation, "GetObject");
    assert_true(ath__slice_starts(ath_s3_body(op), "<Error>"));
    ath_op_release(op);
    store_close(&s);
}

static void test_call_bad_options(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_error err;
    store_open(&s, NULL);
    struct ath_s3_call_options good = store_call_options("GetObject", "GET", "k"), o = good;
    o.method = "PATCH";
    assert_int_equal(ath_s3_call_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    o = good;
    o.operation = "";
    assert_int_equal(ath_s3_call_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    o = good;
    o.bucket = NULL;
    assert_int_equal(ath_s3_call_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    o.bucket = "arn:aws:s3:::x";
    assert_int_equal(ath_s3_call_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_UNSUPPORTED);
    struct ath_s3_pair pair = {"", "x"};
    o = good;
    o.query = &pair;
    o.query_count = 1;
    assert_int_equal(ath_s3_call_start(s.w.client, NULL, &o, &op, &err), ATH_ERR_INVALID);
    store_close(&s);
}

/* -- regions ----------------------------------------------------------------------------------- */

static bool lives_elsewhere(const struct store_request *r) {
    if (strstr(r->x->route->host, "eu-west-1"))
        return false;
    store_error(r, r->s->w.counter ? (int)r->s->w.counter : 301, "PermanentRedirect");
    r->a->head = "x-amz-bucket-region: eu-west-1\r\n";
    return true;
}

static void test_redirect_is_followed_and_remembered(void **state) {
    (void)state;
    static const unsigned statuses[] = {301, 307, 400};
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    client.access_key_id = "AKID";
    client.secret_access_key = "secret";
    for (size_t i = 0; i < 3; i++) {
        char url[2048];
        store_open(&s, &client);
        store_put(&s, "k", "hello", 5);
        s.before = lives_elsewhere;
        s.w.counter = statuses[i];
        struct ath_s3_call_options options = store_call_options("HeadObject", "HEAD", "k");
        struct ath_op *op = store_start_call(&s, &options);
        assert_int_equal(store_finish(&s, op, NULL), 0);
        ath_op_release(op);
        op = store_start_call(&s, &options);
        assert_int_equal(store_finish(&s, op, NULL), 0);
        ath_op_release(op);
        assert_string_equal(s.log, "HHH");
        assert_non_null(strstr(request_at(0)->headers, "/us-east-1/s3/"));
        assert_non_null(strstr(request_at(1)->headers, "/eu-west-1/s3/"));
        assert_string_equal(request_at(2)->host, "bucket.s3.eu-west-1.amazonaws.com");
        assert_int_equal(
            ath_s3_presign(
                s.w.client,
                "GET",
                "bucket",
                ath__slice_str("k"),
                NULL,
                0,
                60,
                url,
                sizeof url,
                NULL),
            0);
        assert_true(
            ath__slice_starts(ath__slice_str(url), "https://bucket.s3.eu-west-1.amazonaws.com/k?"));
        store_close(&s);
    }
}

/* What one bucket taught is no other's; transfers follow as calls do, and only their first request
 * has to be told. */
static bool one_lives_elsewhere(const struct store_request *r) {
    return strncmp(r->x->route->host, "bucket.", 7) == 0 && lives_elsewhere(r);
}

static void test_redirects_are_of_a_bucket(void **state) {
    (void)state;
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    struct ath_op *op;
    char out[30];
    client.access_key_id = "AKID";
    client.secret_access_key = "secret";
    store_open(&s, &client);
    store_put(&s, "k", "012345678901234567890123456789", 30);
    s.before = one_lives_elsewhere;
    struct ath_s3_get_options get = store_get_options("k");
    get.into = out;
    get.into_len = sizeof out;
    assert_int_equal(ath_s3_get_start(s.w.client, s.w.queue, &get, &op, NULL), 0);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_memory_equal(out, "012345678901234567890123456789", 30);
    assert_string_equal(s.log, "GGGG");
    ath_op_release(op);
    struct ath_s3_put_options put = {
        .size = sizeof put,
        .bucket = "bucket",
        .key = ath__slice_str("new"),
        .body = ath__slice_str("hello")};
    assert_int_equal(ath_s3_put_start(s.w.client, s.w.queue, &put, &op, NULL), 0);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_string_equal(s.log, "GGGGP");
    ath_op_release(op);
    struct ath_s3_call_options options = store_call_options("HeadObject", "HEAD", "k");
    options.bucket = "other";
    op = store_start_call(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    ath_op_release(op);
    assert_string_equal(request_at(4)->host, "bucket.s3.eu-west-1.amazonaws.com");
    assert_string_equal(request_at(5)->host, "other.s3.us-east-1.amazonaws.com");
    store_close(&s);
}

static void test_redirect_only_once_and_on_aws_only(void **state) {
    (void)state;
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    struct ath_error err = {0};
    client.credentials_source = ATH_CREDENTIALS_NONE;
    client.s3_endpoint_url = "http://127.0.0.1:9000";
    store_open(&s, &client);
    s.before = lives_elsewhere;
    struct ath_s3_call_options options = store_call_options("HeadObject", "HEAD", "k");
    struct ath_op *op = store_start_call(&s, &options);
    assert_int_equal(store_finish(&s, op, &err), ATH_ERR_SERVICE);
    assert_string_equal(s.log, "H");
    ath_op_release(op);
    store_close(&s);
}

/* -- keys -------------------------------------------------------------------------------------- */

static void test_call_waits_for_keys(void **state) {
    (void)state;
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    client.credentials_source = ATH_CREDENTIALS_EXTERNAL;
    store_open(&s, &client);
    store_put(&s, "k", "hello", 5);
    struct ath_s3_call_options options = store_call_options("GetObject", "GET", "k");
    struct ath_op *op = store_start_call(&s, &options);
    world_run(&s.w, SECOND);
    assert_string_equal(world_trace(&s.w, op), "C");
    assert_int_equal(
        ath_client_credentials_set(s.w.client, "AKID", "secret", "token", 0, NULL, NULL), 0);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_non_null(strstr(request_at(0)->headers, "X-Amz-Security-Token: token\r\n"));
    ath_op_release(op);
    store_close(&s);
}

static bool expires(const struct store_request *r) {
    if (strcmp(store_header(r->x, "X-Amz-Security-Token"), "old") != 0)
        return false;
    store_error(r, 400, "ExpiredToken");
    return true;
}

static void test_expired_keys_are_asked_for_anew(void **state) {
    (void)state;
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    client.credentials_source = ATH_CREDENTIALS_EXTERNAL;
    store_open(&s, &client);
    store_put(&s, "k", "hello", 5);
    s.before = expires;
    ath_client_credentials_set(s.w.client, "AKID", "secret", "old", 0, NULL, NULL);
    struct ath_s3_call_options options = store_call_options("HeadObject", "HEAD", "k");
    struct ath_op *op = store_start_call(&s, &options);
    world_run(&s.w, SECOND);
    assert_false(ath_op_is_done(op));
    assert_int_equal(ath_op_wait(op, ATH_WAIT_CREDENTIALS, 0), ATH_WAIT_CREDENTIALS);
    ath_client_credentials_set(s.w.client, "AKID", "secret", "new", 0, NULL, NULL);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_string_equal(s.log, "HH");
    ath_op_release(op);
    store_close(&s);
}

/* -- SlowDown ---------------------------------------------------------------------------------- */

static bool slow_first(const struct store_request *r) {
    if (r->nth > 1 || strncmp(r->x->route->host, "bucket.", 7) != 0)
        return false;
    store_error(r, 503, "SlowDown");
    return true;
}

static void test_slow_down_slows_the_bucket_alone(void **state) {
    (void)state;
    struct ath_op *ops[1000];
    store_open(&s, NULL);
    store_put(&s, "k", "x", 1);
    s.before = slow_first;
    struct ath_s3_call_options options = store_call_options("HeadObject", "HEAD", "k");
    struct ath_op *first = store_start_call(&s, &options);
    world_run(&s.w, 10 * MS);
    for (size_t i = 0; i < 1000; i++) {
        options.bucket = i < 500 ? "bucket" : "other";
        ops[i] = store_start_call(&s, &options);
    }
    world_run(&s.w, 20 * MS);
    size_t done = 0, other = 0;
    for (size_t i = 0; i < 1000; i++)
        *(i < 500 ? &done : &other) += ath_op_is_done(ops[i]);
    assert_int_equal(other, 500);
    assert_in_range(done, 1, 30);
    assert_int_equal(store_finish(&s, first, NULL), 0);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(store_finish(&s, ops[i], NULL), 0);
        ath_op_release(ops[i]);
    }
    ath_op_release(first);
    store_close(&s);
}

/* -- lists ------------------------------------------------------------------------------------- */

static size_t take_pages(struct ath_op *op, size_t *pages) {
    struct ath_s3_page *page;
    size_t count, keys = 0;
    while (ath_s3_page_next(op, &page, NULL) == 1) {
        ath_s3_page_entries(page, &count);
        keys += count;
        ++*pages;
        ath_s3_page_release(page);
    }
    return keys;
}

/* The same as they come, until the operation is done. */
static size_t read_pages(struct ath_op *op, size_t *pages) {
    size_t keys = 0;
    while (!ath_op_is_done(op)) {
        keys += take_pages(op, pages);
        world_run(&s.w, 10 * MS);
    }
    return keys + take_pages(op, pages);
}

static void put_keys(size_t count) {
    for (size_t i = 0; i < count; i++) {
        char key[24];
        snprintf(key, sizeof key, "p%03u", (unsigned)i % 100000);
        store_put(&s, key, key, 4);
    }
}

static void test_list_pages_ahead(void **state) {
    (void)state;
    struct ath_error err = {0};
    struct ath_op *op;
    size_t pages = 0;
    store_open(&s, NULL);
    put_keys(30);
    s.list_max = 4;
    struct ath_s3_list_options options = {
        .size = sizeof options, .kind = ATH_S3_LIST_OBJECTS, .bucket = "bucket", .prefix = "p"};
    assert_int_equal(ath_s3_list_start(s.w.client, s.w.queue, &options, &op, &err), 0);
    world_run(&s.w, SECOND);
    assert_int_equal(s.count['L'], 2); /* nobody reads */
    assert_int_equal(read_pages(op, &pages), 30);
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_in_range(pages, 8, 9);
    assert_string_equal(request_at(0)->target, "/?list-type=2&encoding-type=url&prefix=p");
    assert_non_null(strstr(request_at(1)->target, "&continuation-token=p003"));
    ath_op_release(op);
    options.keys_max = 6;
    options.start_after = "p010";
    assert_int_equal(ath_s3_list_start(s.w.client, s.w.queue, &options, &op, &err), 0);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    pages = 0;
    assert_int_equal(take_pages(op, &pages), 6);
    assert_int_equal(atomic_load(&s.w.client->stats.budget_used), 0);
    ath_op_release(op);
    store_close(&s);
}

static bool denies_second(const struct store_request *r) {
    if (r->nth < 2)
        return false;
    store_error(r, 403, "AccessDenied");
    return true;
}

static void test_list_failure_after_a_page(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_s3_page *page;
    store_open(&s, NULL);
    put_keys(10);
    s.list_max = 4;
    s.before = denies_second;
    struct ath_s3_list_options options = {
        .size = sizeof options, .kind = ATH_S3_LIST_OBJECTS, .bucket = "bucket"};
    assert_int_equal(ath_s3_list_start(s.w.client, s.w.queue, &options, &op, NULL), 0);
    assert_int_equal(store_finish(&s, op, NULL), ATH_ERR_ACCESS);
    assert_int_equal(ath_s3_page_next(op, &page, NULL), 1);
    ath_s3_page_release(page);
    assert_int_equal(ath_s3_page_next(op, &page, NULL), ATH_ERR_ACCESS);
    ath_op_release(op);
    options.kind = 9;
    assert_int_equal(ath_s3_list_start(s.w.client, NULL, &options, &op, NULL), ATH_ERR_INVALID);
    options.kind = ATH_S3_LIST_PARTS;
    assert_int_equal(ath_s3_list_start(s.w.client, NULL, &options, &op, NULL), ATH_ERR_INVALID);
    options.kind = ATH_S3_LIST_BUCKETS;
    assert_int_equal(ath_s3_list_start(s.w.client, NULL, &options, &op, NULL), ATH_ERR_INVALID);
    store_close(&s);
}

/* A page that ends in its middle is asked for again, and is an error when it stays so. */
static bool cuts(const struct store_request *r) {
    if ((r->op == 'L' || r->op == 'D') && (r->nth == 2 || r->s->w.counter))
        r->a->body_len = strlen(r->a->body) - 9;
    return false;
}

static void test_truncated_answers_are_asked_for_again(void **state) {
    (void)state;
    for (unsigned always = 0; always < 2; always++) {
        struct ath_op *op;
        size_t pages = 0;
        static char texts[1500][8];
        static struct ath_slice keys[1500];
        store_open(&s, NULL);
        put_keys(10);
        s.list_max = 4;
        s.after = cuts;
        s.w.counter = always;
        struct ath_s3_list_options options = {
            .size = sizeof options, .kind = ATH_S3_LIST_OBJECTS, .bucket = "bucket"};
        assert_int_equal(ath_s3_list_start(s.w.client, s.w.queue, &options, &op, NULL), 0);
        size_t got = read_pages(op, &pages);
        struct ath_error err = {0};
        assert_int_equal(ath_op_error(op, &err), always ? ATH_ERR_PROTOCOL : 0);
        assert_int_equal(err.attempts, always ? 5 : 0);
        assert_int_equal(got, always ? 0 : 10);
        assert_string_equal(s.log, always ? "LLLLL" : "LLLL");
        ath_op_release(op);
        for (size_t i = 0; i < 1500; i++) {
            snprintf(texts[i], sizeof texts[i], "p%03u", (unsigned)i);
            keys[i] = ath__slice_str(texts[i]);
        }
        struct ath_s3_delete_options del = {
            .size = sizeof del, .bucket = "bucket", .keys = keys, .count = 1500};
        assert_int_equal(ath_s3_delete_start(s.w.client, s.w.queue, &del, &op, NULL), 0);
        assert_int_equal(store_finish(&s, op, NULL), always ? ATH_ERR_PROTOCOL : 0);
        assert_int_equal(s.count['D'] > 2, true);
        assert_int_equal(s.objects_count, 0);
        ath_op_release(op);
        store_close(&s);
    }
}

/* -- deletions --------------------------------------------------------------------------------- */

static void test_delete_batches_and_failures(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_error err = {0};
    static char texts[2503][24];
    static struct ath_slice keys[2503];
    store_open(&s, NULL);
    put_keys(20);
    store_put(&s, "locked1", "x", 1);
    for (size_t i = 0; i < 2500; i++) {
        snprintf(texts[i], sizeof texts[i], "p%03u", (unsigned)i % 100000);
        keys[i] = ath__slice_str(texts[i]);
    }
    keys[2500] = ath__slice_str("locked1");
    keys[2501] = ath__slice_str("a\001b");
    keys[2502] = ath__slice_str("c\002d");
    struct ath_s3_delete_options options = {
        .size = sizeof options, .bucket = "bucket", .keys = keys, .count = 2503};
    assert_int_equal(ath_s3_delete_start(s.w.client, s.w.queue, &options, &op, &err), 0);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_string_equal(s.log, "DDDdd");
    assert_non_null(strstr(request_at(0)->headers, "x-amz-checksum-crc32: "));
    size_t count;
    const struct ath_s3_failure *failures = ath_s3_delete_failures(op, &count);
    assert_int_equal(count, 1);
    assert_true(ath__slice_is(failures[0].key, "locked1"));
    assert_true(ath__slice_is(failures[0].code, "AccessDenied"));
    assert_int_equal(s.objects_count, 1);
    ath_op_release(op);
    keys[3] = ath__slice(NULL, 0);
    assert_int_equal(ath_s3_delete_start(s.w.client, NULL, &options, &op, &err), ATH_ERR_INVALID);
    assert_non_null(strstr(err.message, "number 4"));
    options.count = 0;
    assert_int_equal(ath_s3_delete_start(s.w.client, s.w.queue, &options, &op, &err), 0);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    ath_op_release(op);
    store_close(&s);
}

static void test_delete_other_server_gets_md5(void **state) {
    (void)state;
    struct ath_op *op;
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    struct ath_slice key = ath__slice_str("k");
    client.credentials_source = ATH_CREDENTIALS_NONE;
    client.s3_endpoint_url = "http://127.0.0.1:9000";
    store_open(&s, &client);
    struct ath_s3_delete_options options = {
        .size = sizeof options, .bucket = "bucket", .keys = &key, .count = 1};
    assert_int_equal(ath_s3_delete_start(s.w.client, s.w.queue, &options, &op, NULL), 0);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    assert_non_null(strstr(request_at(0)->headers, "Content-MD5: "));
    assert_null(strstr(request_at(0)->headers, "x-amz-checksum"));
    ath_op_release(op);
    store_close(&s);
}

/* -- presigned URLs ---------------------------------------------------------------------------- */

static bool tells_tomorrow(const struct store_request *r) {
    r->a->head = "Date: Sat, 25 May 2013 00:00:00 GMT\r\nETag: \"e\"\r\n";
    return false;
}

/* The example of the S3 API reference, "Authenticating Requests: Using Query Parameters". */
static void test_presign_example(void **state) {
    (void)state;
    char url[1024];
    struct ath_error err = {0};
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    client.access_key_id = "AKIAIOSFODNN7EXAMPLE";
    client.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    client.s3_endpoint_url = "https://s3.amazonaws.com";
    client.s3_addressing = 2;
    store_open(&s, &client);
    ath__fake_set_wall(s.w.fake, 1369353600000);
    assert_int_equal(
        ath_s3_presign(
            s.w.client,
            "GET",
            "examplebucket",
            ath__slice_str("test.txt"),
            NULL,
            0,
            86400,
            url,
            sizeof url,
            &err),
        0);
    assert_string_equal(
        url,
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
        "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&"
        "X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&"
        "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    assert_int_equal(
        ath_s3_presign(
            s.w.client,
            "GET",
            "examplebucket",
            ath__slice_str("test.txt"),
            NULL,
            0,
            86400,
            url,
            100,
            &err),
        ATH_ERR_TOO_LARGE);
    assert_int_equal(
        ath_s3_presign(
            s.w.client, "GET", "examplebucket", ath__slice_str("k"), NULL, 0, 0, url, 100, &err),
        ATH_ERR_INVALID);
    store_close(&s);
    store_open(&s, NULL);
    assert_int_equal(
        ath_s3_presign(
            s.w.client, "GET", "examplebucket", ath__slice_str("k"), NULL, 0, 60, url, 1000, &err),
        ATH_ERR_CREDENTIALS);
    store_close(&s);
}

/* This machine's clock is wrong by a day: answers tell, and the URL is made for their time. */
static void test_presign_by_the_servers_clock(void **state) {
    (void)state;
    char url[2048];
    struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
    client.access_key_id = "AKID";
    client.secret_access_key = "secret";
    store_open(&s, &client);
    store_put(&s, "k", "hello", 5);
    s.after = tells_tomorrow;
    ath__fake_set_wall(s.w.fake, 1369353600000);
    struct ath_s3_call_options options = store_call_options("GetObject", "GET", "k");
    struct ath_op *op = store_start_call(&s, &options);
    assert_int_equal(store_finish(&s, op, NULL), 0);
    ath_op_release(op);
    assert_int_equal(
        ath_s3_presign(
            s.w.client, "GET", "bucket", options.key, NULL, 0, 60, url, sizeof url, NULL),
        0);
    assert_non_null(strstr(url, "%2F20130525%2Fus-east-1%2Fs3"));
    assert_non_null(strstr(url, "&X-Amz-Date=20130525T0000"));
    store_close(&s);
}

/* -- shutdown ---------------------------------------------------------------------------------- */

static void test_shutdown_ends_operations(void **state) {
    (void)state;
    char out[64];
    store_open(&s, NULL);
    store_put(&s, "k", "hello", 5);
    s.hold = true;
    struct ath_s3_call_options options = store_call_options("GetObject", "GET", "k");
    options.into = out;
    options.into_len = sizeof out;
    struct ath_op *op = store_start_call(&s, &options);
    world_run(&s.w, MS);
    ath_shutdown(0);
    assert_true(ath_op_is_done(op));
    assert_true(ath_op_error(op, NULL) != 0);
    ath_op_release(op);
    store_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_answers),
        cmocka_unit_test(test_call_bad_options),
        cmocka_unit_test(test_redirect_is_followed_and_remembered),
        cmocka_unit_test(test_redirects_are_of_a_bucket),
        cmocka_unit_test(test_redirect_only_once_and_on_aws_only),
        cmocka_unit_test(test_expired_keys_are_asked_for_anew),
        cmocka_unit_test(test_truncated_answers_are_asked_for_again),
        cmocka_unit_test(test_call_waits_for_keys),
        cmocka_unit_test(test_slow_down_slows_the_bucket_alone),
        cmocka_unit_test(test_list_pages_ahead),
        cmocka_unit_test(test_list_failure_after_a_page),
        cmocka_unit_test(test_delete_batches_and_failures),
        cmocka_unit_test(test_delete_other_server_gets_md5),
        cmocka_unit_test(test_presign_example),
        cmocka_unit_test(test_presign_by_the_servers_clock),
        cmocka_unit_test(test_shutdown_ends_operations),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
