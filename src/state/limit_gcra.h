/* SPDX-License-Identifier: ISC */
/*
 * limit_gcra - the arithmetic of a rate limit: no clock, no memory.
 *
 * GCRA (the generic cell rate algorithm of ATM, I.371) keeps one time for each
 * key, the debt's end: when all that was admitted will have been paid for, at one
 * `interval_ns` a request.  A request is admitted if afterwards the end lies at
 * most burst * interval_ns ahead.
 *
 * The bound, for any number of processes that change one end by compare-and-swap:
 * of what is decided between t0 and t1, at most burst + (t1 - t0) / interval_ns
 * requests are admitted.  Proof: each admission moves the end by interval_ns at
 * least, the first of n from t0 or later, so n * interval_ns <= end - t0; the last
 * one leaves end <= t1 + burst * interval_ns.  Clocks that run unevenly between t0
 * and t1 change nothing.
 *
 * Times are in ns, of a clock that may wrap around at 2^64.
 */
#ifndef PERCORE_LIMIT_GCRA_H
#define PERCORE_LIMIT_GCRA_H

#include <stdbool.h>
#include <stdint.h>

enum { LIMIT_RATE_MAX = 1000000000, LIMIT_BURST_MAX = 1000000 };

struct limit_gcra {
	uint64_t interval_ns; /* rounded up: never more than the rate is admitted */
	uint64_t burst;       /* requests, 1 at least */
	uint64_t window_ns;   /* burst * interval_ns */
};

/* What a client may be told. */
struct limit_quota {
	uint64_t remaining; /* requests that would be admitted at once */
	uint64_t more_ns;   /* until there is one more of them; after a refusal, until one is admitted */
};

/* `rate` requests a period, 1 to LIMIT_RATE_MAX; a period of an hour at most; a burst to LIMIT_BURST_MAX. */
struct limit_gcra limit_gcra_make(uint64_t rate, uint64_t period_ns, uint64_t burst);

/*
 * Is one more admitted?  The end moves if so.  Ends further ahead than any
 * decision could have put them (memory was overwritten) count as past.
 */
bool limit_gcra_admits(const struct limit_gcra *gcra, uint64_t *end_ns, uint64_t now_ns);

/* How far ahead the end lies, 0 if it is past. */
uint64_t limit_gcra_debt(const struct limit_gcra *gcra, uint64_t end_ns, uint64_t now_ns);

struct limit_quota limit_gcra_quota(const struct limit_gcra *gcra, uint64_t debt_ns);

#endif
