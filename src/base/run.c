/* run - percore_run: from the command line to the pool. */
#include "base/app.h"
#include "base/cpu.h"
#include "base/settings.h"
#include "exchange/exchange.h"
#include "log/log.h"
#include "pool/listener.h"
#include "pool/master.h"
#include "pool/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 64, EXIT_CONFIGURATION = 78 }; /* sysexits.h */

/* All that lasts as long as the process. */
struct run {
	struct percore_app *app;
	struct settings settings;
	struct option_spec specs[SETTINGS_MAX + APP_OPTIONS_MAX];
	struct options *options;
	struct exchange exchange;
};

static int run_cgi(const struct run *run)
{
	struct fcgi *fcgi = fcgi_new_cgi();

	if (!fcgi || (run->app->worker_start && !run->app->worker_start()))
		return 1;
	bool done = exchange_run(&run->exchange, fcgi);
	if (run->app->worker_stop)
		run->app->worker_stop();
	fcgi_free(fcgi);
	return done ? 0 : 1;
}

/* -1: go on; else the exit status. */
static int configure(struct run *run, int argc, char **argv)
{
	size_t count = settings_specs(&run->settings, run->specs);

	if (*run->app->mistake) {
		log_line("%s", run->app->mistake);
		return 1;
	}
	memcpy(run->specs + count, run->app->options, run->app->option_count * sizeof run->specs[0]);
	run->options =
		options_new(run->app->name, run->app->version, run->specs, count + run->app->option_count);
	switch (run->options ? options_parse(run->options, argc, argv) : OPTIONS_USAGE) {
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_USAGE:
		return EXIT_USAGE;
	case OPTIONS_CONFIG:
		return EXIT_CONFIGURATION;
	case OPTIONS_SERVE:
		break;
	}
	return settings_check(&run->settings) ? -1 : EXIT_USAGE;
}

static int explain(const char *name)
{
	log_line("fd 0 is not a listening socket; start with: spawn-fcgi -n -s /run/%s.sock -M 0660 -- %s",
	         name, name);
	log_line("or without a spawner: %s --listen unix:/run/%s.sock", name, name);
	return EXIT_USAGE;
}

static int serve(const struct run *run)
{
	const struct settings *s = &run->settings;
	int listener = listener_open(s->listen);

	if (listener == -ENOTSOCK)
		return getenv("REQUEST_METHOD") ? run_cgi(run) : explain(run->app->name);
	if (listener < 0)
		return 1;
	struct queue_settings queue = { .listener = listener,
		                        .io_timeout_s = (unsigned)(s->io_timeout_ms / 1000) };
	if (s->workers == 0)
		return worker_run_alone(&queue, &run->exchange);
	queue.is_pool = true;
	queue.workers = s->workers < 0 ? cpu_count() : (unsigned)s->workers;
	return master_run(&queue, &run->exchange);
}

int percore_run(struct percore_app *app, int argc, char **argv)
{
	struct run *run = calloc(1, sizeof *run);

	if (!run)
		return 1;
	*run = (struct run){ .app = app, .settings = settings_defaults };
	int status = configure(run, argc, argv);
	run->exchange = (struct exchange){ .routes = &app->routes,
		                           .prefix = run->settings.prefix,
		                           .max_body = (size_t)run->settings.max_body,
		                           .worker_start = app->worker_start,
		                           .worker_stop = app->worker_stop };
	if (status < 0)
		status = serve(run);
	options_free(run->options);
	free(run);
	app_free(app);
	return status;
}
