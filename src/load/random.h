/* SPDX-License-Identifier: ISC */
/* random - a small seeded generator (splitmix64): the same seed gives the same run. */
#ifndef LOAD_RANDOM_H
#define LOAD_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state; /* any value is a seed */
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* In (0, 1]: its logarithm is finite. */
static inline double random_unit(struct random *random)
{
	return (double)((random_next(random) >> 11) + 1) * 0x1p-53;
}

#endif
