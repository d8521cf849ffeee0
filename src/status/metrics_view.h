/* SPDX-License-Identifier: ISC */
/* metrics_view - what all slots together say, at one moment; for /metrics and /status. */
#ifndef PERCORE_METRICS_VIEW_H
#define PERCORE_METRICS_VIEW_H

#include "access/access_ring.h"
#include "state/limit.h"
#include "state/metrics.h"

struct metrics_view {
	const struct metrics *metrics;
	unsigned slot_top; /* slots of workers below it were in use once */
	uint64_t series[METRICS_SERIES_MAX];
	struct metrics_sums {
		uint64_t bytes_in, bytes_out;
	} sums[METRICS_ENTRIES_MAX];
	struct histogram *entries; /* metrics->entries of them */
#define COUNTER(field, name, help) uint64_t field;
#include "state/metrics.def"
	uint64_t starting, idle, serving, leaving; /* workers */
	uint64_t wanted, active_max, all_busy, backlog, backlog_max, connections, generation;
	uint64_t exits[POOL_EXITS];
	uint64_t rescued_answered, rescued_cut, rescued_released;
	uint64_t reloads, reloads_failed, sandbox_refused;
	uint64_t faults[RECORD_FAULTS];
	uint64_t overload, starts_ignored;
	struct limit_counters limits;
	struct log_counters log;
	bool draining;
	uint64_t serves_s, reload_error_s; /* since when; 0: not known */
	char reload_error[256];            /* "": none */
	int master;                        /* its pid; 0: not known */
};

/* NULL: no memory. */
struct metrics_view *metrics_view_new(const struct metrics *m);
void metrics_view_free(struct metrics_view *v);

/* One worker's part. */
struct metrics_worker {
	unsigned slot, worker_id;
	int pid;
	enum worker_life life;
	enum worker_stage stage;
	uint32_t generation, restarts;
	int last_exit; /* enum pool_exit: of the one before it; -1: there was none */
	uint64_t up_ms;
	long resident_bytes; /* 0: not known */
	uint64_t requests;
	struct histogram durations;
	/* What it has in hand, where has_request.  The client wrote it; it is UTF-8. */
	bool has_request;
	uint64_t busy_ms;
	char id[IN_FLIGHT_ID_MAX], method[IN_FLIGHT_METHOD_MAX], path[IN_FLIGHT_PATH_MAX];
};
void metrics_view_worker(const struct metrics *m, unsigned slot, struct metrics_worker *worker);

/* "signal", ...: a reason's label. */
const char *metrics_exit_name(enum pool_exit reason);

/* "starting", "idle", "serving" or "leaving". */
const char *metrics_state_name(const struct metrics_worker *worker);

/* Writes the text format 0.0.4; malloced.  NULL: no memory. */
char *metrics_text(const struct metrics *m, size_t *length);

#endif
