/* SPDX-License-Identifier: ISC */
/* units - reading and writing of durations and rates. */
#include "load/units.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

/* A plain decimal: strtod alone would also take "inf", "nan", "0x1p3" and a sign. */
static bool number(const char *text, double *value, char **end)
{
	if (!isdigit((unsigned char)text[0]) || (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')))
		return false;
	*value = strtod(text, end);
	return isfinite(*value);
}

static bool scaled(const char *text, const struct unit *units, double *value)
{
	char *end;

	if (!number(text, value, &end))
		return false;
	for (; units->name; units++)
		if (strcmp(end, units->name) == 0) {
			*value *= units->factor;
			return true;
		}
	return false;
}

bool units_parse_duration(const char *text, uint64_t *ns)
{
	static const struct unit units[] = { { "", 1e9 },  { "ns", 1 },   { "us", 1e3 },   { "ms", 1e6 },
		                             { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, { 0 } };
	double value;

	if (!scaled(text, units, &value) || value > 1000 * 3600e9)
		return false;
	*ns = (uint64_t)llround(value);
	return true;
}

bool units_parse_rate(const char *text, double *per_s)
{
	static const struct unit units[] = { { "", 1 },      { "k", 1e3 },       { "/s", 1 },
		                             { "k/s", 1e3 }, { "/m", 1 / 60.0 }, { "k/m", 1e3 / 60 },
		                             { 0 } };

	return scaled(text, units, per_s) && *per_s > 0 && *per_s <= 1e8;
}

const char *units_format_duration(uint64_t ns, char *text, size_t size)
{
	static const struct unit units[] = { { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	unsigned i = ns < 1000000 ? 0 : ns < 1000000000 ? 1 : 2;
	double value = (double)ns / units[i].factor;

	snprintf(text, size, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[i].name);
	return text;
}
