/* SPDX-License-Identifier: ISC */
/* job_pool - the runs of a process, --job-workers of them, and the signals that tell of their ends. */
#ifndef PERCORE_JOB_POOL_H
#define PERCORE_JOB_POOL_H

#include "background/job_run.h"

#include <poll.h>

enum { JOB_POOL_MAX = 64 };

struct job_pool {
	const struct background *background;
	int signals; /* signalfd(2): SIGCHLD, SIGTERM */
	unsigned size;
	bool is_told; /* a SIGTERM that is no order of the master's */
	struct job_run runs[JOB_POOL_MAX];
};

/* 0 or -errno. */
int job_pool_init(struct job_pool *pool, const struct background *background);

/* May it start runs; and shall the process leave, when none is left? */
bool job_pool_may_start(const struct job_pool *pool);
bool job_pool_leaves(const struct job_pool *pool);

/* One that holds no job; NULL: none, or as many run as may, those of the generation before among them. */
struct job_run *job_pool_free(struct job_pool *pool);

/* It holds the job of run->entry now; and no longer, though it has not begun. */
void job_pool_take(struct job_pool *pool, struct job_run *run);
void job_pool_give_up(struct job_pool *pool, struct job_run *run);

/* Starts what holds a job that has not begun: `pid` 0, no problem. */
void job_pool_start(struct job_pool *pool);

/* True where its job has ended, and is to be written. */
bool job_pool_has_ended(const struct job_run *run);

/* Waits for what they say, for signals and for `fds`, a timeout at most; ends what takes too long. */
void job_pool_wait(struct job_pool *pool, struct pollfd *fds, nfds_t count, int timeout_ms);

/* Its end is kept: says it, counts it, and makes it free. */
void job_pool_clear(struct job_pool *pool, struct job_run *run, const struct job_end *end);

/* How many hold a job; and whether one has not ended. */
unsigned job_pool_busy(const struct job_pool *pool);
bool job_pool_runs(const struct job_pool *pool);

#endif
