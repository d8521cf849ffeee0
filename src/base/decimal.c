/* SPDX-License-Identifier: ISC */
/* decimal - see decimal.h. */
#include "base/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What printf wrote for a point: of one byte or several. */
static void set_point(char *text)
{
	const char *point = localeconv()->decimal_point;
	char *found = *point ? strstr(text, point) : NULL;

	if (!found)
		return;
	*found = '.';
	memmove(found + 1, found + strlen(point), strlen(found + strlen(point)) + 1);
}

void decimal_short(double value, char text[DECIMAL_MAX])
{
	snprintf(text, DECIMAL_MAX, "%.6g", value);
	set_point(text);
}

void decimal_exact(double value, char text[DECIMAL_MAX])
{
	if (isfinite(value)) {
		snprintf(text, DECIMAL_MAX, "%.17g", value);
		set_point(text);
	} else {
		strcpy(text, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
	}
}

void decimal_shortest(double value, char text[DECIMAL_MAX])
{
	int digits = 15; /* as many always come back from a double; 17 are always enough */

	do
		snprintf(text, DECIMAL_MAX, "%.*g", digits, value);
	while (strtod(text, NULL) != value && digits++ < 17); /* both have the locale's point */
	set_point(text);
}

void decimal_part(uint64_t count, uint64_t per_unit, char text[DECIMAL_MAX])
{
	char digits[DECIMAL_MAX], *first = digits + sizeof digits;

	*--first = '\0';
	for (uint64_t rest = per_unit; rest > 1; rest /= 10, count /= 10)
		*--first = (char)('0' + count % 10);
	*--first = '.';
	do
		*--first = (char)('0' + count % 10);
	while (count /= 10);
	memcpy(text, first, (size_t)(digits + sizeof digits - first));
}

bool decimal_use_point(locale_t *before)
{
	static locale_t with_point;

	if (!with_point)
		with_point = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	if (!with_point)
		return false;
	*before = uselocale(with_point);
	return true;
}
