/* worker - takes a connection, serves one request, gives it back. */
#ifndef PERCORE_WORKER_H
#define PERCORE_WORKER_H

#include "exchange/exchange.h"
#include "pool/queue.h"

struct worker {
	struct queue *queue;
	struct worker_shm *slot;
	const struct exchange *exchange;
	unsigned index;
	bool keeps_connections; /* as the web server asks; else one request each */
};

/*
 * Serves until SIGTERM, or until the queue is drained.  Returns the exit status.
 * Signals are blocked but while it waits: a request in hand is always finished.
 */
int worker_run(const struct worker *worker);

/* One process without a master (--workers 0): SIGTERM, SIGINT and SIGQUIT drain and end it. */
int worker_run_alone(const struct queue_settings *settings, const struct exchange *exchange);

#endif
