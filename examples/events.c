/* SPDX-License-Identifier: ISC */
/*
 * events - a page that shows what the service publishes, as soon as it does: server-sent events.
 *
 * Each open page has a worker of its own, so run more workers than there will be pages.  Whoever comes back,
 * after a reload of the service as well, says what it has had by Last-Event-ID.
 */
#include <percore.h>

#include <stdlib.h>

enum { OPEN_S = 3600 };

static const char page[] = "<!doctype html><meta charset=utf-8><title>Events</title>\n"
			   "<p>The service has counted to <output id=count>...</output>.\n"
			   "<script>\n"
			   "new EventSource('events').addEventListener('count', event => {\n"
			   "  document.getElementById('count').textContent = event.data;\n"
			   "});\n"
			   "</script>\n";

/* In the process of the tasks: whose memory lasts, until it is replaced. */
static bool count(struct percore_work *work, void *arg)
{
	int64_t *counted = arg;
	json_object *value = json_object_new_int64(++*counted);
	bool done = percore_publish_json("count", value);

	json_object_put(value);
	return done || percore_fail(work, "it could not be published");
}

static bool send_count(struct percore_request *request, unsigned long long version)
{
	return percore_event(request, &(struct percore_event){
					      .name = "count",
					      .id = percore_format(request, "%llu", version),
					      .data = json_object_get_string(percore_snapshot_json("count")),
				      });
}

static void get_events(struct percore_request *request)
{
	const char *last = percore_header(request, "Last-Event-ID");
	unsigned long long sent = last ? strtoull(last, NULL, 10) : 0, version;

	do {
		version = percore_snapshot_version("count");
		if (version != sent && !send_count(request, version))
			return;
		sent = version;
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

int main(int argc, char **argv)
{
	static int64_t counted;
	struct percore_app *app = percore_app_new("events", "1");

	percore_every(app, "count", .3, count, &counted);
	percore_add_routes(app, routes);
	return percore_run(app, argc, argv);
}
