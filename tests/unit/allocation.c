/* SPDX-License-Identifier: ISC */
/* allocation - see allocation.h. */
#include "allocation.h"

#include <stddef.h>
#include <stdlib.h>

static long fail_at, count;
static bool fail_all;

void allocation_fail(long number, bool all)
{
	fail_at = number;
	fail_all = all;
	count = 0;
}

long allocation_count(void)
{
	return count;
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *memory, size_t size);

bool allocation_can_fail(void)
{
	return true;
}

static bool fails(void)
{
	count++;
	return fail_at > 0 && (fail_all ? count >= fail_at : count == fail_at);
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}

#else

bool allocation_can_fail(void)
{
	return false;
}

#endif
