/* run - percore_run: from the command line to the pool. */
#include "background/job.h"
#include "base/app.h"
#include "base/settings.h"
#include "exchange/exchange.h"
#include "log/log.h"
#include "pool/alone.h"
#include "pool/listener.h"
#include "pool/master.h"
#include "pool/upgrade.h"

#include <errno.h>
#include <stdio.h>
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
	struct metrics metrics;
	int argc;
	char **argv;
	bool serves;                /* what follows is a reload */
	char listen[256];           /* --listen as of the start */
	char admin[256];            /* --admin, likewise */
	struct limit_policy limits; /* made by check, taken by set_exchange */
	long limit_table;           /* --limit-table as of the start */
};

static int run_cgi(const struct run *run)
{
	static struct inhand_shm hand;
	struct fcgi *fcgi = fcgi_new_cgi(&hand);

	if (!fcgi || (run->app->worker_start && !run->app->worker_start()))
		return 1;
	bool done = exchange_run(&run->exchange, fcgi);
	if (run->app->worker_stop)
		run->app->worker_stop();
	fcgi_free(fcgi);
	return done ? 0 : 1;
}

static int exit_status(enum options_verdict verdict)
{
	return verdict == OPTIONS_DONE ? 0 : verdict == OPTIONS_CONFIG ? EXIT_CONFIGURATION : EXIT_USAGE;
}

/* What follows from the settings; again after a reload. */
static void set_exchange(struct run *run)
{
	const struct settings *s = &run->settings;
	struct shed_shm *shed = run->exchange.shed.shm;
	struct limit limit = run->exchange.limit;
	struct access_shm *access = run->exchange.access.shm;
	enum log_level level;

	run->app->background.settings = &run->settings;
	run->app->background.name = run->app->name;
	run->app->background.prefix = run->settings.prefix;

	run->exchange =
		(struct exchange){ .routes = &run->app->routes,
		                   .prefix = run->settings.prefix,
		                   .max_body = (size_t)run->settings.max_body,
		                   .shed = { .shm = shed,
		                             .target_ms = (uint64_t)run->settings.queue_target_ms,
		                             .max_wait_ms = (uint64_t)run->settings.max_wait_ms },
		                   .access = { .shm = access,
		                               .is_on = s->access_log != NULL,
		                               .is_combined = strcmp(s->access_log_format, "combined") == 0,
		                               .waits = strcmp(s->access_log_full, "wait") == 0,
		                               .skip = &s->access_log_skip },
		                   .metrics = &run->metrics,
		                   .limit = limit,
		                   .background = &run->app->background,
		                   .worker_start = run->app->worker_start,
		                   .worker_stop = run->app->worker_stop };
	limit_set_policy(&run->exchange.limit, &run->limits);
	run->limits = (struct limit_policy){ 0 };
	if (log_parse_level(s->log_level, &level))
		log_set_level(level);
}

/* The rate limits, from the options and the program. */
static bool make_limits(struct run *run)
{
	const struct settings *s = &run->settings;
	const struct limit_sources sources = { .service = run->app->name,
		                               .limits = &s->limits,
		                               .exempt = &s->limit_exempt,
		                               .proxies = &s->trusted_proxies,
		                               .own = run->app->limits,
		                               .own_count = run->app->limit_count,
		                               .store = s->limit_store,
		                               .store_timeout_ms = (uint64_t)s->limit_store_timeout_ms,
		                               .has_x_headers = s->limit_x_headers };

	if (run->serves && s->limit_table != run->limit_table) {
		log_line("limit-table: a reload cannot change it; restart for that");
		return false;
	}
	if (!limit_policy_make(&run->limits, &sources))
		return false;
	for (size_t i = 0; i < run->limits.rules_count; i++) {
		const char *route = run->limits.rules[i].route;
		if (!*route || routes_have(&run->app->routes, route))
			continue;
		log_line("limit: route=%s: there is no such route; write its pattern as the program does",
		         route);
		limit_policy_fini(&run->limits);
		return false;
	}
	return true;
}

/* Without a master the process counts for itself. */
static void limit_alone(struct run *run)
{
	static struct limit_shm shm;
	static void *table; /* both as long as the process */
	size_t keys = (size_t)run->settings.limit_table;

	table = aligned_alloc(64, (limit_table_bytes(keys) + 63) / 64 * 64);
	if (!table)
		return;
	memset(table, 0, limit_table_bytes(keys));
	limit_attach(&run->exchange.limit, &shm, table, keys);
}

/* What stays as it is as long as the pool listens on this address. */
static bool check_unchanged(const struct run *run, const char *event, const char *listen)
{
	if (run->settings.workers == 0) {
		log_error("workers = 0: %s cannot do without the master; restart for that", event);
		return false;
	}
	if (strcmp(listen, run->settings.listen ? run->settings.listen : "") != 0) {
		log_error("listen: %s cannot change it; restart for that", event);
		return false;
	}
	return true;
}

/* The values together; and what a reload, or the upgrade that this is the trial for, cannot change. */
static bool check(void *context)
{
	struct run *run = context;
	const char *trial = upgrade_trial_listen();

	if (run->serves && !check_unchanged(run, "a reload", run->listen))
		return false;
	if (trial && !check_unchanged(run, "an upgrade", trial))
		return false;
	if (run->settings.jobs && !job_check(run->settings.jobs))
		return false;
	if (run->serves && strcmp(run->admin, run->settings.admin ? run->settings.admin : "") != 0) {
		log_line("admin: a reload cannot change it; restart for that");
		return false;
	}
	return settings_check(&run->settings) && make_limits(run);
}

/* -1: go on; else the exit status. */
static int configure(struct run *run)
{
	size_t count = settings_specs(&run->settings, run->specs);

	if (*run->app->mistake) {
		log_error("%s", run->app->mistake);
		return 1;
	}
	memcpy(run->specs + count, run->app->options, run->app->option_count * sizeof run->specs[0]);
	run->options = options_new(run->app->name, run->app->version, run->specs,
	                           count + run->app->option_count, check, run);
	if (!run->options)
		return 1;
	enum options_verdict verdict = options_parse(run->options, run->argc, run->argv);
	set_exchange(run);
	return verdict == OPTIONS_SERVE ? -1 : exit_status(verdict);
}

static bool reload(void *context)
{
	struct run *run = context;

	if (options_parse(run->options, run->argc, run->argv) != OPTIONS_SERVE)
		return false;
	set_exchange(run);
	return true;
}

static int explain(const char *name)
{
	log_error("fd 0 is not a listening socket; start with: spawn-fcgi -n -s /run/%s.sock -M 0660 -- %s",
	          name, name);
	log_error("or without a spawner: %s --listen unix:/run/%s.sock", name, name);
	return EXIT_USAGE;
}

/* What is registered can be counted. */
static void set_metrics(struct run *run)
{
	run->metrics.limit = &run->exchange.limit;
	run->metrics.service = run->app->name;
	run->metrics.service_version = run->app->version;
	run->metrics.routes = &run->app->routes;
	run->metrics.meters = &run->app->meters;
	metrics_measure(&run->metrics, run->settings.workers ? METRICS_SLOTS : 1);
}

/* What needs a master is missed now, not when somebody waits for it. */
static void say_what_is_off(const struct background *b)
{
	if (b->task_count == 0 && b->job_count == 0)
		return;
	log_warning("workers = 0: there is no process beside this one: the program's tasks (%zu) do not run, "
	            "and its jobs (%zu) are answered 503; they need --workers 1 or more",
	            b->task_count, b->job_count);
}

static int serve(struct run *run)
{
	const struct settings *s = &run->settings;
	struct pool_settings pool = { .inherited = upgrade_inherited(),
		                      .settings = s,
		                      .exchange = &run->exchange,
		                      .background = &run->app->background,
		                      .reload = reload,
		                      .context = run,
		                      .argv = run->argv };

	pool.listener = pool.inherited.listener >= 0 ? pool.inherited.listener : listener_open(s->listen);
	if (pool.listener == -ENOTSOCK)
		return getenv("REQUEST_METHOD") ? run_cgi(run) : explain(run->app->name);
	if (pool.listener < 0)
		return 1;
	run->serves = true;
	run->limit_table = s->limit_table;
	snprintf(run->listen, sizeof run->listen, "%s", s->listen ? s->listen : "");
	snprintf(run->admin, sizeof run->admin, "%s", s->admin ? s->admin : "");
	set_metrics(run);
	if (s->workers != 0)
		return master_run(&pool);
	say_what_is_off(&run->app->background);
	limit_alone(run);
	return alone_run(
		&(struct alone){ .listener = pool.listener, .settings = s, .exchange = &run->exchange });
}

int percore_run(struct percore_app *app, int argc, char **argv)
{
	struct run *run = calloc(1, sizeof *run);

	if (!run)
		return 1;
	upgrade_init();
	*run = (struct run){ .app = app, .settings = settings_defaults, .argc = argc, .argv = argv };
	int status = configure(run);
	if (status < 0)
		status = serve(run);
	options_free(run->options);
	free(run);
	app_free(app);
	return status;
}
