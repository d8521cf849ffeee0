/*
 * predecessor - the new program's side of an upgrade: see retire.h.
 *
 * The workers of the program before are our children, but not our pool's: they
 * are reaped here and looked after there.  Their slots in the shared memory are
 * theirs until they have left.
 */
#ifndef PERCORE_PREDECESSOR_H
#define PERCORE_PREDECESSOR_H

#include "pool/pool.h"

/* At the start, before anything can fail. */
void predecessor_meet(struct pool *pool);

/* True until the last of its workers has left. */
bool predecessor_is_there(const struct pool *pool);

/* True until it is relieved; so it can serve on for the next program as well. */
bool predecessor_serves(const struct pool *pool);

/* Our workers run: the predecessor's may leave. */
void predecessor_relieve(struct pool *pool);

/* After any event: takes in the connections that it has handed over. */
void predecessor_look(struct pool *pool, uint64_t now_ms);

/* SIGUSR1: its log's file, as long as it serves. */
void predecessor_reopen(const struct pool *pool);

/* The pool stops; or what is in hand is cut. */
void predecessor_stop(const struct pool *pool);
void predecessor_cut(const struct pool *pool);

/* A child that is no worker of ours has stopped (by a signal), or ended. */
void predecessor_note_stop(const struct pool *pool, pid_t pid);
void predecessor_note_exit(struct pool *pool, const siginfo_t *death);

#endif
