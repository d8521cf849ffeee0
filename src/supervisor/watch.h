/* SPDX-License-Identifier: ISC */
/*
 * watch - tells when one of a few files was written or replaced, once that is over.
 *
 * Compilers and editors put another file in the place of the one before, so the folders are
 * watched.  A folder that goes, as by `rm -r build`, is watched again when it is back.  The kernel tells
 * nothing of what another host writes, as on NFS.
 *
 * It is a plain variable: with its descriptor it goes over into another program, and forgets nothing.
 */
#ifndef PERCORE_SUPERVISOR_WATCH_H
#define PERCORE_SUPERVISOR_WATCH_H

#include <limits.h>
#include <stdint.h>

enum { WATCH_FILES_MAX = 2 };

struct watched {
	char path[PATH_MAX]; /* no symbolic link */
	int folder;          /* inotify's word for it; -1: it is not watched now */
};

struct watch {
	int fd; /* for poll(2): something has happened; -1: it is closed */
	struct watched files[WATCH_FILES_MAX];
	unsigned count, changed; /* the file that changed last */
	uint64_t due_ms;         /* when that is told; 0: nothing has changed */
};

/* Closed.  Files of these paths, ended by NULL; one that is not there now is left out. */
void watch_init(struct watch *watch, const char *const *paths);

/* 0 or -errno. */
int watch_open(struct watch *watch);
void watch_close(struct watch *watch);

/* The path of a file that has changed, and was left alone since; NULL: none, or not yet. */
const char *watch_take(struct watch *watch, uint64_t now_ms);

#endif
