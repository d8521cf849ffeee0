/* job_crew - the runs of a process, --job-workers of them, and the signals that tell of their ends. */
#ifndef PERCORE_JOB_CREW_H
#define PERCORE_JOB_CREW_H

#include "background/job_run.h"

#include <poll.h>

enum { CREW_MAX = 64 };

struct job_crew {
	const struct background *background;
	int signals; /* signalfd(2): SIGCHLD, SIGTERM */
	unsigned size;
	bool is_told; /* a SIGTERM that is no order of the master's */
	struct job_run runs[CREW_MAX];
};

/* 0 or -errno. */
int job_crew_init(struct job_crew *crew, const struct background *background);

/* May it start runs; and shall the process leave, when none is left? */
bool job_crew_may_start(const struct job_crew *crew);
bool job_crew_leaves(const struct job_crew *crew);

/* One that holds no job; NULL: none, or as many run as may, those of the generation before among them. */
struct job_run *job_crew_free(struct job_crew *crew);

/* It holds the job of run->entry now; and no longer, though it has not begun. */
void job_crew_take(struct job_crew *crew, struct job_run *run);
void job_crew_give_up(struct job_crew *crew, struct job_run *run);

/* Starts what holds a job that has not begun: `pid` 0, no problem. */
void job_crew_start(struct job_crew *crew);

/* True where its job has ended, and is to be written. */
bool job_crew_has_ended(const struct job_run *run);

/* Waits for what they say, for signals and for `fds`, a timeout at most; ends what takes too long. */
void job_crew_wait(struct job_crew *crew, struct pollfd *fds, nfds_t count, int timeout_ms);

/* Its end is kept: says it, counts it, and makes it free. */
void job_crew_clear(struct job_crew *crew, struct job_run *run, const struct job_end *end);

/* How many hold a job; and whether one has not ended. */
unsigned job_crew_busy(const struct job_crew *crew);
bool job_crew_runs(const struct job_crew *crew);

#endif
