/* Operations of one call or a few: catalogue lists, and StopQueryExecution by id. */
#include "engine/internal.h"

#include "aws/check.h"

#include <stdio.h>

#define PAGES_MAX 100000

struct simple_op {
    struct ath_op op; /* first */
    struct ath__arena arena;
    struct ath_metadata_options options; /* strings in the arena; kind 0: a stop */
    struct {
        struct ath__call *call;
        char next_token[1025];
        uint32_t pages;
    } io;
};

static void request(struct simple_op *simple);

static struct simple_op *simple_of(struct ath_op *op) {
    return ATH__CONTAINER(op, struct simple_op, op);
}

static void end(struct simple_op *simple, const struct ath_error *err) {
    ath__call_free(simple->io.call);
    simple->io.call = NULL;
    ath__op_finish(&simple->op, err);
}

static int close_array(struct simple_op *simple) {
    if (simple->options.kind == ATH_METADATA_TABLE || simple->options.kind == 0)
        return 0;
    return ath__buf_add_char(&simple->op.shared.json, ']');
}

/* Reads one page; true when another one follows. */
static bool read_page(struct simple_op *simple, struct ath_error *err) {
    char token[1025];
    struct ath__buf items;
    struct ath__buf *json = &simple->op.shared.json; /* nobody reads it before DONE */
    ath__buf_init(&items, 256u << 20);
    int rc = ath__athena_metadata_parse(
        simple->options.kind, simple->io.call->answer, &items, token, err);
    if (!rc && items.len && simple->io.pages > 1 && json->len > 1)
        rc = ath__buf_add_char(json, ',');
    if (!rc)
        rc = ath__buf_add_slice(json, ath__buf_slice(&items));
    ath__buf_clear(&items);
    if (!rc && token[0] &&
        (strcmp(token, simple->io.next_token) == 0 || simple->io.pages >= PAGES_MAX))
        rc = ath__err_set(
            err, ATH_ERR_PROTOCOL, "%s: the pages do not end", simple->io.call->operation);
    if (rc && err->code == 0)
        ath__err_set(err, rc, "%s: %s", simple->io.call->operation, ath_error_text(rc));
    memcpy(simple->io.next_token, token, sizeof token);
    return !rc && token[0];
}

static void call_done(struct ath__call *call) {
    struct simple_op *simple = call->owner;
    struct ath_error err = {0};
    bool more = false;
    simple->io.pages++;
    if (call->result)
        err = call->err;
    else if (simple->options.kind)
        more = read_page(simple, &err);
    else
        ath__poll_hurry_id(simple->op.account, simple->options.table);
    if (more) {
        ath__call_free(call);
        simple->io.call = NULL;
        request(simple);
        return;
    }
    if (!err.code && close_array(simple))
        ath__err_nomem(&err);
    ath__err_operation(&err, call->operation);
    end(simple, &err);
}

static int build(struct simple_op *simple, struct ath__buf *body) {
    if (!simple->options.kind)
        return ath__athena_stop_build(simple->options.table, body);
    const char *token = simple->io.next_token[0] ? simple->io.next_token : NULL;
    return ath__athena_metadata_build(&simple->options, token, body);
}

static void request(struct simple_op *simple) {
    int kind = simple->options.kind;
    struct ath__call *call = ath__call_new(
        simple->op.client,
        simple->op.account,
        &simple->op,
        kind ? ATH__API_METADATA : ATH__API_STOP,
        kind ? ath__athena_metadata_operation(kind) : "StopQueryExecution");
    if (!call || build(simple, &call->body)) {
        struct ath_error err;
        ath__call_free(call);
        ath__err_nomem(&err);
        end(simple, &err);
        return;
    }
    call->owner = simple;
    call->done = call_done;
    simple->io.call = call;
    ath__call_start(call);
}

static void simple_start(struct ath_op *op, unsigned commands) {
    (void)commands;
    struct simple_op *simple = simple_of(op);
    int kind = simple->options.kind;
    if ((kind == ATH_METADATA_DATABASES || kind == ATH_METADATA_TABLES) &&
        ath__buf_add_char(&op->shared.json, '[')) {
        struct ath_error err;
        ath__err_nomem(&err);
        end(simple, &err);
        return;
    }
    request(simple);
}

static void simple_command(struct ath_op *op, unsigned commands) {
    struct simple_op *simple = simple_of(op);
    /* A stop is let through even when nobody waits for its answer. */
    if (!(commands & (ATH__OP_CANCEL | ATH__OP_ABANDON)) || !simple->options.kind)
        return;
    struct ath_error err;
    ath__err_set(&err, ATH_ERR_CANCELLED, "the call was cancelled");
    end(simple, &err);
}

static void simple_abort(struct ath_op *op) {
    struct ath_error err;
    ath__err_set(&err, ATH_ERR_SHUTDOWN, "the library is shutting down");
    end(simple_of(op), &err);
}

static bool simple_wants_stop(const struct ath_op *op) {
    return !simple_of((struct ath_op *)(uintptr_t)op)->options.kind;
}

static void simple_free(struct ath_op *op) {
    struct simple_op *simple = simple_of(op);
    ath__arena_clear(&simple->arena);
    ath__free(simple);
}

static const struct ath__op_type s_simple_type = {
    .start = simple_start,
    .command = simple_command,
    .abort = simple_abort,
    .wants_stop = simple_wants_stop,
    .free = simple_free,
};

static void copy_text(struct simple_op *simple, const char **text) {
    if (*text)
        *text = ath__arena_copy(&simple->arena, ath__slice_str(*text));
}

static int copy_texts(struct simple_op *simple, struct ath_error *err) {
    const char **texts[] = {
        &simple->options.catalog,
        &simple->options.database,
        &simple->options.table,
        &simple->options.expression,
        &simple->options.work_group,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bool given = *texts[i] != NULL;
        copy_text(simple, texts[i]);
        if (given && !*texts[i])
            return ath__err_nomem(err);
    }
    return 0;
}

static int start_simple(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_metadata_options *options,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct simple_op *simple = ath__alloc_zero(sizeof *simple);
    if (!simple)
        return ath__err_nomem(err);
    int rc = ath__op_init(&simple->op, &s_simple_type, client, queue, options->user, err);
    if (rc) {
        ath__free(simple);
        return rc;
    }
    simple->options = *options;
    rc = copy_texts(simple, err);
    if (!rc && options->kind == 0)
        snprintf(
            simple->op.shared.query_id, sizeof simple->op.shared.query_id, "%s", options->table);
    *out_op = &simple->op;
    if (!rc)
        rc = ath__op_submit(&simple->op, err);
    if (rc) {
        *out_op = NULL;
        ath_op_release(&simple->op);
    }
    return rc;
}

int ath_metadata_start(
    struct ath_client *client,
    struct ath_queue *queue,
    const struct ath_metadata_options *given,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_metadata_options options;
    int rc = ath__options_copy(given, sizeof options, &options, err);
    if (!rc)
        rc = ath__athena_metadata_check(&options, err);
    return rc ? rc : start_simple(client, queue, &options, out_op, err);
}

struct ath_slice ath_metadata_json(const struct ath_op *op) {
    struct ath_slice none = {NULL, 0};
    if (ath__op_is_forked(op) || !ath_op_is_done(op) || op->type != &s_simple_type)
        return none;
    return ath__buf_slice(&op->shared.json);
}

int ath_query_stop(
    struct ath_client *client,
    struct ath_queue *queue,
    const char *query_id,
    void *user,
    struct ath_op **out_op,
    struct ath_error *err) {
    struct ath_metadata_options options = {.table = query_id, .user = user};
    if (!query_id || !ath__is_plain_id(ath__slice_str(query_id)))
        return ath__err_set(err, ATH_ERR_INVALID, "query_id: not a QueryExecutionId");
    return start_simple(client, queue, &options, out_op, err);
}
