/* Lanes: how fast each API is called; and the gate in front of StartQueryExecution. */
#include "engine/internal.h"

#define GATE_PROBE_S 5

static bool is_gated(const struct ath__lane *lane) {
    const struct ath__account *account = lane->account;
    return lane == &account->io.lanes[ATH__API_START] && account->io.gate_closed;
}

void ath__lane_enter(struct ath__lane *lane, struct ath__call *call) {
    if (!call->io.order)
        call->io.order = ++lane->entered;
    call->io.wait_from_ns = ath__now_ns(call->runtime);
    ath__list_add(&lane->waiting, &call->io.node);
    ath__lane_pump(lane);
}

/* Back to the place it had before it was sent. */
void ath__lane_enter_again(struct ath__lane *lane, struct ath__call *call) {
    struct ath__node *at = lane->waiting.next;
    while (at != &lane->waiting &&
           ATH__CONTAINER(at, struct ath__call, io.node)->io.order < call->io.order)
        at = at->next;
    call->io.wait_from_ns = ath__now_ns(call->runtime);
    ath__list_add(at, &call->io.node);
}

void ath__lane_pump(struct ath__lane *lane) {
    struct ath__account *account = lane->account;
    struct ath__runtime *runtime = account->runtime;
    while (!ath__list_is_empty(&lane->waiting) && !runtime->io.aborting) {
        uint64_t now_ns = ath__now_ns(runtime);
        if (lane->wire_max && lane->wire_count >= lane->wire_max)
            return; /* pumped again when one of them is answered */
        if (is_gated(lane) && account->io.gate_probes == 0)
            return;
        uint64_t wait_ns = ath__bucket_wait_ns(&lane->bucket, now_ns);
        if (wait_ns) {
            ath__timer_set(runtime, &lane->timer, now_ns + wait_ns);
            return;
        }
        ath__bucket_take(&lane->bucket, now_ns);
        if (is_gated(lane))
            account->io.gate_probes--;
        struct ath__call *call = ATH__CONTAINER(lane->waiting.next, struct ath__call, io.node);
        ath__list_remove(&call->io.node);
        lane->wire_count++;
        call->io.in_lane = true;
        ath__call_send(call);
    }
    if (lane == &account->io.lanes[ATH__API_START])
        account->io.gate_closed = false; /* nobody waits: the next start asks anew */
}

static void arm_gate(struct ath__account *account) {
    ath__timer_set(
        account->runtime,
        &account->io.gate_timer,
        ath__now_ns(account->runtime) + GATE_PROBE_S * ATH__SECOND);
}

void ath__gate_close(struct ath__account *account) {
    if (!account->io.gate_closed) {
        ATH__LOG(ATH_LOG_INFO, "query", "AWS's limit of active queries is reached; starts wait");
        arm_gate(account);
    }
    account->io.gate_closed = true;
    account->io.gate_opens = false;
    account->io.gate_probes = 0;
}

static void probe(struct ath__account *account) {
    account->io.gate_probes++;
    ath__lane_pump(&account->io.lanes[ATH__API_START]);
}

void ath__gate_query_ended(struct ath__account *account) {
    if (account->io.gate_closed)
        probe(account);
}

void ath__gate_query_started(struct ath__account *account) {
    if (account->io.gate_closed && account->io.gate_opens)
        probe(account);
}

/* Room that other programs' queries left is found by asking now and then, whatever our own do. */
void ath__gate_fire(struct ath__timer *timer) {
    struct ath__account *account = ATH__CONTAINER(timer, struct ath__account, io.gate_timer);
    if (!account->io.gate_closed)
        return;
    arm_gate(account);
    account->io.gate_opens = true;
    probe(account);
}
