/* queue - the one queue of all workers: a shared epoll and a claim word a descriptor. */
#ifndef PERCORE_QUEUE_H
#define PERCORE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Lives in shared memory; no pointers that differ between processes. */
struct queue {
	int epoll;
	int listener;
	unsigned io_timeout_s;
	uint32_t size; /* descriptors that claims[] covers */
	_Atomic uint64_t claims[];
};

struct connection {
	int fd;
	uint32_t generation;
	bool parked_before; /* is in the epoll set */
};

/* Master: maps the queue and its epoll for a listening socket.  NULL with errno. */
struct queue *queue_open(int listener, unsigned io_timeout_s);

/* Worker: waits for work.  1: *c is claimed; 0: nothing to do this time; -errno. */
int queue_take(struct queue *q, unsigned worker, struct connection *c);
/* Worker: gives a kept connection back.  True when input came meanwhile: serve it again. */
bool queue_park(struct queue *q, unsigned worker, struct connection *c);
/* Worker: closes the connection.  `closed`: its descriptor is gone already. */
void queue_close(struct queue *q, unsigned worker, struct connection *c, bool closed);

/* Master: after the death of `worker`: closes what it was in the middle of, re-arms all that is free. */
void queue_recover(struct queue *q, unsigned worker, bool was_reading);

#endif
