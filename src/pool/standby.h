/*
 * standby - where a new program cannot be set up, its predecessor's workers serve on.
 */
#ifndef PERCORE_STANDBY_H
#define PERCORE_STANDBY_H

#include "pool/pool.h"

/*
 * Until SIGUSR2 brings a program in our place, or the pool is stopped.  Uses what of
 * the pool comes before its memory.  The exit status.
 */
int standby_run(struct pool *pool);

#endif
