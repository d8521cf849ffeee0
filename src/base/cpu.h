/* SPDX-License-Identifier: ISC */
/* cpu - how many workers the machine lets run at once. */
#ifndef PERCORE_CPU_H
#define PERCORE_CPU_H

#include <sched.h>
#include <sys/types.h>

/* CPUs in the affinity mask, capped by the cgroup's quota rounded up; at least 1. */
unsigned cpu_count(void);

/* The quota in a cgroup v2 cpu.max line ("200000 100000" is 2), rounded up; 0 for "max" or nonsense. */
unsigned cpu_quota(const char *cpu_max);

/* How many CPUs are in the affinity mask, however large the kernel's masks are; `get` is
 * sched_getaffinity(2). */
unsigned cpu_affinity(int (*get)(pid_t pid, size_t bytes, cpu_set_t *set));

#endif
