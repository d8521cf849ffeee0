/* SPDX-License-Identifier: ISC */
/* listener - finds or makes the listening socket. */
#ifndef PERCORE_LISTENER_H
#define PERCORE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Of `address` ("unix:PATH" or "127.0.0.1:9000"); NULL: the socket on fd 0, or the one
 * systemd handed over (LISTEN_PID, LISTEN_FDS).  A descriptor; -ENOTSOCK when
 * there is none; -errno, and the reason was said.
 */
int listener_open(const char *address);

bool listener_is_listening(int fd);

/* "unix:/run/percore.sock (www-data:www-data 0660)" or "tcp:127.0.0.1:9000". */
void listener_describe(int listener, char *text, size_t size);

#endif
