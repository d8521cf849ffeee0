/* SPDX-License-Identifier: ISC */
/*
 * task - what runs every so many seconds, in one process beside the workers.
 *
 * Tasks run one after another.  While one takes so long that another is late, its process
 * is set aside to end it alone, and a fresh one has the others (pool/background.h).  A process
 * claims a task before it runs it, so it never runs twice at once.  A run that is missed is
 * left out, never caught up.  One that fails again and again runs less often.  When one
 * crashes or outlasts --task-timeout, its process is replaced.
 */
#ifndef PERCORE_TASK_H
#define PERCORE_TASK_H

#include "background/background.h"

#include <sys/types.h>

/* ---- The arithmetic: no clock, no memory. */

/* Of a run that ended at now_ms. */
struct task_run {
	uint64_t grid_ms; /* when it was due, without its jitter; 0: it was the first */
	uint64_t now_ms, period_ms;
	unsigned in_row; /* failures since the last good run, this one too */
};

/* When the next run is due, without jitter: on the grid of the period, after now. */
uint64_t task_next_ms(const struct task_run *run);

/* How far apart runs are after so many failures in a row: twice as far each time, 16 times at most. */
uint64_t task_spacing_ms(uint64_t period_ms, unsigned in_row);

/* What is added to spread runs: up to a tenth of the period. */
uint64_t task_jitter_ms(uint64_t period_ms, uint64_t random);

/* ---- Master. */

/* Finds each task's place in shared memory, by its name: those of an earlier program are found again. */
void task_bind(struct background *background);

/* New settings: no task rests any more. */
void task_wake_all(struct background *background);

/* True when there are tasks, and not all of them rest. */
bool task_is_any(const struct background *background);

/* The task that this process has claimed; NULL: none. */
const struct background_task *task_of(const struct background *background, pid_t runner);

/* Since when it runs, on the monotonic clock; 0: it does not. */
uint64_t task_since_ms(const struct background *background, const struct background_task *task);

/* True where the one that this process runs makes another one late. */
bool task_is_in_the_way(const struct background *background, pid_t runner, uint64_t now_ms);

/* The process that had claimed it is dead: `outcome`, and `reason` for people. */
void task_note_death(const struct background *background, const struct background_task *task,
                     enum task_outcome outcome, const char *reason);

/* ---- The tasks' process: runs what is due until it is told to leave; its exit status. */
int task_serve(const struct background *background);

#endif
