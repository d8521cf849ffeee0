/* publish - what the master alone knows, put where readers of the shared memory see it. */
#ifndef PERCORE_PUBLISH_H
#define PERCORE_PUBLISH_H

#include "pool/pool.h"

/* At the start: what an earlier program left of its processes is over. */
void publish_init(struct pool *pool);

/* After each event: who lives. */
void publish_workers(const struct pool *pool);

/* At each look at the pool: how busy it is. */
void publish_load(const struct pool *pool);

#endif
