/* SPDX-License-Identifier: ISC */
/*
 * app - the calls of percore.h that come before percore_run.
 *
 * A mistake is noted and reported by percore_run, so that a program reads as a
 * list of what it serves.  Where memory for a few strings is missing, there is
 * nothing to go on with: the program ends with a message.
 */
#include "service/app.h"

#include "base/log.h"
#include "base/utf8.h"
#include "exchange/defer.h"
#include "service/settings_table.h"
#include "shape/shape.h"
#include "status/openapi.h"
#include "status/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *memory)
{
	if (!memory) {
		log_error("no memory to start");
		abort();
	}
	return memory;
}

struct percore_app *percore_app_new(const char *name, const char *version)
{
	struct percore_app *app = need(calloc(1, sizeof *app));

	app->name = need(strdup(name));
	app->version = need(strdup(version));
	log_init(app->name);
	return app;
}

void app_free(struct percore_app *app)
{
	for (size_t i = 0; i < app->option_count; i++) {
		free((char *)app->options[i].name);
		free((char *)app->options[i].help);
	}
	routes_fini(&app->routes);
	openapi_free(app->openapi);
	shape_forget_all();
	user_metrics_fini(&app->user_metrics);
	background_fini(&app->background);
	log_init("percore");
	free(app->name);
	free(app->version);
	free(app);
}

void app_mistake(struct percore_app *app, const char *format, ...)
{
	va_list arguments;

	if (*app->mistake)
		return;
	va_start(arguments, format);
	vsnprintf(app->mistake, sizeof app->mistake, format, arguments);
	va_end(arguments);
}

/* Its limits, as those of --limit for this pattern and method. */
static const char *add_limit(struct percore_app *app, const struct percore_route *route, const char *text)
{
	struct limit_rule rule;
	const char *wrong = limit_rule_parse(text, &rule);

	if (wrong)
		return wrong;
	if (*rule.route || *rule.method)
		return "route= and method= are for --limit; here the route says it";
	if (strlen(route->pattern) >= sizeof rule.route || strlen(route->method) >= sizeof rule.method)
		return "the route's pattern or method is too long for a limit";
	if (app->limit_count == LIMITS_MAX)
		return "there are too many limits";
	strcpy(rule.route, route->pattern);
	strcpy(rule.method, route->method);
	app->limits[app->limit_count++] = rule;
	return NULL;
}

static const char *add_limits(struct percore_app *app, const struct percore_route *route)
{
	char text[256];
	const char *wrong = NULL;

	for (const char *at = route->limit; at && *at && !wrong; at += *at == ',') {
		size_t length = strcspn(at, ",");
		if (length >= sizeof text)
			return "one of its limits is too long";
		snprintf(text, sizeof text, "%.*s", (int)length, at);
		wrong = add_limit(app, route, text);
		at += length;
	}
	return wrong;
}

/* NULL, or what is wrong with the tables that it names. */
static const char *check_shapes(const struct percore_route *route)
{
	const char *wrong = NULL;

	if (route->takes)
		shape_find(route->takes, &wrong);
	if (route->gives && !wrong)
		shape_find(route->gives, &wrong);
	return wrong;
}

void percore_add_route(struct percore_app *app, const struct percore_route *route)
{
	const char *wrong = routes_add(&app->routes, route);

	if (!wrong)
		wrong = add_limits(app, &app->routes.all[app->routes.count - 1].spec);
	if (!wrong)
		wrong = check_shapes(route);
	if (wrong)
		app_mistake(app, "route %s %s: %s", route->method ? route->method : "GET",
		            route->pattern ? route->pattern : "", wrong);
}

void percore_add_routes(struct percore_app *app, const struct percore_route *routes)
{
	for (; routes->pattern; routes++)
		percore_add_route(app, routes);
}

void percore_add_hook(struct percore_app *app, const struct percore_hook *hook)
{
	const char *wrong = hooks_add(&app->hooks, hook);

	if (wrong)
		app_mistake(app, "hook for %s: %s", hook->prefix ? hook->prefix : "/", wrong);
}

void percore_add_cors(struct percore_app *app, const struct percore_cors *cors)
{
	const char *wrong = cors_add(&app->cors, cors);

	if (wrong)
		app_mistake(app, "cors for %s: %s", cors->prefix ? cors->prefix : "/", wrong);
}

static void add_probe(struct percore_app *app, const char *pattern, percore_handler handler)
{
	percore_add_route(
		app, &(struct percore_route){ .pattern = pattern, .handler = handler, .is_probe = true });
}

void percore_add_metrics(struct percore_app *app, const char *pattern)
{
	add_probe(app, pattern, status_metrics);
}

void percore_add_status(struct percore_app *app, const char *pattern)
{
	add_probe(app, pattern, status_show);
}

static bool is_text(const char *text)
{
	return !text || utf8_is_valid(text, strlen(text));
}

void percore_add_openapi(struct percore_app *app, const struct percore_openapi *spec)
{
	if (app->openapi) {
		app_mistake(app, "openapi: it was added already");
		return;
	}
	if (!is_text(spec->title) || !is_text(spec->description) || !is_text(app->name) ||
	    !is_text(app->version))
		app_mistake(app,
		            "openapi: its title, its description, or the app's name or version is no UTF-8");
	app->openapi = need(openapi_new(spec, app->name, app->version));
	percore_add_route(app, &(struct percore_route){ .pattern = app->openapi->pattern,
	                                                .handler = openapi_document,
	                                                .arg = app->openapi });
	if (spec->page)
		percore_add_route(app, &(struct percore_route){ .pattern = spec->page,
		                                                .handler = openapi_page,
		                                                .arg = app->openapi });
}

static struct user_metric *add_meter(struct percore_app *app, enum metrics_kind kind, const char *name,
                                     const char *help)
{
	const char *wrong;
	struct user_metric *meter = need(user_metrics_add(&app->user_metrics, kind, name, help, &wrong));

	if (wrong)
		app_mistake(app, "metric %s: %s", name, wrong);
	return meter;
}

struct percore_counter *percore_add_counter(struct percore_app *app, const char *name, const char *help)
{
	return (struct percore_counter *)add_meter(app, METRICS_COUNTER, name, help);
}

struct percore_gauge *percore_add_gauge(struct percore_app *app, const char *name, const char *help)
{
	return (struct percore_gauge *)add_meter(app, METRICS_GAUGE, name, help);
}

struct percore_histogram *percore_add_histogram(struct percore_app *app, const char *name, const char *help)
{
	return (struct percore_histogram *)add_meter(app, METRICS_HISTOGRAM, name, help);
}

static bool is_good_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = strnlen(name, BACKGROUND_NAME_MAX);

	return length > 0 && length < BACKGROUND_NAME_MAX && name[strspn(name, good)] == '\0';
}

/* ---- Options of the service's own. */

#define TIME_MAX_S 1e9

enum { OPTION_NAME_MAX = 40 };

static bool is_option_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return name[0] >= 'a' && name[0] <= 'z' && name[length] == '\0' && length <= OPTION_NAME_MAX;
}

static bool has_option(const struct percore_app *app, const char *name)
{
	for (size_t i = 0; i < app->option_count; i++)
		if (strcmp(app->options[i].name, name) == 0)
			return true;
	return false;
}

/* False, and noted, where it is a mistake. */
static bool add_option(struct percore_app *app, const struct option_spec *spec)
{
	if (!is_option_name(spec->name))
		app_mistake(app, "option --%s: its name must have 1 to %d of a-z, 0-9 and -, a letter first",
		            spec->name, OPTION_NAME_MAX);
	else if (settings_have(spec->name))
		app_mistake(app, "option --%s: percore has one of that name; take another", spec->name);
	else if (has_option(app, spec->name))
		app_mistake(app, "option --%s: it is added twice", spec->name);
	else if (spec->min > spec->max)
		app_mistake(app, "option --%s: its least value is above its largest", spec->name);
	else if (app->option_count == APP_OPTIONS_MAX)
		app_mistake(app, "option --%s: there are %d already", spec->name, APP_OPTIONS_MAX);
	if (*app->mistake)
		return false;
	struct option_spec *added = &app->options[app->option_count++];
	*added = *spec;
	added->name = need(strdup(spec->name));
	added->help = need(strdup(spec->help));
	return true;
}

void percore_add_number(struct percore_app *app, const char *name, int64_t *value, int64_t min, int64_t max,
                        const char *help)
{
	add_option(app, &(struct option_spec){ name, OPTION_NUMBER, value, min, max, "NUMBER", help });
}

void percore_add_text(struct percore_app *app, const char *name, const char **value, const char *help)
{
	add_option(app, &(struct option_spec){ name, OPTION_TEXT, value, 0, 0, "TEXT", help });
}

/* Not NaN either. */
static bool is_time(double seconds)
{
	return seconds >= 0 && seconds <= TIME_MAX_S;
}

static int64_t in_ms(double seconds)
{
	return (int64_t)(seconds * 1000 + .5);
}

void percore_add_time(struct percore_app *app, const char *name, double *seconds, double min, double max,
                      const char *help)
{
	if (!is_time(min) || !is_time(max) || !is_time(*seconds)) {
		app_mistake(app, "option --%s: its times must be from 0 to 10^9 seconds", name);
		return;
	}
	struct own_time *own = &app->times[app->time_count];
	if (!add_option(app, &(struct option_spec){ name, OPTION_TIME, &own->ms, in_ms(min), in_ms(max),
	                                            "TIME", help }))
		return;
	*own = (struct own_time){ in_ms(*seconds), seconds };
	app->time_count++;
}

void percore_add_size(struct percore_app *app, const char *name, int64_t *bytes, int64_t min, int64_t max,
                      const char *help)
{
	add_option(app, &(struct option_spec){ name, OPTION_SIZE, bytes, min, max, "SIZE", help });
}

void percore_add_flag(struct percore_app *app, const char *name, bool *value, const char *help)
{
	add_option(app, &(struct option_spec){ name, OPTION_FLAG, value, 0, 0, "yes|no", help });
}

void percore_add_list(struct percore_app *app, const char *name, struct percore_list *list, const char *help)
{
	struct own_list *own = &app->lists[app->list_count];

	if (!add_option(app, &(struct option_spec){ name, OPTION_LIST, &own->list, 0, 0, "TEXT...", help }))
		return;
	*own = (struct own_list){ { .items = (const char **)list->items, .count = list->count }, list };
	app->list_count++;
}

void app_take_values(struct percore_app *app)
{
	for (size_t i = 0; i < app->time_count; i++)
		*app->times[i].seconds = (double)app->times[i].ms / 1000;
	for (size_t i = 0; i < app->list_count; i++)
		*app->lists[i].value =
			(struct percore_list){ app->lists[i].list.items, app->lists[i].list.count };
}

void percore_every(struct percore_app *app, const char *name, double seconds, percore_task task, void *arg)
{
	struct background *b = &app->background;

	if (!is_good_name(name) || !task)
		app_mistake(app, "task %s: must have a function, and a name of 1 to 63 of [A-Za-z0-9._-]",
		            name);
	else if (!(seconds >= .01 && seconds <= 366. * 86400))
		app_mistake(app, "task %s: %g s: must be from 0.01 s to 366 days", name, seconds);
	else if (b->task_count == TASKS_MAX)
		app_mistake(app, "task %s: there are %d already", name, TASKS_MAX);
	for (size_t i = 0; i < b->task_count; i++)
		if (strcmp(b->tasks[i].name, name) == 0)
			app_mistake(app, "task %s: there is one of that name", name);
	if (!*app->mistake)
		b->tasks[b->task_count++] = (struct background_task){ .name = need(strdup(name)),
			                                              .period_ms = (uint64_t)(seconds * 1000),
			                                              .run = task,
			                                              .arg = arg,
			                                              .slot = TASKS_MAX };
}

void percore_add_job(struct percore_app *app, const char *name, percore_job job, void *arg)
{
	struct background *b = &app->background;

	if (!is_good_name(name) || !job)
		app_mistake(app, "job %s: must have a function, and a name of 1 to 63 of [A-Za-z0-9._-]",
		            name);
	else if (b->job_count == JOBS_MAX)
		app_mistake(app, "job %s: there are %d already", name, JOBS_MAX);
	for (size_t i = 0; i < b->job_count; i++)
		if (strcmp(b->jobs[i].name, name) == 0)
			app_mistake(app, "job %s: there is one of that name", name);
	if (!*app->mistake)
		b->jobs[b->job_count++] =
			(struct background_job){ .name = need(strdup(name)), .run = job, .arg = arg };
	if (b->job_count == 1 && !*app->mistake)
		percore_add_route(app,
		                  &(struct percore_route){ .pattern = "/jobs/{id}", .handler = defer_get });
}

void percore_on_worker(struct percore_app *app, bool (*start)(void *arg), void (*stop)(void *arg), void *arg)
{
	if (app->calls.count == WORKER_CALLS_MAX)
		app_mistake(app, "percore_on_worker: was called %d times already", WORKER_CALLS_MAX);
	else
		app->calls.all[app->calls.count++] = (struct worker_call){ start, stop, arg };
}
