/* SPDX-License-Identifier: ISC */
/*
 * service - which services run on this machine, and where their shared memory is.
 *
 * A service is its supervisor's process: it holds the memory for as long as the service lives, in a
 * descriptor that /proc shows to the same user and to root.  Memory without a name is known by its name in
 * /proc
 * ("memfd:percore-state"), a file (--state) by its first bytes.
 */
#ifndef PERCORE_TOP_SERVICE_H
#define PERCORE_TOP_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct service {
	pid_t pid;
	char command[128]; /* its command line; printable */
};

/* All that this user may look at: malloced, in *services; NULL for none.  How many. */
size_t service_find_all(struct service **services);

/* The service that process `pid`, a supervisor, master or worker, belongs to.  0; -ESRCH: to none; -errno. */
int service_find(pid_t pid, struct service *service);

/* The one whose memory is the file behind `fd`.  False: there is none, or this user may not see it. */
bool service_find_file(int fd, struct service *service);

/* Its memory as it is now, for a reload may lay it out anew: a descriptor for reading, or -errno. */
int service_open(const struct service *service);

#endif
