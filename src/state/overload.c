/* SPDX-License-Identifier: ISC */
/* overload - see overload.h. */
#include "state/overload.h"

#include <stdlib.h>
#include <string.h>

enum { INTERVAL_MS = 100, REFUSE_AT_TARGETS = 2, LONGEST_MS = 60000 };

/* Digits up to `end`; more than a clock ever shows is cut off by LONGEST_MS. */
static const char *read_digits(const char *text, uint64_t *value)
{
	for (*value = 0; *text >= '0' && *text <= '9'; text++)
		*value = *value * 10 + (uint64_t)(*text - '0');
	return text;
}

int64_t overload_wait_ms(const struct overload *overload, const char *start, uint64_t wall_ms)
{
	uint64_t seconds, thousandths = 0;

	if (!overload->shm || !start || strncmp(start, "t=", 2) != 0)
		return OVERLOAD_UNKNOWN;
	const char *end = read_digits(start + 2, &seconds);
	if (*end == '.' && strlen(end) == 4)
		end = read_digits(end + 1, &thousandths);
	int64_t wait_ms = (int64_t)(wall_ms - (seconds * 1000 + thousandths));
	if (*end || wait_ms < 0 || wait_ms > LONGEST_MS) { /* nonsense, or a clock that was set */
		atomic_fetch_add(&overload->shm->ignored, 1);
		return OVERLOAD_UNKNOWN;
	}
	return wait_ms;
}

/*
 * Whoever first comes after the interval's end judges it by its least wait, and
 * begins the next one.  A race between two workers moves one wait from one
 * interval to its neighbour, and nothing else.
 */
static bool is_standing(struct overload_shm *shm, uint64_t target_ms, uint64_t wait_ms, uint64_t now_ms)
{
	uint64_t end_ms = atomic_load_explicit(&shm->interval_end_ms, memory_order_relaxed);

	if (now_ms >= end_ms &&
	    atomic_compare_exchange_strong(&shm->interval_end_ms, &end_ms, now_ms + INTERVAL_MS)) {
		bool seen = !atomic_exchange(&shm->is_new, 1);
		atomic_store(&shm->is_overloaded, seen && atomic_load(&shm->least_ms) > target_ms);
	}
	if (atomic_load_explicit(&shm->is_new, memory_order_relaxed) && atomic_exchange(&shm->is_new, 0))
		atomic_store(&shm->least_ms, wait_ms);
	else if (wait_ms < atomic_load_explicit(&shm->least_ms, memory_order_relaxed))
		atomic_store(&shm->least_ms, wait_ms);
	return atomic_load_explicit(&shm->is_overloaded, memory_order_relaxed);
}

/* One less to refuse, if there is one. */
static bool take_excess(struct overload_shm *shm)
{
	uint32_t excess = atomic_load_explicit(&shm->excess, memory_order_relaxed);

	while (excess > 0)
		if (atomic_compare_exchange_weak(&shm->excess, &excess, excess - 1))
			return true;
	return false;
}

static bool is_too_late(const struct overload *overload, uint64_t wait_ms, uint64_t now_ms)
{
	bool standing =
		overload->target_ms > 0 && is_standing(overload->shm, overload->target_ms, wait_ms, now_ms);

	if (overload->max_wait_ms > 0 && wait_ms > overload->max_wait_ms)
		return true;
	return standing && wait_ms > overload->target_ms * REFUSE_AT_TARGETS;
}

bool overload_refuses(const struct overload *overload, int64_t wait_ms, uint64_t now_ms)
{
	if (!overload->shm)
		return false;
	if (wait_ms == OVERLOAD_UNKNOWN)
		atomic_fetch_add_explicit(&overload->shm->unknown, 1, memory_order_relaxed);
	else if (!atomic_load_explicit(&overload->shm->knows_starts, memory_order_relaxed))
		atomic_store(&overload->shm->knows_starts, 1);
	bool refuses = wait_ms == OVERLOAD_UNKNOWN ? take_excess(overload->shm)
	                                           : is_too_late(overload, (uint64_t)wait_ms, now_ms);
	if (refuses)
		atomic_fetch_add(&overload->shm->refused, 1);
	return refuses;
}

/* How many have come since the last look. */
static uint64_t since_then(const _Atomic uint64_t *count, _Atomic uint64_t *then)
{
	uint64_t now = atomic_load(count);

	return now - atomic_exchange(then, now);
}

void overload_watch_backlog(const struct overload *overload, const struct overload_backlog *b)
{
	uint64_t limit =
		overload->target_ms > 0 ? overload->target_ms * REFUSE_AT_TARGETS : overload->max_wait_ms;

	if (!overload->shm || limit == 0 || b->elapsed_ms == 0)
		return;
	uint64_t all = b->served + since_then(&overload->shm->refused, &overload->shm->refused_then);
	uint64_t unknown = since_then(&overload->shm->unknown, &overload->shm->unknown_then);
	if (unknown > 0)
		atomic_store(&overload->shm->knows_starts, 0);
	/* Where connections waited all the time, what was served is what can be served. */
	uint64_t bearable = b->served * limit / b->elapsed_ms;
	unsigned least = b->waiting < b->waited ? b->waiting : b->waited;
	bool too_many = !atomic_load(&overload->shm->knows_starts) && least > bearable && b->served > 0;
	uint64_t excess = too_many ? b->waiting - bearable : 0;
	if (unknown < all) /* the others are refused by how long they waited */
		excess = excess * unknown / all;
	atomic_store(&overload->shm->excess, (uint32_t)excess);
}
