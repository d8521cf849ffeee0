/* SPDX-License-Identifier: ISC */
/* query - parameters of the query string, decoded as application/x-www-form-urlencoded. */
#include "base/percent.h"
#include "base/utf8.h"
#include "exchange/request.h"

#include <string.h>

/* Decodes `length` characters; false on a bad escape, a NUL, no UTF-8, or no room. */
static bool decode(const char *text, size_t length, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		char c = (char)(text[i] == '+' ? ' ' : text[i]);
		if (c == '%') {
			int byte = i + 2 < length ? percent_byte(text + i) : -1;
			if (byte <= 0)
				return false;
			c = (char)byte;
			i += 2;
		}
		if (n + 1 >= size)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return utf8_is_valid(out, n);
}

const char *percore_query(struct percore_request *request, const char *name)
{
	const char *query = percore_param(request, "QUERY_STRING");

	for (; query && *query; query += strspn(query, "&")) {
		size_t length = strcspn(query, "&");
		size_t key = strcspn(query, "=&");
		size_t skip = key < length ? key + 1 : key;
		if (decode(query, key, request->query, sizeof request->query) &&
		    strcmp(request->query, name) == 0)
			return decode(query + skip, length - skip, request->query, sizeof request->query)
			               ? request->query
			               : NULL;
		query += length;
	}
	return NULL;
}
