/* SPDX-License-Identifier: ISC */
/*
 * arrival - when requests are to start, whatever the server does (the open model).
 *
 *   rate                       rate      to ......
 *    |------------------        |          ..''
 *    |  | || |   | ||  |        | from ..''| |||||
 *    +------------------ time   +----------------- time
 *      Poisson, --rate            --ramp FROM..TO
 *
 * The rate goes from from_per_s to to_per_s in a straight line over span_ns and
 * stays there.  Poisson arrivals are independent of each other; even ones keep
 * one distance.  Nothing here reads a clock.
 */
#ifndef LOAD_ARRIVAL_H
#define LOAD_ARRIVAL_H

#include "load/random.h"

#include <stdbool.h>
#include <stdint.h>

struct arrival {
	double from_per_s;
	double to_per_s;
	double span_s; /* of the ramp */
	double sum;    /* arrivals expected up to the last one */
	bool even;
	struct random random;
};

struct arrival_plan {
	double from_per_s;
	double to_per_s;
	uint64_t span_ns;
	bool even;
	uint64_t seed;
};

void arrival_init(struct arrival *arrival, const struct arrival_plan *plan);

/* The next start, in ns from the beginning; UINT64_MAX when the rate has fallen to nothing. */
uint64_t arrival_next(struct arrival *arrival);

#endif
