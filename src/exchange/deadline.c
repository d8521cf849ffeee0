/* SPDX-License-Identifier: ISC */
/*
 * deadline - see deadline.h.
 *
 * It is a word in shared memory, which the master looks at: whoever is over it is ended, and
 * its client answered 504.
 */
#include "exchange/deadline.h"

#include "base/clock.h"

#include <math.h>

/* Longer is never. */
#define SECONDS_MAX 1e9

static void set(const struct percore_request *request, uint64_t from_ms, double seconds)
{
	bool is_bounded = seconds < SECONDS_MAX;
	uint64_t limit_ms = is_bounded ? (uint64_t)(seconds * 1000) : 0;

	atomic_store_explicit(&fcgi_in_flight(request->fcgi)->deadline_ms,
	                      is_bounded ? from_ms + limit_ms : 0, memory_order_relaxed);
	fcgi_limit_body(request->fcgi, limit_ms / 4 * 3);
}

void deadline_take(struct percore_request *request)
{
	uint64_t since_ms =
		atomic_load_explicit(&fcgi_in_flight(request->fcgi)->since_ms, memory_order_relaxed);

	if (request->route && request->route->spec.time_limit > 0)
		set(request, since_ms ? since_ms : clock_coarse_ms(), request->route->spec.time_limit);
}

double percore_time_left(const struct percore_request *request)
{
	uint64_t deadline_ms =
		atomic_load_explicit(&fcgi_in_flight(request->fcgi)->deadline_ms, memory_order_relaxed);
	uint64_t now_ms = clock_ns() / 1000000;

	if (!deadline_ms)
		return INFINITY;
	return deadline_ms > now_ms ? (double)(deadline_ms - now_ms) / 1000 : 0;
}

void percore_extend_time(struct percore_request *request, double seconds)
{
	if (seconds >= 0)
		set(request, clock_ns() / 1000000, seconds);
}

bool percore_client_is_gone(struct percore_request *request)
{
	return fcgi_is_given_up(request->fcgi);
}
