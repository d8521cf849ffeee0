/* SPDX-License-Identifier: ISC */
/* numbers - see numbers.h. */
#include "top/numbers.h"

#include <math.h>
#include <stdio.h>

/* Three digits of a value below 1000, and a unit. */
static const char *put_three(double value, const char *unit, char text[NUMBER_MAX])
{
	if (value < 9.995) {
		unsigned hundredths = (unsigned)(value * 100 + .5);
		snprintf(text, NUMBER_MAX, "%u.%02u%s", hundredths / 100, hundredths % 100, unit);
	} else if (value < 99.95) {
		unsigned tenths = (unsigned)(value * 10 + .5);
		snprintf(text, NUMBER_MAX, "%u.%u%s", tenths / 10, tenths % 10, unit);
	} else {
		snprintf(text, NUMBER_MAX, "%u%s", (unsigned)(value + .5), unit);
	}
	return text;
}

/* In the first of the units in which it is below the step; of the last there may be any number. */
static const char *put_scaled(double value, double step, const char *const *units, char text[NUMBER_MAX])
{
	while (value >= step - .5 && units[1]) {
		value /= step;
		units++;
	}
	return put_three(value < 99999 ? value : 99999, *units, text);
}

static const char *put_whole(double value, const char *unit, char text[NUMBER_MAX])
{
	snprintf(text, NUMBER_MAX, "%.0f%s", value, unit);
	return text;
}

static const char *put_unknown(char text[NUMBER_MAX])
{
	snprintf(text, NUMBER_MAX, "-");
	return text;
}

static int is_known(double value)
{
	return value >= 0 && value < 1e19;
}

const char *number_duration(double ns, char text[NUMBER_MAX])
{
	static const char *const units[] = { "us", "ms", "s", NULL };

	if (!is_known(ns))
		return put_unknown(text);
	if (ns < 16.5) /* the middle of the first bucket: it took no time */
		return put_whole(0, "", text);
	if (ns < 999.5)
		return put_whole(ns, "ns", text);
	if (ns >= 999.5e9)
		return number_span(ns / 1e9, text);
	return put_scaled(ns / 1000, 1000, units, text);
}

const char *number_span(double seconds, char text[NUMBER_MAX])
{
	if (!is_known(seconds))
		return put_unknown(text);
	unsigned long whole = seconds < 1e12 ? (unsigned long)seconds : 999999999;
	unsigned long minutes = whole / 60, hours = whole / 3600, days = whole / 86400;
	if (whole < 60)
		snprintf(text, NUMBER_MAX, "%lus", whole);
	else if (hours < 1)
		snprintf(text, NUMBER_MAX, "%lum", minutes);
	else if (days < 1)
		snprintf(text, NUMBER_MAX, "%luh%02lum", hours, minutes % 60);
	else if (days < 100)
		snprintf(text, NUMBER_MAX, "%lud%02luh", days, hours % 24);
	else
		snprintf(text, NUMBER_MAX, "%lud", days < 99999 ? days : 99999);
	return text;
}

const char *number_rate(double rate, char text[NUMBER_MAX])
{
	static const char *const units[] = { "k", "M", "G", "T", NULL };

	if (!is_known(rate))
		return put_unknown(text);
	if (rate < .005)
		return put_whole(0, "", text);
	if (rate < 999.5)
		return put_three(rate, "", text);
	if (rate < 99999.5)
		return put_whole(rate, "", text);
	return put_scaled(rate / 1000, 1000, units, text);
}

const char *number_count(double count, char text[NUMBER_MAX])
{
	static const char *const units[] = { "M", "G", "T", "P", NULL };

	if (!is_known(count))
		return put_unknown(text);
	if (count < 1e8)
		return put_whole(floor(count), "", text);
	return put_scaled(count / 1e6, 1000, units, text);
}

const char *number_bytes(double bytes, char text[NUMBER_MAX])
{
	static const char *const units[] = { "K", "M", "G", "T", NULL };

	if (!is_known(bytes))
		return put_unknown(text);
	return bytes < 1024 ? put_whole(bytes, "", text) : put_scaled(bytes / 1024, 1024, units, text);
}
