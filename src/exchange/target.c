/* SPDX-License-Identifier: ISC */
/* target - see target.h. */
#include "exchange/target.h"

#include "base/utf8.h"
#include "exchange/deadline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of what the web server has decoded already. */
static int join_path(struct percore_request *request)
{
	const char *script = percore_param(request, "SCRIPT_NAME"),
		   *info = percore_param(request, "PATH_INFO");
	size_t size = sizeof request->path_buffer;
	int n = snprintf(request->path_buffer, size, "%s%s", script ? script : "", info ? info : "");

	if (n == 0)
		strcpy(request->path_buffer, "/");
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* Only where a route asks for it, and there is one. */
static bool has_encoded_slash(const char *uri)
{
	size_t length = strcspn(uri, "?#");

	for (const char *at = uri; (at = memchr(at, '%', length - (size_t)(at - uri))); at++)
		if (at[1] == '2' && (at[2] == 'F' || at[2] == 'f'))
			return true;
	return false;
}

static int mark_slashes(struct percore_request *request, const char *uri)
{
	char *marked = arena_take(&request->arena, REQUEST_PATH_MAX);
	int error = route_path(uri, (char)ROUTE_SLASH, marked, REQUEST_PATH_MAX);

	if (!error)
		request->path.marked = marked;
	return error;
}

/*
 * Where lighttpd rewrote, REDIRECT_URI is what it asks for, REQUEST_URI what the client asked for.  In nginx
 * the latter is always the client's: where that is not meant (auth_request, error_page, rewrite) it is left
 * out.
 */
int target_find_path(struct percore_request *request)
{
	const char *uri = percore_param(request, "REDIRECT_URI");

	if (!uri || !*uri)
		uri = percore_param(request, "REQUEST_URI");
	bool has_uri = uri && *uri;
	int error = has_uri ? route_path(uri, '/', request->path_buffer, sizeof request->path_buffer)
	                    : join_path(request);

	if (!error && !utf8_is_valid(request->path_buffer, strlen(request->path_buffer)))
		error = -EILSEQ;
	if (!error && has_uri && request->exchange->routes->takes_slashes && has_encoded_slash(uri))
		error = mark_slashes(request, uri);
	if (!error)
		request->path.plain = request->path_buffer;
	return error;
}

void target_refuse(struct percore_request *request, int error)
{
	if (error == -ENAMETOOLONG)
		percore_answer_problem(request, 414, "The path of the request is longer than 4095 bytes.");
	else if (error == -EILSEQ)
		percore_answer_problem(request, 400, "The path of the request is no UTF-8.");
	else
		percore_answer_problem(request, 400, "The path of the request is malformed.");
}

const struct route *target_find_route(struct percore_request *request)
{
	const struct exchange *exchange = request->exchange;
	const struct route *same_path = NULL;

	request->path.plain = route_below(request->path.plain, exchange->prefix);
	if (request->path.marked)
		request->path.marked = route_below(request->path.marked, exchange->prefix);
	if (!request->path.plain)
		return NULL;
	request->route = routes_find(exchange->routes, request->method, &request->path, &same_path);
	if (request->route && request->route->spec.max_body &&
	    request->route->spec.max_body < exchange->max_body)
		request->max_body = request->route->spec.max_body;
	deadline_take(request);
	return same_path;
}
