/* SPDX-License-Identifier: ISC */
/*
 * fcgi_client - builds FastCGI requests and reads the answers.
 *
 * A request is sent as a web server would: the parameters of nginx's fastcgi_params,
 * a HTTP_ parameter for each header, the body as FCGI_STDIN.  One request at a time,
 * so its id is always 1; a record of another id or version is a broken answer.
 *
 * An answer ends with FCGI_END_REQUEST.  Its status is the one of the CGI header
 * (200 without Status, 302 without it but with Location), or 503 where the responder
 * refused the request in END_REQUEST.
 */
#include "load/fcgi_client.h"

#include "load/request.h"

#include <ctype.h>
#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { REQUEST_ID = 1, MOST_CONTENT = 65528 };

static void put_record(FILE *out, unsigned char type, const char *content, size_t size)
{
	unsigned char padding = (unsigned char)(-size & 7);
	const unsigned char header[FCGI_HEADER_LEN] = {
		FCGI_VERSION_1,      type,    0, REQUEST_ID, (unsigned char)(size >> 8),
		(unsigned char)size, padding, 0
	};

	fwrite(header, 1, sizeof header, out);
	fwrite(content, 1, size, out);
	fwrite("\0\0\0\0\0\0\0", 1, padding, out);
}

/* A stream: records as large as they may be, and an empty one at its end. */
static void put_stream(FILE *out, unsigned char type, const char *content, size_t size)
{
	while (size > 0) {
		size_t part = size < MOST_CONTENT ? size : MOST_CONTENT;
		put_record(out, type, content, part);
		content += part;
		size -= part;
	}
	put_record(out, type, "", 0);
}

static void put_length(FILE *out, size_t length)
{
	if (length > 127) {
		fputc((int)(length >> 24 | 0x80), out);
		fputc((int)(length >> 16 & 0xff), out);
		fputc((int)(length >> 8 & 0xff), out);
	}
	fputc((int)(length & 0xff), out);
}

static void put_parameter(FILE *out, const char *name, const char *value)
{
	put_length(out, strlen(name));
	put_length(out, strlen(value));
	fputs(name, out);
	fputs(value, out);
}

/* "X-Id: 7" becomes HTTP_X_ID=7; Content-Type has a name of its own. */
static void put_header(FILE *out, const char *header)
{
	size_t length = strcspn(header, ":");
	const char *value = header + length + 1;
	char name[256] = "HTTP_";

	value += strspn(value, " \t");
	if (length == 12 && strncasecmp(header, "Content-Type", 12) == 0) {
		put_parameter(out, "CONTENT_TYPE", value);
		return;
	}
	for (size_t i = 0; i < length && i + 6 < sizeof name; i++) {
		name[5 + i] = (char)toupper((unsigned char)header[i]);
		if (header[i] == '-')
			name[5 + i] = '_';
	}
	put_parameter(out, name, value);
}

static void put_parameters(FILE *out, const struct request *request)
{
	const struct url *url = request->url;
	size_t path_bytes = strcspn(url->target, "?");
	char path[4096], length[24];

	snprintf(path, sizeof path, "%.*s", (int)path_bytes, url->target);
	snprintf(length, sizeof length, "%zu", request->body_bytes);
	put_parameter(out, "QUERY_STRING", url->target[path_bytes] ? url->target + path_bytes + 1 : "");
	put_parameter(out, "REQUEST_METHOD", request->method);
	if (!request_has_header(request, "Content-Type"))
		put_parameter(out, "CONTENT_TYPE", "");
	put_parameter(out, "CONTENT_LENGTH", request->body ? length : "");
	put_parameter(out, "SCRIPT_NAME", path);
	put_parameter(out, "REQUEST_URI", url->target);
	put_parameter(out, "DOCUMENT_URI", path);
	put_parameter(out, "SERVER_PROTOCOL", "HTTP/1.1");
	put_parameter(out, "REQUEST_SCHEME", "http");
	put_parameter(out, "GATEWAY_INTERFACE", "CGI/1.1");
	put_parameter(out, "SERVER_SOFTWARE", "percore-load");
	put_parameter(out, "REMOTE_ADDR", "127.0.0.1");
	put_parameter(out, "REMOTE_PORT", "0");
	put_parameter(out, "SERVER_ADDR", "127.0.0.1");
	put_parameter(out, "SERVER_PORT", url->port);
	put_parameter(out, "SERVER_NAME", url->host);
	if (!request_has_header(request, "Host"))
		put_parameter(out, "HTTP_HOST", url->authority);
	for (const char *const *header = request->headers; *header; header++)
		put_header(out, *header);
}

int request_build_fcgi(const struct request *request, struct request_bytes *built)
{
	const char begin[8] = { 0, FCGI_RESPONDER, request->keep ? FCGI_KEEP_CONN : 0 };
	char *parameters;
	size_t size;
	FILE *part = open_memstream(&parameters, &size);

	if (!part)
		return -errno;
	put_parameters(part, request);
	FILE *out = fclose(part) == 0 ? open_memstream(&built->bytes, &built->size) : NULL;
	if (!out) {
		free(parameters);
		return -errno;
	}
	put_record(out, FCGI_BEGIN_REQUEST, begin, sizeof begin);
	put_stream(out, FCGI_PARAMS, parameters, size);
	put_stream(out, FCGI_STDIN, request->body ? request->body : "", request->body_bytes);
	free(parameters);
	return fclose(out) == 0 ? 0 : -errno;
}

static void start_once(struct answer *answer)
{
	struct fcgi_answer *fcgi = &answer->fcgi;

	fcgi->header_have = fcgi->content_left = fcgi->padding_left = 0;
	fcgi->end_have = fcgi->line_have = 0;
	fcgi->in_body = fcgi->has_length = false;
	answer->keep = false;
}

static void start(struct answer *answer)
{
	start_once(answer);
	answer->keep = true;
}

/* A line of the CGI header is complete, without its end. */
static void take_line(struct answer *answer)
{
	struct fcgi_answer *fcgi = &answer->fcgi;
	char *line = fcgi->line;

	if (fcgi->line_have > 0 && line[fcgi->line_have - 1] == '\r')
		fcgi->line_have--;
	line[fcgi->line_have] = '\0';
	if (fcgi->line_have == 0) {
		fcgi->in_body = true;
		if (answer->status == 0)
			answer->status = 200;
	} else if (strncasecmp(line, "Status:", 7) == 0) {
		answer->status = (unsigned)strtoul(line + 7, NULL, 10);
	} else if (strncasecmp(line, "Location:", 9) == 0 && answer->status == 0) {
		answer->status = 302;
	} else if (strncasecmp(line, "Content-Length:", 15) == 0) {
		fcgi->length = strtoull(line + 15, NULL, 10);
		fcgi->has_length = true;
	}
	fcgi->line_have = 0;
}

static void take_output(struct answer *answer, const char *bytes, size_t size)
{
	struct fcgi_answer *fcgi = &answer->fcgi;

	for (; size > 0 && !fcgi->in_body; bytes++, size--) {
		if (*bytes == '\n')
			take_line(answer);
		else if (fcgi->line_have < sizeof fcgi->line - 1)
			fcgi->line[fcgi->line_have++] = *bytes;
	}
	if (size > 0)
		answer_body(answer, bytes, size);
}

static void take_content(struct answer *answer, const char *bytes, size_t size)
{
	struct fcgi_answer *fcgi = &answer->fcgi;

	if (fcgi->header[1] == FCGI_STDOUT)
		take_output(answer, bytes, size);
	else if (fcgi->header[1] == FCGI_END_REQUEST)
		for (size_t i = 0; i < size && fcgi->end_have < sizeof fcgi->end_request; i++)
			fcgi->end_request[fcgi->end_have++] = (unsigned char)bytes[i];
}

static bool is_expected_header(const unsigned char *header)
{
	return header[0] == FCGI_VERSION_1 && header[2] == 0 && header[3] == REQUEST_ID &&
	       (header[1] == FCGI_STDOUT || header[1] == FCGI_STDERR || header[1] == FCGI_END_REQUEST);
}

/* As many bytes as belong to the record's header, its content or its padding. */
static size_t take_part(struct answer *answer, const char *bytes, size_t size)
{
	struct fcgi_answer *fcgi = &answer->fcgi;

	if (fcgi->header_have < FCGI_HEADER_LEN) {
		fcgi->header[fcgi->header_have++] = (unsigned char)*bytes;
		if (fcgi->header_have == FCGI_HEADER_LEN) {
			fcgi->content_left = (unsigned)fcgi->header[4] << 8 | fcgi->header[5];
			fcgi->padding_left = fcgi->header[6];
		}
		return 1;
	}
	bool content = fcgi->content_left > 0;
	unsigned *left = content ? &fcgi->content_left : &fcgi->padding_left;
	size_t part = size < *left ? size : *left;
	if (content)
		take_content(answer, bytes, part);
	*left -= (unsigned)part;
	return part;
}

/* FCGI_END_REQUEST has come. */
static enum answer_progress conclude(struct answer *answer)
{
	const struct fcgi_answer *fcgi = &answer->fcgi;

	answer->complete = true;
	if (fcgi->end_have < sizeof fcgi->end_request)
		return ANSWER_BROKEN;
	if (fcgi->end_request[4] != FCGI_REQUEST_COMPLETE) {
		answer->status = 503;
		return ANSWER_DONE;
	}
	if (!fcgi->in_body)
		return ANSWER_BROKEN;
	if (fcgi->has_length && fcgi->length != answer->body_bytes && !answer->expected->no_body)
		return fcgi->length > answer->body_bytes ? ANSWER_TRUNCATED : ANSWER_BROKEN;
	return ANSWER_DONE;
}

static enum answer_progress feed(struct answer *answer, const char *bytes, size_t size)
{
	struct fcgi_answer *fcgi = &answer->fcgi;

	while (size > 0) {
		size_t taken = take_part(answer, bytes, size);
		bytes += taken;
		size -= taken;
		if (fcgi->header_have < FCGI_HEADER_LEN)
			continue;
		if (!is_expected_header(fcgi->header))
			return ANSWER_BROKEN;
		if (fcgi->content_left > 0 || fcgi->padding_left > 0)
			continue;
		fcgi->header_have = 0;
		if (fcgi->header[1] == FCGI_END_REQUEST)
			return size == 0 ? conclude(answer) : ANSWER_BROKEN;
	}
	return ANSWER_MORE;
}

static enum answer_progress end(struct answer *answer)
{
	(void)answer;
	return ANSWER_TRUNCATED;
}

const struct protocol fcgi_protocol = { start, feed, end, true };
const struct protocol fcgi_protocol_once = { start_once, feed, end, false };
