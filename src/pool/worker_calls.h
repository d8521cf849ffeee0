/* SPDX-License-Identifier: ISC */
/* worker_calls - what the program does at the start and at the end of each worker: percore_on_worker. */
#ifndef PERCORE_WORKER_CALLS_H
#define PERCORE_WORKER_CALLS_H

#include <stdbool.h>
#include <stddef.h>

enum { WORKER_CALLS_MAX = 16 };
struct worker_calls {
	struct worker_call {
		bool (*start)(void *arg);
		void (*stop)(void *arg);
		void *arg;
	} all[WORKER_CALLS_MAX];
	size_t count;
};

/* False: one of them failed, and those after it were not called. */
bool worker_calls_start(const struct worker_calls *calls);
void worker_calls_stop(const struct worker_calls *calls);

#endif
