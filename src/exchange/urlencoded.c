/* SPDX-License-Identifier: ISC */
/* urlencoded - see urlencoded.h. */
#include "exchange/urlencoded.h"

#include "base/percent.h"
#include "base/utf8.h"

#include <string.h>

/* Up to `c`, or all. */
static size_t length_before(const char *text, size_t length, char c)
{
	const char *at = memchr(text, c, length);

	return at ? (size_t)(at - text) : length;
}

/* NULL: a bad escape, a NUL, or no UTF-8. */
static const char *decode(struct arena *arena, const char *text, size_t length)
{
	char *out = arena_take(arena, length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		int byte = (unsigned char)(text[i] == '+' ? ' ' : text[i]);
		if (byte == '%') {
			byte = i + 2 < length ? percent_byte(text + i) : -1;
			i += 2;
		}
		if (byte <= 0)
			return NULL;
		out[n++] = (char)byte;
	}
	out[n] = '\0';
	return utf8_is_valid(out, n) ? out : NULL;
}

size_t urlencoded_count(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t part; length > 0; text += part, length -= part) {
		part = length_before(text, length, '&');
		count += part > 0;
		part += part < length;
	}
	return count;
}

struct percore_pair *urlencoded_read(struct arena *arena, const char *text, size_t length, size_t *wrong)
{
	struct percore_pair *pairs = arena_take(arena, (urlencoded_count(text, length) + 1) * sizeof *pairs);
	struct percore_pair *next = pairs;
	size_t number = 0;

	*wrong = 0;
	for (size_t part; length > 0; text += part, length -= part) {
		part = length_before(text, length, '&');
		size_t name = length_before(text, part, '='), skip = name + (name < part);
		if (part > 0) {
			number++;
			next->name = decode(arena, text, name);
			next->value = decode(arena, text + skip, part - skip);
			if (next->name && next->value)
				next++;
			else if (*wrong == 0)
				*wrong = number;
		}
		part += part < length;
	}
	next->name = next->value = NULL;
	return pairs;
}
