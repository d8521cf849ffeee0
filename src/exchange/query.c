/* SPDX-License-Identifier: ISC */
/* query - the query string, decoded as application/x-www-form-urlencoded (WHATWG URL, section 5.1). */
#include "base/percent.h"
#include "base/utf8.h"
#include "exchange/request.h"

#include <string.h>

/* NULL: a bad escape, a NUL, or no UTF-8. */
static const char *decode(struct arena *arena, const char *text, size_t length)
{
	char *out = arena_take(arena, length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		char c = (char)(text[i] == '+' ? ' ' : text[i]);
		if (c == '%') {
			int byte = i + 2 < length ? percent_byte(text + i) : -1;
			if (byte <= 0)
				return NULL;
			c = (char)byte;
			i += 2;
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return utf8_is_valid(out, n) ? out : NULL;
}

static size_t count_parts(const char *query)
{
	size_t count = 0;

	for (; *query; query += *query == '&', count++)
		query += strcspn(query, "&");
	return count;
}

static const struct percore_pair *decode_all(struct arena *arena, const char *query)
{
	struct percore_pair *pairs = arena_take(arena, (count_parts(query) + 1) * sizeof *pairs),
			    *next = pairs;

	for (size_t length; *query; query += length + (query[length] == '&')) {
		length = strcspn(query, "&");
		size_t key = strcspn(query, "=&"), skip = key < length ? key + 1 : key;
		if (length == 0)
			continue;
		next->name = decode(arena, query, key);
		next->value = decode(arena, query + skip, length - skip);
		next += next->name && next->value;
	}
	next->name = next->value = NULL;
	return pairs;
}

const struct percore_pair *percore_query_all(struct percore_request *request)
{
	const char *query = percore_param(request, "QUERY_STRING");

	if (!request->query)
		request->query = decode_all(&request->arena, query ? query : "");
	return request->query;
}

const char *percore_query(struct percore_request *request, const char *name)
{
	for (const struct percore_pair *pair = percore_query_all(request); pair->name; pair++)
		if (strcmp(pair->name, name) == 0)
			return pair->value;
	return NULL;
}
