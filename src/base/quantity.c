/* SPDX-License-Identifier: ISC */
/* quantity - see quantity.h. */
#include "base/quantity.h"

#include "base/ascii.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first; the unit of a bare number is "". */
static const struct unit numbers[] = { { "", 1 }, { NULL, 0 } };
static const struct unit sizes[] = {
	{ "g", INT64_C(1) << 30 }, { "m", 1 << 20 }, { "k", 1 << 10 }, { "", 1 }, { NULL, 0 }
};
static const struct unit times[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	                             { "ms", 1 },      { "", 1000 },   { NULL, 0 } };

static const struct unit *units_of(enum quantity quantity)
{
	return quantity == QUANTITY_BYTES ? sizes : quantity == QUANTITY_TIME ? times : numbers;
}

/* "1.5", not as strtod reads it: in many locales that wants a comma. */
static bool scale_fraction(const char *text, const char *end, int64_t factor, int64_t *value)
{
	double fraction = 0, place = (double)factor;
	char *point;
	int64_t whole = strtoll(text, &point, 10);

	for (const char *digit = point + 1; digit < end; digit++) {
		if (*digit == '.')
			return false;
		place /= 10;
		fraction += place * (*digit - '0');
	}
	return errno == 0 && *point == '.' && !__builtin_mul_overflow(whole, factor, value) &&
	       !__builtin_add_overflow(*value, (int64_t)(fraction + 0.5), value);
}

/* Digits, of a time with a fraction too; the value in units of `factor`. */
static bool scale(enum quantity quantity, const char *text, const char *end, int64_t factor, int64_t *value)
{
	char *stop;

	errno = 0;
	if (memchr(text, '.', (size_t)(end - text)))
		return quantity == QUANTITY_TIME && scale_fraction(text, end, factor, value);
	int64_t whole = strtoll(text, &stop, 10);
	return errno == 0 && stop == end && !__builtin_mul_overflow(whole, factor, value);
}

bool quantity_parse(enum quantity quantity, const char *text, int64_t *value)
{
	size_t sign = quantity == QUANTITY_NUMBER && text[0] == '-';
	size_t digits = strspn(text + sign, "0123456789.");
	const char *end = text + sign + digits;

	if (digits == 0 || text[sign] == '.')
		return false;
	for (const struct unit *unit = units_of(quantity); unit->name; unit++)
		if (ascii_equals(end, unit->name))
			return scale(quantity, text, end, unit->factor, value);
	return false;
}

void quantity_print(enum quantity quantity, int64_t value, char *text, size_t size)
{
	const struct unit *unit = units_of(quantity);

	while (unit->factor > 1 && (value % unit->factor != 0 || value == 0))
		unit++;
	snprintf(text, size, "%" PRId64 "%s", value / unit->factor, value == 0 ? "" : unit->name);
}
