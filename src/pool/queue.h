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
};

struct queue_settings {
	int listener;
	unsigned workers;
	unsigned io_timeout_s; /* how long a connection may hold part of a head */
	bool is_pool;          /* several workers on one table; else one process with a queue of its own */
};

/* In shared memory where it is a pool's; no pointer in it. */
struct queue {
	struct queue_settings settings;
	int epoll;
	_Atomic uint32_t draining;      /* no more accepts; answered connections are closed */
	_Atomic uint32_t accept_paused; /* the listener is out of epoll: no descriptors */
	_Atomic uint32_t starved;       /* that was said */
	_Atomic uint32_t top;           /* one above the highest descriptor ever claimed */
	struct sockaddr_storage name;   /* the listener's: what it accepts has the same */
	uint32_t size;                  /* descriptors that claims[] covers */
	struct claim_shm claims[];
};

/* A connection that its holder has claimed. */
struct connection {
	int fd;
	uint32_t generation;
	bool is_known; /* to epoll */
};

/* Makes the queue of a listening socket.  NULL with errno. */
struct queue *queue_open(const struct queue_settings *settings);

/*
 * Worker: waits for work, at most timeout_ms (-1: for ever), with the signals of
 * `mask` blocked.  1: *c is claimed; 0: nothing this time; -ETIMEDOUT; -errno.
 */
int queue_take(struct queue *q, unsigned worker, struct worker_shm *slot, struct connection *c,
               int timeout_ms, const sigset_t *mask);

/* The connection's spool, for fcgi.h. */
_Atomic uint32_t *queue_spool(struct queue *q, const struct connection *c);

/* Worker: gives a connection back.  True when input came meanwhile: it is still claimed, look again. */
bool queue_park(struct queue *q, unsigned worker, struct connection *c);

/* Worker: as queue_park, of a connection that holds part of a head. */
bool queue_park_half(struct queue *q, unsigned worker, struct connection *c);

/* Worker: closes it.  `cut`: also where a child process holds a copy of the descriptor. */
void queue_close(struct queue *q, struct worker_shm *slot, struct connection *c, bool cut);

/* Master: the worker is dead: closes the connection it was reading, frees the others, raises lost edges
 * again. */
void queue_recover(struct queue *q, unsigned worker, const struct worker_shm *slot);

/*
 * Master: takes in connections that a dead worker left without a claim word.
 * False: a living worker is in the middle of one; ask again in some milliseconds.
 */
bool queue_adopt(struct queue *q, const struct worker_shm *slots);

/* Master, or a process alone, each second: closes what held part of a head too long, resumes accepting. */
void queue_tick(struct queue *q);

/* Master, or a process alone: takes in what waits to be accepted now, accepts no more.  Then workers end by
 * themselves. */
void queue_drain(struct queue *q);

#endif
