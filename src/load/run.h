/* SPDX-License-Identifier: ISC */
/*
 * run - sends a load at a server for a while and counts what comes back.
 *
 * Open model: requests start when the schedule says so (arrival.h), whatever the
 * server does.  A start that finds every connection busy waits; its latency counts
 * from when it was to start.
 *
 *   schedule   | |  ||   |  |          an answer's latency:
 *              v v  vv   v  v          corrected  |-- wait --|-- raw --|
 *   connection ====..==.===                     intended    sent     answered
 *
 * Closed model: each client sends its next request when the last is answered, so
 * a slow server is asked less.  Clients are launched together or a few a second.
 *
 *   clients    ________-------   launch_per_s, then all of them until the end
 */
#ifndef LOAD_RUN_H
#define LOAD_RUN_H

#include "load/arrival.h"
#include "load/result.h"

enum run_model { RUN_OPEN, RUN_CLOSED };

/* What is sent; the arrays have one entry a target and are lent. */
struct run_targets {
	const struct address *address;
	const struct protocol *protocol;
	const struct request_bytes *requests;
	const struct expectation *expectations;
	const double *weights;
	unsigned count;
};

struct run_progress {
	uint64_t elapsed_ns; /* from the beginning, warm-up included */
	bool warming_up;
	const struct result_second *second;
	uint64_t errors; /* so far */
};

struct run_plan {
	const struct run_targets *targets;
	enum run_model model;
	struct arrival_plan arrival; /* open */
	unsigned connections;        /* open: at most; closed: the clients */
	double launch_per_s;         /* closed; 0: all at once */
	uint64_t warmup_ns;          /* not counted */
	uint64_t duration_ns;        /* counted, after the warm-up */
	uint64_t drain_ns;           /* how long to wait for answers after it */
	uint64_t timeout_ns;         /* of a request, from when it was sent */
	uint64_t seed;
	void (*on_second)(void *context, const struct run_progress *progress); /* or NULL */
	void *context;
	const volatile bool *interrupted; /* ends the run when it becomes true */
};

/* 0 or -errno; the caller frees the result. */
int run(const struct run_plan *plan, struct result *result);

#endif
