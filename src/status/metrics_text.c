/* SPDX-License-Identifier: ISC */
/*
 * metrics_text - Prometheus' text format, version 0.0.4, from metrics.def.
 *
 * A bucket of the inner histograms counts for an `le` when its middle is not above
 * it: so a count is at most 1.6 % of the `le` off.
 */
#include "base/decimal.h"
#include "base/no_memory.h"
#include "state/user_metrics.h"
#include "status/background_view.h"
#include "status/metrics_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What a writer of samples gets. */
struct out {
	FILE *file;
	const struct metrics_view *v;
	const char *name; /* of the family */
};

static const struct {
	const char *text;
	uint64_t ns;
} bounds[] = {
	{ "0.0001", 100000 },  { "0.00025", 250000 }, { "0.0005", 500000 },  { "0.001", 1000000 },
	{ "0.0025", 2500000 }, { "0.005", 5000000 },  { "0.01", 10000000 },  { "0.025", 25000000 },
	{ "0.05", 50000000 },  { "0.1", 100000000 },  { "0.25", 250000000 }, { "0.5", 500000000 },
	{ "1", 1000000000 },   { "2.5", 2500000000 }, { "5", 5000000000 },   { "10", 10000000000 },
};
enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

/* A value between quotes; the format's three escapes. */
static void put_value(FILE *file, const char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			fputs("\\n", file);
		else if (*text == '"' || *text == '\\')
			fprintf(file, "\\%c", *text);
		else
			fputc(*text, file);
}

static void put_part(FILE *file, uint64_t count, uint64_t per_unit)
{
	char text[DECIMAL_MAX];

	decimal_part(count, per_unit, text);
	fprintf(file, " %s\n", text);
}

static void put_ns(FILE *file, uint64_t ns)
{
	put_part(file, ns, 1000000000);
}

/* NAME{LABEL="VALUE"} NUMBER */
static void put_one(const struct out *o, const char *label, const char *value, uint64_t number)
{
	fprintf(o->file, "%s{%s=\"", o->name, label);
	put_value(o->file, value);
	fprintf(o->file, "\"} %llu\n", (unsigned long long)number);
}

/* `labels` is written as it is: "" or `route="/data"`. */
static void put_histogram(const struct out *o, const char *name, const char *labels,
                          const struct histogram *h)
{
	const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
	uint64_t count = 0;
	unsigned at = 0;

	for (unsigned i = 0; i < BOUNDS; i++) {
		for (; at < HISTOGRAM_SIZE && histogram_value(at) <= bounds[i].ns; at++)
			count += h->counters[at];
		fprintf(o->file, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels, comma, bounds[i].text,
		        (unsigned long long)count);
	}
	fprintf(o->file, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma,
	        (unsigned long long)h->count);
	fprintf(o->file, "%s_sum%s%s%s", name, open, labels, close);
	put_ns(o->file, h->sum_ns);
	fprintf(o->file, "%s_count%s%s%s %llu\n", name, open, labels, close, (unsigned long long)h->count);
}

/* ---- Requests. */

static void put_requests(const struct out *o)
{
	struct metrics_series parts;
	char route[METRICS_TEXT_MAX];

	for (unsigned i = 0; i < METRICS_SERIES_MAX && metrics_series_at(o->v->metrics, i, &parts); i++) {
		if (o->v->series[i] == 0 ||
		    !metrics_entry_name(o->v->metrics, parts.entry, METRICS_ROUTE, route))
			continue;
		fprintf(o->file, "%s{route=\"", o->name);
		put_value(o->file, route);
		fprintf(o->file, "\",method=\"%s\",code=\"%u\"} %llu\n", metrics_method_name(parts.method),
		        parts.code, (unsigned long long)o->v->series[i]);
	}
}

/* NAME="VALUE", to be freed. */
static char *make_label(const char *name, const char *value)
{
	char *label = NULL;
	size_t size;
	FILE *file = open_memstream(&label, &size);

	bool is_made = false;
	if (file) {
		fprintf(file, "%s=\"", name);
		put_value(file, value);
		fputc('"', file);
		is_made = fclose(file) == 0 && label;
	}
	if (!is_made)
		percore_no_memory();
	return label;
}

static void put_durations(const struct out *o)
{
	char route[METRICS_TEXT_MAX];

	for (unsigned entry = 0; entry < o->v->metrics->entries; entry++) {
		if (!o->v->entries[entry].count ||
		    !metrics_entry_name(o->v->metrics, entry, METRICS_ROUTE, route))
			continue;
		char *labels = make_label("route", route);
		put_histogram(o, o->name, labels, &o->v->entries[entry]);
		free(labels);
	}
}

static void put_waits(const struct out *o)
{
	put_histogram(o, o->name, "", &o->v->entries[METRICS_WAIT_ENTRY]);
}

static void put_bytes(const struct out *o, size_t offset)
{
	char route[METRICS_TEXT_MAX];

	for (unsigned entry = 0; entry < o->v->metrics->entries; entry++)
		if (o->v->entries[entry].count &&
		    metrics_entry_name(o->v->metrics, entry, METRICS_ROUTE, route))
			put_one(o, "route", route,
			        *(const uint64_t *)((const char *)&o->v->sums[entry] + offset));
}

static void put_bytes_in(const struct out *o)
{
	put_bytes(o, offsetof(struct metrics_sums, bytes_in));
}

static void put_bytes_out(const struct out *o)
{
	put_bytes(o, offsetof(struct metrics_sums, bytes_out));
}

static void put_decision(const struct out *o, const char *limit, const char *decision, uint64_t count)
{
	fprintf(o->file, "%s{limit=\"", o->name);
	put_value(o->file, limit);
	fprintf(o->file, "\",decision=\"%s\"} %llu\n", decision, (unsigned long long)count);
}

static void put_limits(const struct out *o)
{
	for (size_t i = 0; i < o->v->limits.limits_count; i++) {
		const struct limit_count *limit = &o->v->limits.limits[i];
		put_decision(o, limit->name, "admitted", limit->admitted);
		put_decision(o, limit->name, "refused", limit->refused);
		put_decision(o, limit->name, "dry_refused", limit->dry_refused);
	}
}

static void put_rescued(const struct out *o)
{
	put_one(o, "outcome", "answered", o->v->rescued_answered);
	put_one(o, "outcome", "cut", o->v->rescued_cut);
	put_one(o, "outcome", "released", o->v->rescued_released);
}

static void put_faults(const struct out *o)
{
	for (int fault = RECORD_FAULT_NONE + 1; fault < RECORD_FAULTS; fault++)
		put_one(o, "fault", record_fault_name(fault), o->v->faults[fault]);
}

/* ---- The pool. */

static void put_workers(const struct out *o)
{
	put_one(o, "state", "starting", o->v->starting);
	put_one(o, "state", "idle", o->v->idle);
	put_one(o, "state", "serving", o->v->serving);
	put_one(o, "state", "leaving", o->v->leaving);
}

static void put_exits(const struct out *o)
{
	for (int i = 0; i < POOL_EXITS; i++)
		put_one(o, "reason", metrics_exit_name(i), o->v->exits[i]);
}

static void put_worker_requests(const struct out *o)
{
	for (unsigned slot = 0; slot < o->v->slot_top; slot++) {
		struct metrics_worker worker;
		metrics_view_worker(o->v->metrics, slot, &worker);
		fprintf(o->file, "%s{worker=\"%u\"} %llu\n", o->name, slot,
		        (unsigned long long)worker.requests);
	}
}

static void put_worker_busy(const struct out *o)
{
	for (unsigned slot = 0; slot < o->v->slot_top; slot++) {
		struct metrics_worker worker;
		metrics_view_worker(o->v->metrics, slot, &worker);
		fprintf(o->file, "%s{worker=\"%u\"}", o->name, slot);
		put_ns(o->file, worker.durations.sum_ns);
	}
}

static void put_build(const struct out *o)
{
	fprintf(o->file, "%s{version=\"%s\",service=\"", o->name, PACKAGE_VERSION);
	put_value(o->file, o->v->metrics->service);
	fputs("\",service_version=\"", o->file);
	put_value(o->file, o->v->metrics->service_version);
	fputs("\"} 1\n", o->file);
}

/* ---- Beside the requests. */

static void put_whole(void *to, const char *name, uint64_t value)
{
	const struct out *o = to;
	const char *label = strncmp(o->name, "percore_task", 12) == 0 ? "task" : "snapshot";

	put_one(o, label, name, value);
}

static void put_task_seconds(void *to, const char *task, uint64_t value, uint64_t per_second)
{
	const struct out *o = to;

	fprintf(o->file, "%s{task=\"", o->name);
	put_value(o->file, task);
	fputs("\"}", o->file);
	put_part(o->file, value, per_second);
}

static void put_ms(void *to, const char *task, uint64_t value)
{
	if (value) /* else there is no such time */
		put_task_seconds(to, task, value, 1000);
}

static void put_us(void *to, const char *task, uint64_t value)
{
	put_task_seconds(to, task, value, 1000000);
}

static void put_task_runs(const struct out *o)
{
	background_view_put(BACKGROUND_TASK_RUNS, put_whole, (void *)o);
}

static void put_task_failures(const struct out *o)
{
	background_view_put(BACKGROUND_TASK_FAILURES, put_whole, (void *)o);
}

static void put_task_in_row(const struct out *o)
{
	background_view_put(BACKGROUND_TASK_IN_ROW, put_whole, (void *)o);
}

static void put_task_last(const struct out *o)
{
	background_view_put(BACKGROUND_TASK_LAST_MS, put_ms, (void *)o);
}

static void put_task_next(const struct out *o)
{
	background_view_put(BACKGROUND_TASK_NEXT_MS, put_ms, (void *)o);
}

static void put_task_duration(const struct out *o)
{
	background_view_put(BACKGROUND_TASK_DURATION_US, put_us, (void *)o);
}

static void put_snapshot_version(const struct out *o)
{
	background_view_put(BACKGROUND_SNAPSHOT_VERSION, put_whole, (void *)o);
}

static void put_snapshot_bytes(const struct out *o)
{
	background_view_put(BACKGROUND_SNAPSHOT_BYTES, put_whole, (void *)o);
}

static void put_jobs(const struct out *o)
{
	put_one(o, "status", "queued", atomic_load(&background_view_jobs()->queued));
	put_one(o, "status", "running", atomic_load(&background_view_jobs()->running));
}

static void put_job_runs(const struct out *o)
{
	put_one(o, "outcome", "done", atomic_load(&background_view_jobs()->done));
	put_one(o, "outcome", "failed", atomic_load(&background_view_jobs()->failed));
	put_one(o, "outcome", "retried", atomic_load(&background_view_jobs()->retried));
}

/* ---- The master as a process: proc(5).  What cannot be read is left out. */

/* Field `number` of /proc/PID/stat, from 3 on; false where there is none. */
static bool read_stat(const struct out *o, int number, unsigned long long *value)
{
	char path[64], text[1024];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", o->v->master);
	if (!o->v->master || !(file = fopen(path, "re")))
		return false;
	size_t size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[size] = '\0';
	char *field = strrchr(text, ')'); /* the name before may hold anything */
	for (int i = 2; field && i < number; i++)
		field = strchr(field + 1, ' ');
	return field && sscanf(field + 1, "%llu", value) == 1;
}

static uint64_t hundredths(unsigned long long ticks)
{
	return ticks * 100 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

static void put_process_cpu(const struct out *o)
{
	unsigned long long ticks = 0, part;

	for (int field = 14; field <= 17; field++) { /* utime, stime, cutime, cstime */
		if (!read_stat(o, field, &part))
			return;
		ticks += part;
	}
	fputs(o->name, o->file);
	put_part(o->file, hundredths(ticks), 100);
}

static void put_process_resident(const struct out *o)
{
	unsigned long long pages;

	if (read_stat(o, 24, &pages))
		fprintf(o->file, "%s %llu\n", o->name, pages * (unsigned long long)sysconf(_SC_PAGESIZE));
}

static void put_process_virtual(const struct out *o)
{
	unsigned long long bytes;

	if (read_stat(o, 23, &bytes))
		fprintf(o->file, "%s %llu\n", o->name, bytes);
}

static void put_process_start(const struct out *o)
{
	unsigned long long ticks, boot_s = 0;
	char line[256];
	FILE *file = fopen("/proc/stat", "re");

	while (file && fgets(line, sizeof line, file) && sscanf(line, "btime %llu", &boot_s) != 1)
		;
	if (file)
		fclose(file);
	if (boot_s && read_stat(o, 22, &ticks)) {
		fputs(o->name, o->file);
		put_part(o->file, boot_s * 100 + hundredths(ticks), 100);
	}
}

static void put_process_fds(const struct out *o)
{
	unsigned long long count = 0;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/fd", o->v->master);
	DIR *directory = o->v->master ? opendir(path) : NULL;
	if (!directory)
		return;
	for (const struct dirent *e; (e = readdir(directory));)
		count += e->d_name[0] != '.';
	closedir(directory);
	fprintf(o->file, "%s %llu\n", o->name, count);
}

static void put_process_max_fds(const struct out *o)
{
	struct rlimit files;

	if (o->v->master && getrlimit(RLIMIT_NOFILE, &files) == 0)
		fprintf(o->file, "%s %llu\n", o->name, (unsigned long long)files.rlim_cur);
}

/* ---- Handlers' own. */

static double sum_cells(const struct metrics_view *v, const struct user_metric *meter)
{
	double sum = 0;

	for (unsigned slot = 0; slot < v->slot_top; slot++) {
		uint64_t bits = atomic_load(&metrics_slot(v->metrics, slot)->cells[meter->place]);
		double value;
		if (meter->kind == METRICS_COUNTER) {
			sum += (double)bits;
		} else if (atomic_load(&v->metrics->workers[slot].life) != WORKER_NONE) {
			memcpy(&value, &bits, sizeof value);
			sum += value;
		}
	}
	return sum;
}

static void put_meter(const struct out *o, const struct user_metric *meter)
{
	size_t base = user_metrics_base(meter->name), end = strlen(meter->name);
	char name[METRICS_TEXT_MAX], labels[METRICS_TEXT_MAX] = "", number[DECIMAL_MAX];

	if (meter->place < 0)
		return;
	if (meter->kind != METRICS_HISTOGRAM) {
		decimal_exact(sum_cells(o->v, meter), number);
		fprintf(o->file, "%s %s\n", meter->name, number);
		return;
	}
	snprintf(name, sizeof name, "%.*s", (int)base, meter->name);
	if (base < end)
		snprintf(labels, sizeof labels, "%.*s", (int)(end - base - 2), meter->name + base + 1);
	put_histogram(o, name, labels, &o->v->entries[meter->place]);
}

static bool is_same_family(const struct user_metric *one, const struct user_metric *other)
{
	size_t base = user_metrics_base(one->name);

	return user_metrics_base(other->name) == base && strncmp(one->name, other->name, base) == 0;
}

static void put_help(FILE *file, const char *help)
{
	for (; *help; help++)
		if (*help == '\n' || *help == '\\')
			fputs(*help == '\n' ? "\\n" : "\\\\", file);
		else
			fputc(*help, file);
}

static void put_family(const struct out *o, const struct user_metrics *user_metrics, size_t first)
{
	const struct user_metric *meter = user_metrics_at(user_metrics, first), *other;
	const char *type = meter->kind == METRICS_COUNTER ? "counter"
	                   : meter->kind == METRICS_GAUGE ? "gauge"
	                                                  : "histogram";
	int base = (int)user_metrics_base(meter->name);

	for (size_t i = 0; i < first; i++)
		if (is_same_family(meter, user_metrics_at(user_metrics, i)))
			return; /* it was put there */
	fprintf(o->file, "# HELP %.*s ", base, meter->name);
	put_help(o->file, meter->help);
	fprintf(o->file, "\n# TYPE %.*s %s\n", base, meter->name, type);
	for (size_t i = first; (other = user_metrics_at(user_metrics, i)); i++)
		if (is_same_family(meter, other))
			put_meter(o, other);
}

/* ---- All of it. */

static void put_all(FILE *file, const struct metrics_view *v)
{
#define VALUE(type, name, help, expression)                                                                  \
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, #type, name,                \
	        (unsigned long long)(expression));
#define COUNTER(field, name, help) VALUE(counter, name, help, v->field)
#define FAMILY(type, name, labels, help, function)                                                           \
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, #type);                              \
	function(&(struct out){ file, v, name });
#include "state/metrics.def"
	for (size_t i = 0; user_metrics_at(v->metrics->user_metrics, i); i++)
		put_family(&(struct out){ file, v, "" }, v->metrics->user_metrics, i);
}

char *metrics_text(const struct metrics *m, size_t *length)
{
	struct metrics_view *v = metrics_view_new(m);
	char *text = NULL;
	FILE *file = v ? open_memstream(&text, length) : NULL;

	if (file)
		put_all(file, v);
	if (v)
		metrics_view_free(v);
	if (!file)
		return NULL;
	if (fclose(file) == 0)
		return text;
	free(text);
	return NULL;
}
