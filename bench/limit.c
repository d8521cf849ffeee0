/* SPDX-License-Identifier: ISC */
/*
 * limit - what a decision of the local table costs on one core: make bench-limit.
 *
 * The hash and the table, as a request pays for them; beside it the clock's reading,
 * of which a request with any number of limits makes one.
 */
#include "base/clock.h"
#include "state/limit_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 64 << 10, ROUNDS = 200000, REPEATS = 40 };

struct key {
	uint64_t limit;
	uint8_t client[16];
};

static const char *name;
static uint64_t admitted;

/* The best of many short repeats: what disturbs can only add. */
static void measure(const struct limit_table *table, const struct limit_gcra *gcra, uint32_t keys,
                    bool has_clock)
{
	double best_ns = 1e9;
	uint32_t random = 1;

	for (int repeat = 0; repeat < REPEATS; repeat++) {
		uint64_t start_ns = clock_ns(), now_ns = start_ns, debt_ns;
		for (int i = 0; i < ROUNDS; i++) {
			struct key key = { .limit = 1 };
			random = random * 1664525 + 1013904223;
			uint32_t client = (uint32_t)((uint64_t)random * keys >> 32);
			memcpy(key.client, &client, sizeof client);
			if (has_clock)
				now_ns = clock_ns();
			uint64_t hash = limit_table_hash(table, &key, sizeof key);
			admitted += limit_table_admits(table, gcra, hash, now_ns, &debt_ns);
		}
		double ns = (double)(clock_ns() - start_ns) / ROUNDS;
		best_ns = ns < best_ns ? ns : best_ns;
	}
	printf("%-52s %6.1f ns a decision\n", name, best_ns);
}

int main(void)
{
	const struct limit_gcra gentle = limit_gcra_make(1000000000, 1000000000, 1000000);
	const struct limit_gcra slow = limit_gcra_make(1, UINT64_C(3600) * 1000000000, 1000000);
	const struct limit_gcra strict = limit_gcra_make(1, UINT64_C(3600) * 1000000000, 1);
	struct limit_table table;
	void *section = aligned_alloc(64, (limit_table_bytes(KEYS) + 63) / 64 * 64);

	if (!section)
		return 1;
	memset(section, 0, limit_table_bytes(KEYS));
	limit_table_init(&table, section, KEYS);
	name = "one key, admitted";
	measure(&table, &gentle, 1, false);
	name = "one key, admitted, with the clock";
	measure(&table, &gentle, 1, true);
	name = "32k keys in 64k places, admitted, with the clock";
	measure(&table, &gentle, 32 << 10, true);
	name = "1M keys in 64k places, evicting, with the clock";
	measure(&table, &slow, 1 << 20, true);
	name = "32k keys, refused, with the clock";
	measure(&table, &strict, 32 << 10, true);
	printf("(%llu admitted, %llu evicted, %zu bytes)\n", (unsigned long long)admitted,
	       (unsigned long long)atomic_load(&table.shm->evicted), limit_table_bytes(KEYS));
	free(section);
	return 0;
}
