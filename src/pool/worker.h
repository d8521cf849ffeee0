/* SPDX-License-Identifier: ISC */
/* worker - takes a connection, serves one request, gives it back. */
#ifndef PERCORE_WORKER_H
#define PERCORE_WORKER_H

#include "base/settings.h"
#include "exchange/exchange.h"
#include "pool/intake.h"

/* Prints a backtrace of the handler in hand on stderr: --slow-backtrace. */
#define WORKER_BACKTRACE_SIGNAL (SIGRTMIN + 1)

struct worker {
	struct connections *connections;
	struct registry *registry; /* of a process without a master; else NULL */
	struct intake_wires wires;
	struct worker_shm *slot;
	struct pool_shm *pool;
	const struct exchange *exchange;
	const struct input_settings *input;
	unsigned index;                   /* of its slot */
	unsigned worker_id;               /* as people know it */
	pid_t master;                     /* 0: none */
	const _Atomic uint32_t *draining; /* what percore_is_draining tells; NULL: of the connections */
	bool is_helper;                   /* no master, but somebody's helper: it ends at SIGTERM only */
	long max_requests;                /* leave after so many; 0: no bound */
	long max_memory;                  /* leave when more bytes are resident; 0: no bound */
	uint64_t request_timeout_ms;      /* --request-timeout; 0: none */
	bool sandbox;                     /* --sandbox */
	void (*start_thread)(void);       /* beside it, once it may serve; NULL: none */
	bool backtraces;                  /* take WORKER_BACKTRACE_SIGNAL */
};

/*
 * Serves until it is told to leave: by its slot's `told`, SIGTERM, or its master's end.
 * A request in hand is always finished.  What the program wrote to stdio is flushed.
 * Returns the exit status.
 */
int worker_run(const struct worker *worker);

/* What a web server may send, from the options. */
struct input_settings worker_input(const struct settings *settings);

/* Another thread of a process without a master: the connection in hand, where it is in no slot; -1. */
int worker_unregistered(void);

#endif
