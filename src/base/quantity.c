/* SPDX-License-Identifier: ISC */
/* quantity - see quantity.h. */
#include "base/quantity.h"

#include "base/ascii.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	long factor;
};

/* Largest first; the unit of a bare number is "". */
static const struct unit numbers[] = { { "", 1 }, { NULL, 0 } };
static const struct unit sizes[] = {
	{ "g", 1L << 30 }, { "m", 1L << 20 }, { "k", 1L << 10 }, { "", 1 }, { NULL, 0 }
};
static const struct unit times[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	                             { "ms", 1 },      { "", 1000 },   { NULL, 0 } };

static const struct unit *units_of(enum quantity quantity)
{
	return quantity == QUANTITY_BYTES ? sizes : quantity == QUANTITY_TIME ? times : numbers;
}

/* "1.5", not as strtod reads it: in many locales that wants a comma. */
static bool scale_fraction(const char *text, const char *end, long factor, long *value)
{
	double fraction = 0, place = (double)factor;
	char *point;
	long whole = strtol(text, &point, 10);

	for (const char *digit = point + 1; digit < end; digit++) {
		if (*digit == '.')
			return false;
		place /= 10;
		fraction += place * (*digit - '0');
	}
	return errno == 0 && *point == '.' && !__builtin_mul_overflow(whole, factor, value) &&
	       !__builtin_add_overflow(*value, (long)(fraction + 0.5), value);
}

/* Digits, of a time with a fraction too; the value in units of `factor`. */
static bool scale(enum quantity quantity, const char *text, const char *end, long factor, long *value)
{
	char *stop;

	errno = 0;
	if (memchr(text, '.', (size_t)(end - text)))
		return quantity == QUANTITY_TIME && scale_fraction(text, end, factor, value);
	long whole = strtol(text, &stop, 10);
	return errno == 0 && stop == end && !__builtin_mul_overflow(whole, factor, value);
}

bool quantity_parse(enum quantity quantity, const char *text, long *value)
{
	size_t digits = strspn(text, "0123456789.");

	if (digits == 0 || text[0] == '.')
		return false;
	for (const struct unit *unit = units_of(quantity); unit->name; unit++)
		if (ascii_equals(text + digits, unit->name))
			return scale(quantity, text, text + digits, unit->factor, value);
	return false;
}

void quantity_print(enum quantity quantity, long value, char *text, size_t size)
{
	const struct unit *unit = units_of(quantity);

	while (unit->factor > 1 && (value % unit->factor != 0 || value == 0))
		unit++;
	snprintf(text, size, "%ld%s", value / unit->factor, value == 0 ? "" : unit->name);
}
