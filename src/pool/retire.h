/*
 * retire - the process that stays with the workers of the program before.
 *
 * At an upgrade the program is executed over the master, which then has a
 * descriptor table and a queue of its own.  The workers go on with the old ones
 * until the new program says that it serves.  This process is the old master's
 * copy, on the workers' table.  Until then it stands in for their master: times,
 * rescue, new workers for the dead, the log, probes.  Then it tells them to leave,
 * and hands connection after connection to the new program (handover.h), those with
 * input first.  So no request waits for a program to start, nor for the slowest
 * request of another.
 */
#ifndef PERCORE_RETIRE_H
#define PERCORE_RETIRE_H

#include "pool/pool.h"

/*
 * Master, before it executes the new program, with pool->handover open.  SIGTERM to
 * the process, from whomever: the pool stops, finish what was accepted; RETIRE_CUT,
 * from the master alone: cut it.  Its pid, or -errno.
 */
#define RETIRE_CUT SIGUSR1
pid_t retire_start(struct pool *pool);

/* The new program could not be executed: all is as before. */
void retire_cancel(pid_t retiring);

#endif
