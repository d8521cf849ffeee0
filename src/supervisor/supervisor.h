/* SPDX-License-Identifier: ISC */
/*
 * supervisor - the process that the spawner, systemd or a container knows, for as long as the service lives.
 *
 * It never serves and runs no handler.  It holds what outlives a program: the listening
 * sockets, the shared memory with the counters, the pool's directory.  It starts
 * generations (generation.h), passes signals on, and talks to systemd.
 *
 *   TERM INT QUIT  finish the requests in hand and leave; a second time: cut them
 *   HUP USR2       the next generation: the program's file and the configuration as they are now
 *   USR1           reopen the logs
 *
 * With --develop the next generation also starts when the program's file or the configuration changes.
 */
#ifndef PERCORE_SUPERVISOR_H
#define PERCORE_SUPERVISOR_H

#include "base/settings.h"

struct supervisor_settings {
	const struct settings *settings; /* as of the start */
	int listener;
	const char *listener_text; /* for people */
	const char *file;          /* of -c; NULL: none */
	char **argv;
};

/* Returns the exit status. */
int supervisor_run(const struct supervisor_settings *settings);

/* Where this process is a supervisor that a new program was executed over: goes on.  -1: it is not; else the
 * exit status. */
int supervisor_go_on(char **argv);

#endif
