/* SPDX-License-Identifier: ISC */
/* background_view - how tasks, snapshots and jobs fare, for /status and /metrics. */
#ifndef PERCORE_BACKGROUND_VIEW_H
#define PERCORE_BACKGROUND_VIEW_H

#include "background/background.h"

/* Master: what background_view_add and background_view_put answer from, in all processes; lent. */
void background_view_use(struct background *background);

/* How it fares, as "background" of /status; null: there is no pool. */
void background_view_add(json_object *status);

/* For /metrics: calls put with the name of each task, or snapshot, and its number. */
enum background_number {
	BACKGROUND_TASK_RUNS,
	BACKGROUND_TASK_FAILURES,
	BACKGROUND_TASK_IN_ROW,
	BACKGROUND_TASK_LAST_MS, /* Unix time; 0: never */
	BACKGROUND_TASK_NEXT_MS, /* likewise; 0: it rests */
	BACKGROUND_TASK_DURATION_US,
	BACKGROUND_SNAPSHOT_VERSION,
	BACKGROUND_SNAPSHOT_BYTES,
};
void background_view_put(enum background_number number,
                         void (*put)(void *to, const char *name, uint64_t value), void *to);

/* Of the jobs; all 0 where there are none. */
const struct jobs_shm *background_view_jobs(void);

#endif
