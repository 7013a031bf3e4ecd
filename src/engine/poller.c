/*
 * The one status poller of an account. Young queries are looked at soon, older ones after a fifth
 * of their age; from three on, many at once. All inside AWS's status quotas, which the lanes'
 * buckets keep.
 */
#include "engine/internal.h"

#include <math.h>

#define FIRST_LOOK_NS (10 * ATH__MS)
#define SECOND_LOOK_NS (100 * ATH__MS)
#define LONG_RUN_NS (300 * ATH__SECOND)
#define LONG_INTERVAL_NS (5 * ATH__SECOND)
#define OUTAGE_PAUSE_MIN_NS (100 * ATH__MS)
#define OUTAGE_PAUSE_MAX_NS (2 * ATH__SECOND)
#define BATCH_FROM 3
#define BATCH_MAX 50
#define CROWD_FROM 500 /* so many wait that their looks take turns */
#define SURPLUS_TICK_NS (50 * ATH__MS)
#define BATCH_SQL_MAX (512u << 10)
#define CROWD_FADES_S 2.0
#define STARVED_MAX 30 /* looks in a row, a second apart, that memory did not allow */

/* Queries of one work group; a batch call may name only these together. */
struct ath__poll_group {
    struct ath__node node; /* account->io.groups */
    struct ath__account *account;
    char *work_group;
    struct ath__heap due;
    size_t count; /* queries, those in looks too */
    size_t looks;
    bool batch_refused;
};

/* One status call under way. */
struct ath__look {
    struct ath__poll_group *group;
    struct ath__call *call;
    struct ath__node queries;
    bool is_single;
};

static struct ath__query *query_of(struct ath__poll_entry *entry) {
    return ATH__CONTAINER(entry, struct ath__query, io.poll);
}

static struct ath__poll_entry *entry_of_due(struct ath__heap_node *node) {
    return ATH__CONTAINER(node, struct ath__poll_entry, due);
}

static const char *id_of(struct ath__poll_entry *entry) {
    return query_of(entry)->op.shared.query_id; /* written once, by this thread */
}

static double seconds(uint64_t ns) {
    return (double)ns / (double)ATH__SECOND;
}

/* What this query's age asks for, by itself. */
static double pace_alone(const struct ath__poll_entry *entry, uint64_t now_ns) {
    uint64_t age_ns = now_ns - entry->started_ns;
    if (entry->looks == 0)
        return seconds(FIRST_LOOK_NS);
    if (entry->looks == 1 && age_ns < SECOND_LOOK_NS)
        return seconds(SECOND_LOOK_NS - age_ns);
    uint64_t max_ns = entry->interval_max_ns;
    if (age_ns > LONG_RUN_NS && !entry->interval_is_set)
        max_ns = LONG_INTERVAL_NS;
    double pace = seconds(age_ns) * 0.2;
    return pace < seconds(max_ns) ? pace : seconds(max_ns);
}

/*
 * Together with others: batches are cheap for each query, so a crowd that still fits the quota is
 * looked at more often (up to 0.15 calls a second for each query), and a crowd beyond it not more
 * often than a look can come round.
 */
static double pace_in_crowd(const struct ath__account *account, double pace) {
    double count = account->io.crowd;
    double rate = account->io.lanes[ATH__API_BATCH].bucket.rate;
    double calls = 0.15 * count < 0.75 * rate ? 0.15 * count : 0.75 * rate;
    double batches = ceil(count / BATCH_MAX);
    double often = batches / calls > 0.05 ? batches / calls : 0.05;
    double round = 0.75 * count / (BATCH_MAX * rate);
    if (pace > often)
        pace = often;
    return pace > round ? pace : round;
}

/* A batch of one or two would be dearer than single looks. */
static bool is_batched(const struct ath__poll_group *group) {
    return group->count >= BATCH_FROM && !group->batch_refused;
}

/* The last ones of a crowd that ends are looked at as often as the crowd was: its size counts for a
 * while. */
static void count_crowd(struct ath__account *account, uint64_t now_ns) {
    double count = (double)account->io.polled_count;
    double passed = seconds(now_ns - account->io.crowd_ns);
    account->io.crowd_ns = now_ns;
    account->io.crowd *= passed < CROWD_FADES_S ? 1 - passed / CROWD_FADES_S : 0;
    if (account->io.crowd < count)
        account->io.crowd = count;
}

static uint64_t next_look_ns(const struct ath__poll_entry *entry, uint64_t now_ns) {
    struct ath__account *account = entry->group->account;
    double pace = pace_alone(entry, now_ns);
    count_crowd(account, now_ns);
    if (is_batched(entry->group))
        pace = pace_in_crowd(account, pace);
    return now_ns + (uint64_t)(pace * (double)ATH__SECOND);
}

static void put_due(struct ath__poll_entry *entry, uint64_t at_ns) {
    entry->due.key = at_ns;
    ath__heap_add(&entry->group->due, &entry->due); /* the place is reserved */
}

/* When a crowd may spend what its bucket cannot save; UINT64_MAX: there is none. */
static uint64_t next_surplus_ns(struct ath__account *account) {
    if (account->io.polled_count < CROWD_FROM)
        return UINT64_MAX;
    uint64_t now_ns = ath__now_ns(account->runtime);
    uint64_t full_ns = ath__bucket_full_ns(&account->io.lanes[ATH__API_BATCH].bucket, now_ns);
    return now_ns + (full_ns ? full_ns : SURPLUS_TICK_NS);
}

static void arm(struct ath__account *account, uint64_t not_before_ns) {
    uint64_t at_ns = UINT64_MAX;
    struct ath__node *node = account->io.groups.next;
    for (; node != &account->io.groups; node = node->next) {
        struct ath__heap_node *first =
            ath__heap_first(&ATH__CONTAINER(node, struct ath__poll_group, node)->due);
        if (first && first->key < at_ns)
            at_ns = first->key;
    }
    if (at_ns == UINT64_MAX) {
        ath__timer_stop(account->runtime, &account->io.poll_timer);
        return;
    }
    if (at_ns < not_before_ns)
        at_ns = not_before_ns;
    uint64_t surplus_ns = next_surplus_ns(account);
    ath__timer_set(
        account->runtime, &account->io.poll_timer, at_ns < surplus_ns ? at_ns : surplus_ns);
}

/* -- membership
 * --------------------------------------------------------------------------------------- */

static struct ath__poll_group *find_group(struct ath__account *account, const char *work_group) {
    struct ath__node *node = account->io.groups.next;
    for (; node != &account->io.groups; node = node->next) {
        struct ath__poll_group *group = ATH__CONTAINER(node, struct ath__poll_group, node);
        if (strcmp(group->work_group, work_group) == 0)
            return group;
    }
    struct ath__poll_group *group = ath__alloc_zero(sizeof *group);
    char *name = ath__strdup(work_group);
    if (!group || !name) {
        ath__free(group);
        ath__free(name);
        return NULL;
    }
    group->account = account;
    group->work_group = name;
    ath__list_add(&account->io.groups, &group->node);
    return group;
}

static void free_group(struct ath__poll_group *group) {
    ath__list_remove(&group->node);
    ath__heap_clear(&group->due);
    ath__free(group->work_group);
    ath__free(group);
}

static void free_group_when_unused(struct ath__poll_group *group) {
    if (group->count == 0 && group->looks == 0 && !group->batch_refused)
        free_group(group); /* a group that knows of a refusal is kept */
}

void ath__poll_account_clear(struct ath__account *account) {
    while (!ath__list_is_empty(&account->io.groups))
        free_group(ATH__CONTAINER(account->io.groups.next, struct ath__poll_group, node));
}

static void fire(struct ath__timer *timer);

int ath__poll_add(struct ath__query *query, const char *work_group) {
    struct ath__account *account = query->op.account;
    struct ath__poll_group *group = find_group(account, work_group ? work_group : "");
    if (!group || ath__heap_reserve(&group->due, group->count + 1))
        return ATH_ERR_NOMEM;
    struct ath__poll_entry *entry = &query->io.poll;
    entry->group = group;
    entry->started_ns = entry->last_look_ns = ath__now_ns(account->runtime);
    group->count++;
    account->io.polled_count++;
    account->io.poll_timer.fire = fire;
    put_due(entry, next_look_ns(entry, entry->started_ns));
    arm(account, 0);
    return 0;
}

static struct ath__poll_entry *first_entry(struct ath__look *look) {
    if (ath__list_is_empty(&look->queries))
        return NULL;
    return ATH__CONTAINER(look->queries.next, struct ath__poll_entry, look_node);
}

static void free_look(struct ath__look *look) {
    struct ath__poll_group *group = look->group;
    group->looks--;
    ath__call_free(look->call);
    ath__free(look);
    free_group_when_unused(group);
}

static void leave_look(struct ath__poll_entry *entry) {
    struct ath__look *look = entry->look;
    ath__list_remove(&entry->look_node);
    entry->look = NULL;
    if (ath__list_is_empty(&look->queries))
        free_look(look); /* nobody waits for its answer any more */
    else if (look->call->op == &query_of(entry)->op)
        ath__call_set_op(look->call, &query_of(first_entry(look))->op);
}

void ath__poll_remove(struct ath__query *query) {
    struct ath__poll_entry *entry = &query->io.poll;
    struct ath__poll_group *group = entry->group;
    if (!group)
        return;
    ath__heap_remove(&group->due, &entry->due);
    entry->group = NULL;
    group->count--;
    group->account->io.polled_count--;
    if (entry->look)
        leave_look(entry);
    else
        free_group_when_unused(group);
}

void ath__poll_hurry(struct ath__query *query) {
    struct ath__poll_entry *entry = &query->io.poll;
    uint64_t now_ns = ath__now_ns(query->op.runtime);
    if (!entry->group)
        return;
    entry->started_ns = now_ns;
    entry->looks = 0;
    if (entry->look)
        return;
    ath__heap_remove(&entry->group->due, &entry->due);
    put_due(entry, now_ns + FIRST_LOOK_NS);
    arm(query->op.account, 0);
}

/* By id, for stops of queries that this program may also follow: few, so a walk does. */
void ath__poll_hurry_id(struct ath__account *account, const char *query_id) {
    struct ath__node *node = account->runtime->io.ops.next;
    for (; node != &account->runtime->io.ops; node = node->next) {
        struct ath_op *op = ATH__CONTAINER(node, struct ath_op, io.node);
        struct ath__query *query = ath__query_of_op(op);
        if (query && strcmp(op->shared.query_id, query_id) == 0)
            ath__poll_hurry(query);
    }
}

/* -- answers
 * ------------------------------------------------------------------------------------------ */

/* Takes a query out of an answered look and plans its next one, before anyone may end it. */
static void plan_next(struct ath__poll_entry *entry, uint64_t at_ns) {
    ath__list_remove(&entry->look_node);
    entry->look = NULL;
    put_due(entry, at_ns);
}

static void looked(struct ath__poll_entry *entry, const struct ath__status *status) {
    uint64_t now_ns = ath__now_ns(query_of(entry)->op.runtime);
    entry->looks++;
    entry->last_look_ns = now_ns;
    entry->look_singly = false;
    entry->failing_since_ns = 0;
    entry->starved = 0;
    if (status->query.len > entry->sql_len) /* attached: learnt now */
        entry->sql_len = (uint32_t)status->query.len;
    plan_next(entry, next_look_ns(entry, now_ns));
    ath__query_looked(query_of(entry), status);
}

static struct ath__poll_entry *find_entry(struct ath__look *look, struct ath_slice id) {
    struct ath__node *node = look->queries.next; /* usually the first: AWS keeps the order */
    for (; node != &look->queries; node = node->next) {
        struct ath__poll_entry *entry = ATH__CONTAINER(node, struct ath__poll_entry, look_node);
        if (ath__slice_is(id, id_of(entry)))
            return entry;
    }
    return NULL;
}

static int read_batch(struct ath__look *look, struct ath_error *err) {
    struct ath__status_list *list = ath__alloc(sizeof *list);
    if (!list)
        return ath__err_nomem(err);
    int rc = ath__athena_batch_parse(look->call->answer, list, err);
    for (size_t i = 0; !rc && i < list->count; i++) {
        struct ath__poll_entry *entry = find_entry(look, list->items[i].id);
        if (entry)
            looked(entry, &list->items[i]);
    }
    ath__free(list);
    return rc;
}

static int read_single(struct ath__look *look, struct ath_error *err) {
    struct ath__status status;
    struct ath__poll_entry *entry = first_entry(look);
    int rc = ath__athena_get_parse(look->call->answer, &status, err);
    if (!rc && !ath__slice_is(status.id, id_of(entry)))
        rc = ath__err_set(
            err, ATH_ERR_PROTOCOL, "GetQueryExecution: the answer is about another query");
    if (!rc)
        looked(entry, &status);
    return rc;
}

static bool is_batch_refusal(const struct ath_error *err) {
    return err->code == ATH_ERR_ACCESS ||
           strcmp(err->service_code, "UnknownOperationException") == 0;
}

/*
 * Broken status calls say nothing about the query: they are repeated, first soon and then less
 * often, as long as a call may take. 0: that time is over.
 */
static uint64_t outage_pause_ns(struct ath__poll_entry *entry, uint64_t now_ns) {
    uint64_t timeout_ns = query_of(entry)->op.client->config.call_timeout_ms * ATH__MS;
    if (!entry->failing_since_ns)
        entry->failing_since_ns = now_ns;
    uint64_t failing_ns = now_ns - entry->failing_since_ns;
    if (failing_ns >= timeout_ns)
        return 0;
    if (failing_ns < OUTAGE_PAUSE_MIN_NS)
        return OUTAGE_PAUSE_MIN_NS;
    return failing_ns < OUTAGE_PAUSE_MAX_NS ? failing_ns : OUTAGE_PAUSE_MAX_NS;
}

/* The queries a look got no answer for. */
static void settle(struct ath__look *look, int retry_class, const struct ath_error *err) {
    struct ath__poll_entry *entry;
    uint64_t now_ns = ath__now_ns(look->group->account->runtime), pause_ns;
    if (err->code && !look->is_single && is_batch_refusal(err)) {
        look->group->batch_refused = true;
        ATH__LOG(
            ATH_LOG_INFO,
            "query",
            "BatchGetQueryExecution is refused (%s); queries are looked at one by one",
            err->service_code);
    }
    while ((entry = first_entry(look))) {
        if (retry_class == ATH__RETRY_THROTTLE) {
            entry->looks += entry->looks == 0;
            uint64_t next_ns = next_look_ns(entry, now_ns);
            plan_next(entry, next_ns + (next_ns - now_ns));
        } else if (
            retry_class == ATH__RETRY_TRANSIENT && (pause_ns = outage_pause_ns(entry, now_ns))) {
            plan_next(entry, now_ns + pause_ns);
        } else if (!look->is_single) {
            entry->look_singly = true;
            plan_next(entry, now_ns);
        } else {
            plan_next(entry, now_ns);
            ath__query_look_failed(query_of(entry), err);
        }
    }
}

static void look_done(struct ath__call *call) {
    struct ath__look *look = call->owner;
    struct ath__account *account = call->account;
    struct ath_error err = {0};
    if (call->result)
        err = call->err;
    else if (look->is_single)
        read_single(look, &err);
    else
        read_batch(look, &err);
    ath__err_operation(&err, call->operation);
    settle(look, call->result ? call->retry_class : ATH__RETRY_NEVER, &err);
    free_look(look);
    arm(account, 0);
}

/* -- looks
 * -------------------------------------------------------------------------------------------- */

static struct ath__look *new_look(struct ath__poll_group *group, bool is_single) {
    struct ath__look *look = ath__alloc_zero(sizeof *look);
    if (!look)
        return NULL;
    look->group = group;
    look->is_single = is_single;
    ath__list_init(&look->queries);
    group->looks++;
    return look;
}

static void join(struct ath__look *look, struct ath__poll_entry *entry) {
    ath__heap_remove(&look->group->due, &entry->due);
    ath__list_add(&look->queries, &entry->look_node);
    entry->look = look;
}

/* Due, or past half of its pause and so worth the place in a batch that goes anyway. */
static bool is_worth_a_place(const struct ath__poll_entry *entry, uint64_t now_ns) {
    return !entry->look_singly &&
           (entry->due.key <= now_ns || entry->due.key - now_ns <= now_ns - entry->last_look_ns);
}

/* Of a crowd: looked at so long ago that its age alone would ask for a look. */
static bool is_worth_a_turn(const struct ath__poll_entry *entry, uint64_t now_ns) {
    double waited = seconds(now_ns - entry->last_look_ns);
    return !entry->look_singly && waited >= pace_alone(entry, entry->last_look_ns);
}

static size_t fill_batch(struct ath__look *look, uint64_t now_ns, const char **ids) {
    size_t count = 0, sql = 0;
    struct ath__heap_node *node;
    while (count < BATCH_MAX && (node = ath__heap_first(&look->group->due))) {
        struct ath__poll_entry *entry = entry_of_due(node);
        bool fits = is_worth_a_place(entry, now_ns) || is_worth_a_turn(entry, now_ns);
        if (count && (!fits || sql + entry->sql_len > BATCH_SQL_MAX))
            break;
        sql += entry->sql_len;
        ids[count++] = id_of(entry);
        join(look, entry);
    }
    return count;
}

static int prepare_call(struct ath__look *look, size_t count, const char *const *ids) {
    struct ath__query *query = query_of(first_entry(look));
    bool single = look->is_single;
    struct ath__call *call = ath__call_new(
        query->op.client,
        look->group->account,
        &query->op,
        single ? ATH__API_GET : ATH__API_BATCH,
        single ? "GetQueryExecution" : "BatchGetQueryExecution");
    if (!call)
        return ATH_ERR_NOMEM;
    call->owner = look;
    call->done = look_done;
    call->caller_paces = true;
    look->call = call;
    ATH__COUNT(query->op.client, looks, count);
    return single ? ath__athena_get_build(ids[0], &call->body)
                  : ath__athena_batch_build(ids, count, &call->body);
}

/* No memory for a look: later again, but not for ever. */
static void starve(struct ath__poll_entry *entry, uint64_t now_ns) {
    struct ath_error err;
    ath__heap_remove(&entry->group->due, &entry->due);
    put_due(entry, now_ns + ATH__SECOND);
    if (++entry->starved < STARVED_MAX)
        return;
    ath__err_nomem(&err);
    ath__query_look_failed(query_of(entry), &err);
}

/* Starts one call for the queries that are due first; false when memory is short. */
static bool start_look(struct ath__poll_group *group, bool is_single, uint64_t now_ns) {
    const char *ids[BATCH_MAX];
    size_t count = 1;
    struct ath__look *look = new_look(group, is_single);
    if (!look)
        return false;
    if (is_single) {
        struct ath__poll_entry *entry = entry_of_due(ath__heap_first(&group->due));
        ids[0] = id_of(entry);
        join(look, entry);
    } else {
        count = fill_batch(look, now_ns, ids);
    }
    int rc = prepare_call(look, count, ids);
    if (!rc) {
        ath__call_start(look->call);
        return true;
    }
    struct ath__poll_entry *entry;
    while ((entry = first_entry(look)))
        plan_next(entry, now_ns);
    free_look(look);
    return false;
}

/* Starts what is due in one group; returns when to come back for want of a token, 0: no want. */
static uint64_t poll_group(struct ath__poll_group *group, uint64_t now_ns) {
    struct ath__account *account = group->account;
    struct ath__heap_node *node;
    while ((node = ath__heap_first(&group->due)) && node->key <= now_ns) {
        bool single = !is_batched(group) || entry_of_due(node)->look_singly;
        struct ath__lane *lane = &account->io.lanes[single ? ATH__API_GET : ATH__API_BATCH];
        uint64_t wait_ns = ath__bucket_wait_ns(&lane->bucket, now_ns);
        if (wait_ns)
            return now_ns + wait_ns;
        if (!start_look(group, single, now_ns)) {
            starve(entry_of_due(node), now_ns); /* the group may go with its query */
            return now_ns + ATH__MS;
        }
    }
    return 0;
}

/* A crowd takes turns: tokens that the bucket could not save go to those who waited longest. */
static void spend_surplus(struct ath__account *account, uint64_t now_ns) {
    struct ath__node *node = account->io.groups.next;
    if (account->io.polled_count < CROWD_FROM ||
        ath__bucket_full_ns(&account->io.lanes[ATH__API_BATCH].bucket, now_ns))
        return;
    for (; node != &account->io.groups; node = node->next) {
        struct ath__poll_group *group = ATH__CONTAINER(node, struct ath__poll_group, node);
        struct ath__heap_node *first = ath__heap_first(&group->due);
        if (!first || !is_batched(group) || !is_worth_a_turn(entry_of_due(first), now_ns))
            continue;
        ath__list_remove(node);
        ath__list_add(&account->io.groups, node);
        start_look(group, false, now_ns);
        return;
    }
}

static void fire(struct ath__timer *timer) {
    struct ath__account *account = ATH__CONTAINER(timer, struct ath__account, io.poll_timer);
    uint64_t now_ns = ath__now_ns(account->runtime), again_ns = 0;
    struct ath__node *last = account->io.groups.prev, *node = account->io.groups.next, *next;
    for (; node != &account->io.groups; node = next) {
        next = node == last ? &account->io.groups : node->next;
        uint64_t wanted_ns = poll_group(ATH__CONTAINER(node, struct ath__poll_group, node), now_ns);
        if (wanted_ns && (!again_ns || wanted_ns < again_ns))
            again_ns = wanted_ns;
    }
    if (again_ns &&
        !ath__list_is_empty(
            &account->io.groups)) { /* the first group goes last next time, so that none starves */
        struct ath__node *first = account->io.groups.next;
        ath__list_remove(first);
        ath__list_add(&account->io.groups, first);
    }
    spend_surplus(account, now_ns);
    arm(account, again_ns);
}
