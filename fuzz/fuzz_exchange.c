/*
 * Whole exchanges into the query machine. The input is records between lines "--": a status and a
 * body (an answer, handed out in order of the requests), a failure ("!io"), or what the program
 * does at that point ("@cancel"). However it goes: one final event, and nothing left.
 */
#include "fuzz.h"

#include "engine/internal.h"
#include "net/http_fake.h"

#include <stdlib.h>

#define RECORDS_MAX 64

struct record {
    struct ath_slice head; /* first line */
    struct ath_slice body;
};

struct script {
    struct record records[RECORDS_MAX];
    size_t count;
    size_t at;
    char text[16];
};

static void check(bool ok) {
    if (!ok)
        abort();
}

static void split(struct script *script, struct ath_slice rest) {
    static const char mark[] = "\n--\n";
    while (rest.len && script->count < RECORDS_MAX) {
        const char *end = memmem(rest.ptr, rest.len, mark, sizeof mark - 1);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        struct record *record = &script->records[script->count++];
        record->body = (struct ath_slice){rest.ptr, len};
        record->head = ath__slice_split(&record->body, '\n');
        len += end ? sizeof mark - 1 : 0;
        rest = (struct ath_slice){rest.ptr + len, rest.len - len};
    }
}

static bool is_deed(const struct script *script) {
    const struct record *record = &script->records[script->at];
    return script->at < script->count && record->head.len && record->head.ptr[0] == '@';
}

static void answer(void *user, const struct ath__exchange *x, struct ath__fake_answer *a) {
    struct script *script = user;
    uint64_t status = 200;
    (void)x;
    *a = (struct ath__fake_answer){.delay_ns = ATH__MS};
    if (script->at >= script->count || is_deed(script)) {
        a->status = 400;
        a->body = "{\"__type\":\"InvalidRequestException\"}";
        return;
    }
    const struct record *record = &script->records[script->at++];
    if (ath__slice_is(record->head, "!io")) {
        a->result = ATH_ERR_IO;
        a->request_sent = true;
    } else if (ath__slice_is(record->head, "!connect")) {
        a->result = ATH_ERR_CONNECT;
    } else if (ath__slice_is(record->head, "!large")) {
        a->result = ATH_ERR_TOO_LARGE;
    } else {
        ath__slice_to_u64(record->head, &status);
        a->status = (int)(status >= 100 && status < 600 ? status : 200);
        a->head = "Date: Thu, 01 Jan 2026 00:10:00 GMT\r\nx-amzn-RequestId: r\r\n";
        a->body = record->body.len ? record->body.ptr : "";
        a->body_len = record->body.len;
    }
}

static size_t take_rows(struct ath_op *op) {
    struct ath_batch *batch;
    size_t rows = 0;
    while (ath_query_batch_next(op, &batch, NULL) == 1) {
        struct ArrowArray array;
        rows += ath_batch_rows(batch);
        if (ath_batch_arrow_array(batch, &array, NULL) == 0)
            array.release(&array);
        ath_batch_release(batch);
    }
    return rows;
}

static void act(struct ath_client *client, struct ath_op *op, struct ath_slice deed) {
    if (ath__slice_is(deed, "@cancel"))
        ath_op_cancel(op, false);
    else if (ath__slice_is(deed, "@discard"))
        ath_op_cancel(op, true);
    else if (ath__slice_is(deed, "@interrupt"))
        ath_query_interrupt(op);
    else if (ath__slice_is(deed, "@detach"))
        ath_op_detach(op);
    else if (ath__slice_is(deed, "@take"))
        take_rows(op);
    else if (ath__slice_is(deed, "@keys"))
        ath_client_credentials_set(client, "AKID", "secret", NULL, 0, NULL, NULL);
    else if (ath__slice_is(deed, "@nokeys"))
        ath_client_credentials_set(client, NULL, NULL, NULL, 0, "none", NULL);
}

static size_t drain(struct ath_queue *queue) {
    struct ath_event events[16];
    struct ath_execution_info info;
    size_t n, done = 0;
    while ((n = ath_queue_drain(queue, events, 16)))
        for (size_t i = 0; i < n; i++) {
            done += events[i].type == ATH_EVENT_DONE;
            if (events[i].execution)
                ath_execution_info(events[i].execution, &info, sizeof info);
            ath_event_clear(&events[i]);
        }
    return done;
}

static void
run(struct script *script,
    struct ath__runtime *runtime,
    struct ath_client *client,
    struct ath_queue *queue) {
    struct ath_query_options options = ATH_QUERY_OPTIONS_INIT;
    struct ath_op *op;
    size_t done = 0;
    bool detached = false;
    options.sql = ATH__SLICE_LIT("SELECT 1");
    options.notify_state = true;
    options.timeout_ms = 100000;
    options.rows_ahead_bytes = 1000;
    check(ath_query_start(client, queue, &options, &op, NULL) == 0);
    for (int turn = 0; turn < 20000 && !ath_op_is_done(op); turn++) {
        while (is_deed(script)) {
            struct ath_slice deed = script->records[script->at++].head;
            detached = detached || ath__slice_is(deed, "@detach");
            act(client, op, deed);
        }
        ath__driver_run(runtime, ath__now_ns(runtime) + ATH__SECOND);
        done += drain(queue);
        if (turn > 10)
            take_rows(op);
    }
    check(ath_op_is_done(op));
    done += drain(queue);
    check(done == (detached ? 0 : 1) || (detached && done <= 1));
    take_rows(op);
    ath_op_release(op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct script script = {.count = 0};
    struct ath_client_options options = ATH_CLIENT_OPTIONS_INIT;
    struct ath__fake_rule rule = {.handler = answer, .user = &script};
    struct ath__http *http;
    struct ath__runtime *runtime;
    struct ath_client *client;
    struct ath_queue *queue;
    split(&script, (struct ath_slice){(const char *)data, size});
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
    check(ath__http_fake_new(&http) == 0 && ath__fake_add(http, &rule) == 0);
    ath__runtime_use_http(http);
    options.region = "us-east-1";
    options.endpoint_url = "http://127.0.0.1:9";
    options.credentials_source =
        size && data[0] == '@' ? ATH_CREDENTIALS_EXTERNAL : ATH_CREDENTIALS_NONE;
    check(ath_client_new(&options, &client, NULL) == 0);
    check(ath__runtime_get(&runtime, NULL) == 0);
    check(ath_queue_new(&queue, NULL) == 0);
    run(&script, runtime, client, queue);
    ath_queue_release(queue);
    ath_client_release(client);
    ath_shutdown(1000);
    ath__runtime_release(runtime);
    return 0;
}
