/* SPDX-License-Identifier: ISC */
/* siphash - see siphash.h; tested against the vectors of its authors. */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void mix(struct state *s)
{
	s->a += s->b;
	s->b = rotate(s->b, 13) ^ s->a;
	s->a = rotate(s->a, 32);
	s->c += s->d;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static inline void take(struct state *s, uint64_t word)
{
	s->d ^= word;
	mix(s);
	mix(s);
	s->a ^= word;
}

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t length)
{
	struct state s = { key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
		           key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573) };
	const unsigned char *next = bytes;
	uint64_t word;

	for (size_t left = length; left >= 8; left -= 8, next += 8) {
		memcpy(&word, next, 8);
		take(&s, le64toh(word));
	}
	word = 0;
	memcpy(&word, next, length % 8);
	take(&s, le64toh(word) | (uint64_t)length << 56);
	s.c ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
