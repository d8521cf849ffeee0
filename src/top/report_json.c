/* SPDX-License-Identifier: ISC */
/* report_json - see report_json.h. */
#include "top/report_json.h"

#include "background/work.h"
#include "base/decimal.h"
#include "base/json_read.h"
#include "base/no_memory.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static void add_number(json_object *to, const char *name, uint64_t value)
{
	percore_json_add(to, name, json_object_new_int64((int64_t)value));
}

/* null: it is not known. */
static void add_real(json_object *to, const char *name, double value)
{
	char text[DECIMAL_MAX];

	if (isnan(value)) {
		json_add_null(to, name);
		return;
	}
	decimal_short(value, text);
	percore_json_add(to, name, json_object_new_double_s(value, text));
}

/* A client or a handler may have written it. */
static void add_text(json_object *to, const char *name, const char *text)
{
	char mended[ROW_TEXT_MAX + 512];

	snprintf(mended, sizeof mended, "%s", text);
	utf8_mend(mended);
	json_add_text(to, name, mended);
}

static json_object *add_object(json_object *to, const char *name)
{
	json_object *object = json_object_new_object();

	percore_json_add(to, name, object);
	return object;
}

static json_object *add_array(json_object *to, const char *name)
{
	json_object *array = json_object_new_array();

	percore_json_add(to, name, array);
	return array;
}

/* null: no request ended in the interval. */
static void add_latency(json_object *to, const double numbers[COLUMNS])
{
	static const struct {
		const char *name;
		enum column column;
	} shares[] = {
		{ "p50", COLUMN_P50 }, { "p90", COLUMN_P90 }, { "p99", COLUMN_P99 }, { "max", COLUMN_MAX }
	};

	if (isnan(numbers[COLUMN_P50])) {
		json_add_null(to, "latency_ms");
		return;
	}
	json_object *latency = add_object(to, "latency_ms");
	for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
		add_real(latency, shares[i].name, numbers[shares[i].column] / 1e6);
}

/* What workers and routes have alike. */
static void add_counts(json_object *to, const double numbers[COLUMNS])
{
	add_number(to, "requests", (uint64_t)numbers[COLUMN_REQUESTS]);
	add_number(to, "errors", (uint64_t)numbers[COLUMN_ERRORS]);
	add_real(to, "requests_s", numbers[COLUMN_RATE]);
	add_real(to, "errors_s", numbers[COLUMN_ERROR_RATE]);
	add_latency(to, numbers);
}

/* ---- Rows. */

static void add_request(json_object *to, const struct metrics_worker *w)
{
	if (!w->has_request) {
		json_add_null(to, "request");
		return;
	}
	json_object *request = add_object(to, "request");
	add_text(request, "method", w->method);
	add_text(request, "path", w->path);
	add_text(request, "request_id", w->id);
	add_number(request, "ms", w->busy_ms);
}

static void fill_worker(const struct report *r, const struct row *row, json_object *to)
{
	const struct metrics_worker *w = &r->now->workers[row->slot].worker;

	add_number(to, "worker", w->worker_id);
	add_number(to, "slot", row->slot);
	add_number(to, "pid", (uint64_t)w->pid);
	add_text(to, "state", row->state);
	add_number(to, "generation", w->generation);
	add_number(to, "up_s", w->up_ms / 1000);
	add_number(to, "restarts", w->restarts);
	json_add_text(to, "last_exit",
	              w->last_exit < 0 ? "" : metrics_exit_name((enum pool_exit)w->last_exit));
	add_real(to, "memory_bytes", row->numbers[COLUMN_MEMORY]);
	add_request(to, w);
	add_counts(to, row->numbers);
}

static void fill_route(const struct report *r, const struct row *row, json_object *to)
{
	(void)r;
	add_text(to, "route", row->text);
	add_counts(to, row->numbers);
}

static void fill_task(const struct report *r, const struct row *row, json_object *to)
{
	(void)r;
	add_text(to, "task", row->name);
	add_text(to, "state", row->state);
	add_number(to, "runs", (uint64_t)row->numbers[COLUMN_RUNS]);
	add_number(to, "failures", (uint64_t)row->numbers[COLUMN_FAILED]);
	add_number(to, "failures_in_row", (uint64_t)row->numbers[COLUMN_IN_ROW]);
	add_real(to, "last_duration_ms", row->numbers[COLUMN_TOOK] / 1e6);
	add_real(to, "last_run_ago_s", row->numbers[COLUMN_AGO]);
	add_real(to, "next_run_s", row->numbers[COLUMN_NEXT]);
	add_text(to, "last_reason", row->text);
}

static void add_rows(json_object *to, const char *name, const struct report *r, enum table table,
                     void (*fill)(const struct report *, const struct row *, json_object *))
{
	json_object *list = add_array(to, name);

	for (size_t i = 0; i < r->rows[table].count; i++) {
		json_object *one = json_object_new_object();
		percore_json_add(list, NULL, one);
		fill(r, &r->rows[table].all[i], one);
	}
}

/* ---- The whole. */

static void add_service(json_object *to, const struct report *r, const struct service *service,
                        bool has_ended)
{
	const struct pool_shm *pool = r->now->copy->metrics.pool;

	add_text(to, "service", pool->service);
	add_text(to, "service_version", pool->service_version);
	add_text(to, "version", pool->version);
	if (service)
		add_number(to, "pid", (uint64_t)service->pid);
	else
		json_add_null(to, "pid");
	percore_json_add(to, "has_ended", json_object_new_boolean(has_ended));
	percore_json_add(to, "draining", json_object_new_boolean(r->now->view->draining));
	add_number(to, "generation", r->now->view->generation);
	add_number(to, "generation_s", r->now->view->serves_s);
	add_real(to, "up_s", r->now->counts_s > 0 ? r->now->counts_s : NAN);
}

static void add_pool(json_object *to, const struct report *r)
{
	const struct metrics_view *v = r->now->view;

	add_number(to, "workers", v->wanted);
	add_number(to, "idle", v->idle);
	add_number(to, "active", v->serving);
	add_number(to, "max_active", v->active_max);
	add_number(to, "listen_queue", v->backlog);
	add_number(to, "max_listen_queue", v->backlog_max);
	add_number(to, "connections", v->connections);
	add_number(to, "requests", r->now->requests);
	add_number(to, "errors", r->now->errors);
	add_number(to, "limited", r->now->limited);
	add_number(to, "shed", v->overload);
	add_number(to, "rescued", v->rescued_answered);
	add_number(to, "cut", v->rescued_cut);
	add_number(to, "reloads", v->reloads);
	add_number(to, "reloads_failed", v->reloads_failed);
	add_text(to, "last_reload_error", v->reload_error);
}

static void add_interval(json_object *to, const struct report *r)
{
	double numbers[COLUMNS] = { [COLUMN_P50] = NAN };
	const struct histogram *h = &r->durations;

	add_real(to, "interval_s", r->is_since_start ? NAN : r->seconds);
	add_real(to, "requests_s", r->requests_s);
	add_real(to, "errors_s", r->errors_s);
	add_real(to, "shed_s", r->shed_s);
	add_real(to, "limited_s", r->limited_s);
	if (h->count) {
		numbers[COLUMN_P50] = (double)histogram_quantile(h, .5);
		numbers[COLUMN_P90] = (double)histogram_quantile(h, .9);
		numbers[COLUMN_P99] = (double)histogram_quantile(h, .99);
		numbers[COLUMN_MAX] = (double)h->max_ns;
	}
	add_latency(to, numbers);
}

static void add_warnings(json_object *to, const struct report *r)
{
	json_object *list = add_array(to, "warnings");

	for (unsigned i = 0; i < r->warning_count && i < WARNINGS_MAX; i++) {
		json_object *one = json_object_new_object();
		percore_json_add(list, NULL, one);
		add_text(one, "what", r->warnings[i].what);
		add_text(one, "remedy", r->warnings[i].remedy);
	}
}

static void add_jobs(json_object *to, const struct jobs_shm *shm)
{
	json_object *jobs = add_object(to, "jobs");
	char reason[BACKGROUND_REASON_MAX];

	add_number(jobs, "queued", atomic_load(&shm->queued));
	add_number(jobs, "running", atomic_load(&shm->running));
	add_number(jobs, "done", atomic_load(&shm->done));
	add_number(jobs, "failed", atomic_load(&shm->failed));
	add_number(jobs, "retried", atomic_load(&shm->retried));
	add_number(jobs, "refused", atomic_load(&shm->refused));
	json_add_text(jobs, "store", atomic_load(&shm->is_away) ? "away" : "good");
	work_copy_text(reason, shm->away_reason, sizeof reason);
	add_text(jobs, "reason", reason);
}

bool report_json(FILE *file, struct report *report, const struct service *service, bool has_ended)
{
	json_object *json = json_object_new_object();
	size_t length = 0;

	if (!json)
		percore_no_memory();
	add_service(json, report, service, has_ended);
	add_interval(json, report);
	add_pool(json, report);
	add_warnings(json, report);
	add_rows(json, "routes", report, TABLE_ROUTES, fill_route);
	add_rows(json, "by_worker", report, TABLE_WORKERS, fill_worker);
	add_rows(json, "tasks", report, TABLE_TASKS, fill_task);
	add_jobs(json, &report->now->copy->background->jobs);
	const char *text = json_write(
		json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE,
		&length);
	bool good = text && fwrite(text, 1, length, file) == length && fputc('\n', file) != EOF &&
	            fflush(file) == 0;
	if (!text)
		errno = ENOMEM;
	json_object_put(json);
	return good;
}
