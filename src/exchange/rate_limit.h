/* SPDX-License-Identifier: ISC */
/* quota - the rate limits (state/limit.h) that apply to a request: its keys, its headers, its refusal. */
#ifndef PERCORE_RATE_LIMIT_H
#define PERCORE_RATE_LIMIT_H

#include "exchange/request.h"

/* May it go on?  Sets the RateLimit headers of its answer, and limit_verdict. */
bool rate_limit_admits(struct percore_request *request);

/* After false: answers 429. */
void rate_limit_refuse(struct percore_request *request);

/* The client, seen through the trusted proxies.  False: there is no address. */
bool rate_limit_client(const struct percore_request *request, struct address *client);

#endif
