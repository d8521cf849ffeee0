/* SPDX-License-Identifier: ISC */
/* no_memory - see no_memory.h. */
#include "base/no_memory.h"

#include <stddef.h>
#include <unistd.h>

enum { EXIT_NO_MEMORY = 1 };

static _Atomic uint32_t *own_word;
static uint32_t own_reason;

void no_memory_tell(_Atomic uint32_t *word, uint32_t reason)
{
	own_word = word;
	own_reason = reason;
}

void percore_no_memory(void)
{
	if (own_word)
		atomic_store(own_word, own_reason);
	_exit(EXIT_NO_MEMORY);
}
