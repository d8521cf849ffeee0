/* SPDX-License-Identifier: ISC */
/*
 * generation - one program's master, as its parent sees it.
 *
 * A generation is a process group of its own: the master with its workers and helpers,
 * and what handlers start.  When the master is dead the others leave by themselves
 * (ORPHANED), and what does not is killed.
 */
#ifndef PERCORE_GENERATION_H
#define PERCORE_GENERATION_H

#include "pool/supervision.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum generation_state {
	GENERATION_NONE,
	GENERATION_STARTING, /* until it says that it serves */
	GENERATION_SERVING,
	GENERATION_RETIRING, /* another serves: it hands over what it has */
	GENERATION_ORPHANED, /* its master is dead; its workers finish their requests */
};

struct generation {
	enum generation_state state;
	uint32_t number;
	pid_t pid;   /* also of its process group */
	int control; /* -1: closed */
	uint64_t started_ms;
	uint64_t kill_at_ms;               /* ORPHANED: when what is left is killed */
	uint64_t drain_timeout_ms;         /* as it said when it began to serve */
	bool is_superseded;                /* we killed it, for another was asked for */
	char reason[SUPERVISION_TEXT_MAX]; /* why it refuses; "": it has not said */
};

/* Starts the program's file with what it inherits.  0 or -errno. */
int generation_start(struct generation *g, const char *program, char **argv,
                     const struct inheritance *inheritance);

/* Says a word to it, where it can hear. */
void generation_say(const struct generation *g, enum supervision_word word, uint32_t flags, const char *text);

/* Its master is gone: closes the socket to it. */
void generation_close(struct generation *g);

/* ORPHANED: true when no process of it is left; kills them when their time is over. */
bool generation_is_gone(const struct generation *g, uint64_t now_ms);

#endif
