/* SPDX-License-Identifier: ISC */
/*
 * metrics - what the workers count, in shared memory.
 *
 * A section of its own: a directory that names what is counted, then a slot for
 * each worker, the master and its kin.  A slot has one
 * writer at a time, so an update is a plain load and store; nothing is ever
 * wiped, so no counter goes back when a worker or a generation ends.  Routes are
 * found by name: a new program may bring others.
 *
 * Each request is counted once, whatever kills the worker: before its answer
 * leaves, the worker writes down what the counters will be (struct
 * metrics_in_flight_shm), and after it, stores them.  If it dies in between, the
 * master does it: see metrics_reclaim.
 */
#ifndef PERCORE_METRICS_H
#define PERCORE_METRICS_H

#include "state/histogram.h"
#include "state/overload.h"
#include "state/record_fault.h"
#include "state/scoreboard.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	METRICS_SERIES_MAX = 1024, /* of route, method and code; what comes after goes to the first */
	METRICS_ENTRIES_MAX = 256, /* routes and histograms */
	METRICS_CELLS_MAX = 128,   /* handlers' counters and gauges */
	METRICS_TEXT_MAX = 248,
	METRICS_LANES = 2 * GENERATIONS_MAX, /* slots behind the workers': masters', and admin processes' */
};

enum metrics_kind {
	METRICS_FREE,
	METRICS_ROUTE,
	METRICS_WAIT, /* the queue wait: one, entry METRICS_WAIT_ENTRY */
	METRICS_HISTOGRAM,
	METRICS_COUNTER,
	METRICS_GAUGE,
};

enum { METRICS_OTHER_ENTRY, METRICS_WAIT_ENTRY }; /* the first two */

/* What an entry or a cell stands for.  Written by the master before there are workers. */
struct metrics_name_shm {
	_Atomic uint32_t kind;
	char text[METRICS_TEXT_MAX]; /* "/data", or "shop_orders_total{kind=\"new\"}" */
	uint32_t unused;
};

/* How far the request in hand is from being counted. */
enum metrics_phase {
	METRICS_FRESH,   /* nothing is written down */
	METRICS_ARMED,   /* `series` is; its answer is about to leave, or has left */
	METRICS_TIMED,   /* `bucket` is too: the answer has left, the counters are being stored */
	METRICS_COUNTED, /* all is stored */
};

struct metrics_in_flight_shm {
	_Atomic uint32_t phase;
	_Atomic uint16_t entry, method; /* as far as known; else 0 */
	_Atomic uint32_t series;
	_Atomic uint32_t bucket;
	_Atomic uint64_t series_becomes, bucket_becomes, sum_becomes;
};

/* Of an entry. */
struct metrics_sums_shm {
	_Atomic uint64_t sum_ns, max_ns;
	_Atomic uint64_t bytes_in, bytes_out;
};

struct metrics_slot_shm {
	_Alignas(4096) struct metrics_in_flight_shm in_flight;
#define COUNTER(field, name, help) _Atomic uint64_t field;
#include "state/metrics.def"
	_Atomic uint64_t faults[RECORD_FAULTS];
	_Alignas(64) _Atomic uint64_t series[METRICS_SERIES_MAX];
	_Atomic uint64_t cells[METRICS_CELLS_MAX];
	struct metrics_sums_shm sums[METRICS_ENTRIES_MAX];
	_Alignas(4096) _Atomic uint64_t buckets[]; /* HISTOGRAM_SIZE an entry */
};

struct metrics_shm {
	_Atomic uint64_t series[METRICS_SERIES_MAX]; /* see metrics.c; 0: free */
	struct metrics_name_shm entries[METRICS_ENTRIES_MAX];
	struct metrics_name_shm cells[METRICS_CELLS_MAX];
};
static_assert(sizeof(struct metrics_name_shm) == 256, "metrics_name_shm has no padding");

struct access_rings;
struct history_shm;
struct limit;
struct user_metrics;

/* This process' own view of it; made by the master, copied into each worker. */
struct metrics {
	struct metrics_shm *shm; /* NULL: nothing is counted */
	unsigned slots;          /* that the section has for workers */
	unsigned entries;        /* likewise: of METRICS_ENTRIES_MAX */
	struct metrics_slot_shm *own;
	/* Of the request in hand; the slot holds copies, for the master. */
	uint64_t since_ns, elapsed_ns;
	unsigned entry, method, series;
	struct {
		uint64_t key;
		uint32_t series;
	} cache[64];
	/* What is registered. */
	const char *(*route_at)(void *routes, size_t i, unsigned **entry); /* its pattern; NULL: no more */
	void *routes;
	struct user_metrics *user_metrics;
	const char *service, *service_version;
	/* For those who read. */
	const struct pool_shm *pool;
	const struct worker_shm *workers; /* `slots` of them */
	const struct overload_shm *overload;
	const struct limit *limit;
	const struct access_rings *access; /* NULL: there is no log */
	const struct history_shm *history; /* NULL: none is kept, for want of a master */
};

/* Sets how many workers there is room for, and entries, from what is registered; then what it takes. */
void metrics_measure(struct metrics *m, unsigned slots);
size_t metrics_bytes(const struct metrics *m);

/* For who watches: the same from what it takes, which is input.  False: no service's section has that size.
 */
bool metrics_fit(struct metrics *m, unsigned slots, size_t bytes);

/* Of a slot; the histogram of each entry stands behind it. */
size_t metrics_slot_bytes(const struct metrics *m);

/* The slots of a lane's master, and its admin process. */
static inline unsigned metrics_master_slot(const struct metrics *m, unsigned lane)
{
	return m->slots + lane;
}

static inline unsigned metrics_admin_slot(const struct metrics *m, unsigned lane)
{
	return m->slots + GENERATIONS_MAX + lane;
}

/* Master: takes zeroed memory, or what an earlier program left, and names the routes and meters in it. */
void metrics_open(struct metrics *m, void *memory);

/* In each worker at its start, and in the master: the slot that this process writes. */
void metrics_take_slot(struct metrics *m, unsigned slot);

/* The index of a method's name, and back; 0 is "other". */
unsigned metrics_method(const char *method);
const char *metrics_method_name(unsigned method);

/* ---- A request's way through a worker.  In this order; no call does anything where nothing is counted. */

void metrics_begin(struct metrics *m);
void metrics_note_route(struct metrics *m, unsigned entry, const char *method);
void metrics_note_wait(struct metrics *m, int64_t wait_ms); /* negative: not known */
void metrics_arm(struct metrics *m, int code);              /* before the end of the answer leaves */

struct metrics_answer {
	uint64_t bytes_in, bytes_out;
	bool is_whole; /* it left */
};
void metrics_count(struct metrics *m, const struct metrics_answer *answer);
void metrics_idle(struct metrics *m); /* when the slot's stage says that nothing is in hand */

/* A connection is closed for what came over it. */
void metrics_note_fault(struct metrics *m, enum record_fault fault);

/* Adds to a COUNTER of metrics.def. */
#define METRICS_ADD(m, field, n)                                                                             \
	do {                                                                                                 \
		if ((m) && (m)->own)                                                                         \
			metrics_add(&(m)->own->field, n);                                                    \
	} while (0)

/* One writer: no other process changes it meanwhile. */
static inline void metrics_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

/* Into an entry of a slot. */
void metrics_record(struct metrics_slot_shm *slot, unsigned entry, uint64_t value_ns);

/*
 * Master, of a worker that died with a request in hand: counts that request, if
 * the worker did not.
 */
struct metrics_death {
	unsigned slot;
	int answered;        /* with this status, by the master; 0: not */
	bool was_read;       /* a request, not something else, was in hand */
	uint64_t elapsed_ms; /* since it was taken */
};
void metrics_reclaim(struct metrics *m, const struct metrics_death *death);

/* ---- Reading.  Shared memory is input: what cannot be is left out. */

struct metrics_slot_shm *metrics_slot(const struct metrics *m, unsigned slot);

/* Parts of a series' key; false where the place is free. */
struct metrics_series {
	unsigned entry, method, code;
};
bool metrics_series_at(const struct metrics *m, unsigned series, struct metrics_series *parts);

/* The name of an entry or cell of that kind, copied; false where it is something else. */
bool metrics_entry_name(const struct metrics *m, unsigned entry, enum metrics_kind kind,
                        char text[METRICS_TEXT_MAX]);

/* Adds what a slot counted for an entry. */
void metrics_merge(const struct metrics *m, unsigned slot, unsigned entry, struct histogram *into);

#endif
