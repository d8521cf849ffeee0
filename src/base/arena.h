/* SPDX-License-Identifier: ISC */
/*
 * arena - memory that is given piece by piece and taken back at once.
 *
 * What one request needs lasts until it ends, so nobody frees a piece.  The first bytes
 * are the owner's, usually on its stack: a request that needs few allocates nothing.
 */
#ifndef PERCORE_ARENA_H
#define PERCORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	unsigned char *at, *end;    /* what is free of the block in use */
	struct arena_block *blocks; /* allocated ones, the newest first */
};

/* `first`, of `size` bytes and aligned as any, is lent until arena_fini. */
void arena_init(struct arena *arena, void *first, size_t size);
void arena_fini(struct arena *arena);

/* Aligned as any object, not cleared.  Never NULL: for want of memory the process ends (percore_no_memory).
 */
void *arena_take(struct arena *arena, size_t bytes);

/* A copy with a NUL behind it. */
char *arena_text(struct arena *arena, const char *text, size_t length);

/* A text made as vprintf makes it. */
__attribute__((format(printf, 2, 0))) char *arena_format(struct arena *arena, const char *format,
                                                         va_list arguments);

#endif
