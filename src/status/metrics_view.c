/* SPDX-License-Identifier: ISC */
/* metrics_view - see metrics_view.h. */
#include "status/metrics_view.h"

#include "base/clock.h"
#include "base/resident.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

const char *metrics_exit_name(enum pool_exit reason)
{
	static const char *const names[POOL_EXITS] = {
		[POOL_EXIT_SIGNAL] = "signal",     [POOL_EXIT_STATUS] = "status",
		[POOL_EXIT_TIMEOUT] = "timeout",   [POOL_EXIT_STOPPED] = "stopped",
		[POOL_EXIT_MEMORY] = "memory",     [POOL_EXIT_RECYCLED] = "recycled",
		[POOL_EXIT_CUT] = "drain_timeout", [POOL_EXIT_TOLD] = "told",
	};

	return names[reason];
}

const char *metrics_state_name(const struct metrics_worker *worker)
{
	if (worker->life == WORKER_LEAVES)
		return "leaving";
	return worker->stage == WORKER_STARTING ? "starting"
	       : worker->stage == WORKER_IDLE   ? "idle"
	                                        : "serving";
}

static uint64_t slot_requests(const struct metrics *m, unsigned slot)
{
	struct metrics_series parts;
	uint64_t requests = 0;

	for (unsigned i = 0; i < METRICS_SERIES_MAX && metrics_series_at(m, i, &parts); i++)
		requests += get(&metrics_slot(m, slot)->series[i]);
	return requests;
}

/* From a moment of the monotonic clock until now; what lies ahead, or never was, is no time. */
static uint64_t elapsed_ms(uint64_t since_ms)
{
	uint64_t now_ms = clock_coarse_ms();

	return since_ms && now_ms > since_ms ? now_ms - since_ms : 0;
}

static void copy_text(char *to, const char *shared, size_t size)
{
	memcpy(to, shared, size);
	to[size - 1] = '\0';
	utf8_mend(to);
}

/* Another request may begin meanwhile: then it is left out. */
static void view_request(const struct worker_shm *w, struct metrics_worker *worker)
{
	uint64_t since_ms = atomic_load(&w->in_flight.since_ms);

	copy_text(worker->id, w->in_flight.id, sizeof worker->id);
	copy_text(worker->method, w->in_flight.method, sizeof worker->method);
	copy_text(worker->path, w->in_flight.path, sizeof worker->path);
	worker->busy_ms = elapsed_ms(since_ms);
	worker->has_request = *worker->method && atomic_load(&w->stage) == WORKER_SERVING &&
	                      atomic_load(&w->in_flight.since_ms) == since_ms;
}

void metrics_view_worker(const struct metrics *m, unsigned slot, struct metrics_worker *worker)
{
	const struct worker_shm *w = &m->workers[slot];
	char name[METRICS_TEXT_MAX];

	*worker = (struct metrics_worker){ .slot = slot,
		                           .worker_id = atomic_load(&w->worker_id),
		                           .pid = (int)atomic_load(&w->pid),
		                           .life = atomic_load(&w->life),
		                           .stage = atomic_load(&w->stage),
		                           .generation = atomic_load(&w->generation),
		                           .restarts = atomic_load(&w->restarts),
		                           .up_ms = elapsed_ms(atomic_load(&w->started_ms)),
		                           .requests = slot_requests(m, slot) };
	uint32_t last_exit = atomic_load(&w->last_exit);

	worker->last_exit = last_exit <= POOL_EXITS ? (int)last_exit - 1 : -1;
	worker->resident_bytes = resident_bytes(worker->pid);
	view_request(w, worker);
	for (unsigned entry = 0; entry < m->entries; entry++)
		if (metrics_entry_name(m, entry, METRICS_ROUTE, name))
			metrics_merge(m, slot, entry, &worker->durations);
}

static void add_slot(struct metrics_view *v, unsigned slot)
{
	const struct metrics_slot_shm *from = metrics_slot(v->metrics, slot);
	struct metrics_series parts;

	for (unsigned i = 0; i < METRICS_SERIES_MAX && metrics_series_at(v->metrics, i, &parts); i++)
		v->series[i] += get(&from->series[i]);
	for (unsigned entry = 0; entry < v->metrics->entries; entry++) {
		metrics_merge(v->metrics, slot, entry, &v->entries[entry]);
		v->sums[entry].bytes_in += get(&from->sums[entry].bytes_in);
		v->sums[entry].bytes_out += get(&from->sums[entry].bytes_out);
	}
	for (int fault = 0; fault < RECORD_FAULTS; fault++)
		v->faults[fault] += get(&from->faults[fault]);
#define COUNTER(field, name, help) v->field += get(&from->field);
#include "state/metrics.def"
}

static void add_state(struct metrics_view *v, unsigned slot)
{
	const struct worker_shm *w = &v->metrics->workers[slot];
	unsigned life = atomic_load(&w->life), stage = atomic_load(&w->stage);

	v->starting += life == WORKER_LIVES && stage == WORKER_STARTING;
	v->idle += life == WORKER_LIVES && stage == WORKER_IDLE;
	v->serving += life != WORKER_NONE && stage == WORKER_SERVING;
	v->leaving += life == WORKER_LEAVES;
}

static void add_pool(struct metrics_view *v)
{
	const struct pool_shm *p = v->metrics->pool;

	for (int i = 0; i < POOL_EXITS; i++)
		v->exits[i] = get(&p->exits[i]);
	v->rescued_answered = get(&p->rescued_answered);
	v->rescued_cut = get(&p->rescued_cut);
	v->rescued_released = get(&p->rescued_released);
	v->reloads = get(&p->reloads);
	v->sandbox_refused = get(&p->sandbox_refused);
	v->reloads_failed = get(&p->reloads_failed);
	v->generation = atomic_load(&p->generation);
	v->backlog = atomic_load(&p->backlog);
	v->backlog_max = atomic_load(&p->backlog_max);
	v->wanted = atomic_load(&p->workers);
	v->connections = atomic_load(&p->connections);
	v->active_max = atomic_load(&p->active_max);
	v->all_busy = get(&p->all_busy);
	v->draining = atomic_load(&p->draining);
	v->serves_s = elapsed_ms(atomic_load(&p->serves_since_ms)) / 1000;
	v->reload_error_s = elapsed_ms(atomic_load(&p->reload_error_ms)) / 1000;
	v->master = (int)atomic_load(&p->master);
	memcpy(v->reload_error, p->reload_error, sizeof v->reload_error);
	v->reload_error[sizeof v->reload_error - 1] = '\0';
}

struct metrics_view *metrics_view_new(const struct metrics *m)
{
	struct metrics_view *v = calloc(1, sizeof *v);
	unsigned top = atomic_load(&m->pool->slot_top);

	if (!v || !(v->entries = calloc(m->entries, sizeof *v->entries))) {
		free(v);
		return NULL;
	}
	v->metrics = m;
	v->slot_top = top < m->slots ? top : m->slots;
	for (unsigned slot = 0; slot < v->slot_top; slot++) {
		add_slot(v, slot);
		add_state(v, slot);
	}
	for (unsigned slot = m->slots; slot < m->slots + METRICS_LANES; slot++)
		add_slot(v, slot);
	add_pool(v);
	if (v->serving > v->active_max)
		v->active_max = v->serving;
	if (m->limit)
		limit_counters(m->limit, &v->limits);
	if (m->overload) {
		v->overload = get(&m->overload->refused);
		v->starts_ignored = get(&m->overload->ignored);
	}
	if (m->access)
		log_counters(m->access, &v->log);
	return v;
}

void metrics_view_free(struct metrics_view *v)
{
	free(v->entries);
	free(v);
}
