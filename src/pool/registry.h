/* SPDX-License-Identifier: ISC */
/*
 * registry - the master's side of the connections: a copy of every one that is kept.
 *
 * The master alone adds connections to the epoll and takes them out, since an entry there
 * is a file and the number that it had when it was added.  It answers workers that ask
 * for a descriptor, so it never waits for anything.  Its copies are what it answers with
 * when a worker dies (rescue.h), and what the next generation gets (handover.h).
 *
 * A process without a master is its own (single.h).
 */
#ifndef PERCORE_REGISTRY_H
#define PERCORE_REGISTRY_H

#include "pool/connections.h"

struct registry {
	struct connections *connections;
	int *fds;       /* by slot; -1: none */
	uint32_t count; /* connections in it */
	bool was_paused;
};

/* 0 or -ENOMEM. */
int registry_open(struct registry *r, struct connections *connections);

/* Takes the descriptor.  Where it cannot be watched the connection is closed, so that its peer does not wait.
 */
void registry_add(struct registry *r, uint32_t slot, uint32_t generation, int fd);

/* One whose descriptor could not be had.  Its worker finds its copy to be of no use, and closes it. */
void registry_lose(struct registry *r, uint32_t slot, uint32_t generation);

/* A connection that nobody has claimed yet: into a slot of its own, free.  False, and still the caller's: no
 * room. */
bool registry_add_free(struct registry *r, int fd);

int registry_fd(const struct registry *r, uint32_t slot); /* lent; -1: none */

/* Closes it; the peer sees the end at once, whoever has copies. */
void registry_close(struct registry *r, uint32_t slot);

/* Out of the registry without a word to the peer: another generation has it. */
void registry_forget(struct registry *r, uint32_t slot);

/* Free for any worker; whatever waits in it is told of. */
void registry_release(struct registry *r, uint32_t slot, uint32_t generation);

/* As that, but what comes is thrown away until the peer closes. */
void registry_release_to_discard(struct registry *r, uint32_t slot, uint32_t generation);

/* Raises again the edges that a dead or stopped worker took from the epoll and did not claim. */
void registry_raise(const struct registry *r);

/* Each second: closes what held part of a head too long; accepts again after a pause. */
void registry_tick(struct registry *r);

/* Gives up so many at most that the web server keeps and that nothing has come on: they hold descriptors. */
void registry_close_idle(struct registry *r, unsigned most);

/* Takes in what waits to be accepted now, accepts no more.  Then workers end by themselves. */
void registry_drain(struct registry *r);

#endif
