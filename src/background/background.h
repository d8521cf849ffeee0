/* SPDX-License-Identifier: ISC */
/*
 * background - the section of shared memory that tasks, snapshots and jobs keep.
 *
 * Kept over the ends of workers and, where its layout is the same, of generations.  Each field
 * says who writes it; names and reasons are ended by whoever reads them.
 */
#ifndef PERCORE_BACKGROUND_H
#define PERCORE_BACKGROUND_H

#include "base/order.h"
#include "base/runtime_directory.h"
#include "base/settings.h"
#include "percore.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
	TASKS_MAX = 64,
	JOBS_MAX = 64, /* kinds of job */
	SNAPSHOTS_MAX = 64,
	BACKGROUND_NAME_MAX = 64, /* bytes with the NUL; likewise */
	BACKGROUND_REASON_MAX = 192,
};

enum task_outcome {
	TASK_NEVER, /* has not run yet */
	TASK_GOOD,
	TASK_FAILED,
	TASK_CRASHED,
	TASK_TIMEOUT, /* --task-timeout */
	TASK_CUT,     /* its process had to leave */
};

/* Written by the process that claimed it while that lives, and by the master when it is dead. */
struct task_shm {
	_Atomic uint64_t grid_ms;  /* monotonic: when its next run is due, */
	_Atomic uint64_t due_ms;   /* and that with jitter; 0: at once */
	_Atomic uint64_t since_ms; /* monotonic: running since then; 0: it is not */
	_Atomic uint64_t wall_ms;  /* start of the last run, for people */
	_Atomic uint64_t duration_us, runs, failures;
	_Atomic uint32_t outcome; /* enum task_outcome */
	_Atomic uint32_t in_row;  /* failures since the last good run */
	_Atomic uint32_t rests;   /* 1: until the next reload */
	_Atomic uint32_t runner;  /* the process that has claimed it; 0: none */
	char name[BACKGROUND_NAME_MAX];
	char reason[BACKGROUND_REASON_MAX];
};

/* Written by whoever publishes: see snapshot.c. */
struct snapshot_shm {
	_Atomic uint64_t key;     /* the name's hash; 0: free */
	_Atomic uint64_t next;    /* the last version that somebody began */
	_Atomic uint64_t current; /* the newest complete version; 0: none */
	_Atomic uint64_t wall_ms, bytes;
	char name[BACKGROUND_NAME_MAX];
};

enum { CLAIMS_MAX = 128, CLAIM_ID_MAX = 33 };

/* See job_claim.h. */
struct job_claim_shm {
	_Atomic uint32_t pid; /* 0: free */
	char id[CLAIM_ID_MAX];
};

/* Written by the jobs' process, but for `refused` and `ask_again_ms`. */
struct jobs_shm {
	_Atomic uint64_t queued, running; /* now */
	_Atomic uint64_t accepted, done, failed, retried;
	_Atomic uint64_t refused;      /* the queue was full, or the store away; workers count */
	_Atomic uint64_t ask_again_ms; /* monotonic, see job_breaker.h; 0: the store answers */
	_Atomic uint32_t is_away;      /* the store cannot be used, for */
	char away_reason[BACKGROUND_REASON_MAX];
	struct job_claim_shm claims[CLAIMS_MAX];
};

struct background_shm {
	struct task_shm tasks[TASKS_MAX];
	struct snapshot_shm snapshots[SNAPSHOTS_MAX];
	struct jobs_shm jobs;
};

struct background_task {
	char *name;
	uint64_t period_ms;
	percore_task run;
	void *arg;
	unsigned slot; /* of background_shm.tasks; TASKS_MAX: none */
};

struct background_job {
	char *name;
	percore_job run;
	void *arg;
};

/* What the program registered, and where it is kept.  Copied into each process by its fork. */
struct background {
	struct background_shm *shm;    /* NULL: there is no pool */
	const struct order_shm *order; /* to this process; NULL: it is no helper */
	const struct settings *settings;
	const char *name; /* the service's */
	const char *prefix;
	const char *place; /* the pool's directory (runtime_directory.h), lent for ever; "": there is none */
	struct background_task tasks[TASKS_MAX];
	size_t task_count;
	struct background_job jobs[JOBS_MAX];
	size_t job_count;
};

/* Frees what percore_every and percore_add_job copied. */
void background_fini(struct background *background);

#endif
