/*
 * scribe - the master's care for the process that writes the access log.
 *
 * Its descriptor table is its own, so no handler can close the log; it is started
 * again when it dies, and what is in the rings outlives it.
 */
#ifndef PERCORE_SCRIBE_H
#define PERCORE_SCRIBE_H

#include "pool/pool.h"

/* After any event: starts it where it is wanted and not there. */
void scribe_look(struct pool *pool, uint64_t now_ms);

/* When scribe_look has something to do next; UINT64_MAX: nothing. */
uint64_t scribe_next_ms(const struct pool *pool);

/* A child that is no worker has ended. */
void scribe_note_exit(struct pool *pool, pid_t pid, int status);

/* SIGUSR1: the file that the path names now. */
void scribe_reopen(struct pool *pool);

/* New settings: another takes its place; or none, once the workers of old are done. */
void scribe_reload(struct pool *pool);

/* An upgrade: it is to leave after the batch in hand, for another program's takes its place; or it has. */
void scribe_leave(struct pool *pool);
void scribe_step_aside(struct pool *pool);

/* The same to one of the program before, on the same memory; we have none then. */
void scribe_dismiss(struct pool *pool);

/* As scribe_step_aside, when what is in the rings is written: for some seconds at most. */
void scribe_empty(struct pool *pool);

/* No worker is left: all that is in the rings is written, for some seconds at most, and it is gone. */
void scribe_finish(struct pool *pool);

#endif
