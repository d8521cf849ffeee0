/* SPDX-License-Identifier: ISC */
/* report - what is shown: the figures of an interval, rows for the tables, warnings. */
#ifndef PERCORE_TOP_REPORT_H
#define PERCORE_TOP_REPORT_H

#include "top/sample.h"
#include "top/table.h"

enum { WARNINGS_MAX = 24 };

struct warning {
	char what[512];
	const char *remedy; /* "": there is none */
};

struct report {
	const struct sample *now;
	bool is_since_start; /* there is no sample before: the figures are those since the counters began */
	double seconds;      /* that they stand for; 0: not known */
	double requests_s, errors_s, shed_s, limited_s;
	struct histogram durations;
	unsigned others; /* workers of other generations than that which serves */
	struct rows rows[TABLES];
	struct warning warnings[WARNINGS_MAX];
	unsigned warning_count; /* of them there may be more than are kept */
};

/* `before` is NULL, or an earlier sample of the same memory.  NULL: no memory. */
struct report *report_new(const struct sample *now, const struct sample *before);
void report_free(struct report *report); /* NULL is none */

/* From what there is in `report` so far. */
void report_warn(struct report *report);

#endif
