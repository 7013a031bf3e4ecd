/* Memory that runs out at any allocation, once or for good: no crash, no leak, one clear end. */
#include "harness.h"

static struct world w;

struct script {
    size_t queries;
    int source; /* of credentials */
    uint64_t cancel_after_ns;
    bool interrupt, metadata, attach;
};

static bool open_world(const struct script *script) {
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath_error err = {0};
    options.credentials_source = script->source;
    if (script->source == ATH_CREDENTIALS_CHAIN) {
        options.access_key_id = "AKIDEXAMPLE";
        options.secret_access_key = "secret";
    }
    if (!world_try_open(&w, &options, &err)) {
        assert_int_equal(err.code, ATH_ERR_NOMEM);
        return false;
    }
    if (script->source == ATH_CREDENTIALS_EXTERNAL) {
        int rc = ath_client_credentials_set(w.client, "AKID", "secret", NULL, 0, NULL, &err);
        assert_true(rc == 0 || rc == ATH_ERR_NOMEM);
        return rc == 0;
    }
    return true;
}

static int start(const struct script *script, struct ath_op **op) {
    struct ath_error err = {0};
    struct ath_query_options options = world_options("SELECT 1");
    struct ath_metadata_options metadata = ATH_METADATA_OPTIONS_INIT;
    int rc;
    options.notify_state = true;
    options.work_group = "primary";
    metadata.kind = ATH_METADATA_DATABASES;
    metadata.catalog = "AwsDataCatalog";
    if (script->metadata)
        rc = ath_metadata_start(w.client, w.queue, &metadata, op, &err);
    else if (script->attach)
        rc = ath_query_attach(
            w.client, w.queue, "00000000-0000-4000-8000-000000000000", &options, true, op, &err);
    else
        rc = ath_query_start(w.client, w.queue, &options, op, &err);
    assert_int_equal(rc, err.code);
    assert_true(rc == 0 || rc == ATH_ERR_NOMEM);
    return rc;
}

static void check_end(const struct script *script, struct ath_op *op) {
    struct ath_error err = {0};
    world_finish(&w, op, 500 * SECOND);
    assert_int_equal(world_events_of(&w, op, ATH_EVENT_DONE), 1);
    int code = ath_op_error(op, &err);
    if (code != 0 && code != ATH_ERR_NOMEM && !(script->cancel_after_ns || script->attach))
        fail_msg("ended with %s: %s", ath_error_name(code), err.message);
    world_take_rows(op);
    struct ath_execution *execution = ath_query_execution(op);
    struct ath_execution_info info;
    if (execution)
        ath_execution_info(execution, &info, sizeof info);
    ath_execution_release(execution);
    ath_op_release(op);
}

static bool databases(struct world *world, int api, const char *body, struct ath__fake_answer *a) {
    (void)body;
    if (api != SIM_OTHER)
        return false;
    answer_body(
        world,
        a,
        world->counter++ % 2 ? "{\"DatabaseList\":[{\"Name\":\"b\"}]}"
                             : "{\"DatabaseList\":[{\"Name\":\"a\"}],\"NextToken\":\"n\"}");
    return true;
}

/* True while there was an allocation to fail. */
static bool run_once(const struct script *script, uint64_t at, bool all) {
    struct ath_op *ops[8] = {NULL};
    world_init(&w);
    w.pages = 2;
    w.override = databases;
    harness_fail_at(at, all);
    if (open_world(script)) {
        for (size_t i = 0; i < script->queries; i++)
            if (start(script, &ops[i]))
                ops[i] = NULL;
        if (script->cancel_after_ns) {
            world_run(&w, script->cancel_after_ns);
            for (size_t i = 0; i < script->queries; i++)
                if (ops[i] && script->interrupt)
                    ath_query_interrupt(ops[i]);
                else if (ops[i])
                    ath_op_cancel(ops[i], false);
        }
        for (size_t i = 0; i < script->queries; i++)
            if (ops[i])
                check_end(script, ops[i]);
    }
    bool failed = harness_has_failed();
    world_close(&w);
    harness_fail_at(0, false);
    return failed;
}

static void run_all(const struct script *script) {
    for (int all = 0; all < 2; all++) {
        uint64_t at = 1;
        while (run_once(script, at, all))
            at++;
        assert_true(at > 20);
    }
}

static void test_nomem_one_query(void **state) {
    (void)state;
    run_all(&(struct script){.queries = 1, .source = ATH_CREDENTIALS_NONE});
}

static void test_nomem_signed_batches(void **state) {
    (void)state;
    run_all(&(struct script){.queries = 4, .source = ATH_CREDENTIALS_CHAIN});
}

static void test_nomem_external_keys(void **state) {
    (void)state;
    run_all(&(struct script){.queries = 1, .source = ATH_CREDENTIALS_EXTERNAL});
}

static void test_nomem_cancel(void **state) {
    (void)state;
    run_all(&(struct script){
        .queries = 2, .source = ATH_CREDENTIALS_NONE, .cancel_after_ns = 150 * MS});
    run_all(&(struct script){
        .queries = 2,
        .source = ATH_CREDENTIALS_NONE,
        .cancel_after_ns = 150 * MS,
        .interrupt = true});
}

static void test_nomem_metadata_and_attach(void **state) {
    (void)state;
    run_all(&(struct script){.queries = 1, .source = ATH_CREDENTIALS_NONE, .metadata = true});
    run_all(&(struct script){.queries = 1, .source = ATH_CREDENTIALS_NONE, .attach = true});
}

/* Thousands of starts that fail where they are sent do not deepen the stack. */
static void test_nomem_crowd_in_a_lane(void **state) {
    static struct ath_op *ops[20000];
    struct ath_query_options options = world_options("SELECT 1");
    (void)state;
    world_init(&w);
    w.hold[SIM_START] = true;
    world_open(&w, NULL);
    for (size_t i = 0; i < 20000; i++)
        ops[i] = world_start_with(&w, &options);
    world_settle(&w);
    assert_int_equal(w.wire[SIM_START], 16);
    harness_fail_at(1, true);
    ath__fake_let_go(w.fake);
    for (size_t i = 0; i < 20000; i++) {
        world_finish(&w, ops[i], 100 * SECOND);
        assert_int_equal(ath_op_error(ops[i], NULL), ATH_ERR_NOMEM);
    }
    harness_fail_at(0, false);
    for (size_t i = 0; i < 20000; i++)
        ath_op_release(ops[i]);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nomem_one_query),
        cmocka_unit_test(test_nomem_signed_batches),
        cmocka_unit_test(test_nomem_external_keys),
        cmocka_unit_test(test_nomem_cancel),
        cmocka_unit_test(test_nomem_metadata_and_attach),
        cmocka_unit_test(test_nomem_crowd_in_a_lane),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
