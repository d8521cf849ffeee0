/* SPDX-License-Identifier: ISC */
/*
 * access_writer - the process that takes the records from the rings and writes the access log.
 *
 * It has the file alone (flock), writes whole lines in batches, and moves a ring's
 * `read` only when the lines are in the file.  Killed at any moment, the next one
 * sees from `batch` and the file's length what was written: nothing is lost, and
 * nothing is written twice.  (A pipe has no length: there the batch in hand is
 * written again.)
 *
 * Idle it sleeps on a futex, without a timeout; woken, it writes at once, then
 * gathers for 20 ms before the next batch, for which no worker has to wake it.
 *
 * It says: the file that takes nothing, once, with the cause; and that it does again.
 */
#ifndef PERCORE_ACCESS_WRITER_H
#define PERCORE_ACCESS_WRITER_H

#include "access/access_ring.h"
#include "base/order.h"

struct access_writer_settings {
	struct access_rings rings;
	const struct order_shm *order;
	int memory; /* the descriptor of the shared memory: whoever has locked it takes the records; -1: no
	               lock */
	const char *path; /* "-": stdout */
	bool combined;
};

/*
 * Runs until it is ordered to leave , or SIGTERM came (its parent is
 * dead, or the machine stops) and no worker writes records any more.  Returns the
 * exit status.
 */
int access_writer_run(const struct access_writer_settings *settings);

/* Opens the log as the writer will, and closes it.  0 or -errno. */
int access_writer_try(const char *path);

#endif
