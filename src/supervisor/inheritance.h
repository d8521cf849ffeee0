/* SPDX-License-Identifier: ISC */
/*
 * inheritance - what the supervisor is, in one variable; and its way into another program.
 */
#ifndef PERCORE_SUPERVISOR_INHERITANCE_H
#define PERCORE_SUPERVISOR_INHERITANCE_H

#include "state/scoreboard.h"
#include "supervisor/generation.h"
#include "supervisor/watch.h"

#include <limits.h>
#include <sys/stat.h>

struct supervisor {
	char **argv;
	char program[PATH_MAX];   /* absolute; a symbolic link is followed at each start */
	struct stat program_file; /* what it named when this program was executed */
	int listener, admin_listener;
	int parcels[2]; /* in, out: see pool/handover.h */
	int memory;     /* of the generation that served last; -1: none */
	int signals;
	struct watch watch; /* --develop: of the program's file and the configuration's */
	int place_lock;
	char place[SUPERVISION_PLACE_MAX];
	char state_path[SUPERVISION_TEXT_MAX]; /* the file of `memory`; "": none */
	char listener_text[SUPERVISION_TEXT_MAX];
	char listen[SUPERVISION_TEXT_MAX], admin[SUPERVISION_TEXT_MAX]; /* the options, as of the start */
	char log_level[16];
	struct generation generations[GENERATIONS_MAX];
	uint32_t number; /* of the last that was started */
	uint64_t drain_timeout_ms, start_timeout_ms;
	bool start_is_due;    /* another generation, */
	uint64_t start_at_ms; /* not before */
	unsigned quick_deaths;
	bool has_served; /* one has */
	bool may_go_on;  /* one has begun to */
	bool stops, told_last, is_hopeless;
	uint64_t stops_since_ms;
	int status; /* to exit with */
};

/* Finds the program's file, by the path that it was executed by. */
void inheritance_find_program(struct supervisor *s);

/*
 * Executes the program's file over this process, where it is another than the one that runs.
 * The children stay its children, pending signals stay pending.  Returns where it is not, or cannot be.
 */
void inheritance_execute(struct supervisor *s);

/* In the new program.  False: this process is no supervisor. */
bool inheritance_resume(struct supervisor *s);

#endif
