/* SPDX-License-Identifier: ISC */
/* arena - see arena.h. */
#include "base/arena.h"

#include "base/no_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 10, ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
	struct arena_block *next;
	_Alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena, void *first, size_t size)
{
	arena->at = first;
	arena->end = arena->at + size;
	arena->blocks = NULL;
}

void arena_fini(struct arena *arena)
{
	for (struct arena_block *block; (block = arena->blocks);) {
		arena->blocks = block->next;
		free(block);
	}
}

static struct arena_block *add_block(struct arena *arena, size_t bytes)
{
	struct arena_block *block = no_memory_unless(malloc(sizeof *block + bytes));

	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t bytes)
{
	if (bytes > SIZE_MAX / 2)
		percore_no_memory();
	bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (bytes > BLOCK_BYTES / 4 && bytes > (size_t)(arena->end - arena->at))
		return add_block(arena, bytes)->bytes; /* of its own: what is left of the one in use stays */
	if (bytes > (size_t)(arena->end - arena->at)) {
		arena->at = add_block(arena, BLOCK_BYTES)->bytes;
		arena->end = arena->at + BLOCK_BYTES;
	}
	void *piece = arena->at;
	arena->at += bytes;
	return piece;
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_take(arena, length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *arena_format(struct arena *arena, const char *format, va_list arguments)
{
	va_list again;

	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0) /* an encoding that the locale does not have */
		length = 0;
	char *text = arena_take(arena, (size_t)length + 1);
	*text = '\0';
	vsnprintf(text, (size_t)length + 1, format, arguments);
	return text;
}
