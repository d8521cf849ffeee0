/*
 * background - the master's care for the processes beside the workers.
 *
 * One runs the tasks, one the jobs; each is a plain fork with a descriptor table of
 * its own.  One that dies is replaced, after a growing delay where it dies at
 * once; one whose task outlasts --task-timeout is killed; one whose task makes another
 * late is set aside to end that task, and a fresh one has the others.
 */
#ifndef PERCORE_POOL_BACKGROUND_H
#define PERCORE_POOL_BACKGROUND_H

#include "pool/pool.h"

/* At the start, with shared memory; a failure is said, and the pool serves without. */
void background_open(struct pool *pool, struct background_shm *shm);

/* After any event: starts what is due and not there, ends what takes too long. */
void background_look(struct pool *pool, uint64_t now_ms, bool may_start);

/* When background_look has something to do next; UINT64_MAX: nothing but what the tick does. */
uint64_t background_next_ms(const struct pool *pool);

/* A child that is no worker has stopped (by a signal; false: it is none of these), or ended. */
bool background_note_stop(struct pool *pool, pid_t pid);
void background_note_exit(struct pool *pool, const siginfo_t *death);

/* New settings: others take their places, once what runs has ended. */
void background_reload(struct pool *pool);

/* The pool stops: nothing new is started; what runs has until --drain-timeout. */
void background_drain(struct pool *pool);

/* Told to stop again: what runs is cut. */
void background_cut(struct pool *pool);

/*
 * An upgrade: what runs has grace_ms to end, or is cut, and runs again under the new program.  When nothing
 * runs any more, the pool's directory is let go, for that program; or taken up again, where it could not be
 * executed.
 */
void background_leave(struct pool *pool, uint64_t grace_ms);
bool background_is_any(const struct pool *pool);
void background_let_go(struct pool *pool);
void background_take_up(struct pool *pool);

/* Removes directories of dead pools: at the start, or when a predecessor has gone that had another. */
void background_sweep(const struct pool *pool);

/* No worker is left: waits until they are gone, or grace_ms more at most where that is less than was given.
 */
void background_finish(struct pool *pool, uint64_t grace_ms);

/* The end: removes the pool's directory. */
void background_close(struct pool *pool);

#endif
