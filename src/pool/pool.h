/* pool - the state of the master, which the files of this room share. */
#ifndef PERCORE_POOL_H
#define PERCORE_POOL_H

#include "background/background.h"
#include "base/settings.h"
#include "pool/handover.h"
#include "pool/master.h"
#include "pool/queue.h"
#include "pool/scoreboard.h"
#include "state/shared.h"

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
	unsigned seat;
	enum pool_exit cause;       /* why we told or killed it */
	uint64_t requests_at_birth; /* the slot's count then */
	uint64_t leave_by_ms;       /* told to leave: when we kill it */
	uint64_t stopped_ms;        /* since when it is stopped by a signal; 0: it is not */
	uint64_t slow_since_ms;     /* the request that the slow log has had */
};

/* Why a process beside the workers ended. */
enum background_cause { BACKGROUND_OF_ITSELF, BACKGROUND_STOPPED, BACKGROUND_TIMEOUT, BACKGROUND_CUT };

/* A process beside the workers: see background.h.  Its index is that of its order in shared memory. */
struct attendant {
	pid_t pid; /* 0: none */
	enum background_role role;
	enum background_cause cause;
	uint64_t born_ms;
};

/* What the processes of a role have in common. */
struct duty {
	int current;           /* index of the one that starts what is due; -1: none */
	unsigned quick_deaths; /* in a row */
	uint64_t start_at_ms;  /* not before */
};

/* A second signal to stop cuts; but a Ctrl-C also reaches the spawner, which passes it on: that is one. */
enum { SAME_SIGNAL_MS = 1000 };

enum predecessor_stage {
	PREDECESSOR_GONE, /* or there was none */
	PREDECESSOR_SERVES,
	PREDECESSOR_LEAVES,   /* our workers serve, and it was told so */
	PREDECESSOR_ORPHANED, /* its workers leave, and nobody looks after them: see orphans.h */
};

/* At an upgrade, until it is over: see predecessor.h. */
struct predecessor {
	enum predecessor_stage stage;
	pid_t pid; /* of the process that stays with its workers */
	int socket;
	int state;            /* its shared memory, for a program after us; -1 when no more */
	bool keeps_log;       /* to its end */
	uint64_t leave_by_ms; /* orphans: when they are killed */
};

/* A place in the pool: one worker serves, and at a reload its successor starts beside it. */
struct seat {
	int process;           /* index, or -1 */
	int successor;         /* likewise */
	unsigned quick_deaths; /* in a row */
	uint64_t spawn_at_ms;  /* not before */
};

struct pool {
	const struct pool_settings *settings;
	struct shared shared;
	struct pool_shm *shm;
	struct worker_shm *slots;
	struct queue *queue;
	struct process *processes;         /* SLOTS_MAX */
	unsigned process_top;              /* one above the highest in use ever */
	struct seat *seats;                /* WORKERS_MAX */
	unsigned workers;                  /* seats in use */
	bool was_ready;                    /* a worker was, once */
	bool adopting;                     /* a worker died: connections without a claim are looked for */
	bool count_leaks;                  /* a worker died: descriptors are counted */
	bool reloading;                    /* successors are starting */
	uint64_t looked_ms, looked_served; /* at the last look at the backlog */
	bool is_busy;                      /* requests were served since the look before */
	uint64_t drain_since_ms;
	bool told_ready;   /* to systemd */
	bool has_baseline; /* see count_leaks in master.c */
	unsigned baseline;
	struct attendant attendants[ATTENDANTS_MAX];
	struct duty duties[BACKGROUND_ROLES];
	int place_lock;                    /* see background/place.h; negative: there is none */
	pid_t keeper;                      /* see keeper.h; 0: none */
	pid_t scribe;                      /* see scribe.h; 0: none */
	bool log_is_away, probes_are_away; /* at an upgrade: the other program's processes do that */
	uint64_t scribe_born_ms, scribe_due_ms;
	pid_t admin;     /* see admin.h; 0: none */
	bool admin_told; /* to leave */
	int admin_listener;
	char admin_address[256];  /* "": there is none */
	uint64_t admin_at_ms;     /* not started before */
	pid_t checker;            /* tries the new program; 0: none */
	bool upgrade_is_due;      /* once the predecessor has gone */
	struct handover handover; /* open, that an upgrade needs no descriptor when none is free */
	struct predecessor predecessor;
	bool said_stuck;  /* that no worker of ours can start */
	sigset_t signals; /* that the master waits for */
};

#endif
