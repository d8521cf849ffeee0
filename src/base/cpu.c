/* SPDX-License-Identifier: ISC */
/* cpu - affinity mask and cgroup v2 quota (Documentation/admin-guide/cgroup-v2: cpu.max). */
#include "base/cpu.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CPUS_MAX = 1 << 20 };

unsigned cpu_quota(const char *cpu_max)
{
	unsigned long quota, period;

	if (sscanf(cpu_max, "%lu %lu", &quota, &period) != 2 || period == 0 || quota == 0)
		return 0;
	return (unsigned)((quota + period - 1) / period);
}

/* First line of a file; false when it cannot be read. */
static bool first_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	bool got = fgets(line, size, file) != NULL;
	fclose(file);
	return got;
}

/* The smallest quota from our cgroup up to the root; 0: none. */
static unsigned own_quota(void)
{
	char line[512], path[600], cpu_max[64];
	unsigned least = 0;

	if (!first_line("/proc/self/cgroup", line, sizeof line) || strncmp(line, "0::", 3) != 0)
		return 0;
	line[strcspn(line, "\n")] = '\0';
	for (char *group = line + 3, *slash; (slash = strrchr(group, '/')); *slash = '\0') {
		snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
		unsigned quota = first_line(path, cpu_max, sizeof cpu_max) ? cpu_quota(cpu_max) : 0;
		if (quota && (!least || quota < least))
			least = quota;
	}
	return least;
}

/* The kernel says EINVAL to a mask that is smaller than its own. */
unsigned cpu_affinity(int (*get)(pid_t pid, size_t bytes, cpu_set_t *set))
{
	for (size_t most = CPU_SETSIZE; most <= CPUS_MAX; most *= 2) {
		cpu_set_t *set = CPU_ALLOC(most);
		size_t bytes = CPU_ALLOC_SIZE(most);
		if (!set)
			break;
		int error = get(0, bytes, set) == 0 ? 0 : errno;
		unsigned cpus = error ? 0 : (unsigned)CPU_COUNT_S(bytes, set);
		CPU_FREE(set);
		if (!error)
			return cpus;
		if (error != EINVAL)
			break;
	}
	return 1;
}

unsigned cpu_count(void)
{
	unsigned cpus = cpu_affinity(sched_getaffinity);
	unsigned quota = own_quota();

	return quota && quota < cpus ? quota : cpus;
}
