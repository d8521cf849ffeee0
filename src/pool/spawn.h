/* spawn - birth and death of workers. */
#ifndef PERCORE_SPAWN_H
#define PERCORE_SPAWN_H

#include "pool/pool.h"

/* Fills each seat that is empty and due; starts successors where `successors`. */
void spawn_due(struct pool *pool, uint64_t now_ms);
void spawn_successors(struct pool *pool);

/* A worker says that it is ready: its predecessor is told to leave. */
void spawn_look_for_ready(struct pool *pool, uint64_t now_ms);

/* How long the next one waits after so many deaths in a row that came at once. */
uint64_t spawn_delay_ms(unsigned quick_deaths);

/* Tells one, or all, to leave after the request in hand. */
void spawn_tell_all(struct pool *pool, enum pool_exit cause, uint64_t now_ms);

/* Ends at once those that have not started yet. */
void spawn_end_starting(struct pool *pool);

/* Ends all that are left at once; their requests are answered 503. */
void spawn_cut_all(struct pool *pool);

/* Notes who died or stopped.  False: there is no point in going on, and it was said why. */
bool spawn_reap(struct pool *pool, uint64_t now_ms);

/* The same of workers that are another's children, one by one. */
void spawn_look_at_all(struct pool *pool, uint64_t now_ms);

/* Ends what takes too long: requests, stopped workers, those told to leave.  Writes the slow log. */
void spawn_end_overdue(struct pool *pool, uint64_t now_ms);

/* Nobody has it any more. */
void spawn_free_slot(const struct pool *pool, unsigned index);

unsigned spawn_alive(const struct pool *pool);

/* When spawn_due has something to do next; UINT64_MAX: nothing. */
uint64_t spawn_next_ms(const struct pool *pool);

#endif
