/* SPDX-License-Identifier: ISC */
/* clock - times as percore uses them.  Monotonic for all that is measured, wall time for people. */
#ifndef PERCORE_CLOCK_H
#define PERCORE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* How far percore's time is ahead of the machine's: tests let it pass, else it is 0. */
extern uint64_t clock_ahead_ns;

static inline uint64_t clock_read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec + clock_ahead_ns;
}

/* Monotonic, to the nanosecond. */
static inline uint64_t clock_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

/* Monotonic, as of the last timer tick (some milliseconds ago), for a fraction of the cost. */
static inline uint64_t clock_coarse_ms(void)
{
	return clock_read_ns(CLOCK_MONOTONIC_COARSE) / 1000000;
}

#endif
