/* SPDX-License-Identifier: ISC */
/*
 * report_hdr - the percentile spectrum in HdrHistogram's text format, in milliseconds,
 * for the plotters that read it.
 *
 * Between 0 and 100 % the percentiles come closer: five steps for each halving of
 * what is left.
 */
#include "load/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

enum { STEPS_A_HALVING = 5 };

static double deviation_ns(const struct histogram *histogram)
{
	double mean = (double)histogram_mean(histogram), squares = 0;

	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		double off = (double)histogram_value(i) - mean;
		squares += off * off * (double)histogram->counters[i];
	}
	return histogram->count ? sqrt(squares / (double)histogram->count) : 0;
}

/* The step of the percentiles where the share q is reached. */
static double step_at(double q)
{
	double halvings = floor(log2(1 / (1 - q)));

	return 1 / (STEPS_A_HALVING * exp2(halvings + 1));
}

static void print_spectrum(FILE *out, const struct histogram *histogram)
{
	uint64_t seen = 0;
	double q = 0;

	for (unsigned i = 0; i < HISTOGRAM_SIZE && seen < histogram->count; i++) {
		seen += histogram->counters[i];
		double reached = (double)seen / (double)histogram->count;
		uint64_t value_ns =
			histogram_value(i) < histogram->max_ns ? histogram_value(i) : histogram->max_ns;
		for (; q <= reached && q < 1 && histogram->counters[i] > 0 && seen < histogram->count;
		     q += step_at(q))
			fprintf(out, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", (double)value_ns / 1e6, q, seen,
			        1 / (1 - q));
	}
	if (histogram->count > 0)
		fprintf(out, "%12.3f %2.12f %10" PRIu64 "\n", (double)histogram->max_ns / 1e6, 1.0, seen);
}

bool report_hdr(const char *path, const struct histogram *histogram)
{
	FILE *out = fopen(path, "we");

	if (out) {
		fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		        "1/(1-Percentile)");
		print_spectrum(out, histogram);
		fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
		        (double)histogram_mean(histogram) / 1e6, deviation_ns(histogram) / 1e6);
		fprintf(out, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
		        (double)histogram->max_ns / 1e6, histogram->count);
		fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n",
		        HISTOGRAM_HIGHEST_BITS - HISTOGRAM_LINEAR_BITS + 1, HISTOGRAM_STEPS);
		bool written = !ferror(out);
		if (fclose(out) == 0 && written)
			return true;
	}
	fprintf(stderr, "percore-load: --hdr %s: %s\n", path, strerror(errno));
	return false;
}
