/* SPDX-License-Identifier: ISC */
/* clock - now, in nanoseconds since some start; not the wall's time. */
#ifndef LOAD_CLOCK_H
#define LOAD_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND_NS UINT64_C(1000000000)
#define CLOCK_MS_NS     UINT64_C(1000000)
#define CLOCK_NEVER_NS  UINT64_MAX

static inline uint64_t clock_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * CLOCK_SECOND_NS + (uint64_t)t.tv_nsec;
}

#endif
