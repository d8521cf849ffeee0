/* worker - takes a connection, serves one request, gives it back. */
#ifndef PERCORE_WORKER_H
#define PERCORE_WORKER_H

#include "exchange/exchange.h"
#include "pool/queue.h"

/* One per worker, in shared memory, written by the worker alone. */
struct worker_slot {
	_Alignas(64) _Atomic int stage;
};

enum worker_stage {
	WORKER_WAITING, /* what it owns was not read from */
	WORKER_SERVING, /* bytes may have been read */
};

/* Serves until told to stop by SIGTERM.  Returns the exit status. */
int worker_run(struct queue *q, unsigned index, struct worker_slot *slot, const struct exchange *exchange);

/* The plain case without a shared table: accept, serve one request, close. */
int worker_run_alone(int listener, unsigned io_timeout_s, const struct exchange *exchange);

#endif
