/* SPDX-License-Identifier: ISC */
/* histogram - the arithmetic of the buckets; what they promise is in the header. */
#include "state/histogram.h"

enum { STEP_BITS = 5 };
static_assert(1 << STEP_BITS == HISTOGRAM_STEPS, "the steps are a power of two");

unsigned histogram_index(uint64_t value_ns)
{
	if (value_ns >> HISTOGRAM_LINEAR_BITS == 0)
		return (unsigned)(value_ns >> (HISTOGRAM_LINEAR_BITS - STEP_BITS));
	if (value_ns >> HISTOGRAM_HIGHEST_BITS != 0)
		return HISTOGRAM_SIZE - 1;
	unsigned top_bit = 63 - (unsigned)__builtin_clzll(value_ns);
	unsigned step = (unsigned)(value_ns >> (top_bit - STEP_BITS)) & (HISTOGRAM_STEPS - 1);
	return (top_bit - HISTOGRAM_LINEAR_BITS + 1) * HISTOGRAM_STEPS + step;
}

uint64_t histogram_floor(unsigned index)
{
	unsigned doubling = index / HISTOGRAM_STEPS;
	uint64_t step = index % HISTOGRAM_STEPS;

	if (doubling == 0)
		return step << (HISTOGRAM_LINEAR_BITS - STEP_BITS);
	return (HISTOGRAM_STEPS + step) << (doubling - 1 + HISTOGRAM_LINEAR_BITS - STEP_BITS);
}

uint64_t histogram_ceiling(unsigned index)
{
	return histogram_floor(index + 1) - 1;
}

uint64_t histogram_value(unsigned index)
{
	uint64_t floor_ns = histogram_floor(index);

	return floor_ns + (histogram_floor(index + 1) - floor_ns) / 2;
}

void histogram_record(struct histogram *histogram, uint64_t value_ns)
{
	histogram->counters[histogram_index(value_ns)]++;
	histogram->count++;
	histogram->sum_ns += value_ns;
	if (value_ns > histogram->max_ns)
		histogram->max_ns = value_ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++)
		into->counters[i] += from->counters[i];
	into->count += from->count;
	into->sum_ns += from->sum_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

static uint64_t less(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

void histogram_subtract(struct histogram *histogram, const struct histogram *before)
{
	unsigned top = 0;

	histogram->count = 0;
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		histogram->counters[i] = less(histogram->counters[i], before->counters[i]);
		histogram->count += histogram->counters[i];
		if (histogram->counters[i])
			top = i;
	}
	histogram->sum_ns = less(histogram->sum_ns, before->sum_ns);
	uint64_t most_ns = histogram->count ? histogram_ceiling(top) : 0;
	if (most_ns < histogram->max_ns)
		histogram->max_ns = most_ns;
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
	if (q >= 1 || histogram->count == 0)
		return histogram->max_ns;
	/* The rank counts from 1 and rounds up, but not for what is only the double's noise. */
	double exact = q * (double)histogram->count;
	uint64_t rank = (uint64_t)exact;
	if (exact - (double)rank > 1e-6 || rank == 0)
		rank++;
	uint64_t seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		seen += histogram->counters[i];
		if (seen >= rank) {
			uint64_t value_ns = histogram_value(i);
			return value_ns < histogram->max_ns ? value_ns : histogram->max_ns;
		}
	}
	return histogram->max_ns;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? histogram->sum_ns / histogram->count : 0;
}
