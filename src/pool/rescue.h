/* SPDX-License-Identifier: ISC */
/* rescue - what becomes of a dead worker's connections. */
#ifndef PERCORE_RESCUE_H
#define PERCORE_RESCUE_H

#include "exchange/access.h"
#include "pool/registry.h"
#include "state/scoreboard.h"

struct rescue {
	struct registry *registry;
	struct pool_shm *pool;       /* counts what was done */
	const struct access *access; /* takes a record of the request; NULL: no log */
	const struct worker_shm *slot;
	int unregistered;   /* a connection that is in no slot, taken; -1: there is none */
	unsigned worker;    /* its index, as the claims have it */
	unsigned worker_id; /* as people know it */
	int status;         /* for the request in hand: 500, 503, 504 */
	const char *detail; /* likewise */
	const char *reason; /* likewise, with --develop; NULL: none */
};

/*
 * Master, when the worker is dead and all that it said was heard.  A connection that it
 * had not read from goes to another worker.  A request without an answer is answered; one
 * in the middle of its answer is cut.  Edges that it took from the epoll are raised
 * again.  Returns the status that the request was answered with; 0: it was not.
 */
int rescue_worker(const struct rescue *rescue);

#endif
