/* SPDX-License-Identifier: ISC */
/*
 * intake - a worker's side of the connections: waits for one, claims it, parks or closes it.
 *
 * A new connection is accepted and served at once.  Only if the web server keeps it, or
 * its request is not there yet, it is registered with the master: one message, with
 * the descriptor.  A worker that claims a connection which it has no descriptor of asks
 * the master once, and keeps that copy.
 *
 * The lifeline: of a connection that is not registered the master has no copy to answer
 * with, should the worker die.  So before it is served the worker puts a copy into a
 * socket whose other end the master holds too, and takes it out when it is closed or
 * registered.  Nobody is woken by that; only the death of the worker makes the master look.
 */
#ifndef PERCORE_INTAKE_H
#define PERCORE_INTAKE_H

#include "pool/connections.h"
#include "pool/registry.h"
#include "state/scoreboard.h"

/* What a worker tells its master. */
enum intake_word {
	INTAKE_READY,
	INTAKE_REGISTER, /* with the descriptor */
	INTAKE_TAKEN_IN, /* as that, and the master is to free it */
	INTAKE_ASK,      /* answered with the descriptor, or without where there is no such connection */
	INTAKE_CLOSED,
	INTAKE_FREED, /* in a generation that retires: the next one may have it */
};

struct intake_message {
	uint32_t word; /* enum intake_word */
	uint32_t slot, generation;
};

/* How the master hears its workers. */
struct intake_wires {
	int master;      /* to it; -1: there is none */
	int lifeline[2]; /* in, out; -1: none */
	int parcels;     /* see handover.h; -1: none */
};

struct intake {
	struct connections *connections;
	struct registry *registry; /* of a process without a master; else NULL */
	struct intake_wires wires;
	struct worker_shm *slot;
	unsigned index; /* as claims have it */
	int *fds; /* copies, by slot: 1 + the descriptor, 0: none; memory that is not touched costs nothing */
	uint32_t *generations;
	uint32_t copies, copies_max;
	uint32_t clock_hand; /* of the clock that finds a copy to give up */
	bool has_lifeline;   /* a copy of the connection in hand waits there */
	bool is_orphan;
	bool is_spoilt; /* what the lifeline holds is not known any more: the worker is to be replaced */
};

struct connection {
	int fd;
	uint32_t slot, generation;
	bool is_registered;
};

/* 0 or -ENOMEM.  `wires` are taken. */
int intake_open(struct intake *in, struct connections *connections, const struct intake_wires *wires,
                struct worker_shm *slot, unsigned index);
void intake_close_all(struct intake *in);

/* Waits for work, at most timeout_ms (-1: for ever).  1: *c is claimed; 0: nothing this time, or a signal;
 * -ETIMEDOUT; -errno. */
int intake_take(struct intake *in, struct connection *c, int timeout_ms);

/*
 * Registers a new connection, so that it can be parked.  Where there is no room: false, and it
 * is closed; but one whose request is still to come (is_waited_for) may be ours a while longer.
 */
bool intake_register(struct intake *in, struct connection *c, bool is_waited_for);

/* Gives a registered one back, to whoever is told of its next input.  False: input came meanwhile; it is
 * still ours, look again. */
bool intake_park(struct intake *in, const struct connection *c);

/* `cut`: also where a process that a handler started has a copy. */
void intake_close(struct intake *in, const struct connection *c, bool cut);

/*
 * With nothing in hand: where the backlog is long, moves some of it into the table, as far as
 * there is room.  The listening socket has one turn in the epoll's round, as each kept
 * connection has; so with all of them busy, new ones would be accepted too seldom.
 */
void intake_take_in(struct intake *in);

/* True when an answered connection is to be closed, whoever wants to keep it. */
bool intake_keeps_none(const struct intake *in);

/* False: the master is gone. */
bool intake_say_ready(struct intake *in);

/* The master is gone: what is free, and known here, goes to the next generation. */
void intake_give_all(struct intake *in);

#endif
