/* worker - takes a connection, serves one request, gives it back. */
#ifndef PERCORE_WORKER_H
#define PERCORE_WORKER_H

#include "exchange/exchange.h"
#include "pool/queue.h"

/* Prints a backtrace of the handler in hand on stderr: --slow-backtrace. */
#define WORKER_BACKTRACE_SIGNAL (SIGRTMIN + 1)

struct worker {
	struct queue *queue;
	struct worker_shm *slot;
	const struct exchange *exchange;
	unsigned index;
	bool is_alone;                    /* a process without a master: see alone.h */
	const _Atomic uint32_t *draining; /* what percore_is_draining tells; NULL: of the queue */
	unsigned seat;                    /* as people know it */
	bool keeps_connections;           /* as the web server asks; else one request each */
	long max_requests;                /* leave after so many; 0: no bound */
	long max_memory;                  /* leave when more bytes are resident; 0: no bound */
	bool backtraces;                  /* take WORKER_BACKTRACE_SIGNAL */
};

/*
 * Serves until SIGTERM, or until the queue is drained.  Returns the exit status.
 * Signals are blocked but while it waits: a request in hand is always finished.
 * The parent gets SIGRTMIN when it is ready.  Alone: until SIGTERM, SIGINT or
 * SIGQUIT, which drain the queue.
 */
int worker_run(const struct worker *worker);

#endif
