/* Credentials: asked for, renewed, refused; and the server's clock. */
#include "harness.h"

#include <unistd.h>

static struct world w;

static void open_external(const char *scope) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    options.credentials_source = ATH_CREDENTIALS_EXTERNAL;
    options.credentials_scope = scope;
    world_open(&w, &options);
}

static int64_t wall_s(void) {
    return w.fake->ops->wall_ms(w.fake) / 1000;
}

static void give(const char *id, int64_t expires_at) {
    assert_int_equal(
        ath_client_credentials_set(w.client, id, "secret", "token", expires_at, NULL, NULL), 0);
}

static void open_static(void) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    options.access_key_id = "AKIDEXAMPLE";
    options.secret_access_key = "secret";
    world_open(&w, &options);
}

static void test_keys_external_are_asked_for(void **state) {
    struct ath_credentials keys;
    (void)state;
    world_init(&w);
    open_external("scope");
    assert_true(ath_client_credentials_wanted(w.client));
    struct ath_op *op = world_start(&w);
    world_run(&w, 5 * SECOND);
    assert_string_equal(world_trace(&w, op), "C");
    assert_int_equal(w.calls_count, 0);
    assert_int_equal(ath_op_wait(op, ATH_WAIT_CREDENTIALS, 0), ATH_WAIT_CREDENTIALS);
    give("AKIDFIRST", wall_s() + 3600);
    assert_false(ath_client_credentials_wanted(w.client));
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(world_done_code(&w, op), 0);
    assert_string_equal(world_trace(&w, op), "CSRD");
    assert_non_null(strstr(w.last_headers, "Credential=AKIDFIRST/"));
    assert_non_null(strstr(w.last_headers, "X-Amz-Security-Token: token"));
    assert_int_equal(ath_client_credentials(w.client, &keys, NULL), 0);
    assert_string_equal(keys.access_key_id, "AKIDFIRST");
    ath_op_release(op);
    world_close(&w);
}

static void test_keys_external_refused_by_the_program(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    open_external(NULL);
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    assert_int_equal(
        ath_client_credentials_set(w.client, NULL, NULL, NULL, 0, "the vault is closed", NULL), 0);
    world_finish(&w, op, SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_CREDENTIALS);
    assert_non_null(strstr(err.message, "the vault is closed"));
    assert_int_equal(w.calls_count, 0);
    ath_op_release(op);
    world_close(&w);
}

/* Keys that are over already end the wait with words, not with silence. */
static void test_keys_external_already_expired(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    open_external(NULL);
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    give("AKIDOLD", wall_s() - 5);
    world_finish(&w, op, SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_CREDENTIALS);
    assert_non_null(strstr(err.message, "expired"));
    ath_op_release(op);
    world_close(&w);
}

static void test_keys_external_never_come(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    open_external(NULL);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 400 * SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_CREDENTIALS);
    assert_string_equal(world_trace(&w, op), "CD");
    ath_op_release(op);
    world_close(&w);
}

/* Refuses whatever is signed with the key called `user`. */
static bool expire(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    char text[64];
    (void)api;
    (void)body;
    snprintf(text, sizeof text, "Credential=%s/", (const char *)world->user);
    if (!strstr(world->last_headers, text))
        return false;
    world->counter++;
    answer_error(a, 400, "ExpiredTokenException", "The security token is expired");
    return true;
}

static void test_keys_external_expire_under_way(void **state) {
    static char old[] = "AKIDOLD";
    (void)state;
    world_init(&w);
    open_external(NULL);
    give(old, 0);
    struct ath_op *op = world_start(&w);
    world_run(&w, 150 * MS);
    assert_string_equal(world_trace(&w, op), "S");
    w.user = old;
    w.override = expire;
    world_run(&w, 200 * MS);
    assert_string_equal(world_trace(&w, op), "SC");
    assert_int_equal(w.counter, 1);
    assert_true(ath_client_credentials_wanted(w.client));
    give("AKIDNEW", 0);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(world_done_code(&w, op), 0);
    assert_int_equal(w.counter, 1);
    ath_op_release(op);
    world_close(&w);
}

/* An answer to the old keys that comes late says nothing about the new ones. */
static void test_keys_late_refusal_spares_new_keys(void **state) {
    static char old[] = "AKIDOLD";
    (void)state;
    world_init(&w);
    open_external(NULL);
    give(old, 0);
    w.user = old;
    w.override = expire;
    w.hold[SIM_START] = true;
    struct ath_op *a = world_start(&w);
    world_settle(&w);
    w.hold[SIM_START] = false;
    struct ath_op *b = world_start(&w);
    world_run(&w, 10 * MS);
    assert_string_equal(world_trace(&w, b), "C");
    give("AKIDNEW", 0);
    world_run(&w, 10 * MS);
    assert_string_equal(world_trace(&w, b), "CS");
    ath__fake_let_go(w.fake);
    world_run(&w, 10 * MS);
    assert_false(ath_client_credentials_wanted(w.client));
    assert_string_equal(world_trace(&w, a), "S");
    world_finish(&w, a, 10 * SECOND);
    world_finish(&w, b, 10 * SECOND);
    assert_int_equal(ath_op_error(a, NULL), 0);
    assert_int_equal(ath_op_error(b, NULL), 0);
    ath_op_release(a);
    ath_op_release(b);
    world_close(&w);
}

/* A shared look that waits for keys asks somebody who still listens. */
static void test_keys_wanted_by_a_look_whose_asker_left(void **state) {
    static char old[] = "AKIDOLD";
    struct ath_op *ops[4];
    (void)state;
    world_init(&w);
    open_external(NULL);
    give(old, 0);
    for (int i = 0; i < 4; i++)
        ops[i] = world_start(&w);
    world_run(&w, 50 * MS);
    w.user = old;
    w.override = expire;
    world_run(&w, 200 * MS);
    int asked = -1;
    for (int i = 0; i < 4; i++)
        if (world_events_of(&w, ops[i], ATH_EVENT_CREDENTIALS))
            asked = i;
    assert_true(asked >= 0);
    ops[asked] = ath_op_release(ops[asked]);
    world_settle(&w);
    size_t told = 0;
    for (int i = 0; i < 4; i++)
        told += ops[i] && world_events_of(&w, ops[i], ATH_EVENT_CREDENTIALS);
    assert_true(told >= 1);
    give("AKIDNEW", 0);
    for (int i = 0; i < 4; i++)
        if (ops[i]) {
            world_finish(&w, ops[i], 10 * SECOND);
            assert_int_equal(ath_op_error(ops[i], NULL), 0);
            ath_op_release(ops[i]);
        }
    world_close(&w);
}

static void test_keys_static_expired_is_an_error(void **state) {
    static char id[] = "AKIDEXAMPLE";
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.user = id;
    w.override = expire;
    open_static();
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_not_equal(ath_op_error(op, &err), 0);
    assert_string_equal(err.service_code, "ExpiredTokenException");
    assert_int_equal(w.counter, 1);
    ath_op_release(op);
    world_close(&w);
}

/* A client of its own scope never gets another client's keys, even at the same address. */
static void test_keys_external_scopes_are_apart(void **state) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_client *clients[8];
    (void)state;
    world_init(&w);
    open_external(NULL);
    options.credentials_source = ATH_CREDENTIALS_EXTERNAL;
    options.region = "us-east-1";
    options.endpoint_url = "http://127.0.0.1:9";
    give("AKIDFIRST", 0);
    struct ath_op *op = world_start(&w); /* keeps the account */
    w.client = ath_client_release(w.client);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(ath_client_new(&options, &clients[i], NULL), 0);
        assert_true(ath_client_credentials_wanted(clients[i]));
    }
    for (int i = 0; i < 8; i++)
        ath_client_release(clients[i]);
    world_finish(&w, op, 10 * SECOND);
    ath_op_release(op);

    options.credentials_scope = "shared";
    assert_int_equal(ath_client_new(&options, &clients[0], NULL), 0);
    assert_int_equal(ath_client_new(&options, &clients[1], NULL), 0);
    assert_int_equal(
        ath_client_credentials_set(clients[0], "AKID", "secret", NULL, 0, NULL, NULL), 0);
    assert_false(ath_client_credentials_wanted(clients[1]));
    ath_client_release(clients[0]);
    ath_client_release(clients[1]);
    world_close(&w);
}

/* -- credential_process
 * ----------------------------------------------------------------------------- */

static char s_config[64];

static void open_process(const char *output, int exit_status) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath__fake_process_rule rule = {
        .name = "keys-please",
        .output = output,
        .exit_status = exit_status,
        .errors = exit_status ? "no ticket" : NULL,
        .delay_ns = 300 * MS,
    };
    snprintf(s_config, sizeof s_config, "/tmp/ath-keys-XXXXXX");
    int fd = mkstemp(s_config);
    static const char text[] = "[default]\ncredential_process = keys-please --now\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    setenv("AWS_CONFIG_FILE", s_config, 1);
    world_open(&w, &options);
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    unlink(s_config);
    assert_int_equal(ath__fake_add_process(w.fake, &rule), 0);
}

#define PROCESS_KEYS(id, end)                                                                      \
    "{\"Version\":1,\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\","  \
    "\"Expiration\":\"" end "\"}"

static void test_keys_process(void **state) {
    (void)state;
    world_init(&w);
    size_t live = harness_live();
    open_process(PROCESS_KEYS("AKIDPROC", "2026-01-01T01:00:00Z"), 0);
    struct ath_op *a = world_start(&w), *b = world_start(&w);
    world_run(&w, 200 * MS);
    assert_int_equal(w.calls_count, 0);
    world_finish(&w, a, 10 * SECOND);
    world_finish(&w, b, 10 * SECOND);
    assert_int_equal(ath_op_error(a, NULL), 0);
    assert_non_null(strstr(w.last_headers, "Credential=AKIDPROC/"));
    ath_op_release(a);
    ath_op_release(b);
    w.live_before = live;
    world_close(&w);
}

static void test_keys_process_fails(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    open_process("", 256);
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, &err), ATH_ERR_CREDENTIALS);
    assert_non_null(strstr(err.message, "no ticket"));
    ath_op_release(op);
    world_close(&w);
}

static void test_keys_process_killed_with_its_client(void **state) {
    (void)state;
    world_init(&w);
    open_process("", 0);
    struct ath_op *op = world_start(&w);
    world_settle(&w);
    assert_int_equal(ath__fake_in_flight(w.fake), 1);
    ath_op_release(op);
    w.client = ath_client_release(w.client);
    world_settle(&w);
    assert_int_equal(ath__fake_in_flight(w.fake), 0);
    world_close(&w);
}

/* -- the server's clock
 * ----------------------------------------------------------------------------- */

/* The server is ten minutes ahead (its Date says so) and refuses signatures of another time. */
static bool skewed(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    (void)api;
    a->head = "Date: Thu, 01 Jan 2026 00:10:00 GMT\r\n";
    if (strstr(world->last_headers, "X-Amz-Date: 20260101T001"))
        return false;
    world->counter++;
    a->status = 400;
    a->body = "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: "
              "20260101T000000Z is now earlier than 20260101T000500Z\"}";
    return true;
}

static void test_call_learns_the_servers_clock(void **state) {
    (void)state;
    world_init(&w);
    w.override = skewed;
    open_static();
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_equal(ath_op_error(op, NULL), 0);
    assert_int_equal(w.counter, 1); /* once for the whole client */
    assert_int_equal(w.count[SIM_START], 2);
    ath_op_release(op);
    world_close(&w);
}

static bool
never_right(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    (void)api;
    world->counter++;
    a->head = "Date: Thu, 01 Jan 2026 00:10:00 GMT\r\n";
    answer_error(a, 400, "InvalidSignatureException", "Signature expired: no");
    return true;
}

static void test_call_skew_is_tried_once(void **state) {
    struct ath_error err;
    (void)state;
    world_init(&w);
    w.override = never_right;
    open_static();
    struct ath_op *op = world_start(&w);
    world_finish(&w, op, 10 * SECOND);
    assert_int_not_equal(ath_op_error(op, &err), 0);
    assert_string_equal(err.service_code, "InvalidSignatureException");
    assert_int_equal(w.counter, 2);
    ath_op_release(op);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_external_are_asked_for),
        cmocka_unit_test(test_keys_external_refused_by_the_program),
        cmocka_unit_test(test_keys_external_already_expired),
        cmocka_unit_test(test_keys_external_never_come),
        cmocka_unit_test(test_keys_external_expire_under_way),
        cmocka_unit_test(test_keys_late_refusal_spares_new_keys),
        cmocka_unit_test(test_keys_wanted_by_a_look_whose_asker_left),
        cmocka_unit_test(test_keys_static_expired_is_an_error),
        cmocka_unit_test(test_keys_external_scopes_are_apart),
        cmocka_unit_test(test_keys_process),
        cmocka_unit_test(test_keys_process_fails),
        cmocka_unit_test(test_keys_process_killed_with_its_client),
        cmocka_unit_test(test_call_learns_the_servers_clock),
        cmocka_unit_test(test_call_skew_is_tried_once),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
