/* SPDX-License-Identifier: ISC */
/* percent - see percent.h. */
#include "base/percent.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20; /* a to f, in either case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int percent_byte(const char *text)
{
	int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);

	return low < 0 ? -1 : high << 4 | low;
}
