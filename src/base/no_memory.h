/* SPDX-License-Identifier: ISC */
/* no_memory - the end of a process for want of memory: percore_no_memory of percore.h. */
#ifndef PERCORE_NO_MEMORY_H
#define PERCORE_NO_MEMORY_H

#include <stdatomic.h>
#include <stdint.h>

/* In each worker: where it leaves word of such an end, and which; NULL: nowhere. */
void no_memory_tell(_Atomic uint32_t *word, uint32_t reason);

/* As percore.h declares it. */
#pragma GCC visibility push(default)
_Noreturn void percore_no_memory(void);
#pragma GCC visibility pop

/* What was allocated; where it was not, the process ends so. */
static inline void *no_memory_unless(void *memory)
{
	if (!memory)
		percore_no_memory();
	return memory;
}

#endif
