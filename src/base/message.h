/* SPDX-License-Identifier: ISC */
/* message - a few bytes and descriptors over a Unix socket that keeps messages apart (SOCK_SEQPACKET). */
#ifndef PERCORE_MESSAGE_H
#define PERCORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

enum { MESSAGE_FDS_MAX = 4 };

/* Both ends close-on-exec.  0 or -errno. */
int message_pair(int ends[2]);

/* Waits for room where `waits`.  0 or -errno: -EAGAIN where there is no room, -EPIPE where nobody reads. */
int message_send(int socket, const void *bytes, size_t size, const int *fds, unsigned count, bool waits);

/*
 * Exactly `size` bytes, and up to *count descriptors, close-on-exec; *count becomes how
 * many came.  1; 0 where the other end is closed; -EAGAIN where nothing waits; -EPROTO for
 * a message of another size; -EMFILE where descriptors were lost for want of room.
 */
int message_receive(int socket, void *bytes, size_t size, int *fds, unsigned *count, bool waits);

#endif
