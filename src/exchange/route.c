/* SPDX-License-Identifier: ISC */
/* route - paths as RFC 3986 means them, and the table they are looked up in. */
#include "exchange/route.h"

#include "base/percent.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decodes up to the query; -EINVAL on a bad escape or a NUL, -ENAMETOOLONG, -EILSEQ. */
static int decode(const char *uri, char slash, char *out, size_t size)
{
	size_t n = 0;

	for (; *uri && *uri != '?' && *uri != '#'; uri++) {
		char c = *uri;
		if (c == '%') {
			int byte = percent_byte(uri);
			if (byte <= 0)
				return -EINVAL;
			c = (char)byte;
			if (c == '/')
				c = slash;
			uri += 2;
			if (byte == ROUTE_SLASH)
				return -EILSEQ;
		} else if (c == (char)ROUTE_SLASH) {
			return -EILSEQ;
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

int route_path(const char *uri, char slash, char *path, size_t size)
{
	const char *scheme = strstr(uri, "://");

	if (uri[0] != '/' && scheme) {
		uri = strchr(scheme + 3, '/');
		if (!uri)
			uri = "/";
	}
	int error = decode(uri, slash, path, size);
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

/* ---- The table.  Patterns are checked when they are added. */

/* The fewer paths a segment of a pattern fits, the closer it is. */
enum kind { FIXED, NAME, REST };

static enum kind kind_of(const char *segment)
{
	size_t length = strcspn(segment, "/");

	if (segment[0] != '{')
		return FIXED;
	return length > 5 && memcmp(segment + length - 4, "...}", 4) == 0 ? REST : NAME;
}

/* Segment by segment: "/addresses/{city}" fits "/addresses/Ulm". */
static bool fits_path(const char *pattern, const char *path)
{
	for (;;) {
		size_t wanted = strcspn(pattern, "/"), got = strcspn(path, "/");
		enum kind kind = kind_of(pattern);
		if (kind == REST)
			return true;
		if (kind == NAME ? got == 0 : wanted != got || memcmp(pattern, path, got) != 0)
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

/* At the first segment where they differ in kind. */
static bool is_closer(const char *pattern, const char *than)
{
	while (*pattern && *than) {
		if (kind_of(pattern) != kind_of(than))
			return kind_of(pattern) < kind_of(than);
		pattern += strcspn(pattern, "/");
		than += strcspn(than, "/");
		pattern += *pattern == '/';
		than += *than == '/';
	}
	return false;
}

static const char *path_for(const struct route *route, const struct route_path *path)
{
	return route->spec.takes_slashes && path->marked ? path->marked : path->plain;
}

/* The pattern that serves a path, whatever the method; NULL: none. */
static const char *closest(const struct routes *routes, const struct route_path *path)
{
	const char *found = NULL;

	for (size_t i = 0; i < routes->count; i++)
		if (strcmp(routes->all[i].spec.pattern, path->plain) == 0) /* most are fixed: the short way */
			return routes->all[i].spec.pattern;
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *route = &routes->all[i];
		if (fits_path(route->spec.pattern, path_for(route, path)) &&
		    (!found || is_closer(route->spec.pattern, found)))
			found = route->spec.pattern;
	}
	return found;
}

static bool method_fits(const char *offered, const char *asked)
{
	return strcmp(offered, asked) == 0 || (strcmp(asked, "HEAD") == 0 && strcmp(offered, "GET") == 0);
}

const struct route *routes_find(const struct routes *routes, const char *method,
                                const struct route_path *path, const struct route **same_path)
{
	const char *pattern = closest(routes, path);

	*same_path = NULL;
	for (size_t i = 0; pattern && i < routes->count; i++) {
		if (strcmp(routes->all[i].spec.pattern, pattern) != 0)
			continue;
		*same_path = &routes->all[i];
		if (method_fits(routes->all[i].spec.method, method))
			return &routes->all[i];
	}
	return NULL;
}

bool routes_have(const struct routes *routes, const char *pattern)
{
	for (size_t i = 0; i < routes->count; i++)
		if (strcmp(routes->all[i].spec.pattern, pattern) == 0)
			return true;
	return false;
}

uint64_t routes_least_time_limit_ms(const struct routes *routes, uint64_t others_ms)
{
	double least_s = others_ms ? (double)others_ms / 1000 : INFINITY;

	for (size_t i = 0; i < routes->count; i++) {
		double limit_s = routes->all[i].spec.time_limit;
		if (limit_s > 0 && limit_s < least_s)
			least_s = limit_s;
	}
	return least_s < 1e9 ? (uint64_t)(least_s * 1000) : UINT64_MAX;
}

void routes_allow(const struct routes *routes, const struct route_path *path, char *allow, size_t size)
{
	const char *pattern = closest(routes, path);
	size_t used = 0;

	for (size_t i = 0; pattern && i < routes->count; i++) {
		const struct percore_route *spec = &routes->all[i].spec;
		if (strcmp(spec->pattern, pattern) == 0 && strcmp(spec->method, "OPTIONS") != 0 &&
		    used < size)
			used += (size_t)snprintf(allow + used, size - used, "%s%s, ", spec->method,
			                         strcmp(spec->method, "GET") == 0 ? ", HEAD" : "");
	}
	if (used < size)
		snprintf(allow + used, size - used, "OPTIONS");
}

/* Is this segment of a pattern {name} or {name...}? */
static bool is_named(const char *segment, const char *name, size_t length)
{
	return segment[0] == '{' && strncmp(segment + 1, name, length) == 0 &&
	       (segment[1 + length] == '}' || strncmp(segment + 1 + length, "...}", 4) == 0);
}

const char *route_value(const struct route *route, const struct route_path *path, const char *name,
                        size_t *length)
{
	const char *pattern = route->spec.pattern, *at = path_for(route, path);
	size_t size = strlen(name);

	for (;; pattern++, at++) {
		*length = kind_of(pattern) == REST ? strlen(at) : strcspn(at, "/");
		if (is_named(pattern, name, size))
			return at;
		pattern += strcspn(pattern, "/");
		at += *length;
		if (!*pattern || !*at)
			return NULL;
	}
}

/* ---- Adding. */

/* Braces enclose a whole segment, and nothing else; {rest...} is the last. */
static bool is_pattern(const char *pattern)
{
	if (*pattern != '/')
		return false;
	while (*pattern == '/') {
		size_t length = strcspn(++pattern, "/"), brace = strcspn(pattern, "{}");
		bool is_variable = *pattern == '{' && strcspn(pattern + 1, "{}") == length - 2 &&
		                   length > 2 && pattern[length - 1] == '}';
		if (strncmp(pattern, "{...}", 5) == 0 || (!is_variable && brace < length) ||
		    (kind_of(pattern) == REST && pattern[length]))
			return false;
		pattern += length;
	}
	return true;
}

/* Alike but for the {names}, so that neither is closer. */
static bool has_same_shape(const char *one, const char *other)
{
	return fits_path(one, other) && fits_path(other, one) && !is_closer(one, other) &&
	       !is_closer(other, one);
}

static const char *clash(const struct percore_route *there, const struct percore_route *spec)
{
	if (strcmp(there->pattern, spec->pattern) != 0)
		return has_same_shape(there->pattern, spec->pattern)
		               ? "another route has this pattern with other {names}"
		               : NULL;
	if (there->takes_slashes != spec->takes_slashes)
		return "the routes of one pattern must be alike in takes_slashes";
	return strcmp(there->method, spec->method) == 0 ? "it is there already" : NULL;
}

static const char *check(const struct percore_route *spec)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";
	const char *method = spec->method;

	if (!*method || method[strspn(method, upper)] || strcmp(method, "HEAD") == 0)
		return "the method must be GET, POST, PUT, ...; HEAD is made for you";
	if (!is_pattern(spec->pattern))
		return "the pattern must start with / and hold {names} as whole segments only, {rest...} as "
		       "the "
		       "last";
	if (!spec->handler)
		return "it has no handler";
	if (!(spec->time_limit >= 0)) /* no NaN either */
		return "the time limit must be 0 or more seconds, or INFINITY";
	if (!utf8_is_valid(spec->pattern, strlen(spec->pattern)) ||
	    (spec->summary && !utf8_is_valid(spec->summary, strlen(spec->summary))))
		return "its pattern or its summary is no UTF-8";
	return NULL;
}

static bool copy(const char **text)
{
	return !*text || (*text = strdup(*text));
}

const char *routes_add(struct routes *routes, const struct percore_route *given)
{
	struct percore_route spec = *given;
	const char *wrong = NULL;

	if (!spec.pattern)
		return "it has no pattern";
	if (!spec.method)
		spec.method = "GET";
	wrong = check(&spec);
	for (size_t i = 0; !wrong && i < routes->count; i++)
		wrong = clash(&routes->all[i].spec, &spec);
	if (wrong)
		return wrong;
	struct route *all = realloc(routes->all, (routes->count + 1) * sizeof *all);
	if (!all)
		return "no memory";
	routes->all = all;
	if (!copy(&spec.method) || !copy(&spec.pattern) || !copy(&spec.limit) || !copy(&spec.summary))
		return "no memory";
	all[routes->count++] = (struct route){ .spec = spec };
	routes->takes_slashes |= spec.takes_slashes;
	return NULL;
}

void routes_fini(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct percore_route *spec = &routes->all[i].spec;
		free((char *)spec->method);
		free((char *)spec->pattern);
		free((char *)spec->limit);
		free((char *)spec->summary);
	}
	free(routes->all);
}

const char *routes_at(void *routes, size_t i, unsigned **entry)
{
	struct routes *all = routes;

	if (i >= all->count)
		return NULL;
	*entry = &all->all[i].entry;
	return all->all[i].spec.pattern;
}
