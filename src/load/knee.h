/* SPDX-License-Identifier: ISC */
/*
 * knee - the highest rate that a server holds, found by trials.
 *
 *   rate
 *    |            x fails          1. steps of 1.25, up or down, until one rate holds
 *    |        .---'                   and the next does not
 *    |     o-'   .x                2. halve the way between, until it is within 3 %
 *    |  o'    o-'  o-o knee        3. the highest rate that held is the search's knee
 *    +----------------- trials
 *
 * A rate holds when 4 of 5 valid trials do; as soon as that is certain either way no
 * further trial is made.  Invalid trials are repeated.  The knee is the median of 3
 * searches, and their range tells how well it repeats.
 *
 * Several limits can be searched for at once: a trial tells about all of them, and a
 * later limit uses the trials of the earlier ones.  What a trial is, and how long it
 * takes, is the caller's affair: nothing here reads a clock.
 */
#ifndef LOAD_KNEE_H
#define LOAD_KNEE_H

#include <stdbool.h>

enum { KNEE_LIMITS = 9 /* the first one and 8 more */, KNEE_SEARCHES = 99, KNEE_INVALID_IN_A_ROW = 10 };

struct knee_trial {
	bool valid;
	bool holds[KNEE_LIMITS];
};

struct knee_plan {
	double first_per_s;  /* the first rate to try */
	double lowest_per_s; /* below it a trial would tell nothing */
	double step;         /* 1.25 */
	double precision;    /* 1.03: the failing rate is at most this much higher */
	unsigned limits;
	unsigned trials, needed;
	unsigned searches;
	/* Makes one trial; false ends everything. */
	bool (*try_rate)(void *context, double rate_per_s, struct knee_trial *trial);
	/* Before each search, to say so or to measure something beside it; may be NULL; false ends
	 * everything. */
	bool (*before_search)(void *context, unsigned search);
	void *context;
};

struct knee_range {
	double median, least, most; /* requests/s; 0: not even the lowest rate held */
};

enum knee_end {
	KNEE_FOUND,
	KNEE_STOPPED, /* a callback said so */
	KNEE_INVALID, /* too many invalid trials in a row */
	KNEE_NO_MEMORY,
};

/* Median, least and most of some figures, which it sorts. */
struct knee_range knee_range_of(double *found, unsigned count);

enum knee_end knee_find(const struct knee_plan *plan, struct knee_range knees[KNEE_LIMITS]);

#endif
