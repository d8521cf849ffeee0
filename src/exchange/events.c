/* SPDX-License-Identifier: ISC */
/*
 * events - server-sent events (https://html.spec.whatwg.org, 9.2).
 *
 * A stream holds its worker for as long as it lasts, so it ends by itself, and as whole, when its time is
 * nearly over or its worker is to leave: browsers come back, and tell the last event's id.
 */
#include "background/snapshot.h"
#include "base/clock.h"
#include "base/log.h"
#include "exchange/request.h"

#include <string.h>

enum { SLICE_MS = 200, KEEP_ALIVE_MS = 15000 };

/* Of what is left of the time limit, so much is for the end. */
#define RESERVE_S 0.5

/* When a browser is to come back; by itself Chromium waits 3 s, Firefox 5 s. */
static const char retry[] = "retry: 250\n\n";

static bool write_text(struct percore_request *request, const char *text)
{
	return percore_stream_write(request, text, strlen(text));
}

static bool begin(struct percore_request *request)
{
	if (!request->is_events) {
		request->is_events = true;
		percore_set_header(request, "X-Accel-Buffering", "no"); /* nginx passes on what comes */
		percore_stream_begin(request, 200, "text/event-stream", PERCORE_LENGTH_UNKNOWN);
		write_text(request, retry);
	}
	return !request->cut && !request->is_replaced && !request->is_head;
}

/* "NAME: line", for each line of the text: an end of line is any of the three there are. */
static bool write_field(struct percore_request *request, const char *name, const char *text)
{
	for (;;) {
		size_t length = strcspn(text, "\r\n");
		if (!write_text(request, name) || !percore_stream_write(request, text, length) ||
		    !write_text(request, "\n"))
			return false;
		text += length;
		if (!*text)
			return true;
		text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
	}
}

static bool is_one_line(const char *text)
{
	return !text || !text[strcspn(text, "\r\n")];
}

bool percore_event(struct percore_request *request, const struct percore_event *event)
{
	if (!is_one_line(event->name) || !is_one_line(event->id)) {
		percore_log(request, PERCORE_LOG_ERROR,
		            "an event's name and id must be one line: it is not sent");
		return false;
	}
	if (!begin(request))
		return false;
	request->event_ms = clock_coarse_ms();
	return (!event->name || write_field(request, "event: ", event->name)) &&
	       (!event->id || write_field(request, "id: ", event->id)) &&
	       write_field(request, "data: ", event->data ? event->data : "") && write_text(request, "\n") &&
	       percore_stream_flush(request);
}

/* A comment: so that whoever is between does not close for silence, and a client that is gone is noticed. */
static bool keep_alive(struct percore_request *request, uint64_t now_ms)
{
	if (now_ms < request->event_ms + KEEP_ALIVE_MS)
		return true;
	request->event_ms = now_ms;
	return write_text(request, ":\n\n") && percore_stream_flush(request);
}

bool percore_event_wait(struct percore_request *request, double seconds)
{
	uint64_t now_ms = clock_ns() / 1000000,
		 until_ms = now_ms + (uint64_t)(seconds > 0 ? seconds * 1000 : 0);

	if (!begin(request) || !percore_stream_flush(request))
		return false;
	if (!request->event_ms)
		request->event_ms = now_ms;
	snapshot_begin(); /* else whoever waits for another version would wait for ever */
	while (!exchange_is_leaving() && percore_time_left(request) > RESERVE_S) {
		uint64_t slice_ms = until_ms - now_ms < SLICE_MS ? until_ms - now_ms : SLICE_MS;
		if (fcgi_await_end(request->fcgi, (unsigned)slice_ms) || !keep_alive(request, now_ms))
			return false;
		now_ms = clock_ns() / 1000000;
		if (now_ms >= until_ms)
			return true;
	}
	return false;
}
