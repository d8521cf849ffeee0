/* SPDX-License-Identifier: ISC */
/*
 * helpers - the processes beside the workers, all in one way.
 *
 * A helper's kind is a description: see log_writer.c, admin.c, tasks.c, jobs.c.  This file
 * starts a process of it where it is wanted, closes what is not its own, starts another
 * after a growing delay when it dies, ends what takes too long, and tells it to leave.
 */
#ifndef PERCORE_HELPERS_H
#define PERCORE_HELPERS_H

#include "background/background.h"
#include "base/order.h"
#include "base/settings.h"
#include "exchange/exchange.h"
#include "state/scoreboard.h"

#include <signal.h>
#include <sys/types.h>

enum helper_role { HELPER_LOG_WRITER, HELPER_ADMIN, HELPER_TASKS, HELPER_JOBS, HELPER_ROLES };

/* One process of each role, and those set aside, which end what they have begun. */
enum { HELPERS_MAX = HELPER_ROLES + TASKS_MAX + 12 };

/* Why a helper's life ended. */
enum helper_cause { HELPER_OF_ITSELF, HELPER_STOPPED, HELPER_TIMEOUT, HELPER_CUT };

struct helper {
	pid_t pid; /* 0: none */
	enum helper_role role;
	enum helper_cause cause; /* why we killed it */
	bool is_told;            /* to leave or to finish */
	uint64_t born_ms;
};

struct helpers {
	const struct settings *settings;
	const struct exchange *exchange;
	struct background *background;
	struct pool_shm *shm;
	int admin_listener;       /* -1: none */
	int memory;               /* the descriptor of the shared memory */
	unsigned lane;            /* of this generation: below GENERATIONS_MAX */
	struct order_shm *orders; /* HELPERS_MAX, in memory that they share */
	struct helper all[HELPERS_MAX];
	struct helper_post {
		int current;           /* index of the one that starts what is due; -1: none */
		unsigned quick_deaths; /* in a row */
		uint64_t start_at_ms;  /* not before */
	} posts[HELPER_ROLES];
};

/* What a role is. */
struct helper_kind {
	const char *name;    /* in messages: "tasks' process" */
	const char *process; /* its name for ps */
	bool (*is_wanted)(const struct helpers *h);
	/* Descriptors above 2 that stay open in it, at most 2; how many. */
	unsigned (*keep)(const struct helpers *h, int fds[2]);
	/* In the process: its exit status. */
	int (*run)(const struct helpers *h, const struct order_shm *order);
	/* Master.  All may be NULL. */
	bool (*is_overdue)(const struct helpers *h, const struct helper *helper, uint64_t now_ms);
	bool (*is_in_the_way)(const struct helpers *h, const struct helper *helper, uint64_t now_ms);
	void (*note_death)(const struct helpers *h, const struct helper *helper, const char *reason);
	bool may_stand_still; /* one that a signal has stopped is not ended */
	unsigned extra_ms;    /* after its time to leave is over, for giving back what it has */
};

extern const struct helper_kind helper_log_writer, helper_admin, helper_tasks, helper_jobs;

/* 0 or -errno. */
int helpers_open(struct helpers *h);

/* After any event: starts what is due and not there (where `may_start`), ends what takes too long. */
void helpers_look(struct helpers *h, uint64_t now_ms, bool may_start);

/* Starts one now; where that fails, helpers_look tries again. */
void helpers_start(struct helpers *h, enum helper_role role, uint64_t now_ms);

/* When helpers_look has something to start next; UINT64_MAX: nothing. */
uint64_t helpers_next_ms(const struct helpers *h);

/* A child has stopped or ended.  False: it is no helper of ours. */
bool helpers_note(struct helpers *h, const siginfo_t *event, uint64_t now_ms);

/* Tells all of a role; what still runs at leave_by_ms is cut (UINT64_MAX: never). */
void helpers_tell(struct helpers *h, enum helper_role role, enum order order, uint64_t leave_by_ms);

bool helpers_has(const struct helpers *h, enum helper_role role);
bool helpers_has_any(const struct helpers *h);

/* SIGUSR1: the log's file that the path names now. */
void helpers_reopen_log(const struct helpers *h);

/* Bytes of the access log that are not in its file; 0 also where it takes nothing. */
uint64_t helpers_unwritten_bytes(const struct helpers *h);

#endif
