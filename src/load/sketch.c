/* SPDX-License-Identifier: ISC */
/* sketch - the distribution of the latencies, drawn with characters. */
#include "load/report.h"
#include "load/units.h"

#include <math.h>

enum { MOST_ROWS = 40, BAR = 40 };

/* 1, 2, 5, 10, 20, 50 ... microseconds. */
static uint64_t step_ns(unsigned i)
{
	static const unsigned steps[] = { 1, 2, 5 };

	return (uint64_t)(steps[i % 3] * pow(10, floor(3 + i / 3.0)));
}

static unsigned row_of(uint64_t value_ns)
{
	unsigned row = 0;

	while (row < MOST_ROWS - 1 && value_ns >= step_ns(row))
		row++;
	return row;
}

static void print_row(FILE *out, unsigned row, uint64_t in_row, uint64_t largest, uint64_t all)
{
	char to[16];
	int bar = (int)((double)in_row / (double)largest * BAR + 0.5);

	fprintf(out, "  < %-8s %6.2f %%  %.*s%s\n", units_format_duration(step_ns(row), to, sizeof to),
	        (double)in_row * 100 / (double)all, bar, "########################################",
	        bar == 0 && in_row > 0 ? "." : "");
}

void report_sketch(FILE *out, const struct histogram *histogram)
{
	uint64_t rows[MOST_ROWS] = { 0 }, largest = 0;
	unsigned first = MOST_ROWS, last = 0;

	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		if (histogram->counters[i] == 0)
			continue;
		unsigned row = row_of(histogram_value(i));
		rows[row] += histogram->counters[i];
		first = row < first ? row : first;
		last = row;
	}
	for (unsigned row = first; row < MOST_ROWS && row <= last; row++)
		largest = rows[row] > largest ? rows[row] : largest;
	if (largest > 0)
		fputc('\n', out);
	for (unsigned row = first; row < MOST_ROWS && row <= last; row++)
		print_row(out, row, rows[row], largest, histogram->count);
}
