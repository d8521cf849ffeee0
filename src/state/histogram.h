/* SPDX-License-Identifier: ISC */
/*
 * histogram - how many durations fell where, in log-linear buckets.
 *
 * Below 1024 ns the buckets are 32 ns wide; above, each doubling is cut into 32
 * equal ones, up to 2^42 ns (73 minutes).  So a value read back is at most
 * 1.6 % off from 1 microsecond to 1 hour; beyond, it counts in the last bucket.
 *
 * The struct is plain numbers, without a pointer and without padding: it may
 * lie in shared memory.  Nothing here locks: one writer per histogram.
 */
#ifndef PERCORE_HISTOGRAM_H
#define PERCORE_HISTOGRAM_H

#include <assert.h>
#include <stdint.h>

enum {
	HISTOGRAM_STEPS = 32,        /* buckets a doubling */
	HISTOGRAM_LINEAR_BITS = 10,  /* below 2^10 ns: linear */
	HISTOGRAM_HIGHEST_BITS = 42, /* above 2^42 ns: the last bucket */
	HISTOGRAM_SIZE = HISTOGRAM_STEPS * (1 + HISTOGRAM_HIGHEST_BITS - HISTOGRAM_LINEAR_BITS),
};

struct histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns; /* exact */
	uint64_t counters[HISTOGRAM_SIZE];
};
static_assert(sizeof(struct histogram) == 8 * (3 + HISTOGRAM_SIZE), "histogram has no padding");

/* The bucket of a value, and the smallest, middle and largest value of a bucket. */
unsigned histogram_index(uint64_t value_ns);
uint64_t histogram_floor(unsigned index);
uint64_t histogram_value(unsigned index);
uint64_t histogram_ceiling(unsigned index);

void histogram_record(struct histogram *histogram, uint64_t value_ns);

/* Adds what `from` counted. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* Takes away what `before` counted, of the same writers; the maximum is then its bucket's end, if not exact.
 */
void histogram_subtract(struct histogram *histogram, const struct histogram *before);

/* The value below which the share q (0 to 1) lies; 1 is the exact maximum; 0 when nothing was recorded. */
uint64_t histogram_quantile(const struct histogram *histogram, double q);

uint64_t histogram_mean(const struct histogram *histogram);

#endif
