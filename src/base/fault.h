/* SPDX-License-Identifier: ISC */
/*
 * fault - points where a test may kill the process: ./configure --enable-fault-points.
 *
 * PERCORE_FAULT=POINT:FILE kills the process with SIGKILL at that point, if it can
 * remove FILE: so once for each time that a test makes the file.  In a normal
 * build nothing of it exists.
 */
#ifndef PERCORE_FAULT_H
#define PERCORE_FAULT_H

#ifdef PERCORE_FAULT_POINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void fault_point(const char *point)
{
	const char *wanted = getenv("PERCORE_FAULT");
	size_t length = strlen(point);

	if (wanted && strncmp(wanted, point, length) == 0 && wanted[length] == ':' &&
	    unlink(wanted + length + 1) == 0)
		kill(getpid(), SIGKILL);
}
#else
static inline void fault_point(const char *point)
{
	(void)point;
}
#endif

#endif
