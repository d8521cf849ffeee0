/* SPDX-License-Identifier: ISC */
/* resident - see resident.h. */
#include "base/resident.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

long resident_bytes(int pid)
{
	char path[32] = "/proc/self/statm", text[64] = "";
	long size, resident = 0;

	if (pid > 0)
		snprintf(path, sizeof path, "/proc/%d/statm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) <= 0 || sscanf(text, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	close(fd);
	return resident * sysconf(_SC_PAGESIZE);
}
