/*
 * A scripted stand-in for the library below the extension module: the same C interface, with
 * operations that do what a test tells them by the fake_* functions (called through ctypes).
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* What a test hands over for a column of a batch; buffers are copied. */
struct fake_column {
    int storage;
    int32_t scale;
    int64_t null_count;
    int is_ascii;
    const void *validity;
    size_t validity_size;
    const void *offsets;
    size_t offsets_size;
    const void *values;
    size_t values_size;
};

EXPORT uint64_t fake_last_token(void);
EXPORT void fake_columns(uint64_t token, size_t count, const char *const *names);
EXPORT void
fake_push(uint64_t token, size_t rows, size_t columns_count, const struct fake_column *columns);
EXPORT void fake_repeat(uint64_t token, size_t times);
EXPORT void fake_finish(uint64_t token, int code, const char *message);
EXPORT void fake_event(uint64_t token, int type, const char *json);
EXPORT void fake_state(uint64_t token, int state, const char *json);
EXPORT const char *fake_text(uint64_t token);
EXPORT int fake_cancels(uint64_t token);
EXPORT int fake_detaches(uint64_t token);
EXPORT int fake_alive(void);
EXPORT int fake_batches_alive(void);
EXPORT int fake_log_level(void);
EXPORT const char *fake_s3_client(void);

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct ath_op *ops;
static uint64_t last_token;
static int batches_alive;
static int log_level;
static char s3_client[64]; /* the options of the newest client */

struct ath_op *fake_find(uint64_t token) {
    struct ath_op *op = ops;
    while (op && op->token != token)
        op = op->next;
    return op;
}

static void *copy(const void *bytes, size_t size) {
    void *result = calloc(1, size + 16);
    if (bytes && size > 0)
        memcpy(result, bytes, size);
    return bytes ? result : (free(result), NULL);
}

void fake_post(struct ath_op *op, int type, int code, struct ath_execution *execution) {
    struct ath_queue *queue = op->queue;
    pthread_cond_broadcast(&changed);
    if (!queue || queue->used == EVENTS_MAX) {
        ath_execution_release(execution);
        return;
    }
    queue->events[queue->used++] = (struct ath_event){type, code, op->token, op->user, execution};
    uint64_t one = 1;
    (void)!write(queue->fd, &one, sizeof(one));
}

/* -- the script
 * -------------------------------------------------------------------------------------- */

uint64_t fake_last_token(void) {
    return last_token;
}

void fake_columns(uint64_t token, size_t count, const char *const *names) {
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    op->columns = calloc(count + 1, sizeof(*op->columns));
    op->columns_count = count;
    for (size_t i = 0; i < count; i++)
        op->columns[i] = (struct ath_column_info){
            .name = strdup(names[i]),
            .label = "label",
            .type = "varchar",
            .catalog = "hive",
            .schema = "",
            .table = "",
            .nullable = "UNKNOWN",
            .precision = 10,
            .scale = 2,
            .case_sensitive = true};
    fake_post(op, ATH_EVENT_RESULT, 0, NULL);
    pthread_mutex_unlock(&fake_lock);
}

void fake_push(
    uint64_t token, size_t rows, size_t columns_count, const struct fake_column *columns) {
    struct ath_batch *batch = calloc(1, sizeof(*batch));
    batch->count = 1;
    batch->rows = rows;
    batch->columns_count = columns_count;
    batch->columns = calloc(columns_count + 1, sizeof(*batch->columns));
    for (size_t i = 0; i < columns_count; i++)
        batch->columns[i] = (struct ath_column){
            .storage = columns[i].storage,
            .scale = columns[i].scale,
            .null_count = columns[i].null_count,
            .is_ascii = columns[i].is_ascii != 0,
            .validity = copy(columns[i].validity, columns[i].validity_size),
            .offsets = copy(columns[i].offsets, columns[i].offsets_size),
            .values = copy(columns[i].values, columns[i].values_size)};
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    batches_alive++;
    op->batches[(op->batches_first + op->batches_count++) % BATCHES_MAX] = batch;
    fake_post(op, ATH_EVENT_BATCH, 0, NULL);
    pthread_mutex_unlock(&fake_lock);
}

void fake_repeat(uint64_t token, size_t times) {
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    struct ath_batch *batch =
        op->batches[(op->batches_first + op->batches_count - 1) % BATCHES_MAX];
    for (size_t i = 0; i < times && op->batches_count < BATCHES_MAX; i++) {
        batch->count++;
        op->batches[(op->batches_first + op->batches_count++) % BATCHES_MAX] = batch;
    }
    fake_post(op, ATH_EVENT_BATCH, 0, NULL);
    pthread_mutex_unlock(&fake_lock);
}

void fake_finish(uint64_t token, int code, const char *message) {
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    op->finished = true;
    op->error.code = code;
    op->error.attempts = 3;
    op->error.http_status = code ? 400 : 0;
    snprintf(op->error.message, sizeof(op->error.message), "%s", message ? message : "");
    snprintf(op->error.operation, sizeof(op->error.operation), "GetQueryResults");
    fake_post(op, ATH_EVENT_DONE, code, NULL);
    pthread_mutex_unlock(&fake_lock);
}

static struct ath_execution *execution_of(const char *json) {
    struct ath_execution *execution = calloc(1, sizeof(*execution));
    execution->count = 1;
    execution->json = strdup(json);
    return execution;
}

void fake_event(uint64_t token, int type, const char *json) {
    pthread_mutex_lock(&fake_lock);
    fake_post(fake_find(token), type, 0, json ? execution_of(json) : NULL);
    pthread_mutex_unlock(&fake_lock);
}

void fake_state(uint64_t token, int state, const char *json) {
    pthread_mutex_lock(&fake_lock);
    struct ath_op *op = fake_find(token);
    op->state = state;
    ath_execution_release(op->execution);
    op->execution = execution_of(json);
    pthread_mutex_unlock(&fake_lock);
}

const char *fake_text(uint64_t token) {
    return fake_find(token)->text;
}

int fake_cancels(uint64_t token) {
    return fake_find(token)->cancels;
}

int fake_detaches(uint64_t token) {
    return fake_find(token)->detaches;
}

int fake_alive(void) {
    int count = 0;
    for (struct ath_op *op = ops; op; op = op->next)
        count++;
    return count;
}

int fake_batches_alive(void) {
    return batches_alive;
}

const char *fake_s3_client(void) {
    return s3_client;
}

int fake_log_level(void) {
    return log_level;
}

/* -- the library
 * -------------------------------------------------------------------------------------- */

const char *ath_version(void) {
    return "0.1.0";
}

const char *ath_error_text(int code) {
    (void)code;
    return "an error of the fake";
}

const char *ath_error_name(int code) {
    switch (code) {
#define NAME(name, value, text)                                                                    \
    case value:                                                                                    \
        return "ATH_ERR_" #name;
        ATH_ERROR_TABLE(NAME)
#undef NAME
    default:
        return "ATH_ERR_UNKNOWN";
    }
}

int fake_fail(struct ath_error *err, int code, const char *message) {
    if (err) {
        err->code = code;
        snprintf(err->message, sizeof(err->message), "%s", message);
    }
    return code;
}

int ath_client_new(
    const struct ath_client_options *options,
    struct ath_client **out_client,
    struct ath_error *err) {
    if (options->profile && strcmp(options->profile, "missing") == 0)
        return fake_fail(err, ATH_ERR_CONFIG, "no profile 'missing'");
    *out_client = calloc(1, sizeof(**out_client));
    snprintf(
        (*out_client)->region,
        sizeof((*out_client)->region),
        "%s/%d/%d/%.2f",
        options->region ? options->region : "none",
        options->use_fips,
        options->connect_timeout_ms,
        options->retry_base);
    snprintf(
        s3_client,
        sizeof(s3_client),
        "%d/%d/%d/%d",
        options->s3_addressing,
        options->s3_checksums,
        options->s3_accelerate,
        options->s3_payload_signing);
    return 0;
}

struct ath_client *ath_client_release(struct ath_client *client) {
    free(client);
    return NULL;
}

int ath_client_credentials_set(
    struct ath_client *client,
    const char *access_key_id,
    const char *secret_access_key,
    const char *session_token,
    int64_t expires_at,
    const char *reason,
    struct ath_error *err) {
    (void)session_token;
    if (access_key_id && !secret_access_key)
        return fake_fail(err, ATH_ERR_INVALID, "secret_access_key is missing");
    if (!access_key_id && !reason)
        return fake_fail(err, ATH_ERR_INVALID, "a reason is missing");
    snprintf(
        client->access_key_id,
        sizeof(client->access_key_id),
        "%s",
        access_key_id ? access_key_id : "");
    client->expires_at = expires_at;
    return 0;
}

bool ath_client_credentials_wanted(const struct ath_client *client) {
    return client->access_key_id[0] == '\0';
}

const char *ath_client_region(const struct ath_client *client) {
    return client->region;
}

const char *ath_client_endpoint(const struct ath_client *client) {
    (void)client;
    return "http://localhost:1";
}

const char *ath_client_profile(const struct ath_client *client) {
    (void)client;
    return NULL;
}

int ath_client_credentials(
    const struct ath_client *client, struct ath_credentials *out, struct ath_error *err) {
    (void)err;
    memset(out, 0, sizeof(*out));
    memcpy(out->access_key_id, client->access_key_id, sizeof(out->access_key_id));
    out->expires_at = client->expires_at;
    return 0;
}

void ath_client_stats(const struct ath_client *client, struct ath_client_stats *out_stats) {
    (void)client;
    out_stats->queries_started = last_token;
    out_stats->connections_opened = 7;
}

size_t ath_shutdown(int32_t timeout_ms) {
    (void)timeout_ms;
    return 0;
}

void ath_log_level_set(int level) {
    log_level = level;
}

size_t ath_log_drain(ath_log_fn *fn, void *user) {
    fn(ATH_LOG_WARNING, "net", "first \xff", user);
    fn(ATH_LOG_DEBUG, "query", "second", user);
    return 2;
}

void ath_event_clear(struct ath_event *event) {
    event->execution = ath_execution_release(event->execution);
}

int ath_queue_new(struct ath_queue **out_queue, struct ath_error *err) {
    (void)err;
    *out_queue = calloc(1, sizeof(**out_queue));
    (*out_queue)->count = 1;
    (*out_queue)->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return 0;
}

struct ath_queue *ath_queue_release(struct ath_queue *queue) {
    if (queue && --queue->count == 0) {
        for (size_t i = 0; i < queue->used; i++)
            ath_event_clear(&queue->events[i]);
        close(queue->fd);
        free(queue);
    }
    return NULL;
}

int ath_queue_fd(const struct ath_queue *queue) {
    return queue->fd;
}

size_t ath_queue_drain(struct ath_queue *queue, struct ath_event *out_events, size_t cap) {
    pthread_mutex_lock(&fake_lock);
    size_t count = queue->used < cap ? queue->used : cap;
    memcpy(out_events, queue->events, count * sizeof(*out_events));
    queue->used -= count;
    memmove(queue->events, queue->events + count, queue->used * sizeof(*out_events));
    uint64_t total;
    if (queue->used == 0)
        (void)!read(queue->fd, &total, sizeof(total));
    pthread_mutex_unlock(&fake_lock);
    return count;
}

/* Waits for a change for at most `timeout_ms`; the lock is held. False when the time is over. */
static bool wait_change(int32_t timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_cond_timedwait(&changed, &fake_lock, &until) == 0;
}

int ath_queue_wait(struct ath_queue *queue, int32_t timeout_ms) {
    pthread_mutex_lock(&fake_lock);
    while (queue->used == 0 && wait_change(timeout_ms))
        ;
    int ready = queue->used > 0;
    pthread_mutex_unlock(&fake_lock);
    return ready;
}

struct ath_op *fake_op_new(struct ath_queue *queue, void *user) {
    struct ath_op *op = calloc(1, sizeof(*op));
    pthread_mutex_lock(&fake_lock);
    op->count = 1;
    op->token = ++last_token;
    op->user = user;
    op->queue = queue;
    if (queue)
        queue->count++;
    op->next = ops;
    ops = op;
    pthread_mutex_unlock(&fake_lock);
    return op;
}

struct ath_op *ath_op_retain(struct ath_op *op) {
    op->count++;
    return op;
}

struct ath_op *ath_op_release(struct ath_op *op) {
    if (!op || --op->count > 0)
        return NULL;
    pthread_mutex_lock(&fake_lock);
    struct ath_op **at = &ops;
    while (*at != op)
        at = &(*at)->next;
    *at = op->next;
    while (op->batches_count-- > 0)
        ath_batch_release(op->batches[op->batches_first++ % BATCHES_MAX]);
    for (size_t i = 0; i < op->columns_count; i++)
        free((void *)(uintptr_t)op->columns[i].name);
    free(op->columns);
    ath_execution_release(op->execution);
    fake_s3_free(op->s3);
    ath_queue_release(op->queue);
    free(op);
    pthread_mutex_unlock(&fake_lock);
    return NULL;
}

uint64_t ath_op_token(const struct ath_op *op) {
    return op->token;
}

void ath_query_interrupt(struct ath_op *op) {
    (void)op;
}

void ath_op_cancel(struct ath_op *op, bool discard_rows) {
    op->cancels += discard_rows ? 100 : 1;
}

void ath_op_detach(struct ath_op *op) {
    pthread_mutex_lock(&fake_lock);
    op->detaches++;
    fake_s3_touch(op->s3);
    pthread_mutex_unlock(&fake_lock);
}

bool ath_op_is_done(const struct ath_op *op) {
    pthread_mutex_lock(&fake_lock);
    bool done = op->finished && op->batches_count == 0;
    pthread_mutex_unlock(&fake_lock);
    return done;
}

int ath_op_error(const struct ath_op *op, struct ath_error *out_err) {
    if (!op->finished || op->error.code == 0)
        return 0;
    if (out_err)
        *out_err = op->error;
    return op->error.code;
}

static int bits_of(const struct ath_op *op) {
    int bits = op->columns ? ATH_WAIT_RESULT : 0;
    if (op->batches_count > 0 || fake_s3_is_ready(op->s3))
        bits |= ATH_WAIT_BATCH;
    else if (op->finished)
        bits |= ATH_WAIT_DONE;
    return bits;
}

int ath_op_wait(struct ath_op *op, int mask, int32_t timeout_ms) {
    mask |= ATH_WAIT_DONE;
    pthread_mutex_lock(&fake_lock);
    while ((bits_of(op) & mask) == 0 && wait_change(timeout_ms))
        ;
    int bits = bits_of(op) & mask;
    pthread_mutex_unlock(&fake_lock);
    return bits;
}

int ath_query_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_query_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    (void)client;
    if (options->sql.len == 0)
        return fake_fail(err, ATH_ERR_INVALID, "the SQL is empty");
    struct ath_op *op = *out_op = fake_op_new(queue, options->user);
    int at = snprintf(
        op->text,
        sizeof(op->text),
        "%.*s|%s|%d|%d|%lld|%d",
        (int)options->sql.len,
        options->sql.ptr,
        options->database ? options->database : "-",
        options->page_rows,
        options->result_reuse,
        (long long)options->timeout_ms,
        options->decode_text);
    for (size_t i = 0; i < options->parameters_count; i++)
        at += snprintf(op->text + at, sizeof(op->text) - (size_t)at, "|%s", options->parameters[i]);
    return 0;
}

int ath_query_attach(
    struct ath_client *client,
    struct ath_queue *queue,
    const char *query_id,
    const struct ath_query_options *options,
    bool stop_on_cancel,
    struct ath_op **out_op,
    struct ath_error *err) {
    (void)client;
    (void)err;
    *out_op = fake_op_new(queue, options->user);
    snprintf((*out_op)->text, sizeof((*out_op)->text), "attach %s %d", query_id, stop_on_cancel);
    return 0;
}

int ath_metadata_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_metadata_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    (void)client;
    if (!options->catalog)
        return fake_fail(err, ATH_ERR_INVALID, "catalog is missing");
    *out_op = fake_op_new(queue, options->user);
    snprintf((*out_op)->text, sizeof((*out_op)->text), "[{\"Name\": \"%s\"}]", options->catalog);
    return 0;
}

struct ath_slice ath_metadata_json(const struct ath_op *op) {
    return (struct ath_slice){op->text, strlen(op->text)};
}

int ath_query_stop(
    struct ath_client *client,
    struct ath_queue *queue,
    const char *query_id,
    void *user,
    struct ath_op **out_op,
    struct ath_error *err) {
    (void)client;
    (void)err;
    *out_op = fake_op_new(queue, user);
    snprintf((*out_op)->text, sizeof((*out_op)->text), "stop %s", query_id);
    return 0;
}

const char *ath_query_id(const struct ath_op *op) {
    return op->columns ? "11111111-2222-3333-4444-555555555555" : NULL;
}

struct ath_execution *ath_query_execution(struct ath_op *op) {
    if (op->execution)
        op->execution->count++;
    return op->execution;
}

struct ath_execution *ath_execution_release(struct ath_execution *execution) {
    if (execution && --execution->count == 0) {
        free(execution->json);
        free(execution);
    }
    return NULL;
}

void ath_execution_info(
    const struct ath_execution *execution, struct ath_execution_info *out_info, size_t info_size) {
    memset(out_info, 0, info_size);
    for (const struct ath_op *op = ops; op; op = op->next)
        if (op->execution == execution)
            out_info->state = op->state;
}

struct ath_slice ath_execution_json(const struct ath_execution *execution) {
    return (struct ath_slice){execution->json, strlen(execution->json)};
}

const struct ath_column_info *ath_query_columns(const struct ath_op *op, size_t *out_count) {
    *out_count = op->columns_count;
    return op->columns;
}

int64_t ath_query_update_count(const struct ath_op *op) {
    (void)op;
    return -1;
}

int ath_query_batch_next(struct ath_op *op, struct ath_batch **out_batch, struct ath_error *err) {
    int code = 0;
    pthread_mutex_lock(&fake_lock);
    if (op->batches_count > 0) {
        *out_batch = op->batches[op->batches_first++ % BATCHES_MAX];
        op->batches_count--;
        code = 1;
    } else if (op->finished && op->error.code != 0) {
        code = fake_fail(err, op->error.code, "reading failed");
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}

struct ath_batch *ath_batch_retain(struct ath_batch *batch) {
    batch->count++;
    return batch;
}

struct ath_batch *ath_batch_release(struct ath_batch *batch) {
    if (!batch || --batch->count > 0)
        return NULL;
    for (size_t i = 0; i < batch->columns_count; i++) {
        free((void *)(uintptr_t)batch->columns[i].validity);
        free((void *)(uintptr_t)batch->columns[i].offsets);
        free((void *)(uintptr_t)batch->columns[i].values);
    }
    free(batch->columns);
    free(batch);
    batches_alive--;
    return NULL;
}

size_t ath_batch_rows(const struct ath_batch *batch) {
    return batch->rows;
}

size_t ath_batch_columns(const struct ath_batch *batch) {
    return batch->columns_count;
}

const struct ath_column *ath_batch_column(const struct ath_batch *batch, size_t index) {
    return &batch->columns[index];
}

int ath_query_arrow_schema(
    const struct ath_op *op, struct ArrowSchema *out_schema, struct ath_error *err) {
    (void)op;
    (void)out_schema;
    return fake_fail(err, ATH_ERR_STATE, "no schema in the fake");
}

int ath_batch_arrow_array(
    struct ath_batch *batch, struct ArrowArray *out_array, struct ath_error *err) {
    (void)batch;
    (void)out_array;
    return fake_fail(err, ATH_ERR_VALUE, "no array in the fake");
}
