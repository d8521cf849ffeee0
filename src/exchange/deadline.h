/* SPDX-License-Identifier: ISC */
/* deadline - when the time of a request is over. */
#ifndef PERCORE_DEADLINE_H
#define PERCORE_DEADLINE_H

#include "exchange/request.h"

/* Once the route is known: its own time limit, where it has one, from when the request was taken. */
void deadline_take(struct percore_request *request);

#endif
