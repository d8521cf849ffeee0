/* SPDX-License-Identifier: ISC */
/*
 * metrics - see metrics.h.
 *
 * A series' key: 1 (1) | entry (15) | method (16) | code (32).  A worker that meets
 * a new one puts it into the first free place by compare-and-swap; all search in
 * the same order, so a key is there once.
 */
#include "state/metrics.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "state/user_metrics.h"

#include <string.h>

#define KEY_USED (UINT64_C(1) << 63)

enum { ENTRIES_LEAST = 16, OVERFLOW_SERIES = 0, CODE_DIED = 500 };

static const char *const methods[] = { "other", "GET",     "POST",  "HEAD",    "PUT",     "DELETE",
	                               "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND" };
enum { METHODS = sizeof methods / sizeof methods[0] };

unsigned metrics_method(const char *method)
{
	for (unsigned i = 1; i < METHODS; i++)
		if (strcmp(methods[i], method) == 0)
			return i;
	return 0;
}

const char *metrics_method_name(unsigned method)
{
	return methods[method < METHODS ? method : 0];
}

/* ---- The section. */

void metrics_measure(struct metrics *m, unsigned slots)
{
	size_t wanted = 2 + user_metrics_histograms(m->user_metrics);
	unsigned *entry;

	for (size_t i = 0; m->route_at(m->routes, i, &entry); i++)
		wanted++;

	/* In powers of two, so that a new program with some routes more finds the same layout. */
	for (m->entries = ENTRIES_LEAST; m->entries < wanted && m->entries < METRICS_ENTRIES_MAX;)
		m->entries *= 2;
	m->slots = slots;
}

size_t metrics_slot_bytes(const struct metrics *m)
{
	size_t bytes =
		sizeof(struct metrics_slot_shm) + (size_t)m->entries * HISTOGRAM_SIZE * sizeof(uint64_t);
	size_t align = _Alignof(struct metrics_slot_shm);

	return (bytes + align - 1) / align * align;
}

static size_t head_bytes(void)
{
	size_t align = _Alignof(struct metrics_slot_shm);

	return (sizeof(struct metrics_shm) + align - 1) / align * align;
}

size_t metrics_bytes(const struct metrics *m)
{
	return head_bytes() + (m->slots + METRICS_LANES) * metrics_slot_bytes(m);
}

bool metrics_fit(struct metrics *m, unsigned slots, size_t bytes)
{
	m->slots = slots;
	for (m->entries = ENTRIES_LEAST; m->entries <= METRICS_ENTRIES_MAX; m->entries *= 2)
		if (metrics_bytes(m) == bytes)
			return true;
	return false;
}

struct metrics_slot_shm *metrics_slot(const struct metrics *m, unsigned slot)
{
	return (struct metrics_slot_shm *)((char *)m->shm + head_bytes() + slot * metrics_slot_bytes(m));
}

/* The place of a name, an old one or the first free; -1: all are taken. */
static int find_name(struct metrics_name_shm *names, unsigned count, enum metrics_kind kind, const char *text)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t seen = atomic_load(&names[i].kind);
		if (seen == (uint32_t)kind && strncmp(names[i].text, text, METRICS_TEXT_MAX - 1) == 0)
			return (int)i;
		if (seen != METRICS_FREE)
			continue;
		memset(names[i].text, 0, METRICS_TEXT_MAX);
		memcpy(names[i].text, text, strnlen(text, METRICS_TEXT_MAX - 1));
		atomic_store(&names[i].kind, kind);
		return (int)i;
	}
	return -1;
}

static void name_routes(struct metrics *m)
{
	const char *pattern;
	unsigned *entry;

	for (size_t i = 0; (pattern = m->route_at(m->routes, i, &entry)); i++) {
		int found = find_name(m->shm->entries, m->entries, METRICS_ROUTE, pattern);
		if (found < 0)
			log_warning("metrics: no room for route %s: it is counted as other", pattern);
		*entry = found < 0 ? METRICS_OTHER_ENTRY : (unsigned)found;
	}
}

static void name_meters(struct metrics *m)
{
	struct user_metric *meter;

	for (size_t i = 0; (meter = user_metrics_at(m->user_metrics, i)); i++) {
		bool is_histogram = meter->kind == METRICS_HISTOGRAM;
		meter->place =
			is_histogram ? find_name(m->shm->entries, m->entries, meter->kind, meter->name)
				     : find_name(m->shm->cells, METRICS_CELLS_MAX, meter->kind, meter->name);
		if (meter->place < 0)
			log_warning("metrics: no room for %s: it is not counted", meter->name);
	}
}

static uint64_t key_of(unsigned entry, unsigned method, unsigned code)
{
	return KEY_USED | (uint64_t)entry << 48 | (uint64_t)method << 32 | code;
}

void metrics_open(struct metrics *m, void *memory)
{
	m->shm = memory;
	atomic_store(&m->shm->series[OVERFLOW_SERIES], key_of(METRICS_OTHER_ENTRY, 0, 0));
	find_name(m->shm->entries, m->entries, METRICS_ROUTE, "other");
	find_name(m->shm->entries, m->entries, METRICS_WAIT, "");
	name_routes(m);
	name_meters(m);
}

void metrics_take_slot(struct metrics *m, unsigned slot)
{
	if (!m || !m->shm || slot >= m->slots + METRICS_LANES)
		return;
	m->own = metrics_slot(m, slot);
	metrics_idle(m);
	user_metrics_bind(m->user_metrics, m);
}

/* ---- Counting. */

static unsigned find_series(struct metrics_shm *shm, uint64_t key)
{
	for (unsigned i = 0; i < METRICS_SERIES_MAX; i++) {
		uint64_t seen = atomic_load_explicit(&shm->series[i], memory_order_acquire);
		if (seen == 0 && atomic_compare_exchange_strong(&shm->series[i], &seen, key))
			return i;
		if (seen == key)
			return i;
	}
	return OVERFLOW_SERIES;
}

static unsigned series_of(struct metrics *m, unsigned entry, unsigned method, unsigned code)
{
	uint64_t key = key_of(entry, method, code);
	unsigned at = (entry * 8 + method * 3 + code) % (sizeof m->cache / sizeof m->cache[0]);

	if (m->cache[at].key != key) {
		m->cache[at].series = find_series(m->shm, key);
		m->cache[at].key = key;
	}
	return m->cache[at].series;
}

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static void set_phase(struct metrics_slot_shm *slot, enum metrics_phase phase)
{
	atomic_store_explicit(&slot->in_flight.phase, phase, memory_order_release);
}

/* Never 0 where there is a value: see metrics_merge. */
static void note_max(struct metrics_sums_shm *sums, uint64_t value_ns)
{
	if (value_ns >= get(&sums->max_ns))
		set(&sums->max_ns, value_ns ? value_ns : 1);
}

void metrics_record(struct metrics_slot_shm *slot, unsigned entry, uint64_t value_ns)
{
	metrics_add(&slot->buckets[entry * HISTOGRAM_SIZE + histogram_index(value_ns)], 1);
	metrics_add(&slot->sums[entry].sum_ns, value_ns);
	note_max(&slot->sums[entry], value_ns);
}

void metrics_begin(struct metrics *m)
{
	if (m && m->own)
		m->since_ns = clock_ns();
}

void metrics_note_route(struct metrics *m, unsigned entry, const char *method)
{
	if (!m || !m->own)
		return;
	m->entry = entry;
	m->method = metrics_method(method);
	atomic_store_explicit(&m->own->in_flight.entry, (uint16_t)m->entry, memory_order_relaxed);
	atomic_store_explicit(&m->own->in_flight.method, (uint16_t)m->method, memory_order_relaxed);
}

void metrics_note_wait(struct metrics *m, int64_t wait_ms)
{
	if (m && m->own && wait_ms >= 0)
		metrics_record(m->own, METRICS_WAIT_ENTRY, (uint64_t)wait_ms * 1000000);
}

void metrics_note_fault(struct metrics *m, enum record_fault fault)
{
	if (m && m->own && fault < RECORD_FAULTS)
		metrics_add(&m->own->faults[fault], 1);
}

void metrics_arm(struct metrics *m, int code)
{
	if (!m || !m->own)
		return;
	struct metrics_in_flight_shm *in_flight = &m->own->in_flight;
	m->series = series_of(m, m->entry, m->method, (unsigned)code);
	atomic_store_explicit(&in_flight->series, m->series, memory_order_relaxed);
	set(&in_flight->series_becomes, get(&m->own->series[m->series]) + 1);
	set_phase(m->own, METRICS_ARMED);
}

/* What metrics_count stores, from what is written down: done twice it does no harm. */
static void store(struct metrics_slot_shm *slot, unsigned series, unsigned entry, unsigned bucket)
{
	const struct metrics_in_flight_shm *in_flight = &slot->in_flight;

	set(&slot->series[series], get(&in_flight->series_becomes));
	set(&slot->buckets[entry * HISTOGRAM_SIZE + bucket], get(&in_flight->bucket_becomes));
	set(&slot->sums[entry].sum_ns, get(&in_flight->sum_becomes));
}

void metrics_count(struct metrics *m, const struct metrics_answer *answer)
{
	if (!m || !m->own)
		return;
	struct metrics_slot_shm *slot = m->own;
	struct metrics_in_flight_shm *in_flight = &slot->in_flight;
	uint64_t elapsed_ns = m->elapsed_ns = clock_ns() - m->since_ns;
	unsigned entry = m->entry, bucket = histogram_index(elapsed_ns);

	atomic_store_explicit(&in_flight->bucket, bucket, memory_order_relaxed);
	set(&in_flight->bucket_becomes, get(&slot->buckets[entry * HISTOGRAM_SIZE + bucket]) + 1);
	set(&in_flight->sum_becomes, get(&slot->sums[entry].sum_ns) + elapsed_ns);
	note_max(&slot->sums[entry], elapsed_ns);
	set_phase(slot, METRICS_TIMED);
	store(slot, m->series, entry, bucket);
	set_phase(slot, METRICS_COUNTED);
	if (answer->bytes_in)
		metrics_add(&slot->sums[entry].bytes_in, answer->bytes_in);
	if (answer->bytes_out)
		metrics_add(&slot->sums[entry].bytes_out, answer->bytes_out);
	if (!answer->is_whole)
		metrics_add(&slot->answers_broken, 1);
}

void metrics_idle(struct metrics *m)
{
	if (!m || !m->own)
		return;
	m->entry = METRICS_OTHER_ENTRY;
	m->method = 0;
	atomic_store_explicit(&m->own->in_flight.entry, METRICS_OTHER_ENTRY, memory_order_relaxed);
	atomic_store_explicit(&m->own->in_flight.method, 0, memory_order_relaxed);
	set_phase(m->own, METRICS_FRESH);
}

/* ---- For the dead. */

/* In the master's own slot. */
static void count_for(struct metrics *m, unsigned entry, unsigned method, unsigned code, uint64_t elapsed_ns)
{
	metrics_add(&m->own->series[series_of(m, entry, method, code)], 1);
	metrics_record(m->own, entry, elapsed_ns);
}

void metrics_reclaim(struct metrics *m, const struct metrics_death *death)
{
	if (!m || !m->shm || !m->own || death->slot >= m->slots)
		return;
	struct metrics_slot_shm *slot = metrics_slot(m, death->slot);
	struct metrics_in_flight_shm *in_flight = &slot->in_flight;
	unsigned phase = atomic_load_explicit(&in_flight->phase, memory_order_acquire);
	unsigned series = in_flight->series, bucket = in_flight->bucket, entry = in_flight->entry,
		 method = in_flight->method;

	if (series >= METRICS_SERIES_MAX || bucket >= HISTOGRAM_SIZE || entry >= m->entries)
		return; /* the worker wrote where it should not have */
	if (phase == METRICS_TIMED) {
		store(slot, series, entry, bucket);
	} else if (phase == METRICS_ARMED && !death->answered) {
		set(&slot->series[series], get(&in_flight->series_becomes));
		metrics_record(slot, entry, death->elapsed_ms * 1000000);
	} else if (phase != METRICS_COUNTED && (death->answered || death->was_read)) {
		unsigned code = death->answered ? (unsigned)death->answered : CODE_DIED;
		count_for(m, entry, method, code, death->elapsed_ms * 1000000);
	}
	set_phase(slot, METRICS_COUNTED);
}

/* ---- Reading. */

bool metrics_series_at(const struct metrics *m, unsigned series, struct metrics_series *parts)
{
	uint64_t key = atomic_load_explicit(&m->shm->series[series], memory_order_acquire);

	*parts = (struct metrics_series){ .entry = (unsigned)(key >> 48 & 0x7fff),
		                          .method = (unsigned)(key >> 32 & 0xffff),
		                          .code = (unsigned)(key & 0xffffffff) };
	return key & KEY_USED && parts->entry < m->entries;
}

bool metrics_entry_name(const struct metrics *m, unsigned entry, enum metrics_kind kind,
                        char text[METRICS_TEXT_MAX])
{
	if (atomic_load(&m->shm->entries[entry].kind) != (uint32_t)kind)
		return false;
	memcpy(text, m->shm->entries[entry].text, METRICS_TEXT_MAX);
	text[METRICS_TEXT_MAX - 1] = '\0';
	utf8_mend(text);
	return true;
}

void metrics_merge(const struct metrics *m, unsigned slot, unsigned entry, struct histogram *into)
{
	const struct metrics_slot_shm *from = metrics_slot(m, slot);
	const _Atomic uint64_t *buckets = from->buckets + (size_t)entry * HISTOGRAM_SIZE;
	uint64_t max_ns = get(&from->sums[entry].max_ns);

	if (max_ns == 0) /* nothing: let the memory stay untouched */
		return;
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		uint64_t count = get(&buckets[i]);
		into->counters[i] += count;
		into->count += count;
	}
	into->sum_ns += get(&from->sums[entry].sum_ns);
	if (max_ns > into->max_ns)
		into->max_ns = max_ns;
}
