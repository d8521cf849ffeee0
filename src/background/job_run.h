/* SPDX-License-Identifier: ISC */
/*
 * job_run - one run of a job: a child of the jobs' process, which says by a pipe how it went.
 *
 * It has no descriptor but stderr and the pipe, a process group of its own, and dies
 * with its parent.
 */
#ifndef PERCORE_JOB_RUN_H
#define PERCORE_JOB_RUN_H

#include "background/job.h"

enum job_run_cause { JOB_RUN_OF_ITSELF, JOB_RUN_TIMEOUT, JOB_RUN_CUT };

struct job_run {
	pid_t pid;     /* 0: it has ended, or never began */
	int pipe;      /* -1: closed */
	bool is_taken; /* `entry` is that of a job */
	enum job_run_cause cause;
	uint64_t since_ms; /* monotonic */
	struct job_entry entry;
	char *said; /* what came by the pipe, `length` of `size` bytes */
	size_t length, size;
	char problem[BACKGROUND_REASON_MAX]; /* "": it was good */
};

/* Runs the job that run->entry tells of.  A failure to start is a failed run: it has ended then. */
void job_run_start(struct job_run *run, const struct background *background, uint64_t now_ms);

/* Takes what the pipe has; it never waits. */
void job_run_read(struct job_run *run);

/* Its process is dead, with the status of waitpid(2). */
void job_run_note_exit(struct job_run *run, int status);

void job_run_kill(struct job_run *run, enum job_run_cause cause);

/* What it came to, until job_run_clear. */
struct job_outcome job_run_outcome(const struct job_run *run);
void job_run_clear(struct job_run *run);

#endif
