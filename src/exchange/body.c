/* SPDX-License-Identifier: ISC */
/* body - the request's body as a stream, as bytes, as JSON. */
#include "base/ascii.h"
#include "base/json_read.h"
#include "base/log.h"
#include "exchange/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 32, TEXT_MAX = 1 << 30 };

void body_learn_length(struct percore_request *request)
{
	uint64_t length;

	if (!request->is_open_ended || !fcgi_length(request->fcgi, &length))
		return;
	request->body_length = (size_t)length;
	request->is_open_ended = false;
}

size_t percore_body_length(const struct percore_request *request)
{
	struct percore_request *own = (struct percore_request *)request; /* none is made const */

	if (own->is_open_ended && !own->body_error)
		own->body_error = fcgi_await_body(own->fcgi);
	body_learn_length(own);
	return request->body_length;
}

static ssize_t read_to_length(struct percore_request *request, void *buffer, size_t size)
{
	size_t left = request->body_length - request->body_read;
	ssize_t got = fcgi_read(request->fcgi, buffer, size < left ? size : left);

	return got == 0 ? -EPROTO : got;
}

/* The end tells the length.  What goes beyond the most that it can be is not for the handler. */
static ssize_t read_to_end(struct percore_request *request, void *buffer, size_t size)
{
	size_t left = request->body_length - request->body_read;
	char beyond;
	ssize_t got = left > 0 ? fcgi_read(request->fcgi, buffer, size < left ? size : left)
	                       : fcgi_read(request->fcgi, &beyond, 1);

	if (got == 0 && (size > 0 || left == 0)) {
		request->body_length = request->body_read;
		request->is_open_ended = false;
	}
	return got > 0 && left == 0 ? -EFBIG : got;
}

ssize_t percore_body_read(struct percore_request *request, void *buffer, size_t size)
{
	if (size == 0 || (request->body_read == request->body_length && !request->is_open_ended))
		return 0;
	if (request->body_length > request->max_body)
		request->body_error = -EFBIG;
	if (request->body_error)
		return -1;
	ssize_t got = request->is_open_ended ? read_to_end(request, buffer, size)
	                                     : read_to_length(request, buffer, size);
	if (got < 0) {
		request->body_error = (int)got;
		return -1;
	}
	request->body_read += (size_t)got;
	return got;
}

enum { FIRST_ROOM = 16384 };

static char *resize(char *bytes, size_t size)
{
	bytes = realloc(bytes, size);
	if (!bytes)
		percore_no_memory();
	return bytes;
}

/* Into request->body, with a NUL behind it; where it cannot be whole that stays NULL. */
static void read_whole(struct percore_request *request)
{
	size_t most = request->body_length, have = 0;
	size_t room = request->is_open_ended && most >= FIRST_ROOM ? FIRST_ROOM : most + 1;
	char *bytes = resize(NULL, room);
	ssize_t got;

	while ((got = percore_body_read(request, bytes + have, room - have)) > 0) {
		have += (size_t)got;
		if (have == room) {
			room = room <= most / 2 ? room * 2 : most + 1;
			bytes = resize(bytes, room);
		}
	}
	if (got == 0 && have == request->body_length) {
		bytes[have] = '\0';
		request->body = bytes;
		return;
	}
	if (got == 0)
		log_error("request %s: percore_body_bytes after some of the body was read", request->id);
	free(bytes);
}

const char *percore_body_bytes(struct percore_request *request, size_t *length)
{
	*length = 0;
	body_learn_length(request);
	if (!request->body) /* else it was asked for before: it is lent until the handler returns */
		read_whole(request);
	if (request->body)
		*length = request->body_length;
	return request->body;
}

/* application/json or any +json, parameters apart. */
static bool is_json_type(const char *type)
{
	size_t length = strcspn(type, "; \t");

	return (length == 16 && ascii_begins(type, "application/json")) ||
	       (length > 5 && ascii_begins(type + length - 5, "+json"));
}

static void refuse_json(struct percore_request *request, enum json_verdict verdict,
                        const struct json_finding *finding)
{
	char detail[128];

	if (verdict == JSON_TOO_LARGE) {
		percore_answer_problem(request, 413,
		                       "The body has more values than this service has memory for.");
		return;
	}
	snprintf(detail, sizeof detail, "The body is not valid JSON: at byte %zu, expected %s.", finding->at,
	         finding->expected);
	percore_answer_problem(request, 400, detail);
}

/* What is good is the request's to put. */
static enum json_verdict parse(struct percore_request *request, const void *bytes, size_t length,
                               unsigned flags, struct json_finding *finding, json_object **json)
{
	const struct json_rules rules = { .levels = LEVELS_MAX,
		                          .memory = request->exchange->max_json_memory,
		                          .big_integers = flags & PERCORE_JSON_BIG_INTEGERS,
		                          .unique_names = flags & PERCORE_JSON_UNIQUE_NAMES };
	enum json_verdict verdict =
		length <= TEXT_MAX ? json_read(bytes, length, &rules, finding, json) : JSON_TOO_LARGE;

	if (verdict == JSON_NO_MEMORY)
		percore_no_memory();
	if (verdict == JSON_GOOD)
		percore_lend(request, *json);
	return verdict;
}

bool percore_read_json(struct percore_request *request, const void *bytes, size_t length, unsigned flags,
                       json_object **json)
{
	struct json_finding finding;

	switch (parse(request, bytes, length, flags, &finding, json)) {
	case JSON_GOOD:
		return true;
	case JSON_TOO_LARGE:
		percore_log(request, PERCORE_LOG_WARNING,
		            "a JSON text has more values than there is memory for");
		break;
	default:
		percore_log(request, PERCORE_LOG_WARNING,
		            "a JSON text is not valid: at byte %zu, expected %s", finding.at,
		            finding.expected);
	}
	*json = NULL;
	return false;
}

static bool read_json(struct percore_request *request, unsigned flags)
{
	struct json_finding finding;
	size_t length;
	const char *text = percore_body_bytes(request, &length);

	if (!text)
		return false;
	enum json_verdict verdict = parse(request, text, length, flags, &finding, &request->json);
	if (verdict != JSON_GOOD)
		refuse_json(request, verdict, &finding);
	return verdict == JSON_GOOD;
}

bool percore_body_json(struct percore_request *request, unsigned flags, json_object **json)
{
	const char *type = percore_header(request, "Content-Type");

	if (!type || !is_json_type(type))
		percore_answer_problem(request, 415, "Send the body as application/json.");
	else if (!request->is_json_read && !request->answered)
		request->is_json_read = read_json(request, flags);
	*json = request->json;
	return request->is_json_read;
}
