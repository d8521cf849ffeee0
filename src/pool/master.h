/* master - starts the workers, replaces the dead, stops the pool. */
#ifndef PERCORE_MASTER_H
#define PERCORE_MASTER_H

#include "exchange/exchange.h"

/* Returns the exit status once the pool has stopped. */
int master_run(int listener, unsigned workers, unsigned io_timeout_s, const struct exchange *exchange);

#endif
