/* SPDX-License-Identifier: ISC */
/*
 * scoreboard - what each worker is doing, and what has happened to the pool.
 *
 * In shared memory.  A worker's slot is written by that worker alone, so its
 * counters need no more than a plain store; they go on counting when another
 * process takes the slot, and are never wiped.  The pool's own part is the
 * master's to write, but for what says otherwise.
 */
#ifndef PERCORE_SCOREBOARD_H
#define PERCORE_SCOREBOARD_H

#include "state/in_flight.h"

#include <stdatomic.h>
#include <stdint.h>

/* Generations that live at once; each has a lane, a number below this, of its own. */
enum { GENERATIONS_MAX = 8 };

/* Addresses are few on 32 bits. */
enum { WORKERS_MAX = sizeof(void *) > 4 ? 4096 : 256 };
enum {
	SLOTS_LEAST = sizeof(void *) > 4 ? 256 : 64,
	SLOTS_MAX = WORKERS_MAX * 2, /* those of two generations may live at once */
};

/*
 * How many workers there is memory for: those of all generations that may live at once.  It is
 * reserved, and costs where it is touched.  In powers of two, so that a reload that brings some
 * workers more finds the same layout.
 */
static inline unsigned scoreboard_slots(unsigned workers)
{
	unsigned slots = SLOTS_LEAST;

	while (slots < workers * GENERATIONS_MAX && slots < SLOTS_MAX)
		slots *= 2;
	return slots;
}

enum worker_stage {
	WORKER_STARTING, /* runs percore_on_worker */
	WORKER_IDLE,     /* has read nothing from what it owns */
	WORKER_SERVING,  /* has read, or may have: `hand` tells of what */
};

enum worker_life {
	WORKER_NONE, /* nobody has the slot */
	WORKER_LIVES,
	WORKER_LEAVES, /* told to, or killed */
};

enum worker_exit_reason {
	WORKER_DIED,      /* said nothing */
	WORKER_RECYCLED,  /* --max-requests or --max-memory */
	WORKER_NO_MEMORY, /* an allocation failed */
	WORKER_BLIND,     /* the descriptors that it serves from do not work */
	WORKER_LEFT,      /* of itself, as told */
};

struct worker_shm {
	_Alignas(64) _Atomic uint32_t stage; /* enum worker_stage */
	/* 1 + the slot of the connection that it serves (pool/connections.h); 0: one that is in no slot. */
	_Atomic uint32_t connection;
	_Atomic uint32_t exit_reason; /* enum worker_exit_reason: why it leaves */
	_Atomic uint32_t told;        /* 1: leave after the request in hand; the master's to write */
	_Atomic uint64_t requests;    /* answered, by all that had this slot */
	/* The master's to write, for readers. */
	_Atomic uint32_t life;      /* enum worker_life */
	_Atomic uint32_t worker_id; /* the worker's number, as messages have it */
	_Atomic uint32_t pid;
	_Atomic uint32_t generation; /* which of the service's it belongs to */
	_Atomic uint32_t restarts;   /* how often its generation has started this number anew */
	_Atomic uint32_t last_exit;  /* 1 + the enum pool_exit of the one before it; 0: there was none */
	_Atomic uint64_t started_ms; /* monotonic */
	struct in_flight_shm in_flight;
};

/* Why a worker's life ended, for people and for percore_worker_exits_total. */
enum pool_exit {
	POOL_EXIT_SIGNAL,   /* killed by a signal that was not ours, as SIGSEGV */
	POOL_EXIT_STATUS,   /* left without being told to */
	POOL_EXIT_TIMEOUT,  /* --request-timeout */
	POOL_EXIT_STOPPED,  /* by a signal, as SIGSTOP */
	POOL_EXIT_MEMORY,   /* out of memory */
	POOL_EXIT_RECYCLED, /* --max-requests, --max-memory */
	POOL_EXIT_CUT,      /* --drain-timeout */
	POOL_EXIT_TOLD,     /* reload, stop */
	POOL_EXITS,
};

enum { SANDBOX_CALLS_MAX = 16, SERVICE_NAME_MAX = 64, SERVICE_VERSION_MAX = 32 };

struct pool_shm {
	_Atomic uint64_t exits[POOL_EXITS];
	_Atomic uint64_t rescued_answered;     /* requests that the master answered */
	_Atomic uint64_t rescued_cut;          /* requests cut in the middle of their answer */
	_Atomic uint64_t rescued_released;     /* connections given to another worker untouched */
	_Atomic uint64_t reloads;              /* generations that took over from another */
	_Atomic uint64_t reloads_failed;       /* those that did not come to serve */
	_Atomic uint32_t backlog, backlog_max; /* connections waiting to be accepted, as of the last look */
	_Atomic uint32_t workers;              /* that should be */
	_Atomic uint32_t draining;             /* 1: leaving */
	_Atomic uint32_t slot_top;             /* one above the highest slot ever used */
	_Atomic uint32_t connections;          /* open, as of the last look */
	_Atomic uint32_t active_max;           /* most workers seen serving at once */
	_Atomic uint64_t all_busy;             /* looks at which no worker was idle */
	_Atomic uint32_t master;               /* its pid: of the generation that serves */
	_Atomic uint32_t generation;           /* its number */
	_Atomic uint64_t counts_since_ms;      /* monotonic: the counters of this memory; 0: not known */
	_Atomic uint64_t serves_since_ms;      /* monotonic: it; 0: not known */
	_Atomic uint64_t reload_error_ms;      /* monotonic: since when there is a reload_error */
	/* Workers': system calls that the sandbox refused, and which: the number + 1; 0: none. */
	_Atomic uint64_t sandbox_refused;
	_Atomic uint32_t sandbox_calls[SANDBOX_CALLS_MAX];
	char service[SERVICE_NAME_MAX]; /* the name and version of the program that serves, and percore's */
	char service_version[SERVICE_VERSION_MAX], version[SERVICE_VERSION_MAX];
	char reload_error[256]; /* why the last generation did not come to serve; "": it did */
};

#endif
