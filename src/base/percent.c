/* SPDX-License-Identifier: ISC */
/* percent - see percent.h. */
#include "base/percent.h"

#include "base/ascii.h"

int percent_byte(const char *text)
{
	int high = ascii_hex(text[1]), low = high < 0 ? -1 : ascii_hex(text[2]);

	return low < 0 ? -1 : high << 4 | low;
}
