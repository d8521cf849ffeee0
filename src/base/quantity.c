/* quantity - see quantity.h. */
#include "base/quantity.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* Digits, of a time with a fraction too; the value in units of `factor`. */
static bool scale(enum quantity quantity, const char *text, const char *end, long factor, long *value)
{
	char *stop;

	errno = 0;
	if (memchr(text, '.', (size_t)(end - text))) {
		double fraction = strtod(text, &stop) * (double)factor;
		if (quantity != QUANTITY_TIME || stop != end || fraction > (double)(LONG_MAX / 2))
			return false;
		*value = (long)(fraction + 0.5);
		return true;
	}
	long whole = strtol(text, &stop, 10);
	return errno == 0 && stop == end && !__builtin_mul_overflow(whole, factor, value);
}

bool quantity_parse(enum quantity quantity, const char *text, long *value)
{
	size_t digits = strspn(text, "0123456789.");

	if (digits == 0 || text[0] == '.')
		return false;
	for (const struct unit *unit = units_of(quantity); unit->name; unit++)
		if (strcasecmp(text + digits, unit->name) == 0)
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
