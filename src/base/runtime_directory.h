/* SPDX-License-Identifier: ISC */
/*
 * runtime_directory - a directory of the pool's own, for snapshots and the jobs' socket.
 *
 * PARENT/percore.PID.XXXXXX, for its user alone.  The supervisor holds a lock on it for as
 * long as the pool lives; a later start removes those that are left of dead pools
 * (runtime_directory_sweep).
 */
#ifndef PERCORE_RUNTIME_DIRECTORY_H
#define PERCORE_RUNTIME_DIRECTORY_H

enum { RUNTIME_DIRECTORY_MAX = 96 }; /* bytes of its path, with the NUL */

/* Removes those that are left in `parent` of dead pools; and of ours, but for the one that is locked. */
void runtime_directory_sweep(const char *parent);

/* Makes it, or takes it up again where `path` names one.  The lock's descriptor, or -errno and path is "". */
int runtime_directory_open(char path[RUNTIME_DIRECTORY_MAX], const char *parent);

/* Removes it with all that is in it, and closes the lock. */
void runtime_directory_remove(const char *path, int lock);

#endif
