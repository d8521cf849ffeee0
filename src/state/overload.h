/* SPDX-License-Identifier: ISC */
/*
 * overload - refuses work early and cheaply when there is more of it than workers can do.
 *
 * How long a request has waited is known where the web server sends when it began
 * (PERCORE_START: a name that no client's header can have).  Then: when the least
 * wait stayed above the target for a whole interval, the queue is standing, and what
 * waited over twice the target is refused (CoDel as in folly's executors).  Where it
 * is not sent, the master watches the backlog, and workers refuse the number that is
 * too many.  Where some requests come with it and some without, each is judged its way,
 * and those without are refused by their share of what is too many.
 */
#ifndef PERCORE_OVERLOAD_H
#define PERCORE_OVERLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct overload_shm {
	_Atomic uint64_t interval_end_ms; /* monotonic */
	_Atomic uint64_t least_ms;        /* the least wait in this interval so far */
	_Atomic uint32_t is_new;          /* 1: no wait yet in this interval */
	_Atomic uint32_t is_overloaded;
	_Atomic uint32_t excess;       /* so many are to be refused, by the backlog */
	_Atomic uint32_t knows_starts; /* 1: all requests lately came with their start */
	_Atomic uint64_t refused;      /* requests */
	_Atomic uint64_t ignored;      /* starts that could not be: in the future, or over 60 s ago */
	_Atomic uint64_t unknown;      /* requests without a start that can be */
	_Atomic uint64_t refused_then, unknown_then; /* at the master's last look */
};

struct overload {
	struct overload_shm *shm; /* NULL: never refuses */
	uint64_t target_ms;       /* 0: by max_wait_ms alone */
	uint64_t max_wait_ms;     /* 0: no bound */
};

enum { OVERLOAD_UNKNOWN = -1 };

/* The wait, from "t=1700000000.123" and the wall clock in ms; OVERLOAD_UNKNOWN where there is none or it
 * cannot be. */
int64_t overload_wait_ms(const struct overload *overload, const char *start, uint64_t wall_ms);

/* Worker: is this request to be refused?  Counts it if so. */
bool overload_refuses(const struct overload *overload, int64_t wait_ms, uint64_t now_ms);

/* What the master saw at one look, and at the one before. */
struct overload_backlog {
	unsigned waiting, waited; /* connections to be accepted: now, and then */
	uint64_t served;          /* requests served between the looks, refused ones apart */
	uint64_t elapsed_ms;
};

/* Master: sets how many are too many. */
void overload_watch_backlog(const struct overload *overload, const struct overload_backlog *backlog);

#endif
