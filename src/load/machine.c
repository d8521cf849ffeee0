/* SPDX-License-Identifier: ISC */
/* machine - from /proc/stat and the process clock. */
#include "load/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

uint64_t machine_own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void machine_read(struct machine_times *times)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
	uint64_t ticks[FIELDS] = { 0 };
	FILE *stat = fopen("/proc/stat", "re");

	*times = (struct machine_times){ .own_cpu_ns = machine_own_cpu_ns() };
	if (!stat)
		return;
	if (fscanf(stat,
	           "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	           " %" SCNu64,
	           &ticks[USER], &ticks[NICE], &ticks[SYSTEM], &ticks[IDLE], &ticks[IOWAIT], &ticks[IRQ],
	           &ticks[SOFTIRQ], &ticks[STEAL]) == FIELDS) {
		for (int i = 0; i < FIELDS; i++)
			times->all_ticks += ticks[i];
		times->steal_ticks = ticks[STEAL];
	}
	fclose(stat);
}

double machine_steal_share(const struct machine_times *from, const struct machine_times *to)
{
	uint64_t all = to->all_ticks - from->all_ticks;

	return all ? (double)(to->steal_ticks - from->steal_ticks) / (double)all : 0;
}
