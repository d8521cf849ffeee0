/*
 * retire - the process that stays with the workers of the program before.
 *
 * At an upgrade the program is executed over the master, which then has a
 * descriptor table and a queue of its own.  The workers go on with the old ones
 * until the new program says that it serves.  This process is the old master's
 * copy, on the workers' table: it does for them what their master did (times,
 * rescue), then tells them to leave, and hands connection after connection to
 * the new program (handover.h), those with input first.  So no request waits for
 * a program to start, nor for the slowest request of another.
 */
#ifndef PERCORE_RETIRE_H
#define PERCORE_RETIRE_H

#include "pool/pool.h"

struct retirement {
	pid_t pid;
	int ends[2]; /* its own, and the new program's: see handover.h */
};

/*
 * Master, before it executes the new program.  SIGTERM to the process, from whomever: the
 * pool stops, finish what was accepted; RETIRE_CUT, from the new master: cut it.  0 or -errno.
 */
#define RETIRE_CUT SIGUSR1
int retire_start(struct pool *pool, struct retirement *retirement);

/* The new program could not be executed: all is as before. */
void retire_cancel(const struct retirement *retirement);

#endif
