/* SPDX-License-Identifier: ISC */
/* backoff - how long to wait before something that keeps dying is started again. */
#ifndef PERCORE_BACKOFF_H
#define PERCORE_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FREE = 2, BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 2000 };

/* After so many deaths in a row that came at once: nothing for the first ones, then twice as long each time.
 */
static inline uint64_t backoff_ms(unsigned quick_deaths)
{
	if (quick_deaths <= BACKOFF_FREE)
		return 0;
	unsigned doublings = quick_deaths - BACKOFF_FREE - 1;
	uint64_t delay_ms = doublings < 6 ? (uint64_t)BACKOFF_FIRST_MS << doublings : BACKOFF_MAX_MS;
	return delay_ms < BACKOFF_MAX_MS ? delay_ms : BACKOFF_MAX_MS;
}

#endif
