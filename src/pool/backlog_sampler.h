/* SPDX-License-Identifier: ISC */
/* backlog_sampler - how much is waiting and how much gets served, for load shedding and for the status. */
#ifndef PERCORE_BACKLOG_SAMPLER_H
#define PERCORE_BACKLOG_SAMPLER_H

#include "pool/connections.h"
#include "state/overload.h"
#include "state/scoreboard.h"

struct backlog_sampler {
	struct connections *connections;
	struct pool_shm *shm;
	const struct worker_shm *slots;
	unsigned slot_count;
	const struct overload *overload;
	unsigned workers;
	uint64_t looked_ms, looked_served; /* at the last look */
	bool is_busy;                      /* requests were served since the look before */
};

/* Master: at each look at the pool. */
void backlog_sampler_look(struct backlog_sampler *sampler, uint64_t now_ms);

#endif
