/* SPDX-License-Identifier: ISC */
/*
 * stream - the beginning of each answer, and bodies that are written part by part.
 *
 * A body of unknown length counts as one of the most bytes that there can be, of which percore_stream_end
 * takes off what was not needed: what is left over makes an answer that is broken off.
 */
#include "base/log.h"
#include "exchange/hooks.h"
#include "exchange/request.h"

void percore_stream_begin(struct percore_request *request, int status, const char *content_type,
                          size_t length)
{
	if (request->answered) {
		log_error("request %s: %s answered twice: the connection is closed", request->id,
		          request->path.plain);
		request->cut = true; /* the first cannot be believed */
		return;
	}
	if (status < 200 || status > 599) {
		log_error("request %s: %s %s: the handler's status is %d, which must be 200 to 599",
		          request->id, request->method, request->path.plain, status);
		answer_replace(request);
		return;
	}
	request->answered = true;
	request->status = status;
	if (request->exchange->hooks)
		hooks_after(request, status);
	request->has_head = true;
	size_t expected = request->is_head || !answer_has_body(status) ? 0 : length;
	access_answer(request, status, length == PERCORE_LENGTH_UNKNOWN ? 0 : expected);
	if (content_type && !answer_is_printable(content_type))
		content_type = "application/octet-stream"; /* it would bring in headers */
	if (!answer_send_head(request, status, content_type, length))
		request->cut = true;
	request->answer_length = request->answer_left = expected;
}

bool percore_stream_write(struct percore_request *request, const void *bytes, size_t length)
{
	if (request->is_replaced)
		return false;
	if (request->is_head || !answer_has_body(request->status) || length == 0)
		return true;
	if (request->cut || length > request->answer_left || fcgi_write(request->fcgi, bytes, length) != 0) {
		request->cut = true;
		return false;
	}
	request->answer_left -= length;
	return true;
}

bool percore_stream_flush(struct percore_request *request)
{
	if (request->cut || fcgi_flush(request->fcgi) != 0)
		request->cut = true;
	return !request->cut;
}

void percore_stream_end(struct percore_request *request)
{
	if (request->cut || request->answer_length != PERCORE_LENGTH_UNKNOWN)
		return;
	request->answer_length -= request->answer_left;
	request->answer_left = 0;
}
