/* route - paths as RFC 3986 means them, and the table they are looked up in. */
#include "exchange/route.h"

#include <stdio.h>
#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int route_escape(const char *text)
{
	int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);

	return low < 0 ? -1 : high << 4 | low;
}

/* Decodes up to the query; false on a bad escape, a NUL, or no room. */
static bool decode(const char *uri, char *out, size_t size)
{
	size_t n = 0;

	for (; *uri && *uri != '?' && *uri != '#'; uri++) {
		char c = *uri;
		if (c == '%') {
			int byte = route_escape(uri);
			if (byte <= 0)
				return false;
			c = (char)byte;
			uri += 2;
		}
		if (n + 1 >= size)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

/* In place; false when ".." leads above the root. */
static bool resolve_dots(char *path)
{
	char *out = path;

	for (char *in = path; *in;) {
		size_t length = 1 + strcspn(in + 1, "/"); /* "/segment" */
		bool last = in[length] == '\0';
		if (length == 2 && in[1] == '.') {
			if (last)
				*out++ = '/';
		} else if (length == 3 && in[1] == '.' && in[2] == '.') {
			if (out == path)
				return false;
			do
				out--;
			while (*out != '/');
			if (last)
				*out++ = '/';
		} else {
			memmove(out, in, length);
			out += length;
		}
		in += length;
	}
	*out = '\0';
	return true;
}

bool route_path(const char *uri, char *path, size_t size)
{
	const char *scheme = strstr(uri, "://");

	if (uri[0] != '/' && scheme) {
		uri = strchr(scheme + 3, '/');
		if (!uri)
			uri = "/";
	}
	if (!decode(uri, path, size) || path[0] != '/')
		return false;
	return resolve_dots(path);
}

const char *route_below(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(path, prefix, length) != 0)
		return NULL;
	if (path[length] == '\0')
		return "/";
	return path[length] == '/' ? path + length : NULL;
}

static bool method_matches(const char *offered, const char *asked)
{
	return strcmp(offered, asked) == 0 ||
	       (strcmp(asked, "HEAD") == 0 && strcmp(offered, "GET") == 0);
}

const struct percore_route *route_find(const struct percore_route *routes, const char *method,
                                       const char *path, bool *path_known)
{
	*path_known = false;
	for (; routes->path; routes++) {
		if (strcmp(routes->path, path) != 0)
			continue;
		*path_known = true;
		if (method_matches(routes->method, method))
			return routes;
	}
	return NULL;
}

void route_allow(const struct percore_route *routes, const char *path, char *allow, size_t size)
{
	size_t used = 0;

	for (; routes->path; routes++)
		if (strcmp(routes->path, path) == 0 && used < size)
			used += (size_t)snprintf(allow + used, size - used, "%s%s, ", routes->method,
			                         strcmp(routes->method, "GET") == 0 ? ", HEAD" : "");
	if (used < size)
		snprintf(allow + used, size - used, "OPTIONS");
}
