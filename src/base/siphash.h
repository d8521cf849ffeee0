/* SPDX-License-Identifier: ISC */
/* siphash - SipHash-2-4 (Aumasson, Bernstein 2012): who does not know the key cannot make values collide. */
#ifndef PERCORE_SIPHASH_H
#define PERCORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t length);

#endif
