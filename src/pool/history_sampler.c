/* SPDX-License-Identifier: ISC */
/*
 * history_sampler - see history_sampler.h.
 *
 * The percentiles of a sample are those of a histogram: of all workers' buckets, less what they were at the
 * sample before.  Where there are many workers they are read some at a look, so that the master never
 * stays away for long: a sample takes 5 us for 2 workers and 5 routes, 0.4 ms for 64 and 16.
 */
#include "pool/history_sampler.h"

#include "access/access_ring.h"
#include "base/clock.h"
#include "state/limit.h"

#include <string.h>

enum { SLOTS_A_LOOK = 32 };

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static void add_series(struct history_sampler *h, unsigned slot)
{
	const struct metrics_slot_shm *from = metrics_slot(h->metrics, slot);
	struct metrics_series parts;

	for (unsigned i = 0; i < METRICS_SERIES_MAX && metrics_series_at(h->metrics, i, &parts); i++) {
		uint64_t count = get(&from->series[i]);
		h->counts[HISTORY_REQUESTS] += count;
		if (parts.code == 429)
			h->counts[HISTORY_REFUSED] += count;
		if (parts.code >= 500)
			h->counts[HISTORY_ERRORS] += count;
	}
}

static void add_slot(struct history_sampler *h, unsigned slot)
{
	char name[METRICS_TEXT_MAX];

	add_series(h, slot);
	for (unsigned entry = 0; entry < h->metrics->entries; entry++)
		if (metrics_entry_name(h->metrics, entry, METRICS_ROUTE, name))
			metrics_merge(h->metrics, slot, entry, &h->durations);
}

static void add_pool(struct history_sampler *h)
{
	static const enum pool_exit unwanted[] = { POOL_EXIT_SIGNAL, POOL_EXIT_STATUS, POOL_EXIT_TIMEOUT,
		                                   POOL_EXIT_STOPPED, POOL_EXIT_MEMORY };
	const struct metrics *m = h->metrics;
	struct limit_counters limits = { 0 };
	struct log_counters log = { 0 };

	for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++)
		h->counts[HISTORY_DEATHS] += get(&m->pool->exits[unwanted[i]]);
	if (m->overload)
		h->counts[HISTORY_SHED] = get(&m->overload->refused);
	if (m->access)
		log_counters(m->access, &log);
	if (m->limit)
		limit_counters(m->limit, &limits);
	h->counts[HISTORY_DROPPED] = log.dropped;
	h->counts[HISTORY_EVICTED] = limits.evicted;
	/* A refusal for overload is counted before its answer: so much for a moment. */
	h->counts[HISTORY_ERRORS] -= h->counts[HISTORY_SHED] < h->counts[HISTORY_ERRORS]
	                                     ? h->counts[HISTORY_SHED]
	                                     : h->counts[HISTORY_ERRORS];
	h->counts[HISTORY_WALL_MS] = clock_read_ns(CLOCK_REALTIME) / 1000000;
}

/* What `now` has above `before`, which is `now` from here on. */
static uint64_t advance(_Atomic uint64_t *before, uint64_t now)
{
	uint64_t then = get(before);

	set(before, now);
	return now > then ? now - then : 0;
}

static void subtract_durations(struct history_sampler *h)
{
	h->durations.count = 0;
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		h->durations.counters[i] = advance(&h->shm->buckets[i], h->durations.counters[i]);
		h->durations.count += h->durations.counters[i];
	}
}

static void fill(struct history_sampler *h, struct history_sample_shm *sample, uint64_t elapsed_ms)
{
	static const double shares[] = { .5, .9, .99, .999 };

	set(&sample->values[HISTORY_WALL_MS], h->counts[HISTORY_WALL_MS]);
	set(&sample->values[HISTORY_ELAPSED_MS], elapsed_ms);
	for (int i = HISTORY_REQUESTS; i < HISTORY_COUNTS; i++)
		set(&sample->values[i], advance(&h->shm->counts[i], h->counts[i]));
	subtract_durations(h);
	for (int i = 0; i < 4; i++)
		set(&sample->values[HISTORY_P50_NS + i],
		    h->durations.count ? histogram_quantile(&h->durations, shares[i]) : 0);
	set(&sample->values[HISTORY_BUSY], h->busy);
	set(&sample->values[HISTORY_WAITING], h->waiting);
}

/* Without a sample before it there is nothing to compare with: the counters are noted, and no more. */
static void add_sample(struct history_sampler *h, uint64_t now_ms)
{
	uint64_t number = get(&h->shm->last) + 1, at_ms = get(&h->shm->at_ms);
	struct history_sample_shm *sample = &h->shm->samples[number % HISTORY_SAMPLES];

	set(&sample->number, 0);
	atomic_thread_fence(memory_order_release);
	fill(h, sample, now_ms > at_ms ? now_ms - at_ms : 0);
	set(&h->shm->at_ms, now_ms);
	if (!at_ms)
		return;
	atomic_store_explicit(&sample->number, number, memory_order_release);
	atomic_store_explicit(&h->shm->last, number, memory_order_release);
}

/* The n-th slot that is read: the workers', then those of masters and their kin. */
static bool slot_at(const struct metrics *m, unsigned n, unsigned *slot)
{
	unsigned top = atomic_load(&m->pool->slot_top);

	if (top > m->slots)
		top = m->slots;
	*slot = n < top ? n : m->slots + (n - top);
	return n < top + METRICS_LANES;
}

static void begin(struct history_sampler *h)
{
	memset(h->counts, 0, sizeof h->counts);
	memset(&h->durations, 0, sizeof h->durations);
	h->durations.max_ns = UINT64_MAX; /* of the time since the last sample it is not known */
}

/* A generation goes on where the one before ended. */
static uint64_t first_due_ms(const struct history_shm *shm, uint64_t now_ms)
{
	uint64_t at_ms = get(&shm->at_ms);

	return at_ms && at_ms <= now_ms ? at_ms + HISTORY_EVERY_MS : now_ms;
}

/* False: there are no more. */
static bool add_next(struct history_sampler *h)
{
	unsigned slot;

	if (!slot_at(h->metrics, h->slot, &slot))
		return false;
	if (h->slot == 0)
		begin(h);
	add_slot(h, slot);
	h->slot++;
	return true;
}

void history_sampler_look(struct history_sampler *h, uint64_t now_ms, unsigned busy)
{
	unsigned waiting = atomic_load(&h->metrics->pool->backlog);

	h->busy = busy > h->busy ? busy : h->busy;
	h->waiting = waiting > h->waiting ? waiting : h->waiting;
	if (!h->due_ms)
		h->due_ms = first_due_ms(h->shm, now_ms);
	for (int i = 0; now_ms >= h->due_ms && i < SLOTS_A_LOOK; i++) {
		if (add_next(h))
			continue;
		add_pool(h);
		add_sample(h, now_ms);
		h->slot = 0;
		h->busy = h->waiting = 0;
		h->due_ms = now_ms + HISTORY_EVERY_MS;
	}
}
