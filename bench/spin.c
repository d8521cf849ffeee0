/* SPDX-License-Identifier: ISC */
/*
 * spin - a service whose background takes a whole core, for bench/background.
 *
 * With --spin 1 a task publishes 10 MiB each second and computes all the time.
 * GET /spin reads what is published, as handlers do; 503 before there is any.
 */
#include <percore.h>

#include <string.h>
#include <time.h>

static long spins;

/* A run ends when its second is over; the next begins at once. */
static bool spin(struct percore_work *work, void *unused)
{
	static char value[10 << 20];
	struct timespec now, end;

	(void)unused;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec++;
	memset(value, (int)end.tv_nsec, sizeof value);
	if (!percore_publish("spin", value, sizeof value))
		return percore_fail(work, "not published");
	if (!spins)
		return percore_rest(work);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	return true;
}

static void spin_get(struct percore_request *request)
{
	size_t length;
	const char *value = percore_snapshot("spin", &length);

	if (!value)
		percore_answer_problem(request, 503, "Nothing is published yet.");
	else
		percore_answer_text(request, 200, value[0] == value[length - 1] ? "whole" : "torn");
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("spin", "1");

	percore_add_number(app, "spin", &spins, 0, 1, "1: compute all the time");
	percore_every(app, "spin", 1, spin, NULL);
	percore_add_route(app, &(struct percore_route){ .pattern = "/spin", .handler = spin_get });
	return percore_run(app, argc, argv);
}
