/* master - starts the workers, replaces the dead, stops the pool. */
#ifndef PERCORE_MASTER_H
#define PERCORE_MASTER_H

#include "exchange/exchange.h"
#include "pool/queue.h"

/* Returns the exit status once the pool has stopped. */
int master_run(const struct queue_settings *settings, const struct exchange *exchange);

#endif
