/*
 * orphans - what is left of the program before where its retiring process was killed.
 *
 * Its workers and helpers are our children, or come to us (PR_SET_CHILD_SUBREAPER).  In memory of another
 * layout nothing tells of them, so they are found by their names.
 */
#ifndef PERCORE_ORPHANS_H
#define PERCORE_ORPHANS_H

#include "pool/pool.h"

struct orphans {
	unsigned workers, scribes, admins;
};

/* Sends each the signal (0: none), and counts them. */
struct orphans orphans_signal(const struct pool *pool, int signal);

#endif
