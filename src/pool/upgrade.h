/*
 * upgrade - a new program over the master, without losing a connection.
 *
 * The file that the master was started from is tried first (with -t, on the same
 * arguments).  Then the workers leave, requests wait in their sockets, and the
 * program is executed in the master's place, with the listening socket, the kept
 * connections and the shared memory.
 */
#ifndef PERCORE_UPGRADE_H
#define PERCORE_UPGRADE_H

#include "pool/pool.h"

/* At the start of the program, before anything else: remembers the file it runs from. */
void upgrade_init(void);

/* What an earlier program left us, as descriptors.  False: there was none. */
bool upgrade_inherited(int *listener, int *state);

/* Starts the trial.  False, and said: it could not be. */
bool upgrade_try(struct pool *pool);

/* A child that is no worker has ended; is the trial over, and how?  -1: it runs on. */
void upgrade_note_exit(struct pool *pool, pid_t pid, int status);
int upgrade_verdict(const struct pool *pool);

/* Executes the program, when no worker lives.  Returns only where that failed, which was said. */
void upgrade_execute(struct pool *pool);

#endif
