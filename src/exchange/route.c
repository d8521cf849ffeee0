/* SPDX-License-Identifier: ISC */
/* route - paths as RFC 3986 means them, and the table they are looked up in. */
#include "exchange/route.h"

#include "base/percent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decodes up to the query; -EINVAL on a bad escape or a NUL, -ENAMETOOLONG. */
static int decode(const char *uri, char *out, size_t size)
{
	size_t n = 0;

	for (; *uri && *uri != '?' && *uri != '#'; uri++) {
		char c = *uri;
		if (c == '%') {
			int byte = percent_byte(uri);
			if (byte <= 0)
				return -EINVAL;
			c = (char)byte;
			uri += 2;
		}
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
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

int route_path(const char *uri, char *path, size_t size)
{
	const char *scheme = strstr(uri, "://");

	if (uri[0] != '/' && scheme) {
		uri = strchr(scheme + 3, '/');
		if (!uri)
			uri = "/";
	}
	int error = decode(uri, path, size);
	if (error)
		return error;
	return path[0] == '/' && resolve_dots(path) ? 0 : -EINVAL;
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

/* True for "{name}"; patterns are checked when they are added. */
static bool is_variable(const char *segment)
{
	return segment[0] == '{';
}

/* Segment by segment: "/addresses/{city}" fits "/addresses/Ulm". */
static bool fits(const char *pattern, const char *path)
{
	for (;;) {
		size_t wanted = strcspn(pattern, "/"), got = strcspn(path, "/");
		if (is_variable(pattern) ? got == 0 : wanted != got || memcmp(pattern, path, got) != 0)
			return false;
		pattern += wanted;
		path += got;
		if (*pattern != *path)
			return false;
		if (!*pattern)
			return true;
		pattern++;
		path++;
	}
}

/* At the first segment where they differ in kind, the fixed one wins. */
static bool is_closer(const char *pattern, const char *than)
{
	while (*pattern && *than) {
		if (is_variable(pattern) != is_variable(than))
			return is_variable(than);
		pattern += strcspn(pattern, "/");
		than += strcspn(than, "/");
		pattern += *pattern == '/';
		than += *than == '/';
	}
	return false;
}

/* The pattern that serves a path, whatever the method; NULL: none. */
static const char *closest(const struct routes *routes, const char *path)
{
	const char *found = NULL;

	for (size_t i = 0; i < routes->count; i++)
		if (strcmp(routes->all[i].pattern, path) == 0) /* most are fixed: the short way */
			return routes->all[i].pattern;
	for (size_t i = 0; i < routes->count; i++)
		if (fits(routes->all[i].pattern, path) &&
		    (!found || is_closer(routes->all[i].pattern, found)))
			found = routes->all[i].pattern;
	return found;
}

static bool method_fits(const char *offered, const char *asked)
{
	return strcmp(offered, asked) == 0 || (strcmp(asked, "HEAD") == 0 && strcmp(offered, "GET") == 0);
}

const struct route *routes_find(const struct routes *routes, const char *method, const char *path,
                                const struct route **same_path)
{
	const char *pattern = closest(routes, path);

	*same_path = NULL;
	for (size_t i = 0; pattern && i < routes->count; i++) {
		if (strcmp(routes->all[i].pattern, pattern) != 0)
			continue;
		*same_path = &routes->all[i];
		if (method_fits(routes->all[i].method, method))
			return &routes->all[i];
	}
	return NULL;
}

bool routes_have(const struct routes *routes, const char *pattern)
{
	for (size_t i = 0; i < routes->count; i++)
		if (strcmp(routes->all[i].pattern, pattern) == 0)
			return true;
	return false;
}

void routes_allow(const struct routes *routes, const char *path, char *allow, size_t size)
{
	const char *pattern = closest(routes, path);
	size_t used = 0;

	for (size_t i = 0; pattern && i < routes->count; i++)
		if (strcmp(routes->all[i].pattern, pattern) == 0 && used < size)
			used += (size_t)snprintf(allow + used, size - used, "%s%s, ", routes->all[i].method,
			                         strcmp(routes->all[i].method, "GET") == 0 ? ", HEAD" : "");
	if (used < size)
		snprintf(allow + used, size - used, "OPTIONS");
}

const char *route_value(const struct route *route, const char *path, const char *name, size_t *length)
{
	const char *pattern = route->pattern;
	size_t size = strlen(name);

	for (; *pattern && *path; pattern += *pattern == '/', path += *path == '/') {
		*length = strcspn(path, "/");
		if (is_variable(pattern) && strncmp(pattern + 1, name, size) == 0 && pattern[1 + size] == '}')
			return path;
		pattern += strcspn(pattern, "/");
		path += *length;
	}
	return NULL;
}

/* Braces enclose a whole segment, and nothing else. */
static bool is_pattern(const char *pattern)
{
	if (*pattern != '/')
		return false;
	while (*pattern == '/') {
		size_t length = strcspn(++pattern, "/"), brace = strcspn(pattern, "{}");
		bool variable = *pattern == '{' && strcspn(pattern + 1, "{}") == length - 2 && length > 2 &&
		                pattern[length - 1] == '}';
		if (!variable && brace < length)
			return false;
		pattern += length;
	}
	return true;
}

/* Alike but for the {names}, so that neither is closer. */
static bool has_same_shape(const char *one, const char *other)
{
	return fits(one, other) && fits(other, one) && !is_closer(one, other) && !is_closer(other, one);
}

const char *routes_add(struct routes *routes, const char *method, const char *pattern,
                       percore_handler handler, bool is_probe)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";

	if (!*method || method[strspn(method, upper)] || strcmp(method, "HEAD") == 0 ||
	    strcmp(method, "OPTIONS") == 0)
		return "the method must be GET, POST, PUT, ...; HEAD and OPTIONS are made for you";
	if (!is_pattern(pattern))
		return "the pattern must start with / and hold {names} as whole segments only";
	for (size_t i = 0; i < routes->count; i++)
		if (strcmp(routes->all[i].method, method) == 0 &&
		    strcmp(routes->all[i].pattern, pattern) == 0)
			return "it is there already";
		else if (strcmp(routes->all[i].pattern, pattern) != 0 &&
		         has_same_shape(routes->all[i].pattern, pattern))
			return "another route has this pattern with other {names}";
	struct route *all = realloc(routes->all, (routes->count + 1) * sizeof *all);
	if (!all)
		return "no memory";
	routes->all = all;
	all[routes->count] = (struct route){ strdup(method), strdup(pattern), handler, is_probe, 0 };
	if (!all[routes->count].method || !all[routes->count].pattern)
		return "no memory";
	routes->count++;
	return NULL;
}

void routes_fini(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++) {
		free(routes->all[i].method);
		free(routes->all[i].pattern);
	}
	free(routes->all);
}

const char *routes_at(void *routes, size_t i, unsigned **entry)
{
	struct routes *all = routes;

	if (i >= all->count)
		return NULL;
	*entry = &all->all[i].entry;
	return all->all[i].pattern;
}
