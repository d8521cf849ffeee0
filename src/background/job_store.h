/* SPDX-License-Identifier: ISC */
/*
 * job_store - where jobs are kept: what each kind of store can do.
 *
 * A file (job_server.c, with SQLite behind it) is open in the jobs' process alone, and
 * workers ask that; Redis (job_redis.c) they ask by themselves.  Which of them it is follows
 * from --jobs, and is nobody's to know but here.
 */
#ifndef PERCORE_JOB_STORE_H
#define PERCORE_JOB_STORE_H

#include "background/job.h"

struct job_store {
	/* At the configuration: false, and said, where it cannot be. */
	bool (*check)(const char *store);

	/* Worker.  JOB_OK: it is kept, and offer->id is that of the job. */
	enum job_verdict (*add)(const struct background *background, struct job_offer *offer);

	/* Worker.  JOB_OK: *text tells how it fares, as JSON; free(). */
	enum job_verdict (*look)(const struct background *background, const char *id, char **text);

	/* The jobs' process: takes jobs, runs them and writes how they ended, until the master's order to
	 * leave. */
	int (*serve)(const struct background *background);

	bool is_local; /* it needs the pool's directory */
};

extern const struct job_store job_store_file, job_store_redis;

/* The one that --jobs names. */
const struct job_store *job_store_of(const char *store);

#endif
