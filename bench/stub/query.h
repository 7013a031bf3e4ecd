/* The queries that were started. Their state follows from the clock alone. Not locked: callers hold
 * the stub's lock. */
#ifndef STUB_QUERY_H
#define STUB_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"
#include "text.h"

enum { STUB_ID_SIZE = 37 };

enum state { STATE_QUEUED, STATE_RUNNING, STATE_SUCCEEDED, STATE_FAILED, STATE_CANCELLED };

struct query {
    char id[STUB_ID_SIZE];
    const char *token;    /* ClientRequestToken or NULL */
    char *token_copy;     /* the same, to be freed */
    struct text sql;      /* as given */
    struct text constant; /* members of QueryExecution that never change */
    int64_t start_ns;     /* CLOCK_MONOTONIC */
    int64_t end_ns;
    double submitted; /* epoch seconds */
    bool fail;
    bool cancelled;
    enum shape shape;
    int cols;
    uint64_t rows;
    unsigned looks; /* status answers given for it */
};

struct queries {
    struct query **items;
    size_t count;
    size_t cap;
    size_t oldest_active; /* everything before it has ended */
    void *tokens;         /* tsearch tree of queries by token */
    uint32_t epoch;       /* distinguishes ids of different starts and resets */
};

const char *stub_state_name(enum state state);

/* Reads the directives in the SQL (run_ms, rows, cols, shape, fail) and adds a query that starts
 * now. location is the folder of the result with its last slash. On bad directives returns NULL
 * with a message in *problem; when out of memory *problem is NULL too. */
struct query *stub_query_start(
    struct queries *queries,
    const char *sql,
    const char *token,
    const char *workgroup,
    const char *location,
    int64_t now_ns,
    const char **problem);

struct query *stub_query_find(const struct queries *queries, const char *id, size_t len);
struct query *stub_query_find_token(const struct queries *queries, const char *token);
enum state stub_query_state(const struct query *query, int64_t now_ns);
void stub_query_stop(struct query *query, int64_t now_ns);

/* Queries that have not ended. */
size_t stub_queries_active(struct queries *queries, int64_t now_ns);

/* Forgets all queries; their ids become unknown. */
void stub_queries_reset(struct queries *queries);

/* Appends the QueryExecution object. */
void stub_query_describe(const struct query *query, int64_t now_ns, struct text *out);

#endif
