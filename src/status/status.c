/* SPDX-License-Identifier: ISC */
/* status - see status.h.  /status is the pool as people ask for it; its numbers are those of /metrics. */
#include "status/status.h"

#include "base/accept.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/json_read.h"
#include "base/utf8.h"
#include "exchange/request.h"
#include "state/history.h"
#include "status/background_view.h"
#include "status/metrics_view.h"
#include "status/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL, and answered: nothing is counted here. */
static const struct metrics *find_metrics(struct percore_request *request)
{
	const struct metrics *m = request->exchange->metrics;

	if (m && m->shm)
		return m;
	percore_answer_problem(request, 503, "Nothing is counted in a plain CGI process.");
	return NULL;
}

void status_metrics(struct percore_request *request)
{
	const struct metrics *m = find_metrics(request);
	size_t length;

	if (!m)
		return;
	char *text = metrics_text(m, &length);
	if (!text)
		percore_no_memory();
	percore_answer_bytes(request, 200, "text/plain; version=0.0.4", text, length);
	free(text);
}

/* ---- /status. */

static void add_number(json_object *to, const char *name, uint64_t value)
{
	percore_json_add(to, name, json_object_new_int64((int64_t)value));
}

/* null where it is 0, which is: not known, or none. */
static void add_known(json_object *to, const char *name, uint64_t value)
{
	if (value)
		add_number(to, name, value);
	else
		json_add_null(to, name);
}

/* The text may be of a file, or a client's. */
static void add_text(json_object *to, const char *name, const char *text)
{
	char mended[METRICS_TEXT_MAX + 64];

	snprintf(mended, sizeof mended, "%s", text ? text : "");
	utf8_mend(mended);
	json_add_text(to, name, mended);
}

static void add_ms(json_object *to, const char *name, uint64_t value_ns)
{
	char text[DECIMAL_MAX];

	decimal_short((double)value_ns / 1e6, text);
	percore_json_add(to, name, json_object_new_double_s((double)value_ns / 1e6, text));
}

/* All digits: a time, or how long. */
static void add_seconds(json_object *to, const char *name, uint64_t value_ms)
{
	char text[DECIMAL_MAX];

	decimal_part(value_ms, 1000, text);
	percore_json_add(to, name, json_object_new_double_s((double)value_ms / 1000, text));
}

/* null where nothing was measured. */
static void add_latency(json_object *to, const char *name, const struct histogram *h)
{
	static const struct {
		const char *name;
		double share;
	} quantiles[] = {
		{ "p50", .5 }, { "p75", .75 }, { "p90", .9 }, { "p99", .99 }, { "p99.9", .999 }, { "max", 1 },
	};

	if (!h->count) {
		json_add_null(to, name);
		return;
	}
	json_object *latency = json_object_new_object();
	percore_json_add(to, name, latency);
	add_ms(latency, "mean", histogram_mean(h));
	for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
		add_ms(latency, quantiles[i].name, histogram_quantile(h, quantiles[i].share));
}

static json_object *routes(const struct metrics_view *v)
{
	json_object *list = json_object_new_array();
	char name[METRICS_TEXT_MAX];

	for (unsigned entry = 0; entry < v->metrics->entries; entry++) {
		const struct histogram *h = &v->entries[entry];
		if (!h->count || !metrics_entry_name(v->metrics, entry, METRICS_ROUTE, name))
			continue;
		json_object *route = json_object_new_object();
		add_text(route, "route", name);
		add_number(route, "requests", h->count);
		add_latency(route, "latency_ms", h);
		percore_json_add(list, NULL, route);
	}
	return list;
}

/* null where nothing is in hand. */
static void add_request(json_object *to, const struct metrics_worker *worker)
{
	if (!worker->has_request) {
		json_add_null(to, "request");
		return;
	}
	json_object *request = json_object_new_object();
	percore_json_add(to, "request", request);
	add_text(request, "method", worker->method);
	add_text(request, "path", worker->path);
	add_text(request, "request_id", worker->id);
	add_number(request, "ms", worker->busy_ms);
}

static json_object *workers(const struct metrics_view *v)
{
	json_object *list = json_object_new_array();

	for (unsigned slot = 0; slot < v->slot_top; slot++) {
		struct metrics_worker worker;
		metrics_view_worker(v->metrics, slot, &worker);
		if (worker.life == WORKER_NONE)
			continue;
		json_object *one = json_object_new_object();
		add_number(one, "worker", worker.worker_id);
		add_number(one, "slot", slot);
		add_number(one, "pid", (uint64_t)worker.pid);
		add_text(one, "state", metrics_state_name(&worker));
		add_number(one, "generation", worker.generation);
		add_number(one, "up_s", worker.up_ms / 1000);
		add_number(one, "restarts", worker.restarts);
		json_add_text(one, "last_exit",
		              worker.last_exit < 0 ? ""
		                                   : metrics_exit_name((enum pool_exit)worker.last_exit));
		add_known(one, "memory_bytes", (uint64_t)worker.resident_bytes);
		add_request(one, &worker);
		add_number(one, "requests", worker.requests);
		add_latency(one, "latency_ms", &worker.durations);
		percore_json_add(list, NULL, one);
	}
	return list;
}

static json_object *exits(const struct metrics_view *v)
{
	json_object *by_reason = json_object_new_object();

	for (int i = 0; i < POOL_EXITS; i++)
		add_number(by_reason, metrics_exit_name(i), v->exits[i]);
	return by_reason;
}

static json_object *limits(const struct metrics_view *v)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < v->limits.limits_count; i++) {
		const struct limit_count *limit = &v->limits.limits[i];
		json_object *one = json_object_new_object();
		add_text(one, "limit", limit->name);
		add_number(one, "admitted", limit->admitted);
		add_number(one, "refused", limit->refused);
		add_number(one, "dry_refused", limit->dry_refused);
		percore_json_add(list, NULL, one);
	}
	return list;
}

static json_object *access_log(const struct metrics_view *v)
{
	json_object *log = json_object_new_object();

	add_number(log, "lines", v->log.lines);
	add_number(log, "dropped", v->log.dropped);
	add_number(log, "write_errors", v->log.write_errors);
	return log;
}

static uint64_t requests(const struct metrics_view *v)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < METRICS_SERIES_MAX; i++)
		count += v->series[i];
	return count;
}

static void add_pool(json_object *status, const struct metrics_view *v)
{
	add_text(status, "service", v->metrics->service);
	add_text(status, "service_version", v->metrics->service_version);
	add_text(status, "version", PACKAGE_VERSION);
	percore_json_add(status, "draining", json_object_new_boolean(v->draining));
	add_number(status, "requests", requests(v));
	add_number(status, "listen_queue", v->backlog);
	add_number(status, "max_listen_queue", v->backlog_max);
	add_number(status, "connections", v->connections);
	add_number(status, "workers", v->wanted);
	add_number(status, "idle", v->idle);
	add_number(status, "active", v->serving);
	add_number(status, "max_active", v->active_max);
	add_number(status, "max_reached", v->all_busy);
	add_number(status, "shed", v->overload);
	add_number(status, "rescued", v->rescued_answered);
	add_number(status, "cut", v->rescued_cut);
	add_number(status, "generation", v->generation);
	add_number(status, "generation_s", v->serves_s);
	add_number(status, "reloads", v->reloads);
	add_number(status, "reloads_failed", v->reloads_failed);
	add_text(status, "last_reload_error", v->reload_error);
	add_known(status, "last_reload_error_s", *v->reload_error ? v->reload_error_s + 1 : 0);
	add_number(status, "sandbox_refused", v->sandbox_refused);
	add_number(status, "answers_broken", v->answers_broken);
	percore_json_add(status, "log", access_log(v));
}

/* ---- The last 15 minutes. */

/* null where no request ended. */
static void add_percentiles(json_object *to, const uint64_t values[HISTORY_VALUES])
{
	static const char *const names[] = { "p50", "p90", "p99", "p99.9" };

	if (!values[HISTORY_P50_NS]) {
		json_add_null(to, "latency_ms");
		return;
	}
	json_object *latency = json_object_new_object();
	percore_json_add(to, "latency_ms", latency);
	for (int i = 0; i < 4; i++)
		add_ms(latency, names[i], values[HISTORY_P50_NS + i]);
}

static json_object *sample(uint64_t number, const uint64_t values[HISTORY_VALUES])
{
	static const struct {
		const char *name;
		enum history_value value;
	} counts[] = {
		{ "requests", HISTORY_REQUESTS },    { "errors", HISTORY_ERRORS },
		{ "refused", HISTORY_REFUSED },      { "shed", HISTORY_SHED },
		{ "deaths", HISTORY_DEATHS },        { "log_dropped", HISTORY_DROPPED },
		{ "evicted", HISTORY_EVICTED },      { "active", HISTORY_BUSY },
		{ "listen_queue", HISTORY_WAITING },
	};
	json_object *json = json_object_new_object();

	add_number(json, "number", number);
	add_seconds(json, "time", values[HISTORY_WALL_MS]);
	add_seconds(json, "seconds", values[HISTORY_ELAPSED_MS]);
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		add_number(json, counts[i].name, values[counts[i].value]);
	add_percentiles(json, values);
	return json;
}

/* The samples after that of this number; null where none are kept. */
static void add_history(json_object *status, const struct history_shm *shm, uint64_t after)
{
	uint64_t values[HISTORY_VALUES], last = shm ? atomic_load(&shm->last) : 0;

	if (!shm) {
		json_add_null(status, "history");
		return;
	}
	json_object *list = json_object_new_array();
	percore_json_add(status, "history", list);
	for (uint64_t left = HISTORY_SAMPLES; left-- > 0;)
		if (last > left && last - left > after && history_read(shm, last - left, values))
			percore_json_add(list, NULL, sample(last - left, values));
}

/* ---- The whole. */

static void add_settings(json_object *status, const struct percore_request *request)
{
	const struct background *b = request->exchange->background;

	add_known(status, "max_memory", b && b->settings ? (uint64_t)b->settings->max_memory : 0);
}

static void answer_json(struct percore_request *request)
{
	const struct metrics *m = find_metrics(request);

	if (!m)
		return;
	const char *after = percore_query(request, "history");
	struct metrics_view *v = metrics_view_new(m);
	json_object *status = v ? json_object_new_object() : NULL;
	if (!status)
		percore_no_memory();
	add_seconds(status, "now", clock_read_ns(CLOCK_REALTIME) / 1000000);
	add_pool(status, v);
	add_settings(status, request);
	percore_json_add(status, "exits", exits(v));
	add_latency(status, "queue_wait_ms", &v->entries[METRICS_WAIT_ENTRY]);
	percore_json_add(status, "limits", limits(v));
	add_number(status, "limit_table_evicted", v->limits.evicted);
	percore_json_add(status, "limit_store_away", json_object_new_boolean(v->limits.store_is_away));
	background_view_add(status);
	percore_json_add(status, "routes", routes(v));
	percore_json_add(status, "by_worker", workers(v));
	if (after)
		add_history(status, m->history, strtoull(after, NULL, 10));
	metrics_view_free(v);
	percore_answer_json(request, 200, status);
}

/* ---- For a browser. */

static void answer_page(struct percore_request *request)
{
	percore_set_header(request, "Content-Security-Policy", page_policy);
	percore_set_header(request, "X-Content-Type-Options", "nosniff");
	percore_set_header(request, "Referrer-Policy", "no-referrer");
	percore_answer_bytes(request, 200, "text/html; charset=utf-8", page_html, page_bytes);
}

/* Whoever says what of it he wants, as the page itself does, wants JSON. */
static bool wants_page(struct percore_request *request)
{
	const char *accept = percore_header(request, "Accept");

	return accept && !percore_query(request, "history") && !percore_query(request, "json") &&
	       accept_quality(accept, "text/html") > accept_quality(accept, "application/json");
}

void status_show(struct percore_request *request)
{
	percore_set_header(request, "Vary", "Accept");
	if (wants_page(request))
		answer_page(request);
	else
		answer_json(request);
}
