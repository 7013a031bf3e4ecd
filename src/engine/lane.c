/* Lanes: how fast each API is called; and the gate in front of StartQueryExecution. */
#include "engine/internal.h"

#define GATE_PROBE_S 5

static bool is_gated(const struct ath__lane *lane) {
    const struct ath__account *account = lane->account;
    return lane == &account->io.lanes[ATH__API_START] && account->io.gate_closed;
}

void ath__lane_enter(struct ath__lane *lane, struct ath__call *call) {
    call->io.wait_from_ns = ath__now_ns(call->runtime);
    ath__list_add(&lane->waiting, &call->io.node);
    ath__lane_pump(lane);
}

void ath__lane_pump(struct ath__lane *lane) {
    struct ath__account *account = lane->account;
    struct ath__runtime *runtime = account->runtime;
    while (!ath__list_is_empty(&lane->waiting)) {
        uint64_t now_ns = ath__now_ns(runtime);
        if (lane->wire_max && lane->wire_count >= lane->wire_max)
            return; /* pumped again when one of them is answered */
        if (is_gated(lane) && !account->io.gate_probe)
            return;
        uint64_t wait_ns = ath__bucket_wait_ns(&lane->bucket, now_ns);
        if (wait_ns) {
            ath__timer_set(runtime, &lane->timer, now_ns + wait_ns);
            return;
        }
        ath__bucket_take(&lane->bucket, now_ns);
        account->io.gate_probe = false;
        struct ath__call *call = ATH__CONTAINER(lane->waiting.next, struct ath__call, io.node);
        ath__list_remove(&call->io.node);
        lane->wire_count++;
        call->io.in_lane = true;
        ath__call_send(call);
    }
    if (lane == &account->io.lanes[ATH__API_START])
        account->io.gate_closed = false; /* nobody waits: the next start asks anew */
}

void ath__gate_close(struct ath__account *account) {
    if (!account->io.gate_closed)
        ATH__LOG(ATH_LOG_INFO, "query", "AWS's limit of active queries is reached; starts wait");
    account->io.gate_closed = true;
    account->io.gate_probe = false;
    ath__timer_set(
        account->runtime,
        &account->io.gate_timer,
        ath__now_ns(account->runtime) + GATE_PROBE_S * ATH__SECOND);
}

void ath__gate_probe(struct ath__account *account) {
    if (!account->io.gate_closed)
        return;
    account->io.gate_probe = true;
    ath__timer_set(
        account->runtime,
        &account->io.gate_timer,
        ath__now_ns(account->runtime) + GATE_PROBE_S * ATH__SECOND);
    ath__lane_pump(&account->io.lanes[ATH__API_START]);
}
