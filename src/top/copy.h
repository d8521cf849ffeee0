/* SPDX-License-Identifier: ISC */
/*
 * copy - a copy of a service's shared memory, as of one moment, for the readers of /status and /metrics.
 *
 * It is read, not mapped: what is copied does not change while it is looked at, memory that the service has
 * not touched stays so, and a file that is cut meanwhile is an error and no signal.  All of it is input: what
 * the header says of sizes holds only where a service would have laid them out so.
 */
#ifndef PERCORE_TOP_COPY_H
#define PERCORE_TOP_COPY_H

#include "background/background.h"
#include "status/metrics_view.h"

#include <sys/types.h>

struct copy {
	char *base; /* NULL: nothing was read yet */
	size_t bytes;
	dev_t device;
	ino_t inode;
	bool is_other; /* than at the time before: a reload laid it out anew, or another service did */
	struct metrics metrics;
	struct limit limit;
	struct access_rings rings;
	const struct background_shm *background;
};

/*
 * Reads what counts of the memory behind `fd`.  0; -EPROTO: it is none of a percore, or damaged; -ENOTSUP: of
 * another version of percore; -errno.
 */
int copy_take(struct copy *copy, int fd);

void copy_fini(struct copy *copy);

#endif
