#include "net/http_fake.h"

#include "base/alloc.h"
#include "net/wake.h"

#include <pthread.h>
#include <stdio.h>

#define START_NS 1000000000u
#define START_WALL_MS 1767225600000

enum { PENDING = 1, FINISHED = 2 };

struct rule {
    struct ath__node node;
    struct ath__fake_rule it;
    unsigned matched;
};

struct process_rule {
    struct ath__node node;
    struct ath__fake_process_rule it;
};

/* What an exchange in flight will end with. */
struct plan {
    struct ath__fake_request *request;
    struct ath__fake_answer answer;
};

struct process_plan {
    struct ath__node node;
    struct ath__process *process;
    struct process_rule rule;
    uint64_t due_ns;
};

struct fake {
    struct ath__http base;
    pthread_mutex_t lock;
    struct ath__wake wake;
    bool woken;
    uint64_t now_ns;
    int64_t wall_ns;
    struct ath__node rules;
    struct ath__node process_rules;
    struct ath__node pending; /* exchanges by due time, then by order */
    struct ath__node done;
    struct ath__node processes; /* plans */
    struct ath__node processes_done;
    struct ath__fake_request **requests;
    size_t requests_count;
    size_t in_flight;
    uint64_t most_in_flight;
};

static struct fake *fake_of(struct ath__http *http) {
    return ATH__CONTAINER(http, struct fake, base);
}

static struct fake *lock(struct ath__http *http) {
    struct fake *fake = fake_of(http);
    pthread_mutex_lock(&fake->lock);
    return fake;
}

static void unlock(struct fake *fake) {
    pthread_mutex_unlock(&fake->lock);
}

static struct ath__exchange *exchange_of(struct ath__node *node) {
    return ATH__CONTAINER(node, struct ath__exchange, net.node);
}

/* --- rules --- */

static bool copy(const char **text) {
    const char *from = *text;
    *text = ath__strdup(from);
    return *text || !from;
}

static void drop(const char *text) {
    ath__free((char *)(uintptr_t)text);
}

static bool copy_answer(struct ath__fake_answer *answer) {
    const char *body = answer->body;
    if (body && !answer->body_len)
        answer->body_len = strlen(body);
    if (body) {
        char *bytes = ath__alloc(answer->body_len);
        if (bytes && answer->body_len)
            memcpy(bytes, body, answer->body_len);
        answer->body = bytes;
    }
    bool message = copy(&answer->message), head = copy(&answer->head);
    return message && head && (answer->body || !body);
}

static void drop_answer(struct ath__fake_answer *answer) {
    drop(answer->message);
    drop(answer->head);
    drop(answer->body);
}

static void free_rule(struct rule *rule) {
    ath__list_remove(&rule->node);
    drop(rule->it.amz_target);
    drop(rule->it.method);
    drop(rule->it.host);
    drop(rule->it.path);
    drop_answer(&rule->it.answer);
    ath__free(rule);
}

static void drop_process_texts(struct process_rule *rule) {
    drop(rule->it.name);
    drop(rule->it.output);
    drop(rule->it.errors);
}

int ath__fake_add(struct ath__http *http, const struct ath__fake_rule *it) {
    struct rule *rule = ath__alloc_zero(sizeof *rule);
    if (!rule)
        return ATH_ERR_NOMEM;
    rule->it = *it;
    bool ok = copy(&rule->it.amz_target);
    ok = copy(&rule->it.method) && ok;
    ok = copy(&rule->it.host) && ok;
    ok = copy(&rule->it.path) && ok;
    ok = copy_answer(&rule->it.answer) && ok;
    if (!ok) {
        free_rule(rule);
        return ATH_ERR_NOMEM;
    }
    struct fake *fake = lock(http);
    ath__list_add(&fake->rules, &rule->node);
    unlock(fake);
    return 0;
}

static bool copy_process_rule(struct process_rule *rule, const struct ath__fake_process_rule *it) {
    rule->it = *it;
    bool ok = copy(&rule->it.name);
    ok = copy(&rule->it.output) && ok;
    return copy(&rule->it.errors) && ok;
}

int ath__fake_add_process(struct ath__http *http, const struct ath__fake_process_rule *it) {
    struct process_rule *rule = ath__alloc_zero(sizeof *rule);
    if (!rule)
        return ATH_ERR_NOMEM;
    if (!copy_process_rule(rule, it)) {
        drop_process_texts(rule);
        ath__free(rule);
        return ATH_ERR_NOMEM;
    }
    struct fake *fake = lock(http);
    ath__list_add(&fake->process_rules, &rule->node);
    unlock(fake);
    return 0;
}

static void drop_rules(struct fake *fake) {
    while (!ath__list_is_empty(&fake->rules))
        free_rule(ATH__CONTAINER(fake->rules.next, struct rule, node));
    for (struct ath__node *node; (node = ath__list_pop(&fake->process_rules));) {
        struct process_rule *rule = ATH__CONTAINER(node, struct process_rule, node);
        drop_process_texts(rule);
        ath__free(rule);
    }
}

void ath__fake_clear_rules(struct ath__http *http) {
    struct fake *fake = lock(http);
    drop_rules(fake);
    unlock(fake);
}

static bool is_target(const char *wanted, const char *target) {
    const char *dot = strrchr(target, '.');
    return !wanted || strcmp(wanted, target) == 0 || (dot && strcmp(wanted, dot + 1) == 0);
}

static struct rule *find_rule(
    struct fake *fake, const struct ath__exchange *x, const struct ath__fake_request *request) {
    for (struct ath__node *node = fake->rules.next; node != &fake->rules; node = node->next) {
        struct rule *rule = ATH__CONTAINER(node, struct rule, node);
        const struct ath__fake_rule *it = &rule->it;
        if (!is_target(it->amz_target, request->amz_target) ||
            (it->method && strcmp(it->method, x->method) != 0) ||
            (it->host && strcmp(it->host, x->route->host) != 0) ||
            (it->path && strncmp(it->path, x->target, strlen(it->path)) != 0))
            continue;
        rule->matched++;
        if (rule->matched > it->skip && (!it->times || rule->matched <= it->skip + it->times))
            return rule;
    }
    return NULL;
}

/* --- records --- */

static void free_request(struct ath__fake_request *request) {
    if (!request)
        return;
    ath__free(request->method);
    ath__free(request->host);
    ath__free(request->target);
    ath__free(request->amz_target);
    ath__free(request->headers);
    ath__free(request->body);
    ath__free(request);
}

static bool copy_headers(struct ath__fake_request *request, const struct ath__exchange *x) {
    struct ath__buf lines;
    ath__buf_init(&lines, SIZE_MAX / 2);
    int rc = 0;
    for (size_t i = 0; !rc && i < x->headers_count; i++) {
        const struct ath__header *h = &x->headers[i];
        if (ath__slice_eq_nocase(h->name, ATH__SLICE_LIT("x-amz-target")) && !request->amz_target)
            request->amz_target = ath__strndup(h->value.ptr, h->value.len);
        rc = ath__buf_add_slice(&lines, h->name) || ath__buf_add_str(&lines, ": ") ||
             ath__buf_add_slice(&lines, h->value) || ath__buf_add_str(&lines, "\r\n");
    }
    if (!request->amz_target)
        request->amz_target = ath__strdup("");
    rc = rc || ath__buf_add_char(&lines, '\0') || !request->amz_target;
    request->headers = lines.ptr;
    return !rc;
}

static struct ath__fake_request *record(struct fake *fake, const struct ath__exchange *x) {
    struct ath__fake_request *request = ath__alloc_zero(sizeof *request);
    struct ath__fake_request **list =
        ath__realloc_array(fake->requests, fake->requests_count + 1, sizeof *list);
    if (list)
        fake->requests = list;
    if (!list || !request) {
        ath__free(request);
        return NULL;
    }
    request->at_ns = fake->now_ns;
    request->method = ath__strdup(x->method);
    request->host = ath__strdup(x->route->host);
    request->target = ath__strdup(x->target);
    request->body = ath__strndup(x->body.ptr, x->body.len);
    request->body_len = x->body.len;
    if (!copy_headers(request, x) || !request->method || !request->host || !request->target ||
        !request->body) {
        free_request(request);
        return NULL;
    }
    list[fake->requests_count++] = request;
    return request;
}

/* --- exchanges --- */

static void free_plan(struct plan *plan) {
    if (!plan)
        return;
    drop_answer(&plan->answer);
    ath__free(plan);
}

static struct plan *make_plan(struct fake *fake, const struct ath__exchange *x) {
    struct ath__fake_answer answer = {.result = ATH_ERR_CONNECT, .message = "no rule matches"};
    struct plan *plan = ath__alloc_zero(sizeof *plan);
    struct ath__fake_request *request = plan ? record(fake, x) : NULL;
    if (!request) {
        ath__free(plan);
        return NULL;
    }
    struct rule *rule = find_rule(fake, x, request);
    if (rule) {
        answer = rule->it.answer;
        if (rule->it.handler)
            rule->it.handler(rule->it.user, x, &answer);
    }
    plan->request = request;
    plan->answer = answer;
    if (copy_answer(&plan->answer))
        return plan;
    free_plan(plan);
    return NULL;
}

static void insert(struct fake *fake, struct ath__exchange *x) {
    ath__list_remove(&x->net.node);
    struct ath__node *at = fake->pending.prev;
    while (at != &fake->pending && exchange_of(at)->net.timer.key > x->net.timer.key)
        at = at->prev;
    ath__list_add(at->next, &x->net.node);
}

static void say(struct ath__exchange *x, const char *message) {
    snprintf(x->message, sizeof x->message, "%s", message ? message : ath_error_text(x->result));
}

static void finish(struct fake *fake, struct ath__exchange *x, int result, const char *message) {
    x->result = result;
    if (result)
        say(x, message);
    free_plan(x->net.handle);
    x->net.handle = NULL;
    x->net.state = FINISHED;
    ath__list_remove(&x->net.node);
    ath__list_add(&fake->done, &x->net.node);
    fake->in_flight--;
}

static int deliver(struct ath__exchange *x, const struct ath__fake_answer *answer) {
    if (!x->into || x->status < 200 || x->status > 299)
        return ath__buf_add(&x->answer, answer->body, answer->body_len);
    size_t len = answer->body_len < x->into_len ? answer->body_len : x->into_len;
    if (len)
        memcpy(x->into, answer->body, len);
    x->into_used = len;
    return len < answer->body_len ? ATH_ERR_TOO_LARGE : 0;
}

static void complete(struct fake *fake, struct ath__exchange *x) {
    const struct ath__fake_answer *answer = &((struct plan *)x->net.handle)->answer;
    bool late = answer->hold || x->net.timer.key < ((struct plan *)x->net.handle)->request->at_ns +
                                                       answer->delay_ns;
    x->request_sent = answer->request_sent || !answer->result;
    if (late) {
        x->request_sent = true;
        finish(fake, x, ATH_ERR_TIMEOUT, "the deadline passed");
        return;
    }
    if (answer->result && !answer->status) {
        finish(fake, x, answer->result, answer->message);
        return;
    }
    x->status = answer->status ? answer->status : 200;
    x->bytes_sent = x->body.len;
    x->bytes_received = answer->body_len;
    int rc = answer->head ? ath__buf_add_str(&x->head, answer->head) : 0;
    if (!rc)
        rc = deliver(x, answer);
    finish(fake, x, rc ? rc : answer->result, rc ? NULL : answer->message);
}

static void submit(struct ath__http *http, struct ath__exchange *x) {
    struct fake *fake = lock(http);
    ath__exchange_reset(x);
    fake->in_flight++;
    if (fake->in_flight > fake->most_in_flight)
        fake->most_in_flight = fake->in_flight;
    struct plan *plan = make_plan(fake, x);
    x->net.handle = plan;
    x->net.state = PENDING;
    if (!plan) {
        finish(fake, x, ATH_ERR_NOMEM, NULL);
    } else {
        uint64_t due = plan->answer.hold ? UINT64_MAX : fake->now_ns + plan->answer.delay_ns;
        x->net.timer.key = due < x->deadline_ns ? due : x->deadline_ns;
        insert(fake, x);
    }
    unlock(fake);
}

static void cancel(struct ath__http *http, struct ath__exchange *x) {
    struct fake *fake = lock(http);
    if (x->net.state == PENDING) {
        ((struct plan *)x->net.handle)->request->cancelled = true;
        free_plan(x->net.handle);
        fake->in_flight--;
    }
    x->net.handle = NULL;
    x->net.state = 0;
    ath__list_remove(&x->net.node);
    unlock(fake);
}

/* --- processes --- */

static void finish_process(struct fake *fake, struct ath__process *p, int result) {
    p->result = result;
    ath__list_remove(&p->net.node);
    ath__list_add(&fake->processes_done, &p->net.node);
    fake->in_flight--;
}

static void free_process_plan(struct process_plan *plan) {
    ath__list_remove(&plan->node);
    drop_process_texts(&plan->rule);
    ath__free(plan);
}

static void complete_process(struct fake *fake, struct process_plan *plan) {
    struct ath__process *p = plan->process;
    const struct ath__fake_process_rule *it = &plan->rule.it;
    int result = fake->now_ns >= p->deadline_ns ? ATH_ERR_TIMEOUT : it->result;
    if (!result && it->output)
        result = ath__buf_add_str(&p->output, it->output);
    if (it->errors && strlen(it->errors) <= p->errors.max)
        ath__buf_add_str(&p->errors, it->errors);
    p->exit_status = it->exit_status;
    finish_process(fake, p, result);
    free_process_plan(plan);
}

static const struct ath__fake_process_rule *
find_process_rule(struct fake *fake, const struct ath__process *p) {
    for (struct ath__node *node = fake->process_rules.next; node != &fake->process_rules;
         node = node->next) {
        const struct process_rule *rule = ATH__CONTAINER(node, struct process_rule, node);
        if (!rule->it.name || strcmp(rule->it.name, p->argv[0]) == 0)
            return &rule->it;
    }
    return NULL;
}

static void spawn(struct ath__http *http, struct ath__process *p) {
    struct fake *fake = lock(http);
    p->output.len = p->errors.len = 0;
    p->output.max = p->output_max;
    fake->in_flight++;
    const struct ath__fake_process_rule *it = find_process_rule(fake, p);
    struct process_plan *plan = it ? ath__alloc_zero(sizeof *plan) : NULL;
    if (!plan) {
        finish_process(fake, p, it ? ATH_ERR_NOMEM : ATH_ERR_SYSTEM);
    } else if (!copy_process_rule(&plan->rule, it)) {
        free_process_plan(plan);
        finish_process(fake, p, ATH_ERR_NOMEM);
    } else {
        plan->process = p;
        plan->due_ns = fake->now_ns + it->delay_ns;
        if (plan->due_ns > p->deadline_ns)
            plan->due_ns = p->deadline_ns;
        ath__list_add(&fake->processes, &plan->node);
    }
    unlock(fake);
}

static void kill_process(struct ath__http *http, struct ath__process *p) {
    struct fake *fake = lock(http);
    for (struct ath__node *node = fake->processes.next; node != &fake->processes;) {
        struct process_plan *plan = ATH__CONTAINER(node, struct process_plan, node);
        node = node->next;
        if (plan->process != p)
            continue;
        free_process_plan(plan);
        fake->in_flight--;
    }
    ath__list_remove(&p->net.node);
    unlock(fake);
}

/* --- the clock and drive --- */

static void move_clock(struct fake *fake, uint64_t to_ns) {
    if (to_ns <= fake->now_ns)
        return;
    fake->wall_ns += (int64_t)(to_ns - fake->now_ns);
    fake->now_ns = to_ns;
}

static uint64_t next_due(struct fake *fake) {
    uint64_t due = UINT64_MAX;
    if (!ath__list_is_empty(&fake->pending))
        due = exchange_of(fake->pending.next)->net.timer.key;
    for (struct ath__node *node = fake->processes.next; node != &fake->processes;
         node = node->next) {
        const struct process_plan *plan = ATH__CONTAINER(node, struct process_plan, node);
        due = plan->due_ns < due ? plan->due_ns : due;
    }
    return due;
}

static void take_due(struct fake *fake) {
    while (!ath__list_is_empty(&fake->pending) &&
           exchange_of(fake->pending.next)->net.timer.key <= fake->now_ns)
        complete(fake, exchange_of(fake->pending.next));
    for (struct ath__node *node = fake->processes.next; node != &fake->processes;) {
        struct process_plan *plan = ATH__CONTAINER(node, struct process_plan, node);
        node = node->next;
        if (plan->due_ns <= fake->now_ns)
            complete_process(fake, plan);
    }
}

/* True when drive() may return. */
static bool step(struct fake *fake, uint64_t until_ns) {
    take_due(fake);
    if (fake->woken || !ath__list_is_empty(&fake->done) ||
        !ath__list_is_empty(&fake->processes_done) || fake->now_ns >= until_ns) {
        fake->woken = false;
        return true;
    }
    uint64_t due = next_due(fake);
    if (due > until_ns)
        due = until_ns;
    if (due == UINT64_MAX)
        return false;
    move_clock(fake, due);
    take_due(fake);
    return true;
}

static int drive(struct ath__http *http, uint64_t until_ns) {
    for (;;) {
        struct fake *fake = lock(http);
        ath__wake_reset(&fake->wake);
        bool over = step(fake, until_ns);
        unlock(fake);
        if (over)
            return 0;
        /* Nothing will ever be due: only another thread can change that. */
        ath__wake_poll(&fake->wake, -1);
    }
}

static void wake(struct ath__http *http) {
    struct fake *fake = lock(http);
    fake->woken = true;
    ath__wake_signal(&fake->wake);
    unlock(fake);
}

void ath__fake_advance(struct ath__http *http, uint64_t by_ns) {
    struct fake *fake = lock(http);
    move_clock(fake, fake->now_ns + by_ns);
    fake->woken = true;
    ath__wake_signal(&fake->wake);
    unlock(fake);
}

void ath__fake_set_wall(struct ath__http *http, int64_t ms) {
    struct fake *fake = lock(http);
    fake->wall_ns = ms * 1000000;
    unlock(fake);
}

void ath__fake_let_go(struct ath__http *http) {
    struct fake *fake = lock(http);
    for (struct ath__node *node = fake->pending.next; node != &fake->pending;) {
        struct ath__exchange *x = exchange_of(node);
        struct plan *plan = x->net.handle;
        node = node->next;
        if (!plan->answer.hold)
            continue;
        plan->answer.hold = false;
        plan->answer.delay_ns = 0;
        x->net.timer.key = fake->now_ns;
        insert(fake, x);
    }
    fake->woken = true;
    ath__wake_signal(&fake->wake);
    unlock(fake);
}

/* --- the rest --- */

static struct ath__exchange *next_done(struct ath__http *http) {
    struct fake *fake = lock(http);
    struct ath__node *node = ath__list_pop(&fake->done);
    unlock(fake);
    return node ? exchange_of(node) : NULL;
}

static struct ath__process *next_process_done(struct ath__http *http) {
    struct fake *fake = lock(http);
    struct ath__node *node = ath__list_pop(&fake->processes_done);
    unlock(fake);
    return node ? ATH__CONTAINER(node, struct ath__process, net.node) : NULL;
}

static uint64_t now_ns(struct ath__http *http) {
    struct fake *fake = lock(http);
    uint64_t now = fake->now_ns;
    unlock(fake);
    return now;
}

static int64_t wall_ms(struct ath__http *http) {
    struct fake *fake = lock(http);
    int64_t ms = fake->wall_ns / 1000000;
    unlock(fake);
    return ms;
}

/* As if every connection were kept: as many as were ever needed at once. */
static uint64_t connections_opened(struct ath__http *http) {
    struct fake *fake = lock(http);
    uint64_t count = fake->most_in_flight;
    unlock(fake);
    return count;
}

size_t ath__fake_request_count(struct ath__http *http) {
    struct fake *fake = lock(http);
    size_t count = fake->requests_count;
    unlock(fake);
    return count;
}

const struct ath__fake_request *ath__fake_request_at(struct ath__http *http, size_t i) {
    struct fake *fake = lock(http);
    const struct ath__fake_request *request = i < fake->requests_count ? fake->requests[i] : NULL;
    unlock(fake);
    return request;
}

size_t ath__fake_in_flight(struct ath__http *http) {
    struct fake *fake = lock(http);
    size_t count = fake->in_flight;
    unlock(fake);
    return count;
}

static void release(struct ath__http *http, bool in_child) {
    struct fake *fake = fake_of(http);
    (void)in_child;
    for (struct ath__node *node; (node = ath__list_pop(&fake->pending));) {
        free_plan(exchange_of(node)->net.handle);
        exchange_of(node)->net.handle = NULL;
        exchange_of(node)->net.state = 0;
    }
    while (ath__list_pop(&fake->done) || ath__list_pop(&fake->processes_done))
        ;
    while (!ath__list_is_empty(&fake->processes))
        free_process_plan(ATH__CONTAINER(fake->processes.next, struct process_plan, node));
    drop_rules(fake);
    for (size_t i = 0; i < fake->requests_count; i++)
        free_request(fake->requests[i]);
    ath__free(fake->requests);
    ath__wake_clear(&fake->wake);
    pthread_mutex_destroy(&fake->lock);
    ath__free(fake);
}

static const struct ath__http_ops s_ops = {
    .submit = submit,
    .cancel = cancel,
    .spawn = spawn,
    .kill = kill_process,
    .drive = drive,
    .next_done = next_done,
    .next_process_done = next_process_done,
    .wake = wake,
    .now_ns = now_ns,
    .wall_ms = wall_ms,
    .connections_opened = connections_opened,
    .release = release,
};

int ath__http_fake_new(struct ath__http **out_http) {
    struct fake *fake = ath__alloc_zero(sizeof *fake);
    if (!fake)
        return ATH_ERR_NOMEM;
    if (ath__wake_init(&fake->wake)) {
        ath__free(fake);
        return ATH_ERR_SYSTEM;
    }
    if (pthread_mutex_init(&fake->lock, NULL)) {
        ath__wake_clear(&fake->wake);
        ath__free(fake);
        return ATH_ERR_SYSTEM;
    }
    fake->base.ops = &s_ops;
    fake->now_ns = START_NS;
    fake->wall_ns = (int64_t)START_WALL_MS * 1000000;
    ath__list_init(&fake->rules);
    ath__list_init(&fake->process_rules);
    ath__list_init(&fake->pending);
    ath__list_init(&fake->done);
    ath__list_init(&fake->processes);
    ath__list_init(&fake->processes_done);
    *out_http = &fake->base;
    return 0;
}
