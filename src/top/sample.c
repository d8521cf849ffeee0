/* SPDX-License-Identifier: ISC */
/* sample - see sample.h. */
#include "top/sample.h"

#include "base/clock.h"

#include <stdlib.h>

enum { CODE_LIMITED = 429, CODE_ERROR = 500 };

static uint64_t slot_errors(const struct metrics *m, unsigned slot)
{
	struct metrics_series parts;
	uint64_t errors = 0;

	for (unsigned i = 0; i < METRICS_SERIES_MAX && metrics_series_at(m, i, &parts); i++)
		if (parts.code >= CODE_ERROR)
			errors += atomic_load(&metrics_slot(m, slot)->series[i]);
	return errors;
}

static void add_workers(struct sample *s)
{
	for (unsigned slot = 0; slot < s->view->slot_top; slot++) {
		metrics_view_worker(&s->copy->metrics, slot, &s->workers[slot].worker);
		s->workers[slot].errors = slot_errors(&s->copy->metrics, slot);
	}
}

static void add_answers(struct sample *s)
{
	const struct metrics *m = &s->copy->metrics;
	struct metrics_series parts;

	for (unsigned i = 0; i < METRICS_SERIES_MAX && metrics_series_at(m, i, &parts); i++) {
		uint64_t count = s->view->series[i];
		s->requests += count;
		s->limited += parts.code == CODE_LIMITED ? count : 0;
		if (parts.code >= CODE_ERROR) {
			s->errors += count;
			s->route_errors[parts.entry] += count;
		}
	}
	s->errors -= s->view->overload < s->errors ? s->view->overload : s->errors;
}

static void add_durations(struct sample *s)
{
	char name[METRICS_TEXT_MAX];

	for (unsigned entry = 0; entry < s->copy->metrics.entries; entry++)
		if (metrics_entry_name(&s->copy->metrics, entry, METRICS_ROUTE, name))
			histogram_merge(&s->durations, &s->view->entries[entry]);
}

static double counts_s(const struct metrics *m)
{
	uint64_t since_ms = atomic_load(&m->pool->counts_since_ms), now_ms = clock_coarse_ms();

	return since_ms && since_ms < now_ms ? (double)(now_ms - since_ms) / 1000 : 0;
}

struct sample *sample_new(const struct copy *copy)
{
	struct sample *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->at_ns = clock_ns();
	s->copy = copy;
	s->view = metrics_view_new(&copy->metrics);
	s->workers = s->view ? calloc(s->view->slot_top + 1, sizeof *s->workers) : NULL;
	if (!s->workers) {
		sample_free(s);
		return NULL;
	}
	s->counts_s = counts_s(&copy->metrics);
	add_workers(s);
	add_answers(s);
	add_durations(s);
	return s;
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	if (sample->view)
		metrics_view_free(sample->view);
	free(sample->workers);
	free(sample);
}
