/* exchange - the only place that knows the order: checks, route, handler, answer. */
#include "exchange/exchange.h"

#include "exchange/request.h"
#include "exchange/route.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
		{ 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}

const char *percore_method(const struct percore_request *request)
{
	return request->method;
}

const char *percore_path(const struct percore_request *request)
{
	return request->path;
}

const char *percore_id(const struct percore_request *request)
{
	return request->id;
}

const char *percore_param(const struct percore_request *request, const char *name)
{
	return fcgi_param(request->fcgi, name);
}

const char *percore_header(const struct percore_request *request, const char *name)
{
	char param[128] = "HTTP_";
	size_t n = 5;

	for (; *name && n + 1 < sizeof param; name++)
		param[n++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	if (*name || strcmp(param, "HTTP_PROXY") == 0) /* CVE-2016-5385 */
		return NULL;
	bool bare = strcmp(param + 5, "CONTENT_TYPE") == 0 || strcmp(param + 5, "CONTENT_LENGTH") == 0;
	return fcgi_param(request->fcgi, bare ? param + 5 : param);
}

void percore_stream_begin(struct percore_request *request, int status, const char *content_type,
                          size_t length)
{
	char head[1024];

	if (request->answered)
		return;
	request->answered = true;
	int n = snprintf(head, sizeof head,
	                 "Status: %d %s\r\nX-Request-ID: %s\r\nCache-Control: no-store\r\n", status,
	                 reason(status), request->id);
	if (request->allow[0])
		n += snprintf(head + n, sizeof head - (size_t)n, "Allow: %s\r\n", request->allow);
	if (status == 204)
		n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
	else
		n += snprintf(head + n, sizeof head - (size_t)n,
		              "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", content_type, length);
	if ((size_t)n >= sizeof head || fcgi_write(request->fcgi, head, (size_t)n) != 0)
		request->broken = true;
	request->answer_left = request->head || status == 204 ? 0 : length;
}

int percore_stream_write(struct percore_request *request, const void *bytes, size_t length)
{
	if (request->head || length == 0)
		return 0;
	if (request->broken || length > request->answer_left ||
	    fcgi_write(request->fcgi, bytes, length) != 0) {
		request->broken = true;
		return -1;
	}
	request->answer_left -= length;
	return 0;
}

static void answer_bytes(struct percore_request *request, int status, const char *type,
                         const char *bytes, size_t length)
{
	percore_stream_begin(request, status, type, length);
	percore_stream_write(request, bytes, length);
}

void percore_answer_text(struct percore_request *request, int status, const char *text)
{
	answer_bytes(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void answer_object(struct percore_request *request, int status, const char *type, json_object *json)
{
	size_t length = 0;
	const char *text = json_object_to_json_string_length(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

	if (!text)
		abort(); /* out of memory: json-c cannot be trusted past it */
	answer_bytes(request, status, type, text, length);
	json_object_put(json);
}

void percore_answer_json(struct percore_request *request, int status, json_object *json)
{
	answer_object(request, status, "application/json", json);
}

void percore_answer_problem(struct percore_request *request, int status, const char *detail)
{
	json_object *problem = json_object_new_object();

	json_object_object_add(problem, "type", json_object_new_string("about:blank"));
	json_object_object_add(problem, "title", json_object_new_string(reason(status)));
	json_object_object_add(problem, "status", json_object_new_int(status));
	if (detail)
		json_object_object_add(problem, "detail", json_object_new_string(detail));
	if (request->path)
		json_object_object_add(problem, "instance", json_object_new_string(request->path));
	json_object_object_add(problem, "request_id", json_object_new_string(request->id));
	answer_object(request, status, "application/problem+json", problem);
}

static void choose_id(struct percore_request *request)
{
	const char *given = percore_param(request, "HTTP_X_REQUEST_ID");
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (given && *given && strlen(given) < sizeof request->id && given[strspn(given, good)] == '\0') {
		strcpy(request->id, given);
		return;
	}
	unsigned char random[16];
	if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random)
		memset(random, 0, sizeof random);
	for (size_t i = 0; i < sizeof random; i++) {
		request->id[2 * i] = "0123456789abcdef"[random[i] >> 4];
		request->id[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
	}
	request->id[32] = '\0';
}

static bool find_path(struct percore_request *request)
{
	const char *uri = percore_param(request, "REQUEST_URI");
	char joined[4096];

	if (!uri || !*uri) {
		const char *script = percore_param(request, "SCRIPT_NAME");
		const char *info = percore_param(request, "PATH_INFO");
		int n = snprintf(joined, sizeof joined, "%s%s", script ? script : "", info ? info : "");
		if (n < 0 || (size_t)n >= sizeof request->path_buffer)
			return false;
		/* These are decoded already. */
		strcpy(request->path_buffer, n ? joined : "/");
		request->path = request->path_buffer;
		return true;
	}
	if (!route_path(uri, request->path_buffer, sizeof request->path_buffer))
		return false;
	request->path = request->path_buffer;
	return true;
}

/* CONTENT_LENGTH; false when it is no number. */
static bool find_length(struct percore_request *request)
{
	const char *text = percore_param(request, "CONTENT_LENGTH");

	if (!text || !*text)
		return true;
	if (text[strspn(text, "0123456789")] != '\0')
		return false;
	errno = 0;
	request->body_length = strtoull(text, NULL, 10);
	return errno == 0;
}

static void dispatch(struct percore_request *request)
{
	const struct exchange *exchange = request->exchange;
	bool known;

	request->method = percore_param(request, "REQUEST_METHOD");
	if (!request->method) {
		percore_answer_problem(request, 500, "The web server sent no REQUEST_METHOD; "
		                                     "in nginx, add: include fastcgi_params;");
		return;
	}
	request->head = strcmp(request->method, "HEAD") == 0;
	if (!find_path(request)) {
		percore_answer_problem(request, 400, "The path of the request is malformed.");
		return;
	}
	if (!find_length(request)) {
		percore_answer_problem(request, 400, "Content-Length is not a number.");
		return;
	}
	request->path = route_below(request->path, exchange->prefix);
	const struct percore_route *route =
		request->path ? route_find(exchange->routes, request->method, request->path, &known) : NULL;
	if (!request->path || (!route && !known)) {
		percore_answer_problem(request, 404, "Nothing is served at this path.");
	} else if (!route) {
		route_allow(exchange->routes, request->path, request->allow, sizeof request->allow);
		if (strcmp(request->method, "OPTIONS") == 0)
			percore_stream_begin(request, 204, NULL, 0);
		else
			percore_answer_problem(request, 405, "The Allow header names the methods of this path.");
	} else if (request->body_length > exchange->max_body) {
		percore_answer_problem(request, 413, "The body is larger than --max-body allows.");
	} else {
		route->handler(request);
		if (!request->answered && !request->broken)
			percore_answer_problem(request, 500, NULL);
	}
}

bool exchange_run(const struct exchange *exchange, struct fcgi *fcgi)
{
	struct percore_request request;

	request_init(&request, exchange, fcgi);
	choose_id(&request);
	dispatch(&request);
	free(request.body);
	if (request.broken && !request.answered)
		percore_answer_problem(&request, 400, "The body ended before Content-Length was reached.");
	else if (request.broken || request.answer_left > 0) {
		fcgi_abandon(fcgi);
		return false;
	}
	/* Input left over would be taken for the next request. */
	bool all_read = request.body_read == request.body_length;
	return fcgi_end(fcgi, all_read) && !request.broken;
}
