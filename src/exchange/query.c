/* SPDX-License-Identifier: ISC */
/* query - the query string's names and values. */
#include "exchange/request.h"
#include "exchange/urlencoded.h"

#include <string.h>

const struct percore_pair *percore_query_all(struct percore_request *request)
{
	const char *query = percore_param(request, "QUERY_STRING");
	size_t wrong;

	if (!request->query)
		request->query = urlencoded_read(&request->arena, query ? query : "",
		                                 query ? strlen(query) : 0, &wrong);
	return request->query;
}

const char *percore_query(struct percore_request *request, const char *name)
{
	return request_find(percore_query_all(request), name);
}
