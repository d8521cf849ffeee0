/* SPDX-License-Identifier: ISC */
/*
 * history - how the pool fared in the last 15 minutes, in shared memory.
 *
 * A ring of samples, one each five seconds, and the counters as they were at the last of them: so it goes on
 * over a reload.  Its writer is the master of the generation that serves (pool/history_sampler.h); readers
 * need no lock: a sample's number is 0 while it is written.
 */
#ifndef PERCORE_HISTORY_H
#define PERCORE_HISTORY_H

#include "state/histogram.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HISTORY_EVERY_MS = 5000,
	HISTORY_SAMPLES = 180,
};

/* What a sample tells of the time since the one before. */
enum history_value {
	HISTORY_WALL_MS, /* its end, for people */
	HISTORY_ELAPSED_MS,
	HISTORY_REQUESTS,
	HISTORY_ERRORS,  /* answers of 5xx, those shed apart */
	HISTORY_REFUSED, /* 429 */
	HISTORY_SHED,    /* 503 for overload */
	HISTORY_DEATHS,  /* workers that ended and were not told to */
	HISTORY_DROPPED, /* lines of the access log */
	HISTORY_EVICTED, /* keys of the limits' table */
	HISTORY_COUNTS,  /* so far these grow for ever, and a sample has the difference */
	HISTORY_P50_NS = HISTORY_COUNTS,
	HISTORY_P90_NS,
	HISTORY_P99_NS,
	HISTORY_P999_NS,
	HISTORY_BUSY,    /* most workers seen with a request in hand */
	HISTORY_WAITING, /* most connections seen waiting to be accepted */
	HISTORY_VALUES,
};

struct history_sample_shm {
	_Atomic uint64_t number; /* the first is 1; 0: there is none, or it is being written */
	_Atomic uint64_t values[HISTORY_VALUES];
};

struct history_shm {
	_Atomic uint64_t last; /* the newest sample's number; 0: none */
	struct history_sample_shm samples[HISTORY_SAMPLES];
	/* The writer's: as of the last sample. */
	_Atomic uint64_t at_ms; /* monotonic; 0: there was none */
	_Atomic uint64_t counts[HISTORY_COUNTS];
	_Atomic uint64_t buckets[HISTOGRAM_SIZE];
};

/* Reads the sample of a number, which is input as all shared memory.  False: it is not there, any more or
 * yet. */
bool history_read(const struct history_shm *shm, uint64_t number, uint64_t values[HISTORY_VALUES]);

#endif
