/*
 * The engine's tests stand on this: an Athena that exists in memory only (sim_*), reached through
 * the scripted transport, and a world (world_*) with one client, one queue and no thread. Time is
 * the transport's; world_run() moves it.
 */
#ifndef ATH_TESTS_ENGINE_HARNESS_H
#define ATH_TESTS_ENGINE_HARNESS_H

#include "engine/internal.h"
#include "net/http_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define MS ATH__MS
#define SECOND ATH__SECOND

enum sim_api { SIM_START, SIM_STOP, SIM_GET, SIM_BATCH, SIM_RESULTS, SIM_OTHER, SIM_APIS };

struct sim_query {
    char id[40];
    char token[132];
    char work_group[132];
    uint64_t started_ns;
    uint64_t stopped_ns;  /* 0: not */
    uint64_t end_seen_ns; /* when a look first told the end */
    unsigned looks;
    unsigned starts; /* calls that led here */
};

struct sim_call {
    uint64_t at_ns;
    int api;
    size_t ids;
    bool refused;
};

struct world;
/* Looks at a call first; true when it has decided the answer. */
typedef bool
sim_override(struct world *w, int api, const char *body, struct ath__fake_answer *answer);

struct sim_bucket {
    double rate, burst, tokens;
    uint64_t at_ns;
};

struct world {
    struct ath__http http; /* first: counts, then hands on to the fake */
    struct ath__http *fake;
    struct ath__runtime *runtime;
    struct ath_client *client;
    struct ath_queue *queue;
    size_t live_before;

    /* settings of the simulated service */
    uint64_t latency_ns;    /* of every call; 1 ms */
    uint64_t duration_ns;   /* of a query; 500 ms */
    int end_state;          /* ATH_QUERY_SUCCEEDED */
    const char *reason;     /* StateChangeReason at the end */
    unsigned pages;         /* 1 */
    unsigned rows_per_page; /* 3 */
    unsigned value_len;     /* length of each value; 1 */
    size_t active_max;      /* CONCURRENT_QUERY_LIMIT_EXCEEDED beyond; 0: none */
    bool quotas;            /* AWS's default call quotas */
    bool hold[SIM_APIS];    /* answers wait for ath__fake_let_go() */
    bool keeps_running;     /* Stop is answered but the query does not stop */
    const char *head;       /* headers of every answer */
    sim_override *override;
    void *user;
    unsigned counter; /* for overrides */

    /* what happened */
    uint64_t now_ns;
    struct sim_query *queries;
    size_t queries_count;
    struct sim_call *calls;
    size_t calls_count;
    size_t count[SIM_APIS];
    size_t refused;
    size_t wire[SIM_APIS], wire_most[SIM_APIS];
    size_t cancelled_on_wire[SIM_APIS];
    size_t largest_batch;
    struct sim_bucket buckets[SIM_APIS];
    char last_headers[4096];

    struct ath_event events[256];
    size_t events_count;
    char *scratch[8];
    unsigned scratch_at;
};

/* Environment without configuration; allocator hooks that count. Call first in main. */
void harness_init(void);
size_t harness_live(void); /* allocations now, those of the transport left out */
size_t harness_live_bytes(void);
uint64_t harness_allocations(void); /* so far, the transport's left out */
/* The n-th allocation from now fails (1: the next one); `all`: and every later one. 0: none. */
void harness_fail_at(uint64_t n, bool all);
bool harness_has_failed(void);

void world_init(struct world *w);
/* Installs the transport and makes the client. */
void world_open(struct world *w, const struct ath_client_options *options);
/* The same where memory may fail; what was made is left to world_close(). */
bool world_try_open(
    struct world *w, const struct ath_client_options *options, struct ath_error *err);
/* Ends everything and checks that nothing is left. */
void world_close(struct world *w);
/* This rule alone answers from now on, instead of the simulated Athena. */
void world_rule(struct world *w, const struct ath__fake_rule *rule);
void world_free(struct world *w); /* only the simulation's memory */

struct ath_query_options world_options(const char *sql);
struct ath_op *world_start(struct world *w);
struct ath_op *world_start_with(struct world *w, const struct ath_query_options *options);
/* Lets so much time pass. */
void world_run(struct world *w, uint64_t ns);
/* Everything that can happen without time passing. */
void world_settle(struct world *w);
/* Runs until the operation is done, at most `limit_ns`; asserts that it ended. */
void world_finish(struct world *w, struct ath_op *op, uint64_t limit_ns);
uint64_t world_now(struct world *w);
/* Reads the queue; events pile up in w->events until world_forget(). */
size_t world_drain(struct world *w);
void world_forget(struct world *w);
/* How many events of a type have been drained for the operation. */
size_t world_events_of(struct world *w, const struct ath_op *op, int type);
/* "SRD": S STARTED, s STATE, R RESULT, B BATCH, D DONE, C CREDENTIALS, in order. */
const char *world_trace(struct world *w, const struct ath_op *op);
int world_done_code(struct world *w, const struct ath_op *op);
/* Takes all batches that are ready; returns the number of rows. */
size_t world_take_rows(struct ath_op *op);

/* Ready answers for overrides. */
void answer_error(struct ath__fake_answer *a, int status, const char *code, const char *message);
void answer_body(struct world *w, struct ath__fake_answer *a, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Reads a string member of a flat request body into `out`; false when absent. */
bool body_text(const char *body, const char *key, char *out, size_t size);
struct sim_query *sim_find(struct world *w, const char *id);
const char *sim_state_name(int state);

#endif
