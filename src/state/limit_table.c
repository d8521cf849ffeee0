/* SPDX-License-Identifier: ISC */
/* limit_table - see limit_table.h. */
#include "state/limit_table.h"

#include "base/fault.h"
#include "base/siphash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LIMIT_TABLE_MAGIC UINT64_C(0x315442544c435250) /* "PRCLTBT1" */

/* Where a key was found or put. */
struct spot {
	struct limit_place_shm *place;
	bool is_new;           /* we put it there: the end is the key's before, and not to be paid */
	uint64_t forgotten_ns; /* that end */
};

static uint64_t sets_for(size_t keys)
{
	uint64_t sets = 1;

	while (sets * LIMIT_TABLE_WAYS < keys)
		sets *= 2;
	return sets;
}

size_t limit_table_bytes(size_t keys)
{
	return sizeof(struct limit_table_shm) + sets_for(keys) * sizeof(struct limit_set_shm);
}

void limit_table_init(struct limit_table *table, void *section, size_t keys)
{
	struct limit_table_shm *shm = section;
	uint64_t sets = sets_for(keys);

	if (atomic_load(&shm->magic) != LIMIT_TABLE_MAGIC || shm->sets != sets) {
		memset(section, 0, limit_table_bytes(keys));
		if (getrandom(shm->hash_key, sizeof shm->hash_key, 0) != sizeof shm->hash_key)
			abort();
		shm->sets = sets;
		atomic_store(&shm->magic, LIMIT_TABLE_MAGIC);
	}
	*table = (struct limit_table){ .shm = shm, .mask = sets - 1 };
	memcpy(table->hash_key, shm->hash_key, sizeof table->hash_key);
}

uint64_t limit_table_hash(const struct limit_table *table, const void *key, size_t length)
{
	return siphash(table->hash_key, key, length);
}

static struct limit_place_shm *find(struct limit_set_shm *set, uint64_t tag)
{
	for (unsigned i = 0; i < LIMIT_TABLE_WAYS; i++)
		if (atomic_load_explicit(&set->places[i].tag, memory_order_relaxed) == tag)
			return &set->places[i];
	return NULL;
}

/* The place whose debt ended longest ago, or will end first; a free one has none. */
static struct limit_place_shm *oldest(struct limit_set_shm *set, uint64_t now_ns)
{
	struct limit_place_shm *found = NULL;
	int64_t least_ns = INT64_MAX;

	for (unsigned i = 0; i < LIMIT_TABLE_WAYS; i++) {
		struct limit_place_shm *place = &set->places[i];
		if (atomic_load_explicit(&place->tag, memory_order_relaxed) == 0)
			return place;
		uint64_t end_ns = atomic_load_explicit(&place->end_ns, memory_order_relaxed);
		if (!found || (int64_t)(end_ns - now_ns) < least_ns) {
			found = place;
			least_ns = (int64_t)(end_ns - now_ns);
		}
	}
	return found;
}

/*
 * Puts the key into the oldest place, by changing the tag.  Should we die before
 * the end is changed, the key owes what the one before it did: too much, and not
 * for long.
 */
static bool put(const struct limit_table *table, struct limit_set_shm *set, uint64_t tag, uint64_t now_ns,
                struct spot *spot)
{
	struct limit_place_shm *place = oldest(set, now_ns);
	uint64_t before = atomic_load(&place->tag);
	uint64_t end_ns = atomic_load(&place->end_ns);

	if (before == tag) {
		*spot = (struct spot){ .place = place };
		return true;
	}
	if (!atomic_compare_exchange_strong(&place->tag, &before, tag))
		return false;
	fault_point("limit-put");
	*spot = (struct spot){ .place = place, .is_new = true, .forgotten_ns = end_ns };
	if (before != 0 && (int64_t)(end_ns - now_ns) > 0)
		atomic_fetch_add_explicit(&table->shm->evicted, 1, memory_order_relaxed);
	return true;
}

/* Where another worker took the place first, the key may be there by now. */
static struct spot look_up(const struct limit_table *table, uint64_t hash, uint64_t tag, uint64_t now_ns)
{
	struct limit_set_shm *set = &table->shm->all[hash & table->mask];
	struct spot spot = { 0 };

	do
		spot.place = find(set, tag);
	while (!spot.place && !put(table, set, tag, now_ns, &spot));
	return spot;
}

bool limit_table_admits(const struct limit_table *table, const struct limit_gcra *gcra, uint64_t hash,
                        uint64_t now_ns, uint64_t *debt_ns)
{
	uint64_t tag = hash ? hash : 1;

	for (;;) {
		struct spot spot = look_up(table, hash, tag, now_ns);
		uint64_t before_ns = atomic_load(&spot.place->end_ns);
		do {
			/* An end that has changed since we took the place was changed for this key. */
			bool forget = spot.is_new && before_ns == spot.forgotten_ns;
			uint64_t end_ns = forget ? now_ns : before_ns;
			bool admitted = limit_gcra_admits(gcra, &end_ns, now_ns);
			*debt_ns = limit_gcra_debt(gcra, end_ns, now_ns);
			if (!admitted)
				return false;
			fault_point("limit-decided");
			if (atomic_compare_exchange_strong(&spot.place->end_ns, &before_ns, end_ns))
				return true;
		} while (atomic_load(&spot.place->tag) == tag);
	}
}
