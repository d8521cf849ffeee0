/* SPDX-License-Identifier: ISC */
/*
 * workers - birth, time and death of a generation's workers.
 *
 * Each is a plain fork, with a descriptor table of its own.  One that dies before it has
 * answered some requests, over and over, is started again after a growing delay.
 */
#ifndef PERCORE_WORKERS_H
#define PERCORE_WORKERS_H

#include "base/settings.h"
#include "exchange/exchange.h"
#include "pool/registry.h"
#include "state/scoreboard.h"

#include <signal.h>
#include <sys/types.h>

enum process_state {
	PROCESS_NONE,
	PROCESS_STARTING, /* until it says that it is ready */
	PROCESS_RUNNING,
	PROCESS_LEAVING, /* told to, after the request in hand */
	PROCESS_KILLED,  /* by us */
};

/* A worker's process.  Its index is that of its slot in shared memory. */
struct process {
	enum process_state state;
	pid_t pid;
	unsigned worker_id;         /* the worker's number, as people know it */
	int wire, lifeline;         /* see intake.h */
	enum pool_exit cause;       /* why we told or killed it */
	uint64_t requests_at_birth; /* the slot's count then */
	uint64_t leave_by_ms;       /* told to leave: when we kill it */
	uint64_t stopped_ms;        /* since when it is stopped by a signal; 0: it is not */
	uint64_t slow_since_ms;     /* the request that the slow log has had */
};

/* One worker that there should be. */
struct opening {
	int process;           /* index, or -1 */
	unsigned quick_deaths; /* in a row */
	uint32_t starts;       /* of this generation */
	uint32_t last_exit;    /* as worker_shm has it */
	uint64_t spawn_at_ms;  /* not before */
};

struct workers {
	const struct settings *settings;
	const struct exchange *exchange;
	struct input_settings input;
	struct pool_shm *shm;
	struct worker_shm *slots;
	unsigned slot_count;
	struct connections *connections;
	struct registry *registry;
	int parcels;               /* see handover.h */
	int events;                /* an epoll, in which each wire is told by its worker's index */
	const int *masters;        /* descriptors that are the master's alone, ended by -1 */
	uint32_t generation;       /* its number */
	struct process *processes; /* slot_count */
	unsigned top;              /* one above the highest in use ever */
	struct opening *openings;  /* `wanted` */
	unsigned wanted;
	bool was_freed; /* connections are free that the next generation may have */
};

/* Makes room for settings_workers().  0 or -ENOMEM. */
int workers_open(struct workers *w);
void workers_close(struct workers *w);

/* Starts those that are missing and due; and when there is something to do next (UINT64_MAX: nothing). */
void workers_start_due(struct workers *w, uint64_t now_ms);
uint64_t workers_next_ms(const struct workers *w);

/* Hears what a worker says.  Never waits. */
void workers_hear(struct workers *w, unsigned index);

/* Tells one whose process is a child what has become of it.  False: it is no worker of ours. */
bool workers_note(struct workers *w, const siginfo_t *event, uint64_t now_ms);

/* Tells all to leave after the request in hand. */
void workers_tell_all(struct workers *w, enum pool_exit cause, uint64_t now_ms);

/* Ends all that are left at once; their requests are answered 503. */
void workers_cut_all(struct workers *w);

/*
 * Ends what takes too long: requests, stopped workers, those told to leave.  Wakes those
 * that are to leave and idle.  Writes the slow log.
 */
void workers_end_overdue(struct workers *w, uint64_t now_ms);

unsigned workers_alive(const struct workers *w);
bool workers_are_leaving(const struct workers *w);

/* All run; or as many as can, and the others died at their start.  And: all died at their start. */
bool workers_run_as_far_as_they_can(const struct workers *w);
bool workers_are_hopeless(const struct workers *w);

/* Slots of processes that are gone and whose master is gone too: nobody has them any more. */
void workers_sweep_slots(const struct workers *w);

#endif
