/*
 * A transport by script, for tests: rules say what comes back and when, on a clock that stands
 * still until the test or drive() moves it. drive() with nothing due jumps to the next completion
 * or to until_ns, so that hours pass in no time. Everything may be called from any thread.
 */
#ifndef ATH_NET_HTTP_FAKE_H
#define ATH_NET_HTTP_FAKE_H

#include "net/http.h"

/* What comes back. Texts are copied when a rule is added; a handler's must live until it is called
 * again. */
struct ath__fake_answer {
    int result;          /* 0, or the failure the exchange ends with */
    bool request_sent;   /* with a failure; an answer implies it */
    const char *message; /* with a failure; NULL: the code's text */
    int status;          /* 0: 200; with a failure: head and body came before it */
    const char *head;    /* header lines "Name: value\r\n"; NULL: none */
    const char *body;    /* NULL: empty */
    size_t body_len;     /* 0: up to body's NUL */
    uint64_t delay_ns;   /* from submit on */
    bool hold;           /* not before ath__fake_let_go(), whatever the delay */
};

/* The first rule in order of adding that matches and is not used up answers. */
struct ath__fake_rule {
    const char *amz_target; /* X-Amz-Target, whole or what follows its last dot; NULL: any */
    const char *method;     /* NULL: any */
    const char *host;       /* NULL: any */
    const char *path;       /* how the request's target starts; NULL: any */
    unsigned skip;          /* so many matching exchanges are left to later rules */
    unsigned times;         /* then so many are answered; 0: all */
    struct ath__fake_answer answer;
    /* Decides instead of `answer`, which it is handed to change. Must not call the transport. */
    void (*handler)(void *user, const struct ath__exchange *x, struct ath__fake_answer *answer);
    void *user;
};

struct ath__fake_process_rule {
    const char *name; /* argv[0]; NULL: any */
    int result;
    int exit_status;
    const char *output;
    const char *errors;
    uint64_t delay_ns;
};

/* A request as it was submitted; lives as long as the transport. */
struct ath__fake_request {
    char *method;
    char *host;
    char *target;
    char *amz_target; /* "" when there was none */
    char *headers;    /* "Name: value\r\n" lines */
    char *body;       /* NUL-terminated */
    size_t body_len;
    uint64_t at_ns;
    bool cancelled;
};

/* The clock starts at one second and 2026-01-01T00:00:00Z. 0 or ATH_ERR_NOMEM, SYSTEM. */
int ath__http_fake_new(struct ath__http **out_http);
int ath__fake_add(struct ath__http *http, const struct ath__fake_rule *rule);
int ath__fake_add_process(struct ath__http *http, const struct ath__fake_process_rule *rule);
/* Forgets all rules; what is in flight keeps its answer. */
void ath__fake_clear_rules(struct ath__http *http);
/* Moves both clocks on and wakes drive(). */
void ath__fake_advance(struct ath__http *http, uint64_t by_ns);
void ath__fake_set_wall(struct ath__http *http, int64_t wall_ms);
/* Everything held becomes due now; wakes drive(). */
void ath__fake_let_go(struct ath__http *http);
size_t ath__fake_request_count(struct ath__http *http);
/* The i-th request from 0; NULL when there were not so many. */
const struct ath__fake_request *ath__fake_request_at(struct ath__http *http, size_t i);
/* Exchanges and processes that have neither completed nor been cancelled. */
size_t ath__fake_in_flight(struct ath__http *http);

#endif
