/* SPDX-License-Identifier: ISC */
/* body - the request's body as a stream, as bytes, as JSON. */
#include "base/ascii.h"
#include "base/json_text.h"
#include "exchange/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_DEPTH = 32 };

size_t percore_body_length(const struct percore_request *request)
{
	return request->body_length;
}

ssize_t percore_body_read(struct percore_request *request, void *buffer, size_t size)
{
	size_t left = request->body_length - request->body_read;

	if (left == 0)
		return 0;
	if (request->body_error)
		return -1;
	ssize_t got = fcgi_read(request->fcgi, buffer, size < left ? size : left);
	if (got <= 0) {
		request->body_error = got < 0 ? (int)got : -EPROTO;
		return -1;
	}
	request->body_read += (size_t)got;
	return got;
}

/* Asked for before: it was lent until the handler returns. */
static bool have_whole(const struct percore_request *request)
{
	return request->body && request->body_read == request->body_length;
}

const char *percore_body_bytes(struct percore_request *request, size_t max, size_t *length)
{
	size_t size = request->body_length, have = 0;

	*length = 0;
	if (have_whole(request) && size <= max) {
		*length = size;
		return request->body;
	}
	if (size > max) {
		percore_answer_problem(request, 413, "The body is larger than this endpoint takes.");
		return NULL;
	}
	free(request->body);
	request->body = malloc(size + 1);
	if (!request->body)
		percore_no_memory();
	while (have < size) {
		ssize_t got = percore_body_read(request, request->body + have, size - have);
		if (got <= 0)
			return NULL;
		have += (size_t)got;
	}
	request->body[have] = '\0';
	*length = have;
	return request->body;
}

/* application/json or any +json, parameters apart. */
static bool is_json_type(const char *type)
{
	size_t length = strcspn(type, "; \t");

	return (length == 16 && ascii_begins(type, "application/json")) ||
	       (length > 5 && ascii_begins(type + length - 5, "+json"));
}

static bool only_blanks(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!text[i] || !strchr(" \t\r\n", text[i]))
			return false;
	return true;
}

static bool parse(const char *text, size_t length, json_object **json, size_t *offset)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);

	if (!tokener)
		percore_no_memory();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With the NUL behind it, so that a number at the end is known to end. */
	*json = json_tokener_parse_ex(tokener, text, (int)length + 1);
	*offset = json_tokener_get_parse_end(tokener);
	bool good = json_tokener_get_error(tokener) == json_tokener_success;
	if (good && *offset < length && !only_blanks(text + *offset, length - *offset)) {
		json_object_put(*json);
		*json = NULL;
		good = false;
	}
	if (good && json_text_has_nan(text, length, offset)) {
		json_object_put(*json);
		*json = NULL;
		good = false;
	}
	json_tokener_free(tokener);
	return good;
}

bool percore_body_json(struct percore_request *request, size_t max, json_object **json)
{
	const char *type = percore_header(request, "Content-Type");
	size_t length, offset;

	*json = NULL;
	if (!type || !is_json_type(type)) {
		percore_answer_problem(request, 415, "Send the body as application/json.");
		return false;
	}
	const char *text = percore_body_bytes(request, max < (1u << 30) ? max : 1u << 30, &length);
	if (!text)
		return false;
	if (!parse(text, length, json, &offset)) {
		char detail[80];
		snprintf(detail, sizeof detail, "The body is not valid JSON: see byte %zu.",
		         offset < length ? offset : length);
		percore_answer_problem(request, 400, detail);
		return false;
	}
	return true;
}
