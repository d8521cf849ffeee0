/* SPDX-License-Identifier: ISC */
/* sample - what a copy of the memory says, as numbers; two of them make what happened in between. */
#ifndef PERCORE_TOP_SAMPLE_H
#define PERCORE_TOP_SAMPLE_H

#include "top/copy.h"

struct sample_worker {
	struct metrics_worker worker; /* .life is WORKER_NONE: nobody has the slot, its counters stay */
	uint64_t errors;
};

struct sample {
	uint64_t at_ns;
	const struct copy *copy; /* lent; the newest sample's alone is as it was */
	struct metrics_view *view;
	struct sample_worker *workers; /* view->slot_top of them */
	/* Answers: all; with 5xx, those shed apart; with 429. */
	uint64_t requests, errors, limited;
	uint64_t route_errors[METRICS_ENTRIES_MAX]; /* with 5xx */
	struct histogram durations;                 /* of all routes */
	double counts_s;                            /* since when it counts; 0: not known */
};

/* NULL: no memory. */
struct sample *sample_new(const struct copy *copy);
void sample_free(struct sample *sample); /* NULL is none */

#endif
