/*
 * place - a directory of the pool's own, for snapshots and the jobs' socket.
 *
 * PARENT/percore.PID.XXXXXX, for its user alone.  The master holds a lock on it for as
 * long as the pool lives; a later start removes those that are left of dead pools.
 */
#ifndef PERCORE_PLACE_H
#define PERCORE_PLACE_H

#include "background/background.h"

/* Makes it, or takes it up again where `path` names one.  The lock's descriptor, or -errno and path is "". */
int place_open(char path[PLACE_MAX], const char *parent);

/* Removes it with all that is in it, and closes the lock. */
void place_remove(const char *path, int lock);

#endif
