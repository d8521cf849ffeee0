/* SPDX-License-Identifier: ISC */
/* cpu - how many workers the machine lets run at once. */
#ifndef PERCORE_CPU_H
#define PERCORE_CPU_H

/* CPUs in the affinity mask, capped by the cgroup's quota rounded up; at least 1. */
unsigned cpu_count(void);

/* The quota in a cgroup v2 cpu.max line ("200000 100000" is 2), rounded up; 0 for "max" or nonsense. */
unsigned cpu_quota(const char *cpu_max);

#endif
