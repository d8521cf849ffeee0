/* SPDX-License-Identifier: ISC */
/* target - what is asked for: the path (RFC 9112, section 3), and the route that serves it. */
#ifndef PERCORE_TARGET_H
#define PERCORE_TARGET_H

#include "exchange/request.h"

/* 0, or what is wrong with the path, for target_refuse. */
int target_find_path(struct percore_request *request);
void target_refuse(struct percore_request *request, int error);

/* Its route, where there is one, with its bounds.  NULL: no route has this path, whatever the method. */
const struct route *target_find_route(struct percore_request *request);

#endif
