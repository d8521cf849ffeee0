/* SPDX-License-Identifier: ISC */
/* allocation - makes allocations of this process fail, those of libraries too. */
#ifndef ALLOCATION_H
#define ALLOCATION_H

#include <stdbool.h>

/* False: here the allocator cannot be replaced (a sanitizer has done so, or the libc is not glibc). */
bool allocation_can_fail(void);

/* The allocation of that number (the next is 1) fails, and where `all` is set each after it; 0: none does. */
void allocation_fail(long number, bool all);

/* How many there were since then. */
long allocation_count(void);

#endif
