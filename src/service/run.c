/* SPDX-License-Identifier: ISC */
/* run - percore_run: from the command line to the pool. */
#include "service/run.h"

#include "background/job.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "base/redis_url.h"
#include "exchange/exchange.h"
#include "exchange/request.h"
#include "pool/master.h"
#include "pool/single.h"
#include "pool/supervision.h"
#include "pool/worker_calls.h"
#include "sandbox/sandbox.h"
#include "supervisor/listener.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_cgi(struct run *run)
{
	static struct in_flight_shm in_flight;
	static struct pool_shm pool;
	struct fcgi *fcgi = fcgi_new_plain(&(struct fcgi_plain){ .in = stdin, .out = stdout }, &in_flight);

	if (!fcgi || !worker_calls_start(&run->app->calls))
		return 1;
	if (run->settings.sandbox && !sandbox_enter(&pool))
		return 1;
	run->exchange.develops = false; /* whoever asks is a stranger */
	request_seed();
	exchange_run(&run->exchange, fcgi);
	bool done = in_flight.sent == IN_FLIGHT_WHOLE;
	worker_calls_stop(&run->app->calls);
	fcgi_free(fcgi);
	return done ? 0 : 1;
}

static int exit_status(enum options_verdict verdict)
{
	return verdict == OPTIONS_DONE ? 0 : verdict == OPTIONS_CONFIG ? EXIT_CONFIGURATION : EXIT_USAGE;
}

/* What follows from the settings. */
static void set_exchange(struct run *run)
{
	const struct settings *s = &run->settings;
	struct overload_shm *overload = run->exchange.overload.shm;
	struct limit limit = run->exchange.limit;
	struct access_rings rings = run->exchange.access.rings;
	enum log_level level;

	run->app->background.settings = &run->settings;
	run->app->background.name = run->app->name;
	run->app->background.prefix = run->settings.prefix;
	run->app->background.place = run->inheritance.place;

	run->exchange =
		(struct exchange){ .routes = &run->app->routes,
		                   .hooks = run->app->hooks.count ? &run->app->hooks : NULL,
		                   .cors = run->app->cors.count ? &run->app->cors : NULL,
		                   .prefix = run->settings.prefix,
		                   .max_body = (size_t)run->settings.max_body,
		                   .max_json_memory = (size_t)run->settings.max_json_memory,
		                   .upload_dir = s->upload_dir,
		                   .overload = { .shm = overload,
		                                 .target_ms = (uint64_t)run->settings.queue_target_ms,
		                                 .max_wait_ms = (uint64_t)run->settings.max_wait_ms },
		                   .access = { .rings = rings,
		                               .is_on = s->access_log != NULL,
		                               .is_combined = strcmp(s->access_log_format, "combined") == 0,
		                               .waits = strcmp(s->access_log_full, "wait") == 0,
		                               .skip = &s->access_log_skip },
		                   .metrics = &run->metrics,
		                   .limit = limit,
		                   .develops = s->develop,
		                   .background = &run->app->background,
		                   .calls = &run->app->calls };
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

	if (!limit_policy_make(&run->limits, &sources))
		return false;
	for (size_t i = 0; i < run->limits.rules_count; i++) {
		const char *route = run->limits.rules[i].route;
		if (!*route || routes_have(&run->app->routes, route))
			continue;
		log_error("limit: route=%s: there is no such route; write its pattern as the program does",
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
	size_t keys = (size_t)run->settings.limit_table;

	run->limit_table = aligned_alloc(64, (limit_table_bytes(keys) + 63) / 64 * 64);
	if (!run->limit_table)
		return;
	memset(&shm, 0, sizeof shm);
	memset(run->limit_table, 0, limit_table_bytes(keys));
	limit_attach(&run->exchange.limit, &shm, run->limit_table, keys);
}

static bool is_same(const char *now, const char *then)
{
	return strcmp(now ? now : "", then) == 0;
}

/* What the supervisor holds stays as it is. */
static bool check_inherited(const struct run *run)
{
	const struct settings *s = &run->settings;
	const struct inheritance *i = &run->inheritance;

	if (!i->is_generation)
		return true;
	if (s->workers == 0)
		log_error("workers = 0: a reload cannot do without the master; restart for that");
	else if (!is_same(s->listen, i->listen))
		log_error("listen: a reload cannot change it; restart for that");
	else if (!is_same(s->admin, i->admin))
		log_error("admin: a reload cannot change it; restart for that");
	else
		return true;
	return false;
}

static bool check_cors(const struct run *run)
{
	const struct cors_rule *rule;
	const char *wrong = cors_check(&run->app->cors, &rule);

	if (wrong)
		log_error("cors for %s: %s: %s", *rule->prefix ? rule->prefix : "/", *rule->spec.origins,
		          wrong);
	return !wrong;
}

/* The values together. */
static bool check(void *context)
{
	struct run *run = context;

	if (run->settings.jobs && !job_check(run->settings.jobs))
		return false;
	return check_inherited(run) && settings_check(&run->settings) && check_cors(run) && make_limits(run);
}

int run_configure(struct run *run)
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
	app_take_values(run->app);
	set_exchange(run);
	return verdict == OPTIONS_SERVE ? -1 : exit_status(verdict);
}

static int explain(const char *name)
{
	log_error("fd 0 is not a listening socket; start with: spawn-fcgi -n -s /run/%s.sock -M 0660 -- %s",
	          name, name);
	log_error("or without a spawner: %s --listen unix:/run/%s.sock", name, name);
	return EXIT_USAGE;
}

/* What percore itself needs in workers, beside what the program declared. */
static void open_sandbox(const struct run *run)
{
	const struct settings *s = &run->settings;
	const struct background *b = &run->app->background;

	if (s->limit_store)
		sandbox_allow_redis(s->limit_store);
	if (s->jobs && redis_url_is_meant(s->jobs))
		sandbox_allow_redis(s->jobs);
	else if (s->jobs)
		sandbox_allow_unix(); /* the jobs' process */
	if (s->upload_dir)
		percore_allow_write(s->upload_dir);
	if (b->task_count + b->job_count > 0 && *run->inheritance.place)
		percore_allow_write(run->inheritance.place); /* what is published */
}

/* What is registered can be counted. */
static void set_metrics(struct run *run)
{
	run->metrics.limit = &run->exchange.limit;
	run->metrics.service = run->app->name;
	run->metrics.service_version = run->app->version;
	run->metrics.route_at = routes_at;
	run->metrics.routes = &run->app->routes;
	run->metrics.user_metrics = &run->app->user_metrics;
}

void run_alone(struct run *run)
{
	set_metrics(run);
	metrics_measure(&run->metrics, 1);
	limit_alone(run);
}

void run_fini(struct run *run)
{
	options_free(run->options);
	limit_policy_fini(&run->exchange.limit.policy);
	free(run->limit_table);
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

/* The first process: finds the socket, and stays for as long as the service lives. */
static int supervise(struct run *run)
{
	const struct settings *s = &run->settings;
	char socket[256];
	int listener = listener_open(s->listen);

	if (listener == -ENOTSOCK)
		return getenv("REQUEST_METHOD") ? run_cgi(run) : explain(run->app->name);
	if (listener < 0)
		return 1;
	listener_describe(listener, socket, sizeof socket);
	listener = descriptors_move_up(listener); /* a handler's descriptor 0 is an ordinary one */
	if (s->workers != 0)
		return supervisor_run(&(struct supervisor_settings){ .settings = s,
		                                                     .listener = listener,
		                                                     .listener_text = socket,
		                                                     .file = options_file(run->options),
		                                                     .argv = run->argv });
	say_what_is_off(&run->app->background);
	run_alone(run);
	log_notice("serving on %s with this process alone", socket);
	return single_run(
		&(struct single){ .listener = listener, .settings = s, .exchange = &run->exchange });
}

static int serve(struct run *run)
{
	open_sandbox(run);
	if (!run->inheritance.is_generation)
		return supervise(run);
	set_metrics(run);
	return master_run(&(struct master_settings){ .inheritance = &run->inheritance,
	                                             .supervisor_bytes = sizeof(struct supervisor),
	                                             .settings = &run->settings,
	                                             .exchange = &run->exchange,
	                                             .background = &run->app->background });
}

/* What is wrong is also in the status of the generation that serves on. */
static void tell_refusal(const struct run *run)
{
	char reason[SUPERVISION_TEXT_MAX];

	if (!run->inheritance.is_generation)
		return;
	log_last(reason, sizeof reason);
	supervision_refuse(&run->inheritance, reason);
}

static int run_app(struct percore_app *app, int argc, char **argv)
{
	struct run *run = calloc(1, sizeof *run);

	if (!run)
		return 1;
	*run = (struct run){ .app = app,
		             .settings = settings_defaults,
		             .inheritance = inheritance_take(),
		             .argc = argc,
		             .argv = argv };
	int status = run_configure(run);
	if (run->inheritance.is_of_another_version) {
		log_error("the supervisor that runs is of another version of percore: restart the service");
		status = 1;
	}
	if (status < 0)
		status = serve(run);
	else
		tell_refusal(run);
	run_fini(run);
	free(run);
	return status;
}

int percore_run(struct percore_app *app, int argc, char **argv)
{
	descriptors_open_standard();
	int status = supervisor_go_on(argv);

	if (status < 0)
		status = run_app(app, argc, argv);
	app_free(app);
	return status;
}
