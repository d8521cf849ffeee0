/* SPDX-License-Identifier: ISC */
/*
 * http - builds HTTP/1.1 requests and reads the answers.
 *
 * One request at a time: a byte after the end of an answer is a broken answer, as
 * is anything that http-parser refuses.  Answers below 200 are skipped.
 */
#include "load/http.h"

#include "load/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static int on_headers_complete(http_parser *parser)
{
	const struct answer *answer = parser->data;

	/* 1: no body follows, whatever Content-Length says. */
	return answer->expected->no_body ? 1 : 0;
}

static int on_body(http_parser *parser, const char *bytes, size_t size)
{
	answer_body(parser->data, bytes, size);
	return 0;
}

static int on_message_complete(http_parser *parser)
{
	struct answer *answer = parser->data;

	if (parser->status_code < 200)
		return 0;
	answer->status = parser->status_code;
	answer->keep = http_should_keep_alive(parser);
	answer->complete = true;
	http_parser_pause(parser, 1); /* what follows is not for us */
	return 0;
}

static const http_parser_settings settings = {
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static void start(struct answer *answer)
{
	http_parser_init(&answer->http, HTTP_RESPONSE);
	answer->http.data = answer;
}

static enum answer_progress feed(struct answer *answer, const char *bytes, size_t size)
{
	size_t parsed = http_parser_execute(&answer->http, &settings, bytes, size);

	if (answer->complete)
		return parsed == size ? ANSWER_DONE : ANSWER_BROKEN;
	return HTTP_PARSER_ERRNO(&answer->http) == HPE_OK && parsed == size ? ANSWER_MORE : ANSWER_BROKEN;
}

/* A body without a length ends with its connection; any other is cut. */
static enum answer_progress end(struct answer *answer)
{
	http_parser_execute(&answer->http, &settings, NULL, 0);
	answer->keep = false;
	return answer->complete ? ANSWER_DONE : ANSWER_TRUNCATED;
}

const struct protocol http_protocol = { start, feed, end, false };

bool request_has_header(const struct request *request, const char *name)
{
	size_t length = strlen(name);

	for (const char *const *header = request->headers; *header; header++)
		if (strncasecmp(*header, name, length) == 0 && (*header)[length] == ':')
			return true;
	return false;
}

int request_build_http(const struct request *request, struct request_bytes *built)
{
	FILE *out = open_memstream(&built->bytes, &built->size);

	if (!out)
		return -errno;
	fprintf(out, "%s %s HTTP/1.1\r\n", request->method, request->url->target);
	if (!request_has_header(request, "Host"))
		fprintf(out, "Host: %s\r\n", request->url->authority);
	for (const char *const *header = request->headers; *header; header++)
		fprintf(out, "%s\r\n", *header);
	if (request->body)
		fprintf(out, "Content-Length: %zu\r\n", request->body_bytes);
	if (!request->keep)
		fprintf(out, "Connection: close\r\n");
	fprintf(out, "\r\n");
	if (request->body)
		fwrite(request->body, 1, request->body_bytes, out);
	return fclose(out) == 0 ? 0 : -errno;
}
