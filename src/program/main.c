/* SPDX-License-Identifier: ISC */
/* percore - the ready program: its routes and its options. */
#include "endpoints.h"

#include <stdio.h>
#include <unistd.h>

static const struct percore_route routes[] = {
	{ .pattern = "/", .handler = echo_usage },
	{ .pattern = "/data", .handler = data_get },
	{ .pattern = "/echo", .handler = echo_usage },
	{ .method = "POST", .pattern = "/echo", .handler = echo_post },
	{ .pattern = "/healthz", .handler = health_get, .is_probe = true },
	{ .pattern = "/addresses/{city}", .handler = addresses_get },
	{ .method = "POST", .pattern = "/render", .handler = render_post, .max_body = 4096 },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("percore", PACKAGE_VERSION);

	percore_add_routes(app, routes);
	percore_add_metrics(app, "/metrics");
	percore_add_status(app, "/status");
	percore_add_text(app, "addresses", &addresses_file, "JSON file that /addresses/{city} answers from");
	percore_every(app, "addresses", 1, addresses_task, NULL);
	percore_add_job(app, "render", render_job, NULL);
	percore_add_number(app, "work", &data_work, 0, 1000000000, "rounds of formatting for /data (100)");
	percore_add_number(app, "work-wait", &data_wait_us, 0, 60000000, "microseconds that /data waits (0)");
	if (access(P_tmpdir, W_OK) == 0)
		percore_allow_write(P_tmpdir); /* /echo's larger bodies; an empty root has none */
	return percore_run(app, argc, argv);
}
