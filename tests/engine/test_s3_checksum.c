/* Checksums: those that requests carry, and those that come with whole objects. */
#include "store.h"

#include "aws/checksum.h"

static struct store s;

/* -- requests ---------------------------------------------------------------------------------- */

/* The algorithm that the program names, for one request and for parts. */
static void test_put_checksum_algorithms(void **state) {
    (void)state;
    static const struct {
        const char *name, *header, *value, *element;
        int algorithm;
    } cases[] = {
        {"CRC32", "x-amz-checksum-crc32", "y/Q5Jg==", "<ChecksumCRC32>", ATH__CHECKSUM_CRC32},
        {"crc32c", "x-amz-checksum-crc32c", "4waSgw==", "<ChecksumCRC32C>", ATH__CHECKSUM_CRC32C},
        {"CRC64NVME",
         "x-amz-checksum-crc64nvme",
         "rosUhgp5mIg=",
         "<ChecksumCRC64NVME>",
         ATH__CHECKSUM_CRC64NVME},
    };
    char *bytes = store_pattern(6 * MIB);
    for (size_t i = 0; i < 3; i++)
        for (int required = 0; required < 2; required++)
            for (int sdk = 0; sdk < 2; sdk++) {
                char line[120], text[16];
                struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
                struct ath_s3_pair header = {
                    sdk ? "x-amz-sdk-checksum-algorithm" : "x-amz-checksum-algorithm",
                    cases[i].name};
                client.credentials_source = ATH_CREDENTIALS_NONE;
                client.s3_checksums = required ? 2 : 1;
                store_open(&s, &client);
                struct ath_s3_put_options options = store_put_options("123456789", 9);
                options.headers = &header;
                options.headers_count = 1;
                struct ath_op *op = store_start_put(&s, &options);
                assert_int_equal(store_finish(&s, op, NULL), 0);
                snprintf(line, sizeof line, "%s: %s\r\n", cases[i].header, cases[i].value);
                assert_non_null(strstr(ath__fake_request_at(s.w.fake, 0)->headers, line));
                ath_op_release(op);
                options.body = ath__slice(bytes, 6 * MIB);
                options.parallel = 1;
                op = store_start_put(&s, &options);
                assert_int_equal(store_finish(&s, op, NULL), 0);
                const char *create = ath__fake_request_at(s.w.fake, 1)->headers;
                snprintf(
                    line,
                    sizeof line,
                    "x-amz-checksum-algorithm: %s\r\n",
                    ath__checksum_name(cases[i].algorithm));
                assert_non_null(strstr(create, line));
                assert_null(strstr(create, "x-amz-sdk-"));
                ath__checksum_text(
                    cases[i].algorithm,
                    ath__checksum_update(cases[i].algorithm, 0, bytes + 5 * MIB, MIB),
                    text);
                snprintf(line, sizeof line, "%s: %s\r\n", cases[i].header, text);
                assert_non_null(strstr(ath__fake_request_at(s.w.fake, 3)->headers, line));
                snprintf(line, sizeof line, "%s%s<", cases[i].element, text);
                assert_non_null(strstr(ath__fake_request_at(s.w.fake, 4)->body, line));
                ath_op_release(op);
                store_close(&s);
            }
    free(bytes);
}

/* Sums that the program brings go along with one request; of parts nobody could make use of them.
 * Algorithms that are not there are named before anything is sent. */
static void test_put_checksums_of_the_program(void **state) {
    (void)state;
    static const struct ath_s3_pair sums[] = {
        {"Content-MD5", "JfnnlDI7RTiF9RgfG2JNCw=="},
        {"x-amz-checksum-crc32c", "4waSgw=="},
        {"x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
    };
    char *bytes = store_pattern(6 * MIB), line[120];
    struct ath_error err = {0};
    for (size_t i = 0; i < 3; i++) {
        store_open(&s, NULL);
        struct ath_s3_put_options options = store_put_options("123456789", 9);
        options.headers = &sums[i];
        options.headers_count = 1;
        struct ath_op *op = store_start_put(&s, &options);
        assert_int_equal(store_finish(&s, op, NULL), 0);
        const char *headers = ath__fake_request_at(s.w.fake, 0)->headers;
        snprintf(line, sizeof line, "%s: %s\r\n", sums[i].name, sums[i].value);
        assert_non_null(strstr(headers, line));
        assert_null(strstr(headers, "x-amz-checksum-crc32:"));
        ath_op_release(op);
        options.body = ath__slice(bytes, 6 * MIB);
        op = store_start_put(&s, &options);
        assert_int_equal(store_finish(&s, op, &err), ATH_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, sums[i].name));
        assert_string_equal(s.log, "P");
        ath_op_release(op);
        struct ath_s3_pair sha = {"x-amz-checksum-algorithm", "SHA256"};
        options = store_put_options("1", 1);
        options.headers = &sha;
        options.headers_count = 1;
        assert_int_equal(
            ath_s3_put_start(s.w.client, NULL, &options, &op, &err), ATH_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "SHA256"));
        store_close(&s);
    }
    free(bytes);
}

/* -- answers ----------------------------------------------------------------------------------- */

static const char *s_sum;

static bool sums(const struct store_request *r) {
    if (r->op == 'G' && r->nth == 1) {
        snprintf(r->s->head + strlen(r->s->head), 100, "x-amz-checksum-%s\r\n", s_sum);
        r->a->head = r->s->head;
    }
    return false;
}

/* The checksum of the whole object, whether it comes in one range or in many. */
static void test_get_checksum(void **state) {
    (void)state;
    static const struct {
        const char *sum;
        uint64_t offset;
        int code;
    } cases[] = {
        {"crc32: y/Q5Jg==", 0, 0},
        {"crc32c: 4waSgw==", 0, 0},
        {"crc64nvme: rosUhgp5mIg=", 0, 0},
        {"crc32: AAAAAA==", 0, ATH_ERR_IO},
        {"crc32c: y/Q5Jg==", 0, ATH_ERR_IO},
        {"crc64nvme: rosUhgp5mIk=", 0, ATH_ERR_IO},
        {"crc32: AAAAAA==-2", 0, 0}, /* of parts */
        {"crc32: AAAAAA==\r\nx-amz-checksum-type: COMPOSITE", 0, 0},
        {"crc32: y/Q5Jg==", 3, 0}, /* of more than was asked for */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int how = 0; how < 4; how++) {
            char out[9];
            struct ath_error err = {0};
            struct ath_client_options client = ATH_CLIENT_OPTIONS_INIT;
            client.credentials_source = ATH_CREDENTIALS_NONE;
            client.s3_endpoint_url = how < 3 ? NULL : "http://127.0.0.1:9000"; /* tells unasked */
            store_open(&s, &client);
            store_put(&s, "k", "123456789", 9);
            s.after = sums;
            s_sum = cases[i].sum;
            struct ath_s3_get_options options = store_get_options("k");
            options.part_bytes = how ? 2 : 10;
            options.offset = cases[i].offset;
            options.into = how > 1 ? out : NULL;
            options.into_len = how > 1 ? sizeof out : 0;
            struct ath_op *op = store_start_get(&s, &options);
            assert_int_equal(store_finish(&s, op, &err), cases[i].code);
            if (err.code)
                assert_non_null(strstr(err.message, "checksum"));
            bool asks = strstr(ath__fake_request_at(s.w.fake, 0)->headers, "x-amz-checksum-mode");
            assert_int_equal(asks, how < 3 && cases[i].offset == 0);
            ath_op_release(op);
            store_close(&s);
        }
}

static bool sends_sum(const struct store_request *r) {
    r->a->head =
        r->nth < 3 ? "x-amz-checksum-crc32c: 4waSgw==\r\n" : "x-amz-checksum-crc32c: AAAA\r\n";
    r->a->status = (int)r->s->w.counter;
    if (r->nth == 6)
        r->a->head = "x-amz-checksum-crc32c: AAAA\r\nContent-Range: bytes 0-8/10\r\n";
    return false;
}

/* What is called as GetObject is checked as a get is; a range is not. */
static void test_call_checks_whole_objects(void **state) {
    (void)state;
    char out[9];
    store_open(&s, NULL);
    store_put(&s, "k", "123456789", 9);
    s.after = sends_sum;
    struct ath_s3_call_options options = store_call_options("GetObject", "GET", "k");
    for (unsigned i = 1; i <= 6; i++) {
        struct ath_error err = {0};
        options.into = i % 2 ? out : NULL;
        options.into_len = i % 2 ? sizeof out : 0;
        s.w.counter = i == 5 ? 206 : 200; /* the sixth has 200, but is a range */
        struct ath_op *op = NULL;
        assert_int_equal(ath_s3_call_start(s.w.client, s.w.queue, &options, &op, &err), 0);
        assert_int_equal(store_finish(&s, op, &err), i == 3 || i == 4 ? ATH_ERR_IO : 0);
        assert_int_equal(ath_s3_status(op), s.w.counter);
        ath_op_release(op);
    }
    store_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_checksum_algorithms),
        cmocka_unit_test(test_put_checksums_of_the_program),
        cmocka_unit_test(test_get_checksum),
        cmocka_unit_test(test_call_checks_whole_objects),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
