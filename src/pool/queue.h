/* queue - the one queue of all workers: a shared epoll and a claim word for each descriptor. */
#ifndef PERCORE_QUEUE_H
#define PERCORE_QUEUE_H

#include "pool/scoreboard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct claim_shm {
	_Atomic uint64_t word;         /* see queue.c */
	_Atomic uint32_t half_since_s; /* monotonic time since when it holds part of a head; 0: none */
	_Atomic uint32_t spool;        /* 1 + a descriptor, or 0: see fcgi.h */
	_Atomic uint32_t discards;     /* 1: its request is answered; what still comes is thrown away */
	uint32_t unused;
};

struct queue_settings {
	int listener;
	unsigned io_timeout_ms; /* how long a connection may hold part of a head, to a second */
	bool is_pool;           /* several workers on one table; else one process with a queue of its own */
};

/* In memory that the workers share; no pointer in it. */
struct queue {
	struct queue_settings settings;
	_Atomic int epoll;
	_Atomic uint32_t draining;      /* no more accepts; answered connections are closed */
	_Atomic uint32_t retired;       /* no more accepts; connections go to another program's queue */
	_Atomic uint32_t accept_paused; /* the listener is out of epoll: no descriptors */
	_Atomic uint32_t is_crowded;    /* the backlog is long: see queue_take_in */
	_Atomic uint32_t starved_s;     /* when that was last so, and it was said; 0: it is over */
	_Atomic uint32_t top;           /* one above the highest descriptor ever claimed */
	struct sockaddr_storage name;   /* the listener's: what it accepts has the same */
	bool was_paused;                /* at the last tick */
	uint32_t size;                  /* descriptors that claims[] covers */
	struct claim_shm claims[];
};

/* A connection that its holder has claimed. */
struct connection {
	int fd;
	uint32_t generation;
	bool is_known; /* to epoll */
};

/* Descriptors that a queue is to cover here: the limit of open files. */
uint32_t queue_descriptors(void);

/* Zeroed memory for one, that children share.  NULL and errno. */
struct queue *queue_map(uint32_t descriptors);

/*
 * Makes the queue of a listening socket in zeroed memory; or anew where there was
 * one, with its connections.  0 or -errno.
 */
int queue_init(struct queue *q, uint32_t descriptors, const struct queue_settings *settings);

/*
 * Worker: waits for work, at most timeout_ms (-1: for ever), with the signals of
 * `mask` blocked.  1: *c is claimed; 0: nothing this time; -ETIMEDOUT; -errno.
 */
int queue_take(struct queue *q, unsigned worker, struct worker_shm *slot, struct connection *c,
               int timeout_ms, const sigset_t *mask);

/*
 * Worker: where the backlog is long, moves some of it into the epoll.  The listening
 * socket has one turn in the epoll's round, as each kept connection has; so with
 * all of them busy, new ones would be accepted too seldom, and wait for ever.
 */
void queue_take_in(struct queue *q, struct worker_shm *slot);

/* The connection's spool, for fcgi.h. */
_Atomic uint32_t *queue_spool(struct queue *q, const struct connection *c);

/* Worker: true when an answered connection is to be closed, whoever wants to keep it: at the end, or for want
 * of descriptors. */
bool queue_keeps_none(const struct queue *q);

/* Worker: gives a connection back.  True when input came meanwhile: it is still claimed, look again. */
bool queue_park(struct queue *q, unsigned worker, struct connection *c);

/* Worker: as queue_park, of a connection that holds part of a head. */
bool queue_park_half(struct queue *q, unsigned worker, struct connection *c);

/* Worker: closes it.  `cut`: also where a child process holds a copy of the descriptor. */
void queue_close(struct queue *q, struct worker_shm *slot, struct connection *c, bool cut);

/* Worker: true when its request was answered for a dead worker: throw away what comes until the end. */
bool queue_discards(const struct queue *q, const struct connection *c);

/*
 * Master, of a dead worker: the next connection from descriptor *from on that it
 * had claimed.  Then one of: free for any worker, as it is; free, and what still
 * comes is thrown away; closed.
 */
bool queue_next_of(const struct queue *q, unsigned worker, uint32_t *from, struct connection *c);
void queue_release(struct queue *q, const struct connection *c);
void queue_release_to_discard(struct queue *q, const struct connection *c);
void queue_close_of_dead(struct queue *q, const struct connection *c);

/* Closes the connection's spool, if it has one. */
void queue_drop_spool(struct queue *q, const struct connection *c);

/* Master: raises again the edges that a dead or stopped worker took from epoll and did not claim. */
void queue_raise(struct queue *q);

/*
 * Master: takes in connections that a dead worker left without a claim word.
 * False: one of the `slots` living workers is in the middle of one; ask again in
 * some milliseconds.
 */
bool queue_adopt(struct queue *q, const struct worker_shm *slots, unsigned count);

/* Master, or a process alone, each second: closes what held part of a head too long, resumes accepting. */
void queue_tick(struct queue *q);

/*
 * Master: true when the epoll and the listening socket work.  They are lost where a
 * handler closed what was not its own; queue_init makes a new epoll.
 */
bool queue_is_sound(const struct queue *q);

/*
 * From the queue of one program to that of the next: see retire.h.  The old one
 * accepts no more (queue_retire) and claims what is free, connection by connection, or
 * takes what has input (queue_take, as worker QUEUE_GIVER); a parcel is sent; what has
 * left is forgotten, without a word to the peer.  Or it is released again.
 */
enum { QUEUE_GIVER = 0xfffe };

struct queue_parcel {
	int fd;
	int spool; /* a descriptor, or -1 */
	uint32_t half_since_s;
	bool discards; /* both as in struct claim_shm */
};

void queue_retire(struct queue *q);
bool queue_claim_free(struct queue *q, uint32_t *from, struct connection *c);
struct queue_parcel queue_parcel_of(const struct queue *q, const struct connection *c);
void queue_forget(struct queue *q, const struct connection *c);

/* The new one: takes it in, free.  False: it is no connection of the listening socket, and still the
 * caller's. */
bool queue_receive(struct queue *q, const struct queue_parcel *parcel);

/* Open connections, for the status. */
unsigned queue_connections(const struct queue *q);

/*
 * Master, or a process alone: takes in what waits to be accepted now, accepts no
 * more.  Then workers end by themselves.
 */
void queue_drain(struct queue *q);

#endif
