/* SPDX-License-Identifier: ISC */
/*
 * job - work that a handler defers: the kinds of job, what is kept of one, and what follows from a run.
 *
 * Where jobs are kept is job_store.h's to know, how one is run job_run.h's; requests
 * come by exchange/defer.h.
 */
#ifndef PERCORE_JOB_H
#define PERCORE_JOB_H

#include "background/background.h"

enum {
	JOB_ID_MAX = 33, /* 32 hex digits: random, so nobody guesses another's */
	JOB_KEY_MAX = 128,
	JOB_TEXT_MAX = 1 << 20, /* bytes of an input, and of a result */
};

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_STATES };

enum job_verdict {
	JOB_OK,
	JOB_FULL, /* --job-queue are waiting */
	JOB_NONE, /* there is no such job, or no longer */
	JOB_AWAY, /* the store cannot be reached, or cannot write */
};

/* A job to be kept.  `id` becomes that of the job kept with the same key, if there is one. */
struct job_offer {
	char id[JOB_ID_MAX], name[BACKGROUND_NAME_MAX], key[JOB_KEY_MAX];
	const char *input; /* JSON text; lent */
};

/* One that was taken from the queue. */
struct job_entry {
	char id[JOB_ID_MAX], name[BACKGROUND_NAME_MAX];
	unsigned attempt;
	char ticket[32]; /* the stream's id of it: Redis */
	char *input;     /* free() */
};

/* How a run ended, as the store keeps it. */
struct job_end {
	enum job_state state; /* JOB_QUEUED: it runs again */
	uint64_t delay_ms;    /* after so long, whatever is done to the wall clock */
	const char *result;   /* JSON text, or NULL */
	const char *reason;   /* "", or why it failed */
	bool uncounted;       /* cut by us: this attempt does not count */
};

/* Before attempt `attempt` + 1: doubled each time, an hour at most, and a tenth of jitter. */
enum { JOB_DELAY_MAX_MS = 3600000 / 10 * 11 };
uint64_t job_delay_ms(uint64_t first_ms, unsigned attempt, uint64_t random);

/* What follows from a run: done, failed, or again.  `problem`: NULL where it was good. */
struct job_outcome {
	const char *result, *problem;
	bool cut; /* not its fault: our process had to leave */
};
struct job_end job_judge(const struct settings *settings, const struct job_entry *entry,
                         const struct job_outcome *outcome);

/* What a client is told, as JSON; to be freed. */
struct job_report {
	const char *id, *name;
	enum job_state state;
	unsigned attempts;
	uint64_t created_ms, started_ms, ended_ms, due_ms; /* wall clock; 0: not yet */
	const char *result, *reason;                       /* NULL or "": none */
};
char *job_report_text(const struct job_report *report);

const struct background_job *job_find(const struct background *background, const char *name);

/* For those who need no more of the store (job_store.h) that --jobs names than this. */
bool job_is_redis(const char *store);

/* At the configuration: false, and said, where --jobs cannot be. */
bool job_check(const char *store);

/* The jobs' process, until the master's order to leave.  Returns the exit status. */
int job_serve(const struct background *background);

#endif
