/* route - from REQUEST_URI to a line of the routing table. */
#ifndef PERCORE_ROUTE_H
#define PERCORE_ROUTE_H

#include "percore.h"

/* The byte that "%XX" stands for, or -1. */
int route_escape(const char *text);

/*
 * Writes the path of `uri`: without scheme, host and query, percent-decoded once,
 * dot segments resolved (RFC 3986, 5.2.4).  False when it is malformed (a bad
 * escape, a NUL, above the root, too long).
 */
bool route_path(const char *uri, char *path, size_t size);

/* The path below the prefix, or NULL when it lies outside. */
const char *route_below(const char *path, const char *prefix);

/* NULL with *path_known false: 404; true: 405. */
const struct percore_route *route_find(const struct percore_route *routes, const char *method,
                                       const char *path, bool *path_known);

/* "GET, HEAD, OPTIONS" for a known path. */
void route_allow(const struct percore_route *routes, const char *path, char *allow, size_t size);

#endif
