/* SPDX-License-Identifier: ISC */
/* route - from REQUEST_URI to a line of the routing table. */
#ifndef PERCORE_ROUTE_H
#define PERCORE_ROUTE_H

#include "percore.h"

#include <stdint.h>

struct route {
	struct percore_route spec; /* its strings are the table's; its method is never NULL */
	unsigned entry;            /* of its pattern, in the metrics */
};

struct routes {
	struct route *all;
	size_t count;
	bool takes_slashes; /* one of them does */
};

/* A byte that is in no UTF-8, and so in no path: an encoded slash, where it may be part of a segment. */
enum { ROUTE_SLASH = 0xff };

/* The path of a request, below the prefix. */
struct route_path {
	const char *plain;  /* decoded */
	const char *marked; /* the same with ROUTE_SLASH for encoded slashes; NULL: no route asks for it */
};

/* Strings are copied.  NULL, or what is wrong with the route. */
const char *routes_add(struct routes *routes, const struct percore_route *spec);
void routes_fini(struct routes *routes);

/* NULL with *same_path NULL: 404; else 405, and that is a route of this path with another method. */
const struct route *routes_find(const struct routes *routes, const char *method,
                                const struct route_path *path, const struct route **same_path);

/* Is there a route of this very pattern? */
bool routes_have(const struct routes *routes, const char *pattern);

/* The shortest time limit there is: of a route, or the others' (0: none); UINT64_MAX: none at all. */
uint64_t routes_least_time_limit_ms(const struct routes *routes, uint64_t others_ms);

/* "GET, HEAD, OPTIONS" for a known path. */
void routes_allow(const struct routes *routes, const struct route_path *path, char *allow, size_t size);

/*
 * What {name} or {name...} in the pattern stands for; its length in *length.  NULL: none.  It may hold
 * ROUTE_SLASH.
 */
const char *route_value(const struct route *route, const struct route_path *path, const char *name,
                        size_t *length);

/*
 * Writes the path of `uri`: without scheme, host and query, percent-decoded once,
 * dot segments resolved (RFC 3986, 5.2.4).  0; -EINVAL when it is malformed (a bad
 * escape, a NUL, above the root); -ENAMETOOLONG; -EILSEQ where ROUTE_SLASH is in it.
 * `slash` is what an encoded slash becomes: '/', or ROUTE_SLASH.
 */
int route_path(const char *uri, char slash, char *path, size_t size);

/* The path below the prefix ("" or "/api"), or NULL when it lies outside. */
const char *route_below(const char *path, const char *prefix);

/* For metrics: the pattern of the i-th, and where its entry is noted; NULL: there are no more. */
const char *routes_at(void *routes, size_t i, unsigned **entry);

#endif
