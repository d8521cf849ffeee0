/*
 * scoreboard - what each worker is doing, and what has happened to the pool.
 *
 * In shared memory.  A worker's slot is written by that worker alone, so its
 * counters need no more than a plain store; they go on counting when another
 * process takes the slot, and are never wiped.  The pool's own part is the
 * master's to write, but for what says otherwise.
 *
 * "The master" here, in queue.h and in rescue.h is who looks after the workers: at
 * an upgrade, for those of the program before, the process of retire.h.
 */
#ifndef PERCORE_SCOREBOARD_H
#define PERCORE_SCOREBOARD_H

#include "exchange/inhand.h"

#include <stdatomic.h>
#include <stdint.h>

enum { WORKERS_MAX = 4096, SLOTS_MAX = WORKERS_MAX * 2 }; /* at a reload two for each may live */

enum worker_stage {
	WORKER_STARTING, /* runs percore_on_worker_start */
	WORKER_IDLE,     /* has read nothing from what it owns */
	WORKER_SERVING,  /* has read, or may have: `hand` tells of what */
};

enum worker_life {
	WORKER_NONE, /* nobody has the slot */
	WORKER_LIVES,
	WORKER_LEAVES, /* told to, or killed */
};

enum worker_farewell {
	WORKER_DIED,      /* said nothing */
	WORKER_RECYCLED,  /* --max-requests or --max-memory */
	WORKER_NO_MEMORY, /* an allocation failed */
	WORKER_BLIND,     /* the queue's descriptors do not work */
};

struct worker_shm {
	_Alignas(64) _Atomic uint32_t stage; /* enum worker_stage */
	/*
	 * Odd while a descriptor exists that no claim word tells of: between accept
	 * and claim, and between a claim's end and close.  See queue_adopt.
	 */
	_Atomic uint32_t window;
	_Atomic uint32_t farewell; /* enum worker_farewell: why it leaves */
	_Atomic uint32_t told;     /* 1: leave after the request in hand; the master's to write */
	_Atomic uint64_t requests; /* answered, by all that had this slot */
	/* The master's to write, for readers. */
	_Atomic uint32_t life; /* enum worker_life */
	_Atomic uint32_t seat; /* the worker's number, as messages have it */
	_Atomic uint32_t pid;
	struct inhand_shm hand;
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
	POOL_EXIT_TOLD,     /* reload, upgrade, stop */
	POOL_EXITS,
};

struct pool_shm {
	_Atomic uint64_t exits[POOL_EXITS];
	_Atomic uint64_t rescued_answered; /* requests that the master answered */
	_Atomic uint64_t rescued_cut;      /* requests cut in the middle of their answer */
	_Atomic uint64_t rescued_released; /* connections given to another worker untouched */
	_Atomic uint64_t reloads, reloads_failed;
	_Atomic uint64_t upgrades, upgrades_failed;
	_Atomic uint64_t leaked_descriptors;   /* now, an estimate: see descriptors.c */
	_Atomic uint32_t backlog, backlog_max; /* connections waiting to be accepted, as of the last look */
	_Atomic uint32_t workers;              /* that should be */
	_Atomic uint32_t draining;             /* 1: leaving */
	_Atomic uint32_t slot_top;             /* one above the highest slot ever used */
	_Atomic uint32_t connections;          /* open, as of the last look */
	_Atomic uint32_t active_max;           /* most workers seen serving at once */
	_Atomic uint64_t all_busy;             /* looks at which no worker was idle */
	_Atomic uint32_t master;               /* its pid */
	char reload_error[256];
};

#endif
