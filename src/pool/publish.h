/* publish - what the master alone knows, put where readers of the shared memory see it. */
#ifndef PERCORE_PUBLISH_H
#define PERCORE_PUBLISH_H

#include "pool/pool.h"

/* One above the highest slot that any program of this pool has used. */
unsigned publish_slot_top(const struct pool *pool);

/* At the start: who is the master. */
void publish_master(const struct pool *pool);

/* After each event: how many workers there should be. */
void publish_size(const struct pool *pool);

/* After each event: which of our workers live.  Who buries one, says so itself: others may have its slot
 * next. */
void publish_workers(const struct pool *pool);

/* At each look at the pool: how busy it is. */
void publish_load(const struct pool *pool);

#endif
