/* SPDX-License-Identifier: ISC */
/* watch - see watch.h.  /status is the pool as people ask for it; its numbers are those of /metrics. */
#include "status/status.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "base/json_read.h"
#include "base/utf8.h"
#include "exchange/request.h"
#include "status/background_view.h"
#include "status/metrics_view.h"

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
	add_number(status, "reloads", v->reloads);
	add_number(status, "reloads_failed", v->reloads_failed);
	add_text(status, "last_reload_error", v->reload_error);
}

void status_json(struct percore_request *request)
{
	const struct metrics *m = find_metrics(request);

	if (!m)
		return;
	struct metrics_view *v = metrics_view_new(m);
	json_object *status = v ? json_object_new_object() : NULL;
	if (!status)
		percore_no_memory();
	add_pool(status, v);
	percore_json_add(status, "exits", exits(v));
	add_latency(status, "queue_wait_ms", &v->entries[METRICS_WAIT_ENTRY]);
	percore_json_add(status, "limits", limits(v));
	background_view_add(status);
	percore_json_add(status, "routes", routes(v));
	percore_json_add(status, "by_worker", workers(v));
	metrics_view_free(v);
	percore_answer_json(request, 200, status);
}
