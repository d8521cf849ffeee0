/* SPDX-License-Identifier: ISC */
/* A task that publishes: GET /time answers what a process beside the workers looks up every second. */
#include <percore.h>
#include <time.h>

static bool look_up(struct percore_work *work, void *unused)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	(void)unused;
	if (!gmtime_r(&now, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return percore_fail(work, "no time of day for %lld", (long long)now);
	json_object *value = json_object_new_object();
	percore_json_add(value, "time", json_object_new_string(text));
	bool done = percore_publish_json("time", value);
	json_object_put(value);
	return done || percore_fail(work, "it could not be published");
}

static void answer(struct percore_request *request)
{
	json_object *value = percore_snapshot_json("time");

	if (value)
		percore_answer_json(request, 200, json_object_get(value)); /* it is lent */
	else
		percore_answer_problem(request, 503, "Nothing is published yet.");
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("task", "1");

	percore_every(app, "time", 1, look_up, NULL);
	percore_add_route(app, &(struct percore_route){ .pattern = "/time", .handler = answer });
	return percore_run(app, argc, argv);
}
