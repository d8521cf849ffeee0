/* SPDX-License-Identifier: ISC */
/*
 * arrival - the schedule, by inversion: the expected number of arrivals up to t is
 * the area under the rate; each arrival adds 1 to it (even) or an exponential of
 * mean 1 (Poisson), and t is where the area reaches that sum.
 */
#include "load/arrival.h"

#include <math.h>

void arrival_init(struct arrival *arrival, const struct arrival_plan *plan)
{
	*arrival = (struct arrival){
		.from_per_s = plan->from_per_s,
		.to_per_s = plan->to_per_s,
		.span_s = (double)plan->span_ns / 1e9,
		.sum = plan->even ? -0.5 : 0,
		.even = plan->even,
		.random = { plan->seed },
	};
}

uint64_t arrival_next(struct arrival *arrival)
{
	double from = arrival->from_per_s, to = arrival->to_per_s, at_s;
	double ramp_sum = (from + to) / 2 * arrival->span_s;

	arrival->sum += arrival->even ? 1 : -log(random_unit(&arrival->random));
	if (arrival->sum < ramp_sum) {
		double slope = (to - from) / arrival->span_s;
		/* The root of from t + slope t^2 / 2 = sum, in the form that does not cancel. */
		at_s = 2 * arrival->sum / (from + sqrt(fmax(0, from * from + 2 * slope * arrival->sum)));
	} else if (to > 0) {
		at_s = arrival->span_s + (arrival->sum - ramp_sum) / to;
	} else {
		return UINT64_MAX;
	}
	return (uint64_t)(at_s * 1e9);
}
