/* SPDX-License-Identifier: ISC */
/* warnings - what is wrong with a service, in words, and what to do: as /status has it in a browser. */
#include "background/work.h"
#include "state/history.h"
#include "top/numbers.h"
#include "top/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { LONG_MS = 10000, MINUTE_SAMPLES = 60000 / HISTORY_EVERY_MS };

static void __attribute__((format(printf, 3, 4)))
warn(struct report *r, const char *remedy, const char *format, ...)
{
	va_list arguments;

	if (r->warning_count >= WARNINGS_MAX) {
		r->warning_count++;
		return;
	}
	struct warning *w = &r->warnings[r->warning_count++];
	w->remedy = remedy;
	va_start(arguments, format);
	vsnprintf(w->what, sizeof w->what, format, arguments);
	va_end(arguments);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* Of the newest samples of the history: at most so many. */
static uint64_t recent(const struct report *r, enum history_value value, uint64_t samples)
{
	const struct history_shm *shm = r->now->copy->metrics.history;
	uint64_t values[HISTORY_VALUES], last = atomic_load(&shm->last), sum = 0;

	for (uint64_t i = 0; i < samples && i < last; i++)
		if (history_read(shm, last - i, values))
			sum += values[value];
	return sum;
}

static uint64_t last_15_minutes(const struct report *r, enum history_value value)
{
	return recent(r, value, HISTORY_SAMPLES);
}

static uint64_t last_minute(const struct report *r, enum history_value value)
{
	return recent(r, value, MINUTE_SAMPLES);
}

/* ---- What there may be. */

static void warn_of_generations(struct report *r)
{
	const struct metrics_view *v = r->now->view;
	char ago[NUMBER_MAX];

	if (v->draining)
		warn(r, "It answers what it has; the web server turns to other hosts.",
		     "The service is being stopped.");
	if (*v->reload_error)
		warn(r, "Correct that, and reload again (SIGHUP).",
		     "A new generation was refused %s ago, and generation %" PRIu64 " serves on: %s",
		     number_span((double)v->reload_error_s, ago), v->generation, v->reload_error);
}

static unsigned living(const struct report *r)
{
	unsigned count = 0;

	for (unsigned slot = 0; slot < r->now->view->slot_top; slot++) {
		const struct metrics_worker *w = &r->now->workers[slot].worker;
		count += w->life == WORKER_LIVES && w->generation == r->now->view->generation;
	}
	return count;
}

static void warn_of_workers(struct report *r)
{
	const struct metrics_view *v = r->now->view;
	uint64_t deaths = last_15_minutes(r, HISTORY_DEATHS);
	char time[NUMBER_MAX];

	if (!v->draining && v->generation && living(r) < v->wanted)
		warn(r,
		     "One that dies again and again is started after a growing delay; the log says why it "
		     "dies.",
		     "Only %u of %" PRIu64 " workers are there.", living(r), v->wanted);
	if (deaths)
		warn(r, "The log says which request each of them had, and of what it died.",
		     "%" PRIu64 " worker%s died in the last 15 minutes.", deaths, plural(deaths));
	for (unsigned slot = 0; slot < v->slot_top; slot++) {
		const struct metrics_worker *w = &r->now->workers[slot].worker;
		if (w->life != WORKER_NONE && w->has_request && w->busy_ms >= LONG_MS)
			warn(r,
			     "--slow-log with --slow-backtrace yes tells where it is; --request-timeout ends "
			     "it.",
			     "Worker %u has had %s %s for %s.", w->worker_id, w->method, w->path,
			     number_duration((double)w->busy_ms * 1e6, time));
	}
}

static void warn_of_load(struct report *r)
{
	uint64_t shed = last_minute(r, HISTORY_SHED), errors = last_minute(r, HISTORY_ERRORS);
	uint64_t all = last_minute(r, HISTORY_REQUESTS), dropped = last_15_minutes(r, HISTORY_DROPPED);
	uint64_t evicted = last_15_minutes(r, HISTORY_EVICTED);

	if (shed)
		warn(r, "More --workers where they wait for others; faster handlers, or another host.",
		     "%" PRIu64 " of %" PRIu64
		     " requests were refused with 503 for overload in the last minute.",
		     shed, all);
	if (errors)
		warn(r, "The log has the reason, by the request id that the client got too.",
		     "%" PRIu64 " of %" PRIu64 " requests failed in the last minute (5xx).", errors, all);
	if (dropped)
		warn(r,
		     "Its disk is full or too slow. --access-log-full wait drops none, and makes requests "
		     "wait.",
		     "%" PRIu64 " line%s of the access log dropped in the last 15 minutes.", dropped,
		     plural(dropped));
	if (evicted)
		warn(r, "It is too small for so many clients: raise --limit-table.",
		     "The table of limits forgot %" PRIu64 " client%s before their time.", evicted,
		     plural(evicted));
}

static void warn_of_tasks(struct report *r)
{
	const struct rows *tasks = &r->rows[TABLE_TASKS];

	for (size_t i = 0; i < tasks->count; i++) {
		const struct row *row = &tasks->all[i];
		unsigned times = (unsigned)row->numbers[COLUMN_IN_ROW];
		if (times)
			warn(r, "It runs again by itself, then less and less often.",
			     "Task %s failed %u time%s in a row: %s", row->name, times, plural(times),
			     *row->text ? row->text : row->state);
	}
}

static void warn_of_others(struct report *r)
{
	const struct metrics_view *v = r->now->view;
	const struct jobs_shm *jobs = &r->now->copy->background->jobs;
	char reason[BACKGROUND_REASON_MAX];

	if (v->limits.store_is_away)
		warn(r, "See that it runs and lets this host in; it is tried again by itself.",
		     "Redis does not answer for the limits: this host counts for itself.");
	work_copy_text(reason, jobs->away_reason, sizeof reason);
	if (atomic_load(&jobs->is_away))
		warn(r, "Mend or start it; it is tried again each few seconds.",
		     "The jobs' store is away, so jobs are refused with 503: %s", reason);
	if (v->sandbox_refused)
		warn(r,
		     "The log names them. What handlers need is declared: percore_allow_write, _connect, "
		     "_programs.",
		     "The sandbox refused %" PRIu64 " system call%s since the start.", v->sandbox_refused,
		     plural(v->sandbox_refused));
}

void report_warn(struct report *r)
{
	warn_of_generations(r);
	warn_of_load(r);
	warn_of_workers(r);
	warn_of_others(r);
	warn_of_tasks(r);
}
