/* SPDX-License-Identifier: ISC */
/*
 * access - what a request leaves in the access log.
 *
 * The worker drafts the record in its ring when the route is known, so that the
 * master can complete it should the handler kill the worker; and publishes it when
 * the answer is out.
 */
#ifndef PERCORE_ACCESS_H
#define PERCORE_ACCESS_H

#include "access/access_ring.h"
#include "base/options.h"
#include "state/in_flight.h"

struct percore_request;

struct access {
	struct access_rings rings; /* without memory: no master, no log */
	bool is_on;
	bool is_combined;
	bool waits;                     /* for room in the ring; else the line is dropped */
	const struct option_list *skip; /* paths that leave no line, as probes leave none */
};

/* Worker: at its start, and its end. */
void access_enter(const struct access *access, unsigned index, unsigned worker_id);
void access_leave(void);

/* Worker, before it reads a request. */
void access_expect(const struct access *access);

/* Worker: the route is known; the answer begins; it is about to leave; the request is over. */
void access_begin(struct percore_request *request);
void access_answer(struct percore_request *request, int status, size_t body_bytes);
void access_close(struct percore_request *request);
void access_end(const struct percore_request *request);

/* What became of the request that a dead worker had in hand. */
enum access_fate {
	ACCESS_SENT,     /* its answer had left whole */
	ACCESS_FALLBACK, /* the master answered */
	ACCESS_BROKEN,   /* the connection was cut */
};

struct access_death {
	unsigned index; /* of the ring */
	const struct in_flight_shm *in_flight;
	const char *id;
	enum access_fate fate;
	int status; /* of the master's answer */
};

/* Master: completes the record, or makes it from what is in hand. */
void access_complete(const struct access *access, const struct access_death *death);

/* Master: the worker of this ring is dead. */
void access_reclaim(const struct access *access, unsigned index);

#endif
