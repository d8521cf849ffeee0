/*
 * demand - how much is waiting and how much gets served, for shedding and for the status.
 */
#ifndef PERCORE_DEMAND_H
#define PERCORE_DEMAND_H

#include "pool/pool.h"

/* At each look at the pool. */
void demand_look(struct pool *pool, uint64_t now_ms);

#endif
