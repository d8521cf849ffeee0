/* SPDX-License-Identifier: ISC */
/*
 * sandbox - what a worker may still do once it serves: --sandbox.
 *
 * Whoever takes a worker over through a handler's fault can serve what it serves, read what
 * its user may read, and compute.  It cannot execute a program, open a file for writing,
 * make a socket, look into other processes or signal them, load code, or gain privileges,
 * but for what the program declared: percore_allow_write, _connect, _programs (percore.h).
 *
 * Two of the kernel's means, both for ever and for all that the worker starts: seccomp
 * decides by the system call (sandbox_calls.c), Landlock by the path and the port (sandbox_landlock.c).
 */
#ifndef PERCORE_SANDBOX_H
#define PERCORE_SANDBOX_H

#include "state/scoreboard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SANDBOX_PATHS_MAX = 64, SANDBOX_PORTS_MAX = 64, SANDBOX_PATH_BYTES = 4096 };

/* What was declared. */
struct sandbox {
	char *paths[SANDBOX_PATHS_MAX]; /* to write, with what is below them */
	unsigned path_count;
	uint16_t ports[SANDBOX_PORTS_MAX]; /* to connect to, TCP */
	unsigned port_count;
	bool connects_unix;
	bool looks_up_names; /* so it may send datagrams to any address */
	bool starts_programs;
};

/* False where this percore was built without libseccomp. */
bool sandbox_is_built(void);

/* For percore's own needs: what --jobs and --limit-store name, where it is a URL of Redis; else nothing. */
void sandbox_allow_redis(const char *url);
void sandbox_allow_unix(void);

/*
 * Closes it around this process, for ever; calls that are refused are counted in *pool.  False, and
 * said why: it is not closed as it should be, so nothing may be served.
 */
bool sandbox_enter(struct pool_shm *pool);

/* Master: says which calls were refused to workers, each once. */
void sandbox_report(struct pool_shm *pool);

/* ---- Of the parts. */

/* Nobody declared a need to write: then seccomp alone refuses it, on any kernel. */
static inline bool sandbox_writes_nothing(const struct sandbox *sandbox)
{
	return sandbox->path_count == 0 && !sandbox->starts_programs;
}

/* 0 or -errno; *pool as above. */
int sandbox_close_calls(const struct sandbox *sandbox, struct pool_shm *pool);

/*
 * 0 or -errno; -ENOSYS: the kernel has no Landlock.  *what is what it failed at.  It holds for
 * the calling thread and those that it starts.
 */
int sandbox_close_paths(const struct sandbox *sandbox, const char **what);

#endif
