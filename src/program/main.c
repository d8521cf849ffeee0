/* SPDX-License-Identifier: ISC */
/* percore - the ready program: its routes and its options. */
#include "endpoints.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("percore", PACKAGE_VERSION);

	percore_add_route(app, "GET", "/", echo_usage);
	percore_add_route(app, "GET", "/data", data_get);
	percore_add_route(app, "GET", "/echo", echo_usage);
	percore_add_route(app, "POST", "/echo", echo_post);
	percore_add_probe(app, "/healthz", health_get);
	percore_add_metrics(app, "/metrics");
	percore_add_status(app, "/status");
	percore_add_route(app, "GET", "/addresses/{city}", addresses_get);
	percore_add_text(app, "addresses", &addresses_file, "JSON file that /addresses/{city} answers from");
	percore_every(app, "addresses", 1, addresses_task, NULL);
	percore_add_route(app, "POST", "/render", render_post);
	percore_add_job(app, "render", render_job);
	percore_add_number(app, "work", &data_work, 0, 1000000000, "rounds of formatting for /data (100)");
	percore_add_number(app, "work-wait", &data_wait_us, 0, 60000000, "microseconds that /data waits (0)");
	if (access(P_tmpdir, W_OK) == 0)
		percore_allow_write(P_tmpdir); /* /echo's larger bodies; an empty root has none */
	return percore_run(app, argc, argv);
}
