/* SPDX-License-Identifier: ISC */
/*
 * exchange - the only place that knows the order.
 *
 * Path and route; CORS' headers; overload; a preflight; limits; hooks before; 404, 413, 405; the handler.
 * Hooks after run as the head of an answer leaves, whoever gave it.
 */
#include "exchange/exchange.h"

#include "background/snapshot.h"
#include "base/clock.h"
#include "base/log.h"
#include "exchange/cors.h"
#include "exchange/hooks.h"
#include "exchange/rate_limit.h"
#include "exchange/request.h"
#include "exchange/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const _Atomic uint32_t *is_draining, *is_told; /* NULL: plain CGI */

void exchange_watch(const _Atomic uint32_t *draining, const _Atomic uint32_t *told)
{
	is_draining = draining;
	is_told = told;
}

static bool is_set(const _Atomic uint32_t *word)
{
	return word && atomic_load_explicit(word, memory_order_relaxed);
}

bool exchange_is_leaving(void)
{
	return is_set(is_draining) || is_set(is_told);
}

bool percore_is_draining(const struct percore_request *request)
{
	(void)request;
	return is_set(is_draining);
}

/*
 * CONTENT_LENGTH; false when it is no number.  Where the web server does not know it, and sends none or, as
 * Caddy, -1, FCGI_STDIN's end tells it.
 */
static bool find_length(struct percore_request *request)
{
	const char *text = percore_param(request, "CONTENT_LENGTH");

	if (!text || !*text || strcmp(text, "-1") == 0) {
		request->is_open_ended = fcgi_has_stdin(request->fcgi);
		request->body_length = request->is_open_ended ? request->max_body : 0;
		body_learn_length(request);
		return true;
	}
	if (text[strspn(text, "0123456789")] != '\0')
		return false;
	errno = 0;
	request->body_length = strtoull(text, NULL, 10);
	return errno == 0;
}

/* More than the workers can do: refused before its work is done.  The jitter keeps clients from coming back
 * as one. */
static void refuse_for_overload(struct percore_request *request)
{
	char seconds[2] = { (char)('1' + clock_ns() / 1000 % 3), '\0' };

	percore_set_header(request, "Retry-After", seconds);
	percore_answer_problem(request, 503, "The service has more requests than it can answer now.");
}

static bool is_overload(const struct percore_request *request)
{
	const struct overload *overload = &request->exchange->overload;
	uint64_t wall_ms = clock_read_ns(CLOCK_REALTIME) / 1000000;
	const char *start = percore_param(request, "PERCORE_START");

	if (!overload->shm || (request->route && request->route->spec.is_probe))
		return false;
	int64_t wait_ms = overload_wait_ms(overload, start, wall_ms);
	metrics_note_wait(request->exchange->metrics, wait_ms);
	return overload_refuses(overload, wait_ms, clock_coarse_ms());
}

static void serve_known_path(struct percore_request *request)
{
	char allow[256];

	if (request->route) {
		request->headers_before = request->headers_length;
		request->arg = request->route->spec.arg;
		request->route->spec.handler(request);
		return;
	}
	routes_allow(request->exchange->routes, &request->path, allow, sizeof allow);
	percore_set_header(request, "Allow", allow);
	if (strcmp(request->method, "OPTIONS") == 0)
		percore_answer_empty(request);
	else
		percore_answer_problem(request, 405, "The Allow header names the methods of this path.");
}

static void refuse_body(struct percore_request *request)
{
	percore_answer_problem(request, 413,
	                       request->max_body < request->exchange->max_body
	                               ? "The body is larger than this endpoint takes."
	                               : "The body is larger than --max-body allows.");
}

/* For whoever looks into the shared memory; cut where it is long. */
static void note(char *to, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(to, text, length);
	to[length] = '\0';
}

static void dispatch(struct percore_request *request)
{
	const struct exchange *exchange = request->exchange;
	struct in_flight_shm *in_flight = fcgi_in_flight(request->fcgi);
	const struct route *same_path;

	request->method = percore_param(request, "REQUEST_METHOD");
	if (!request->method) {
		percore_answer_problem(
			request, 500,
			"The web server sent no REQUEST_METHOD; in nginx, add: include fastcgi_params;");
		return;
	}
	note(in_flight->method, sizeof in_flight->method, request->method);
	request->is_head = strcmp(request->method, "HEAD") == 0;
	int error = target_find_path(request);
	if (error) {
		target_refuse(request, error);
		return;
	}
	note(in_flight->path, sizeof in_flight->path, request->path.plain);
	same_path = target_find_route(request);
	if (!find_length(request)) {
		percore_answer_problem(request, 400, "Content-Length is not a number.");
		return;
	}
	/* Plain CGI: its stdin need not end, so nothing here reads to its end. */
	if (!fcgi_has_stdin(request->fcgi) && request->body_length == 0 &&
	    percore_param(request, "HTTP_TRANSFER_ENCODING")) {
		percore_answer_problem(request, 411, "The body must come with its Content-Length.");
		return;
	}
	metrics_note_route(exchange->metrics, same_path ? same_path->entry : METRICS_OTHER_ENTRY,
	                   request->method);
	access_begin(request);
	if (exchange->cors)
		cors_begin(request);
	if (exchange->only_probes && !(request->route && request->route->spec.is_probe))
		percore_answer_problem(request, 404, "Only probes are served at this address.");
	else if (is_overload(request))
		refuse_for_overload(request);
	else if (exchange->cors && cors_answers_preflight(request, same_path))
		;
	else if (!rate_limit_admits(request))
		rate_limit_refuse(request);
	else if (exchange->hooks && !hooks_before(request))
		;
	else if (!same_path)
		percore_answer_problem(request, 404, "Nothing is served at this path.");
	else if (request->body_length > request->max_body)
		refuse_body(request);
	else
		serve_known_path(request);
}

/* Every request is answered, also one whose handler left it. */
static void answer_for_handler(struct percore_request *request)
{
	if (request->answered)
		return;
	answer_forget_headers(request);
	if (request->body_error == -ETIMEDOUT)
		percore_answer_problem(request, 408, "The body did not come in time.");
	else if (request->body_error == -EFBIG)
		refuse_body(request);
	else if (request->body_error)
		percore_answer_problem(request, 400,
		                       request->is_open_ended
		                               ? "The body broke off before its end."
		                               : "The body ended before Content-Length was reached.");
	else if (fcgi_is_given_up(request->fcgi))
		percore_answer_problem(request, 499, "Nobody waited for the answer.");
	else {
		log_error("request %s: %s %s: the handler gave no answer", request->id, request->method,
		          request->path.plain);
		percore_answer_problem(request, 500, NULL);
	}
}

/* A web server may send the whole body before it reads an answer, and takes a close before that for a
 * failure. */
static void drain_body(struct percore_request *request)
{
	uint64_t length = fcgi_drain(request->fcgi, request->exchange->max_body);

	if (length > request->body_read && length <= request->body_length)
		request->body_read = (size_t)length;
}

void exchange_run(const struct exchange *exchange, struct fcgi *fcgi)
{
	struct percore_request request;

	metrics_begin(exchange->metrics);
	snapshot_begin();
	if (exchange->develops)
		log_forget();
	request_init(&request, exchange, fcgi);
	dispatch(&request);
	answer_for_handler(&request);
	if (request.is_events)
		percore_stream_end(&request);
	drain_body(&request);
	request.cut |= fcgi_is_broken(fcgi);
	request_fini(&request);
	access_close(&request);
	metrics_arm(exchange->metrics, request.status);
	if (!request.cut && request.answer_left == 0)
		fcgi_end(fcgi);
	else /* never ended as if whole: the web server sees the connection break */
		fcgi_abandon(fcgi);
	metrics_count(exchange->metrics,
	              &(struct metrics_answer){ .bytes_in = request.body_read,
	                                        .bytes_out = request.answer_length - request.answer_left,
	                                        .is_whole = fcgi_in_flight(fcgi)->sent == IN_FLIGHT_WHOLE });
	access_end(&request);
}
