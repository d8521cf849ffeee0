/* SPDX-License-Identifier: ISC */
/* result - what a run counted.  Only what was to start within the measured time is in it. */
#ifndef LOAD_RESULT_H
#define LOAD_RESULT_H

#include "load/connection.h"
#include "state/histogram.h"

struct result_target {
	uint64_t good;
	uint64_t failed;
	struct histogram latency; /* from the intended start */
};

/* One second of the measured time; answers and errors count when they come. */
struct result_second {
	uint64_t good;
	uint64_t failed;
	uint64_t planned;
	unsigned clients; /* connections open at its end */
	uint64_t cpu_ns;
	uint64_t lateness_max_ns;
	uint64_t p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns;
	uint64_t raw_p99_ns;
};

struct result {
	/* Good answers only: an error has no place among latencies. */
	struct histogram corrected; /* from the intended start */
	struct histogram raw;       /* from the moment it was sent */
	struct histogram
		lateness; /* open model: sent after the intended start though a connection was free */
	uint64_t planned; /* intended starts */
	uint64_t outcomes[OUTCOME_KINDS];
	uint64_t answered_in_time; /* good and within the measured time: the throughput */
	uint64_t connects;
	uint64_t received_bytes; /* within the measured time */
	int connect_errno;
	uint64_t measured_ns;
	uint64_t cpu_ns; /* ours, within the measured time */
	double steal_share;
	bool interrupted;
	struct result_second *seconds; /* heap */
	unsigned second_count;
	struct result_target *targets; /* heap, one a URL */
	unsigned target_count;
};

uint64_t result_errors(const struct result *result);
double result_throughput_per_s(const struct result *result);
double result_cpu_share(const struct result *result);

void result_free(struct result *result);

/* What may spoil a result, and how much of it is borne. */
struct result_limits {
	uint64_t lateness_p99_ns;
	double cpu_share;
	double steal_share;
};

enum { RESULT_REASONS_SIZE = 512 };

/* Is it valid?  If not, `reasons` says why and what helps, one sentence a line. */
bool result_is_valid(const struct result *result, const struct result_limits *limits,
                     char reasons[RESULT_REASONS_SIZE]);

#endif
