/* SPDX-License-Identifier: ISC */
/* etag - see etag.h. */
#include "base/etag.h"

#include "base/siphash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_weak(const char *tag)
{
	return strncmp(tag, "W/", 2) == 0;
}

static const char *opaque(const char *tag)
{
	return is_weak(tag) ? tag + 2 : tag;
}

/* etagc: no quote, no blank, no control character. */
static size_t span(const char *text)
{
	size_t n = 0;

	while ((unsigned char)text[n] > ' ' && text[n] != '"' && text[n] != 127)
		n++;
	return n;
}

bool etag_is_good(const char *tag)
{
	const char *text = opaque(tag);

	return text[span(text)] == '\0';
}

bool etag_list_has(const char *list, const char *tag, bool strongly)
{
	size_t wanted = strlen(opaque(tag));

	list += strspn(list, " \t,");
	if (list[0] == '*' && list[1 + strspn(list + 1, " \t")] == '\0')
		return true;
	for (; *list; list += strspn(list, " \t,")) {
		bool weak = is_weak(list);
		const char *quote = opaque(list);
		size_t length = *quote == '"' ? span(quote + 1) : 0;
		if (*quote != '"' || quote[1 + length] != '"')
			return false;
		if (length == wanted && memcmp(quote + 1, opaque(tag), length) == 0 &&
		    !(strongly && (weak || is_weak(tag))))
			return true;
		list = quote + length + 2;
	}
	return false;
}

void etag_of(const void *bytes, size_t length, char tag[ETAG_OF_MAX])
{
	static const uint64_t keys[2][2] = { { UINT64_C(0x656e746974792d74), UINT64_C(0x9e3779b97f4a7c15) },
		                             { UINT64_C(0x6167206f66206279), UINT64_C(0xbf58476d1ce4e5b9) } };

	snprintf(tag, ETAG_OF_MAX, "%016" PRIx64 "%016" PRIx64, siphash(keys[0], bytes, length),
	         siphash(keys[1], bytes, length));
}
