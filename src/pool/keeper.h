/*
 * keeper - a process that does nothing but hold the listening socket and stderr.
 *
 * Workers share the master's descriptors, so a handler that closes what is not
 * its own can close these.  The keeper's table is its own; the master takes them
 * back from there (pidfd_getfd(2)).
 */
#ifndef PERCORE_KEEPER_H
#define PERCORE_KEEPER_H

#include "pool/pool.h"

/* Without one the pool serves, but cannot mend a closed listening socket. */
void keeper_start(struct pool *pool);
void keeper_stop(struct pool *pool);

/* A child that is no worker has ended. */
void keeper_note_exit(struct pool *pool, pid_t pid);

/* Puts back, at their numbers, the listening socket and stderr where they are lost.  0 or -errno. */
int keeper_restore(const struct pool *pool);

#endif
