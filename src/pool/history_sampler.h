/* SPDX-License-Identifier: ISC */
/* history_sampler - the pool's last 15 minutes, for the status: what the master sees, some looks together. */
#ifndef PERCORE_HISTORY_SAMPLER_H
#define PERCORE_HISTORY_SAMPLER_H

#include "state/history.h"
#include "state/metrics.h"

struct history_sampler {
	struct history_shm *shm;
	const struct metrics *metrics;
	uint64_t due_ms; /* 0: nothing was looked at yet */
	unsigned slot;   /* whose counters are read next */
	uint64_t busy, waiting;
	uint64_t counts[HISTORY_COUNTS];
	struct histogram durations;
};

/* Master, while it serves: at each look at the pool, and how many workers are busy then. */
void history_sampler_look(struct history_sampler *sampler, uint64_t now_ms, unsigned busy);

#endif
