/* SPDX-License-Identifier: ISC */
/*
 * slo - what a run must reach: 'p99<10ms,errors=0'.
 *
 * Terms, separated by commas: METRIC OPERATOR VALUE.  Metrics: pNN (p50, p99.9),
 * mean, max: latency from the intended start, or raw:p99; errors: a number or a
 * percentage of what was planned; throughput: requests/s.  Operators: < <= > >= =.
 */
#ifndef LOAD_SLO_H
#define LOAD_SLO_H

#include "load/result.h"

enum { SLO_TERMS = 16, SLO_TERM_BYTES = 48 };

enum slo_metric { SLO_QUANTILE, SLO_MEAN, SLO_ERRORS, SLO_ERROR_SHARE, SLO_THROUGHPUT };
enum slo_operator { SLO_LESS, SLO_LESS_EQUAL, SLO_GREATER, SLO_GREATER_EQUAL, SLO_EQUAL };

struct slo_term {
	enum slo_metric metric;
	enum slo_operator operator;
	bool raw;
	double quantile;
	double value; /* ns, a count, a share or per second */
	char text[SLO_TERM_BYTES];
};

struct slo {
	unsigned count; /* 0: nothing is asked */
	struct slo_term terms[SLO_TERMS];
};

/* NULL, or what is wrong; `wrong_term` then holds the term. */
const char *slo_parse(const char *text, struct slo *slo, char wrong_term[SLO_TERM_BYTES]);

/* What the run has for this term, in the term's unit, and whether that is enough. */
double slo_measured(const struct slo_term *term, const struct result *result);
bool slo_term_holds(const struct slo_term *term, const struct result *result);
bool slo_holds(const struct slo *slo, const struct result *result);

/* Does it say how many errors are allowed? */
bool slo_judges_errors(const struct slo *slo);

#endif
