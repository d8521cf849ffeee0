/* SPDX-License-Identifier: ISC */
/*
 * failing - preloaded: lets a call of a process fail, the Nth of its kind, or that and all that follow.
 *
 * The file that $FAILING names tells of which process, kind and number; running-out.py writes it, while
 * the service runs.  Calls that glibc makes within itself, as those of stdio, go their own way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { MEMORY, MAPPING, OPEN, READ, WRITE, SOCKET, RECEIVE, SEND, ACCEPT, FORK, KINDS };

static struct order {
	_Atomic int32_t pid, kind, for_ever, unused;
	_Atomic int64_t nth; /* from 1; 0: none, but they are counted */
	_Atomic int64_t count[KINDS], failed;
} * order;

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("FAILING");
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *memory =
		(void *)syscall(SYS_mmap, NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (memory != MAP_FAILED)
		order = memory;
}

static int fails(enum kind kind, int error)
{
	if (!order || order->pid != (int32_t)syscall(SYS_getpid))
		return 0;
	int64_t number = atomic_fetch_add(&order->count[kind], 1) + 1;
	if (order->kind != (int32_t)kind || order->nth == 0 ||
	    (order->for_ever ? number < order->nth : number != order->nth))
		return 0;
	atomic_fetch_add(&order->failed, 1);
	errno = error;
	return 1;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
	return fails(MEMORY, ENOMEM) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(MEMORY, ENOMEM) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return fails(MEMORY, ENOMEM) ? NULL : __libc_realloc(memory, size);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (fails(MAPPING, ENOMEM))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

static int open_with(int directory, const char *path, int flags, va_list rest)
{
	int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;

	return fails(OPEN, EMFILE) ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	int fd = open_with(AT_FDCWD, path, flags, rest);
	va_end(rest);
	return fd;
}

int openat(int directory, const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	int fd = open_with(directory, path, flags, rest);
	va_end(rest);
	return fd;
}

ssize_t read(int fd, void *buffer, size_t size)
{
	return fails(READ, EIO) ? -1 : syscall(SYS_read, fd, buffer, size);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
	return fails(READ, EIO) ? -1 : syscall(SYS_pread64, fd, buffer, size, offset);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
	return fails(WRITE, ENOSPC) ? -1 : syscall(SYS_write, fd, buffer, size);
}

ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
	return fails(WRITE, ENOSPC) ? -1 : syscall(SYS_pwrite64, fd, buffer, size, offset);
}

int socket(int family, int type, int protocol)
{
	return fails(SOCKET, EMFILE) ? -1 : (int)syscall(SYS_socket, family, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return fails(SOCKET, ECONNREFUSED) ? -1 : (int)syscall(SYS_connect, fd, address, length);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	return fails(RECEIVE, ECONNRESET) ? -1 : syscall(SYS_recvfrom, fd, buffer, size, flags, NULL, NULL);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	return fails(RECEIVE, ECONNRESET) ? -1 : syscall(SYS_recvmsg, fd, message, flags);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
	return fails(SEND, EPIPE) ? -1 : syscall(SYS_sendto, fd, buffer, size, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return fails(SEND, ENOBUFS) ? -1 : syscall(SYS_sendmsg, fd, message, flags);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return fails(ACCEPT, EMFILE) ? -1 : (int)syscall(SYS_accept4, fd, address, length, flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	/* EPOLL_CTL_MOD needs no memory: Linux' ep_modify. */
	return operation == EPOLL_CTL_ADD && fails(ACCEPT, ENOMEM)
	               ? -1
	               : (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

pid_t __fork(void);

pid_t fork(void)
{
	return fails(FORK, EAGAIN) ? -1 : __fork();
}
