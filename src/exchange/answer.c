/* SPDX-License-Identifier: ISC */
/* answer - the status line, the headers, and bodies that are whole; those that are not: stream.c. */
#include "base/ascii.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/utf8.h"
#include "exchange/hooks.h"
#include "exchange/request.h"

#include <stdio.h>
#include <string.h>

const char *answer_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		/* IANA's registry of HTTP status codes: RFC 9110, section 15, and others */
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 203, "Non-Authoritative Information" },
		{ 204, "No Content" },
		{ 205, "Reset Content" },
		{ 206, "Partial Content" },
		{ 207, "Multi-Status" },
		{ 208, "Already Reported" },
		{ 226, "IM Used" },
		{ 300, "Multiple Choices" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 305, "Use Proxy" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 423, "Locked" },
		{ 424, "Failed Dependency" },
		{ 425, "Too Early" },
		{ 426, "Upgrade Required" },
		{ 428, "Precondition Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 499, "Client Closed Request" }, /* nginx's: for logs and metrics */
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 506, "Variant Also Negotiates" },
		{ 507, "Insufficient Storage" },
		{ 508, "Loop Detected" },
		{ 510, "Not Extended" },
		{ 511, "Network Authentication Required" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* It is not to be there twice. */
static bool is_own(const char *name)
{
	static const char *const own[] = { "Status",       "Content-Type",      "Content-Length",
		                           "X-Request-ID", "Transfer-Encoding", "Connection" };

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (ascii_equals(name, own[i]))
			return true;
	return false;
}

bool answer_is_printable(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 127)
			return false;
	return true;
}

enum { HEADERS_MAX = 16 << 10, HEADERS_FIRST = 512 };

bool answer_add_lines(struct percore_request *request, const char *lines, size_t length)
{
	size_t needed = request->headers_length + length;

	if (length > HEADERS_MAX || needed > HEADERS_MAX)
		return false;
	if (needed > request->headers_room) {
		size_t room = request->headers_room ? request->headers_room : HEADERS_FIRST;
		while (room < needed)
			room *= 2;
		char *headers = arena_take(&request->arena, room);
		if (request->headers_length)
			memcpy(headers, request->headers, request->headers_length);
		request->headers = headers;
		request->headers_room = room;
	}
	memcpy(request->headers + request->headers_length, lines, length);
	request->headers_length = needed;
	return true;
}

/* NULL, or why a header cannot be set. */
static const char *refusal(const struct percore_request *request, const char *name, const char *value)
{
	if (request->has_head)
		return "the answer was given before";
	if (!request_is_token(name))
		return "its name is no token of RFC 9110";
	if (is_own(name))
		return "percore sets it itself";
	if (!answer_is_printable(value))
		return "its value has control characters";
	return NULL;
}

bool percore_set_header(struct percore_request *request, const char *name, const char *value)
{
	const char *wrong = refusal(request, name, value);
	size_t name_length = strlen(name), value_length = strlen(value);
	size_t length = name_length + value_length + 4;

	if (!wrong && length <= HEADERS_MAX) {
		char line[256], *text = length <= sizeof line ? line : arena_take(&request->arena, length);
		memcpy(text, name, name_length);
		memcpy(text + name_length, ": ", 2);
		memcpy(text + name_length + 2, value, value_length);
		memcpy(text + length - 2, "\r\n", 2);
		if (answer_add_lines(request, text, length)) {
			request->has_cache_control |= ascii_equals(name, "Cache-Control");
			request->has_etag |= ascii_equals(name, "ETag");
			return true;
		}
	}
	percore_log(request, PERCORE_LOG_WARNING, "the header %.64s is not sent: %s", name,
	            wrong ? wrong : "all of them would be more than 16 KiB");
	return false;
}

bool answer_has_body(int status)
{
	return status != 204 && status != 205 && status != 304;
}

static bool send_text(const struct percore_request *request, const char *text)
{
	return fcgi_write(request->fcgi, text, strlen(text)) == 0;
}

static bool send_number(const struct percore_request *request, size_t number)
{
	char digits[20], *first = digits + sizeof digits;

	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	return fcgi_write(request->fcgi, first, (size_t)(digits + sizeof digits - first)) == 0;
}

/* What has a version may be kept, and is asked for again each time. */
static const char *cache_line(const struct percore_request *request, int status)
{
	if (request->has_cache_control)
		return "\r\n";
	if (request->has_etag && status < 400)
		return "\r\nCache-Control: no-cache\r\n";
	return "\r\nCache-Control: no-store\r\n";
}

/*
 * In pieces, since a Content-Type may be as long as a client makes it; and without
 * printf, since every answer has these lines.
 */
bool answer_send_head(const struct percore_request *request, int status, const char *content_type,
                      size_t length)
{
	bool sent = send_text(request, "Status: ") && send_number(request, (size_t)status) &&
	            send_text(request, " ") && send_text(request, answer_reason(status)) &&
	            send_text(request, "\r\nX-Request-ID: ") && send_text(request, request->id);

	if (answer_has_body(status) && content_type)
		sent = sent && send_text(request, "\r\nContent-Type: ") && send_text(request, content_type);
	if ((answer_has_body(status) && length != PERCORE_LENGTH_UNKNOWN) || status == 205)
		sent = sent && send_text(request, "\r\nContent-Length: ") &&
		       send_number(request, answer_has_body(status) ? length : 0);
	return sent && send_text(request, cache_line(request, status)) &&
	       fcgi_write(request->fcgi, request->headers, request->headers_length) == 0 &&
	       send_text(request, "\r\n");
}

void answer_forget_headers(struct percore_request *request)
{
	request->headers_length = request->headers_before;
	request->has_cache_control = request->has_etag = false;
}

void answer_replace(struct percore_request *request)
{
	answer_forget_headers(request);
	percore_answer_problem(request, 500, NULL);
	request->is_replaced = true;
}

void percore_answer_bytes(struct percore_request *request, int status, const char *content_type,
                          const void *bytes, size_t length)
{
	percore_stream_begin(request, status, content_type, length);
	percore_stream_write(request, bytes, length);
}

void percore_answer_text(struct percore_request *request, int status, const char *text)
{
	percore_answer_bytes(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* What json-c writes is not, where a string is no UTF-8 or a number is NaN or infinite. */
static bool is_json(const struct percore_request *request, const char *text, size_t length)
{
	static const struct json_rules rules = { .levels = JSON_LEVELS_MAX,
		                                 .memory = SIZE_MAX,
		                                 .big_integers = true };
	struct json_finding finding;

	if (json_check(text, length, &rules, &finding) == JSON_GOOD)
		return true;
	log_error("request %s: %s %s: the answer is no JSON: at byte %zu, expected %s", request->id,
	          request->method, request->path.plain, finding.at, finding.expected);
	return false;
}

static void answer_object(struct percore_request *request, int status, const char *type, json_object *json)
{
	size_t length = 0;
	const char *text = json_write(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);

	if (!text)
		percore_no_memory(); /* json-c cannot be trusted past it */
	if (request->answered || is_json(request, text, length))
		percore_answer_bytes(request, status, type, text, length);
	else
		answer_replace(request);
	json_object_put(json);
}

void percore_answer_json(struct percore_request *request, int status, json_object *json)
{
	answer_object(request, status, "application/json", json);
}

/* What a Location may hold: printable ASCII, as RFC 3986 has URIs. */
static bool is_location(const char *location)
{
	for (; *location; location++)
		if (*location <= ' ' || *location >= 127)
			return false;
	return true;
}

void percore_answer_redirect(struct percore_request *request, int status, const char *location)
{
	bool is_one = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;

	if (is_one && is_location(location) && percore_set_header(request, "Location", location)) {
		percore_answer_bytes(request, status, NULL, "", 0);
		return;
	}
	percore_log(
		request, PERCORE_LOG_ERROR,
		"no redirect: the status must be 301, 302, 303, 307 or 308, and the location a URI in ASCII, "
		"%%-encoded");
	percore_answer_problem(request, 500, NULL);
}

void percore_answer_empty(struct percore_request *request)
{
	percore_stream_begin(request, 204, NULL, 0);
}

/* The path as it was asked for, where it is a URI reference; without the query, which may hold secrets. */
static void add_instance(const struct percore_request *request, json_object *problem)
{
	const char *uri = percore_param(request, "REQUEST_URI");
	size_t length = uri ? strcspn(uri, "?#") : 0;

	for (size_t i = 0; i < length; i++)
		if (uri[i] <= ' ' || uri[i] >= 127)
			return;
	if (length > 0 && length < REQUEST_PATH_MAX)
		percore_json_add(problem, "instance", json_object_new_string_len(uri, (int)length));
}

/* `text` behind these words, or `text`. */
static const char *skip(const char *text, const char *words)
{
	size_t length = strlen(words);

	return strncmp(text, words, length) == 0 ? text + length : text;
}

/* --develop: what the log says about this request, without the words that tell which it is. */
static void add_reason(struct percore_request *request, json_object *problem)
{
	const char *trouble = request->exchange->develops ? log_trouble() : "";
	const char *path = request->path.plain;

	if (!*trouble)
		return;
	trouble = skip(trouble, percore_format(request, "request %s: ", request->id));
	if (path)
		trouble = skip(trouble, percore_format(request, "%s %s: ", request->method, path));
	char *reason = percore_format(request, "%s", trouble);
	utf8_mend(reason); /* it may be cut */
	percore_json_add(problem, "reason", json_object_new_string(reason));
}

void answer_problem(struct percore_request *request, const struct answer_problem *p)
{
	json_object *problem = json_object_new_object();
	const char *type = p->type ? p->type : "about:blank";
	const char *title = p->title ? p->title : answer_reason(p->status);
	bool has_detail = p->detail && utf8_is_valid(p->detail, strlen(p->detail));

	percore_json_add(problem, "type", json_object_new_string(type));
	percore_json_add(problem, "title", json_object_new_string(title));
	percore_json_add(problem, "status", json_object_new_int(p->status));
	if (p->detail && !has_detail)
		log_error("request %s: the detail of its problem is no UTF-8, and left out", request->id);
	if (has_detail)
		percore_json_add(problem, "detail", json_object_new_string(p->detail));
	add_instance(request, problem);
	percore_json_add(problem, "request_id", json_object_new_string(request->id));
	if (p->member)
		percore_json_add(problem, p->member, p->value);
	add_reason(request, problem);
	answer_object(request, p->status, "application/problem+json", problem);
}

void percore_answer_problem(struct percore_request *request, int status, const char *detail)
{
	answer_problem(request, &(struct answer_problem){ .status = status, .detail = detail });
}
