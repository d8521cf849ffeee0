/* SPDX-License-Identifier: ISC */
/*
 * limit_table - the keys of the rate limits, in a fixed amount of shared memory.
 *
 * A set of eight places, two cache lines, for each value of the hash's low bits.
 * A place is two words, the key's tag and the end of its debt (limit_gcra.h):
 * each decision is one compare-and-swap of the end.  Nobody waits for anybody,
 * and each word is whole at any moment, so a worker may die anywhere.
 *
 * A new key takes the place of the set's oldest, that is whose debt ends first.
 * Where that one still had a debt, it is forgotten: counted as evicted.
 *
 * The bound: a key that is not evicted is admitted as limit_gcra.h says.  Each
 * eviction forgives it its debt, of burst requests at most; a key at its limit is
 * the last to be evicted, for its debt is the largest that the limit allows.  Where
 * several workers meet a new key at the same moment, while others change its set,
 * they may give it two places: one more request each is admitted, once, for later
 * decisions find the first place.
 */
#ifndef PERCORE_LIMIT_TABLE_H
#define PERCORE_LIMIT_TABLE_H

#include "state/limit_gcra.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>

enum { LIMIT_TABLE_WAYS = 8 };

struct limit_place_shm {
	_Atomic uint64_t tag;    /* the key's hash; 0: free */
	_Atomic uint64_t end_ns; /* limit_gcra.h */
};

struct limit_set_shm {
	_Alignas(64) struct limit_place_shm places[LIMIT_TABLE_WAYS];
};
static_assert(sizeof(struct limit_set_shm) == LIMIT_TABLE_WAYS * 16, "16 bytes a key");

struct limit_table_shm {
	_Alignas(64) _Atomic uint64_t magic; /* written last */
	uint64_t sets;
	uint64_t hash_key[2];                  /* made at the start */
	_Alignas(64) _Atomic uint64_t evicted; /* keys that still had a debt */
	struct limit_set_shm all[];
};

/* A process's own view of it: what must not change is kept here, where no other process can write. */
struct limit_table {
	struct limit_table_shm *shm;
	uint64_t mask; /* sets - 1 */
	uint64_t hash_key[2];
};

/* Bytes for at least so many keys. */
size_t limit_table_bytes(size_t keys);

/* Master: takes a section as it is, where it fits, or makes it anew. */
void limit_table_init(struct limit_table *table, void *section, size_t keys);

/* Of a key's bytes; the table's own, secret, so nobody can choose which keys share a set. */
uint64_t limit_table_hash(const struct limit_table *table, const void *key, size_t length);

/* True: admitted.  *debt_ns is the key's after the decision. */
bool limit_table_admits(const struct limit_table *table, const struct limit_gcra *gcra, uint64_t hash,
                        uint64_t now_ns, uint64_t *debt_ns);

#endif
