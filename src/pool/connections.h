/* SPDX-License-Identifier: ISC */
/*
 * connections - the one queue of all workers: a table of the connections that the web server keeps, and an
 * epoll.
 *
 * A claim word in shared memory says who serves a connection.  Each process has
 * descriptors of its own: the master those of all connections in the table (registry.h),
 * a worker copies of those that it has served (intake.h).
 *
 * A claim word:  generation (32) | pending (1) | open (1) | 14 unused | owner (16)
 *   owner 0 is free, else the worker's index + 1; not open: no such connection.
 * An epoll event: generation (32) | slot (32); the listening socket has generation 0.
 *
 * Why no request is lost and none is served twice:
 *
 * - A connection is edge-triggered, so an event reaches one worker.  That worker reads
 *   only after a compare-and-swap from free to its own.  Events that come twice are
 *   harmless: the second finds an owner, or no input.
 * - If it has an owner, the event becomes the pending mark.  The owner's swap back to
 *   free fails on the mark, and the owner looks again: no edge is dropped.
 * - Slots are reused; each use has a new generation, so an event of an earlier use claims
 *   nothing, and a descriptor of an earlier use is not taken for one of this.
 * - A worker killed between epoll_wait and the swap took an edge that nobody else will
 *   see, and one killed before it has accepted leaves the listening socket disarmed.  The
 *   master modifies each in the epoll when a worker has died (registry_raise): the kernel
 *   raises the event again where input waits.
 */
#ifndef PERCORE_CONNECTIONS_H
#define PERCORE_CONNECTIONS_H

#include "exchange/input.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CONNECTIONS_SLOTS_MAX = 1 << 16,
	CONNECTIONS_PARTS = sizeof(void *) > 4 ? 256 : 64, /* heads that may wait for their rest at a time */
};

/* As an owner: the master, or the process that has no master. */
enum { CONNECTIONS_MASTER = 0xfffe };

struct connection_shm {
	_Atomic uint64_t word;
	_Atomic uint32_t part;         /* 1 + the number of its input_part; 0: none */
	_Atomic uint32_t part_since_s; /* monotonic time since when it waits for its rest; 0: it does not */
	_Atomic uint32_t discards;     /* 1: its request is answered; what still comes is thrown away */
	uint32_t unused;
};

struct connections_shm {
	_Atomic uint32_t draining;          /* no more accepts; answered connections are closed */
	_Atomic uint32_t retired;           /* no more accepts; connections go to the next generation */
	_Atomic uint32_t paused;            /* no more accepts for now: a worker has no descriptor left */
	_Atomic uint32_t is_crowded;        /* the backlog is long: see intake_take_in */
	_Atomic uint32_t full_s;            /* when there was no room last, and it was said; 0: it is over */
	_Atomic uint32_t top;               /* one above the highest slot in use ever */
	_Atomic uint32_t hint;              /* where a free slot may be */
	_Atomic uint32_t open;              /* slots in use */
	_Atomic uint64_t registered, asked; /* messages to the master, for whoever measures */
	_Atomic uint32_t parts[CONNECTIONS_PARTS]; /* 1 + the slot that has it; 0: free */
	struct connection_shm slots[];
};

/* This process' view of it. */
struct connections {
	struct connections_shm *shm;
	struct input_part *parts; /* shared too */
	uint32_t slots, capacity; /* of the table; and how many may be in use */
	int epoll, listener;      /* the same numbers in all processes */
	unsigned io_timeout_ms;
	bool is_pool; /* several workers; else one process with a table of its own */
};

struct connections_settings {
	int listener;
	unsigned io_timeout_ms;
	uint32_t capacity; /* connections that may be kept at a time */
	bool is_pool;
};

/* Memory that children share, and an epoll without the listening socket.  0 or -errno. */
int connections_open(struct connections *c, const struct connections_settings *settings);

/* ---- The listening socket. */

/* Begins to accept; or raises its event again where connections wait. */
int connections_listen(const struct connections *c);
void connections_rearm(const struct connections *c);

/* Ends to accept, in all workers. */
void connections_deafen(const struct connections *c);

bool connections_accepts(const struct connections *c);

/* Who accepts must not wait for what another has taken.  A handler can undo that for all.  0, or -1 and
 * errno. */
int connections_never_block(const struct connections *c);

/* ---- The claim. */

/* A free slot for a new connection, owned.  False: the table is full. */
bool connections_take_slot(struct connections *c, unsigned owner, uint32_t *slot, uint32_t *generation);

bool connections_has_room(const struct connections *c);

/* Claims it, or leaves the pending mark for its owner.  False: there is nothing for us. */
bool connections_claim(struct connections *c, uint32_t slot, uint32_t generation, unsigned owner);

/* Gives it back.  False: an event came meanwhile; it is still claimed, look again. */
bool connections_let_go(struct connections *c, uint32_t slot, uint32_t generation, unsigned owner);

/* Free for any worker, whoever owned it. */
void connections_free(struct connections *c, uint32_t slot, uint32_t generation);

/* There is no such connection any more; the slot may be reused. */
void connections_forget(struct connections *c, uint32_t slot);

/* What a slot holds now.  False: no connection. */
struct connections_state {
	uint32_t generation;
	unsigned owner; /* its index */
	bool is_owned;
};
bool connections_look(const struct connections *c, uint32_t slot, struct connections_state *state);

bool connections_is_owned(const struct connections *c, uint32_t slot, uint32_t generation, unsigned owner);

/* Slots below it were in use once.  Bounded. */
uint32_t connections_top(const struct connections *c);

/* ---- Heads that come in parts.  The owner's to call. */

/* A place for the part, which is the connection's until connections_drop_part.  NULL: all are taken. */
struct input_part *connections_make_part(struct connections *c, uint32_t slot);
struct input_part *connections_part(const struct connections *c, uint32_t slot); /* NULL: none */
void connections_drop_part(struct connections *c, uint32_t slot);

/* ---- The epoll.  Only the process that added a connection may change it. */

int connections_watch(const struct connections *c, int how, int fd, uint32_t slot, uint32_t generation);

uint32_t connections_now_s(void); /* monotonic, never 0 */

#endif
