/*
 * upgrade - a new program over the master, without losing a connection.
 *
 * The file that the master was started from is tried first (with -t, on the same
 * arguments).  Then what runs in the background ends, and the program is executed in
 * the master's place, with the listening socket and the shared memory, while the
 * workers serve on.  When the new ones serve, these leave (retire.h).  A program
 * whose workers have not started yet passes on those that serve for it.
 */
#ifndef PERCORE_UPGRADE_H
#define PERCORE_UPGRADE_H

#include "pool/pool.h"

/* At the start of the program, before anything else: remembers the file it runs from. */
void upgrade_init(void);

/* What an earlier program left us. */
struct inheritance upgrade_inherited(void);

/* In a trial: where the pool that is to be upgraded listens ("": as it was told by its spawner).  NULL: it is
 * none. */
const char *upgrade_trial_listen(void);

/* Starts the trial.  False, and said: it could not be. */
bool upgrade_try(struct pool *pool);

/* A child that is no worker has ended; is the trial over, and how?  -1: it runs on. */
void upgrade_note_exit(struct pool *pool, pid_t pid, int status);
int upgrade_verdict(const struct pool *pool);

/* A program whose workers have not started yet: executes the next one over it, for the same predecessor. */
void upgrade_pass_on(struct pool *pool);

/* The trial is of no use any more. */
void upgrade_end_trial(struct pool *pool);

/* Executes the program, when nothing runs in the background.  Returns only where that failed, which was said.
 */
void upgrade_execute(struct pool *pool);

#endif
