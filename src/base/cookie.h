/* SPDX-License-Identifier: ISC */
/* cookie - tells a socket from every other, also from a later one at the same descriptor. */
#ifndef PERCORE_COOKIE_H
#define PERCORE_COOKIE_H

#include <stdint.h>
#include <sys/socket.h>

/* 0: it is no socket. */
static inline uint64_t socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

#endif
