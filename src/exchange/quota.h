/* quota - the rate limits (state/limit.h) that apply to a request: its keys, its headers, its refusal. */
#ifndef PERCORE_QUOTA_H
#define PERCORE_QUOTA_H

#include "exchange/request.h"

/* May it go on?  Sets the RateLimit headers of its answer, and limit_verdict. */
bool quota_admits(struct percore_request *request);

/* After false: answers 429. */
void quota_refuse(struct percore_request *request);

/* The client, seen through the trusted proxies.  False: there is no address. */
bool quota_client(const struct percore_request *request, struct address *client);

#endif
