/* SPDX-License-Identifier: ISC */
/* report - see report.h. */
#include "top/report.h"

#include "background/work.h"
#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What is being made. */
struct making {
	struct report *report;
	const struct sample *now, *before;
	struct histogram *between; /* a place for a difference */
};

static double rate(const struct making *m, uint64_t now, uint64_t before)
{
	double seconds = m->report->seconds;

	return seconds > 0 ? (double)(now > before ? now - before : 0) / seconds : NAN;
}

static struct row *add_row(struct rows *rows, unsigned slot)
{
	struct row *row = &rows->all[rows->count++];

	*row = (struct row){ .slot = slot };
	for (int i = 0; i < COLUMNS; i++)
		row->numbers[i] = NAN;
	return row;
}

/* Of the interval. */
static void set_percentiles(const struct making *m, struct row *row, const struct histogram *now,
                            const struct histogram *before)
{
	*m->between = *now;
	if (before)
		histogram_subtract(m->between, before);
	if (!m->between->count)
		return;
	row->numbers[COLUMN_P50] = (double)histogram_quantile(m->between, .5);
	row->numbers[COLUMN_P90] = (double)histogram_quantile(m->between, .9);
	row->numbers[COLUMN_P99] = (double)histogram_quantile(m->between, .99);
	row->numbers[COLUMN_MAX] = (double)m->between->max_ns;
}

/* ---- Workers. */

static void set_request(struct row *row, const struct metrics_worker *w)
{
	if (!w->has_request)
		return;
	snprintf(row->text, sizeof row->text, "%s %s", w->method, w->path);
	row->numbers[COLUMN_BUSY] = (double)w->busy_ms * 1e6;
}

static void add_worker(const struct making *m, unsigned slot)
{
	const struct sample_worker *now = &m->now->workers[slot];
	const struct metrics_worker *w = &now->worker;
	const struct sample_worker *before =
		m->before && slot < m->before->view->slot_top ? &m->before->workers[slot] : NULL;

	if (w->life == WORKER_NONE)
		return;
	struct row *row = add_row(&m->report->rows[TABLE_WORKERS], slot);
	double *numbers = row->numbers;
	numbers[COLUMN_WORKER] = w->worker_id;
	numbers[COLUMN_PID] = w->pid;
	numbers[COLUMN_GENERATION] = w->generation;
	numbers[COLUMN_UP] = (double)w->up_ms / 1000;
	numbers[COLUMN_RESTARTS] = w->restarts;
	numbers[COLUMN_MEMORY] = w->resident_bytes ? (double)w->resident_bytes : NAN;
	numbers[COLUMN_REQUESTS] = (double)w->requests;
	numbers[COLUMN_ERRORS] = (double)now->errors;
	numbers[COLUMN_RATE] = rate(m, w->requests, before ? before->worker.requests : 0);
	numbers[COLUMN_ERROR_RATE] = rate(m, now->errors, before ? before->errors : 0);
	snprintf(row->state, sizeof row->state, "%s", metrics_state_name(w));
	set_request(row, w);
	set_percentiles(m, row, &w->durations, before ? &before->worker.durations : NULL);
	m->report->others += w->generation != m->now->view->generation;
}

/* ---- Routes: those that were asked for. */

static void add_route(const struct making *m, unsigned entry)
{
	const struct histogram *now = &m->now->view->entries[entry];
	const struct histogram *before = m->before ? &m->before->view->entries[entry] : NULL;
	uint64_t errors = m->now->route_errors[entry];
	char name[METRICS_TEXT_MAX];

	if (!now->count || !metrics_entry_name(&m->now->copy->metrics, entry, METRICS_ROUTE, name))
		return;
	struct row *row = add_row(&m->report->rows[TABLE_ROUTES], entry);
	snprintf(row->text, sizeof row->text, "%s", name);
	row->numbers[COLUMN_REQUESTS] = (double)now->count;
	row->numbers[COLUMN_ERRORS] = (double)errors;
	row->numbers[COLUMN_RATE] = rate(m, now->count, before ? before->count : 0);
	row->numbers[COLUMN_ERROR_RATE] = rate(m, errors, before ? m->before->route_errors[entry] : 0);
	set_percentiles(m, row, now, before);
}

/* ---- Tasks. */

static const char *outcome_name(uint32_t outcome)
{
	static const char *const names[] = { "waits", "good", "failed", "crashed", "timeout", "cut" };

	return outcome < sizeof names / sizeof names[0] ? names[outcome] : "unknown";
}

static void set_times(struct row *row, const struct task_shm *shm)
{
	uint64_t now_ms = clock_coarse_ms(), wall_ms = clock_read_ns(CLOCK_REALTIME) / 1000000;
	uint64_t due_ms = atomic_load(&shm->due_ms), last_ms = atomic_load(&shm->wall_ms);

	if (last_ms && last_ms <= wall_ms)
		row->numbers[COLUMN_AGO] = (double)(wall_ms - last_ms) / 1000;
	if (!atomic_load(&shm->rests))
		row->numbers[COLUMN_NEXT] = due_ms > now_ms ? (double)(due_ms - now_ms) / 1000 : 0;
	if (atomic_load(&shm->runs))
		row->numbers[COLUMN_TOOK] = (double)atomic_load(&shm->duration_us) * 1000;
}

static void add_task(const struct making *m, unsigned slot)
{
	const struct task_shm *shm = &m->now->copy->background->tasks[slot];
	char reason[BACKGROUND_REASON_MAX];

	if (!*shm->name)
		return;
	struct row *row = add_row(&m->report->rows[TABLE_TASKS], slot);
	work_copy_text(row->name, shm->name, sizeof row->name);
	work_copy_text(reason, shm->reason, sizeof reason);
	snprintf(row->text, sizeof row->text, "%s", reason);
	snprintf(row->state, sizeof row->state, "%s",
	         atomic_load(&shm->since_ms) ? "running"
	         : atomic_load(&shm->rests)  ? "rests"
	                                     : outcome_name(atomic_load(&shm->outcome)));
	row->numbers[COLUMN_RUNS] = (double)atomic_load(&shm->runs);
	row->numbers[COLUMN_FAILED] = (double)atomic_load(&shm->failures);
	row->numbers[COLUMN_IN_ROW] = atomic_load(&shm->in_row);
	set_times(row, shm);
}

/* ---- The whole. */

static void set_figures(const struct making *m)
{
	const struct sample *now = m->now, *before = m->before;
	struct report *r = m->report;

	r->is_since_start = !before;
	r->seconds = before ? (double)(now->at_ns - before->at_ns) / 1e9 : now->counts_s;
	r->requests_s = rate(m, now->requests, before ? before->requests : 0);
	r->errors_s = rate(m, now->errors, before ? before->errors : 0);
	r->shed_s = rate(m, now->view->overload, before ? before->view->overload : 0);
	r->limited_s = rate(m, now->limited, before ? before->limited : 0);
	r->durations = now->durations;
	if (before)
		histogram_subtract(&r->durations, &before->durations);
}

static bool make_room(struct report *r, const struct sample *now)
{
	const size_t most[TABLES] = { [TABLE_WORKERS] = now->view->slot_top,
		                      [TABLE_ROUTES] = now->copy->metrics.entries,
		                      [TABLE_TASKS] = TASKS_MAX };

	for (int table = 0; table < TABLES; table++) {
		r->rows[table].all = calloc(most[table] + 1, sizeof(struct row));
		if (!r->rows[table].all)
			return false;
	}
	return true;
}

struct report *report_new(const struct sample *now, const struct sample *before)
{
	struct report *r = calloc(1, sizeof *r);
	struct making making = { r, now, before, malloc(sizeof *making.between) };

	if (!r || !making.between || !make_room(r, now)) {
		free(making.between);
		report_free(r);
		return NULL;
	}
	r->now = now;
	set_figures(&making);
	for (unsigned slot = 0; slot < now->view->slot_top; slot++)
		add_worker(&making, slot);
	for (unsigned entry = 0; entry < now->copy->metrics.entries; entry++)
		add_route(&making, entry);
	for (unsigned slot = 0; slot < TASKS_MAX; slot++)
		add_task(&making, slot);
	report_warn(r);
	free(making.between);
	return r;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (int table = 0; table < TABLES; table++)
		free(report->rows[table].all);
	free(report);
}
