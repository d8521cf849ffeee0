/* SPDX-License-Identifier: ISC */
/*
 * fcgios - see fcgios.h.  The names and the meaning of these functions are libfcgi 2.4's
 * (include/fcgios.h); tests/unit/test_fcgi.c notices if their meaning changes.
 *
 * Descriptors that are not the connection in hand are the program's own: they go to the
 * system as they would in libfcgi.
 */
#include "exchange/fcgios.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcgios.h>
#include <stddef.h>
#include <unistd.h>

static const struct fcgios *used;
static bool was_called;

void fcgios_use(const struct fcgios *os)
{
	used = os;
}

bool fcgios_is_in_force(void)
{
	FCGX_Request request;

	was_called = false;
	if (FCGX_Init() == 0 && FCGX_InitRequest(&request, -1, 0) == 0)
		FCGX_Accept_r(&request); /* libfcgi's own accept would fail too: -1 is no descriptor */
	return was_called;
}

static bool is_in_hand(int fd)
{
	return used && fd >= 0 && fd == used->input->fd;
}

/* libfcgi finds these by name. */
#pragma GCC visibility push(default)

/* libfcgi's own would install handlers for SIGTERM, SIGUSR1 and SIGPIPE. */
int OS_LibInit(int descriptors[3])
{
	(void)descriptors;
	return 0;
}

int OS_Accept(int listener, int fail_on_interrupt, const char *addresses)
{
	(void)listener;
	(void)fail_on_interrupt;
	(void)addresses;
	was_called = true;
	int fd = used ? used->accept(used->context) : -1;
	if (fd < 0)
		errno = ESHUTDOWN;
	return fd;
}

int OS_Read(int fd, char *buffer, size_t size)
{
	if (!is_in_hand(fd))
		return (int)read(fd, buffer, size);
	return (int)input_read(used->input, buffer, size);
}

int OS_Write(int fd, char *buffer, size_t size)
{
	if (!is_in_hand(fd))
		return (int)write(fd, buffer, size);
	used->writing(used->context, buffer, size);
	return input_write(used->input, buffer, size) == 0 ? (int)size : -1;
}

/* Also called with -1, by a program that finishes before it accepts. */
int OS_IpcClose(int fd, int shuts_down)
{
	(void)shuts_down;
	if (fd < 0)
		return 0;
	if (!is_in_hand(fd))
		return close(fd);
	used->close(used->context);
	return 0;
}

/*
 * ---- For static programs alone: where all that libfcgi wants of its layer is here, its
 * own file is not linked.  libpercore.so does not export these.
 */

int OS_Close(int fd, int shuts_down)
{
	(void)shuts_down;
	return close(fd);
}

/* A socket of one's own is --listen's affair. */
int OS_CreateLocalIpcFd(const char *path, int backlog)
{
	(void)path;
	(void)backlog;
	errno = ENOSYS;
	return -1;
}

int OS_IsFcgi(int fd)
{
	return is_in_hand(fd);
}

void OS_ShutdownPending(void)
{
}

#pragma GCC visibility pop
