/* SPDX-License-Identifier: ISC */
/* message - see message.h. */
#include "base/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int message_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : -errno;
}

int message_send(int socket, const void *bytes, size_t size, const int *fds, unsigned count, bool waits)
{
	union control control;
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (count > 0) {
		memset(&control, 0, sizeof control);
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(head), fds, count * sizeof(int));
	}
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT));
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	return errno == ETOOMANYREFS ? -EAGAIN : errno == ECONNRESET ? -EPIPE : -errno;
}

static unsigned take_fds(struct msghdr *message, int *fds, unsigned max)
{
	unsigned taken = 0;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
			if (taken < max)
				fds[taken++] = fd;
			else
				close(fd);
		}
	}
	return taken;
}

int message_receive(int socket, void *bytes, size_t size, int *fds, unsigned *count, bool waits)
{
	union control control;
	struct iovec part = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part,
		                  .msg_iovlen = 1,
		                  .msg_control = control.bytes,
		                  .msg_controllen = sizeof control };
	ssize_t got;

	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT));
	while (got < 0 && errno == EINTR);
	unsigned taken = got > 0 ? take_fds(&message, fds, *count) : 0;
	*count = taken;
	if (got <= 0)
		return got == 0 || errno == ECONNRESET ? 0 : -errno;
	int error = (size_t)got != size || message.msg_flags & MSG_TRUNC ? -EPROTO
	            : message.msg_flags & MSG_CTRUNC                     ? -EMFILE
	                                                                 : 0;
	if (!error)
		return 1;
	while (taken > 0)
		close(fds[--taken]);
	*count = 0;
	return error;
}
