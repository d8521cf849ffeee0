/* SPDX-License-Identifier: ISC */
/* text - see text.h. */
#include "top/text.h"

#include "base/utf8.h"

#include <string.h>

void text_plain(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (size_t left = strlen(from); left && n + 1 < size;) {
		size_t bytes = utf8_character((const unsigned char *)from, left);
		to[n++] = (char)(*from >= ' ' && *from <= '~' ? *from : '?');
		bytes = bytes ? bytes : 1;
		from += bytes;
		left -= bytes;
	}
	to[n] = '\0';
}
