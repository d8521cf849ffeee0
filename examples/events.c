/* SPDX-License-Identifier: ISC */
/*
 * events - a page that shows what the service counts, as soon as it does: server-sent events.
 *
 * Each open page has a worker of its own, so run more workers than there will be pages.  Whoever comes back,
 * after a reload of the service as well, says what it has had by Last-Event-ID, and is sent what it missed.
 */
#include <percore.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPEN_S = 3600, KEPT = 100 };

static const char page[] = "<!doctype html><meta charset=utf-8><title>Events</title>\n"
			   "<p>The service has counted to <output id=count>...</output>.\n"
			   "<script>\n"
			   "function listen() {\n"
			   "  const source = new EventSource('events');\n"
			   "  source.addEventListener('count', event => {\n"
			   "    document.getElementById('count').textContent = event.data;\n"
			   "  });\n"
			   "  source.onerror = () => { // by itself it comes back, but not after a 503\n"
			   "    if (source.readyState == EventSource.CLOSED) setTimeout(listen, 3000);\n"
			   "  };\n"
			   "}\n"
			   "listen();\n"
			   "</script>\n";

/* What was counted last: an array, the newest at the end.  Published, it outlives the process of the tasks.
 */
static int64_t at(json_object *counted, size_t i)
{
	return json_object_get_int64(json_object_array_get_idx(counted, i));
}

static int64_t newest(json_object *counted)
{
	return counted ? at(counted, json_object_array_length(counted) - 1) : 0;
}

static bool count(struct percore_work *work, void *arg)
{
	(void)arg;
	json_object *before = percore_snapshot_json("counted"), *now = json_object_new_array();
	size_t length = before ? json_object_array_length(before) : 0;

	for (size_t i = length < KEPT ? 0 : 1; i < length; i++)
		percore_json_add(now, NULL, json_object_new_int64(at(before, i)));
	percore_json_add(now, NULL, json_object_new_int64(newest(before) + 1));
	bool done = percore_publish_json("counted", now);
	json_object_put(now);
	return done || percore_fail(work, "it could not be published");
}

static bool send_one(struct percore_request *request, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, number);
	return percore_event(request, &(struct percore_event){ .name = "count", .id = text, .data = text });
}

static void get_events(struct percore_request *request)
{
	const char *last = percore_header(request, "Last-Event-ID");
	json_object *counted = percore_snapshot_json("counted");
	int64_t sent = last ? strtoll(last, NULL, 10) : INT64_MAX;

	if (sent > newest(counted)) /* a new page, or the service was stopped and counts anew */
		sent = newest(counted) - 1;
	do {
		counted = percore_snapshot_json("counted");
		for (size_t i = 0; counted && i < json_object_array_length(counted); i++) {
			if (at(counted, i) > sent && !send_one(request, at(counted, i)))
				return;
		}
		sent = newest(counted);
	} while (percore_event_wait(request, .1));
}

static void get_page(struct percore_request *request)
{
	percore_answer_bytes(request, 200, "text/html; charset=utf-8", page, sizeof page - 1);
}

static const struct percore_route routes[] = {
	{ .pattern = "/", .handler = get_page },
	{ .pattern = "/events", .handler = get_events, .time_limit = OPEN_S },
	{ 0 },
};

static struct percore_app *events(void)
{
	struct percore_app *app = percore_app_new("events", "1");

	percore_every(app, "count", .3, count, NULL);
	percore_add_routes(app, routes);
	return app;
}

int main(int argc, char **argv)
{
	return percore_run(events(), argc, argv);
}
