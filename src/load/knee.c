/* SPDX-License-Identifier: ISC */
/* knee - bracket, bisect, and remember every trial of the search. */
#include "load/knee.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_RATES = 512 };

/* What is known about one rate. */
struct rate {
	double per_s;
	unsigned valid;
	unsigned held[KNEE_LIMITS];
};

struct search {
	const struct knee_plan *plan;
	enum knee_end end; /* FOUND as long as nothing went wrong */
	unsigned count;
	struct rate rates[MOST_RATES];
};

enum verdict { HOLDS, FAILS, OPEN };

static enum verdict judge(const struct search *search, const struct rate *rate, unsigned limit)
{
	const struct knee_plan *plan = search->plan;

	if (rate->held[limit] >= plan->needed)
		return HOLDS;
	if (rate->valid - rate->held[limit] > plan->trials - plan->needed)
		return FAILS;
	return OPEN;
}

static struct rate *rate_at(struct search *search, double per_s)
{
	for (unsigned i = 0; i < search->count; i++)
		if (fabs(search->rates[i].per_s / per_s - 1) < 1e-9)
			return &search->rates[i];
	/* A search has some dozens of rates; if one has more, the last is forgotten. */
	unsigned i = search->count < MOST_RATES ? search->count++ : MOST_RATES - 1;
	search->rates[i] = (struct rate){ .per_s = per_s };
	return &search->rates[i];
}

/* One valid trial; false when the search is over. */
static bool try_once(struct search *search, struct rate *rate)
{
	const struct knee_plan *plan = search->plan;

	for (unsigned invalid = 0; invalid < KNEE_INVALID_IN_A_ROW; invalid++) {
		struct knee_trial trial = { 0 };
		if (!plan->try_rate(plan->context, rate->per_s, &trial)) {
			search->end = KNEE_STOPPED;
			return false;
		}
		if (!trial.valid)
			continue;
		rate->valid++;
		for (unsigned limit = 0; limit < plan->limits; limit++)
			rate->held[limit] += trial.holds[limit];
		return true;
	}
	search->end = KNEE_INVALID;
	return false;
}

static bool holds(struct search *search, double per_s, unsigned limit)
{
	struct rate *rate = rate_at(search, per_s);

	while (judge(search, rate, limit) == OPEN)
		if (!try_once(search, rate))
			return false;
	return judge(search, rate, limit) == HOLDS;
}

/* What earlier limits' trials have settled already: the lowest that fails, and the highest below that holds.
 */
static void recall(const struct search *search, unsigned limit, double *low, double *high)
{
	*low = 0;
	*high = INFINITY;
	for (unsigned i = 0; i < search->count; i++)
		if (judge(search, &search->rates[i], limit) == FAILS)
			*high = fmin(*high, search->rates[i].per_s);
	for (unsigned i = 0; i < search->count; i++)
		if (judge(search, &search->rates[i], limit) == HOLDS && search->rates[i].per_s < *high)
			*low = fmax(*low, search->rates[i].per_s);
}

static double find_limit(struct search *search, unsigned limit, double first_per_s)
{
	const struct knee_plan *plan = search->plan;
	double low, high;

	recall(search, limit, &low, &high);
	first_per_s = fmax(first_per_s, plan->lowest_per_s);
	while (search->end == KNEE_FOUND && (low <= 0 || isinf(high))) {
		double next = low > 0 ? low * plan->step : isinf(high) ? first_per_s : high / plan->step;
		if (next < plan->lowest_per_s)
			return 0;
		if (holds(search, next, limit))
			low = next;
		else
			high = next;
	}
	while (search->end == KNEE_FOUND && high / low > plan->precision) {
		double middle = sqrt(low * high);
		if (holds(search, middle, limit))
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct knee_range knee_range_of(double *found, unsigned count)
{
	qsort(found, count, sizeof *found, compare);
	return (struct knee_range){ .least = found[0],
		                    .median = (found[(count - 1) / 2] + found[count / 2]) / 2,
		                    .most = found[count - 1] };
}

enum knee_end knee_find(const struct knee_plan *plan, struct knee_range knees[KNEE_LIMITS])
{
	double found[KNEE_LIMITS][KNEE_SEARCHES] = { { 0 } };
	struct search *search = malloc(sizeof *search);
	double first_per_s = plan->first_per_s;
	enum knee_end end = search ? KNEE_FOUND : KNEE_NO_MEMORY;

	for (unsigned n = 0; n < plan->searches && end == KNEE_FOUND; n++) {
		search->plan = plan;
		search->end = KNEE_FOUND;
		search->count = 0;
		if (plan->before_search && !plan->before_search(plan->context, n))
			search->end = KNEE_STOPPED;
		for (unsigned limit = 0; limit < plan->limits && search->end == KNEE_FOUND; limit++)
			found[limit][n] = find_limit(search, limit, first_per_s);
		/* The next search knows where to begin, but not what this one found out. */
		if (found[0][n] > 0)
			first_per_s = found[0][n];
		end = search->end;
	}
	for (unsigned limit = 0; limit < plan->limits && end == KNEE_FOUND; limit++)
		knees[limit] = knee_range_of(found[limit], plan->searches);
	free(search);
	return end;
}
