/*
 * place - a directory of the pool's own, for snapshots and the jobs' socket.
 *
 * PARENT/percore.PID.XXXXXX, for its user alone.  The master holds a lock on it for as
 * long as the pool lives; a later start removes those that are left of dead pools
 * (place_sweep).
 */
#ifndef PERCORE_PLACE_H
#define PERCORE_PLACE_H

#include "background/background.h"

/* Removes those that are left in `parent` of dead pools; and of ours, but for the one that is locked. */
void place_sweep(const char *parent);

/* Makes it, or takes it up again where `path` names one.  The lock's descriptor, or -errno and path is "". */
int place_open(char path[PLACE_MAX], const char *parent);

/* Removes it with all that is in it, and closes the lock. */
void place_remove(const char *path, int lock);

#endif
