/* Child processes whose output is collected through the transport's loop. */
#ifndef ATH_NET_PROCESS_H
#define ATH_NET_PROCESS_H

#include "net/http.h"
#include "net/loop.h"

struct ath__children {
    struct ath__loop *loop;
    struct ath__node running;
    struct ath__node done;
    int *dead_pids; /* killed, not yet reaped */
    size_t dead_count;
    size_t dead_cap;
};

void ath__children_init(struct ath__children *children, struct ath__loop *loop);
/* Kills and reaps what runs; in a fork's child only forgets it. */
void ath__children_clear(struct ath__children *children, bool in_child);
void ath__children_spawn(struct ath__children *children, struct ath__process *p);
void ath__children_kill(struct ath__children *children, struct ath__process *p);
/* True when the descriptor belongs to a child; what it had to say is then taken in. */
bool ath__children_on_ready(struct ath__children *children, int fd);
/* Deadlines, and the exits that no descriptor announces. */
void ath__children_tick(struct ath__children *children, uint64_t now_ns);
/* When tick() is wanted next; UINT64_MAX: never. */
uint64_t ath__children_due(const struct ath__children *children, uint64_t now_ns);
struct ath__process *ath__children_next_done(struct ath__children *children);

#endif
