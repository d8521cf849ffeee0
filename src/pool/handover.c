/* handover - see handover.h. */
#include "pool/handover.h"

#include "base/cookie.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whatever the versions of the two programs. */
struct handover_message {
	uint32_t version;
	uint32_t half_since_s, discards;
};

enum { HANDOVER_VERSION = 1, DESCRIPTORS_MAX = 2 }; /* the connection, and its spool */

union rights {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

bool handover_has(const struct handover *handover, int end)
{
	return handover->cookies[end] && socket_cookie(handover->ends[end]) == handover->cookies[end];
}

int handover_open(struct handover *handover)
{
	if (handover_has(handover, 0) && handover_has(handover, 1))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, handover->ends) != 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		handover->cookies[i] = socket_cookie(handover->ends[i]);
	return 0;
}

int handover_send(int socket, const struct queue_parcel *parcel)
{
	struct handover_message message = { .version = HANDOVER_VERSION,
		                            .half_since_s = parcel->half_since_s,
		                            .discards = parcel->discards };
	const int fds[DESCRIPTORS_MAX] = { parcel->fd, parcel->spool };
	const size_t bytes = (parcel->spool >= 0 ? 2 : 1) * sizeof(int);
	struct iovec part = { .iov_base = &message, .iov_len = sizeof message };
	union rights rights = { 0 };
	struct msghdr header = { .msg_iov = &part,
		                 .msg_iovlen = 1,
		                 .msg_control = rights.bytes,
		                 .msg_controllen = CMSG_SPACE(bytes) };
	struct cmsghdr *control = CMSG_FIRSTHDR(&header);

	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(control), fds, bytes);
	if (sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ETOOMANYREFS || errno == EINTR ? -EAGAIN : -errno;
}

/* How many descriptors came, in fds. */
static size_t unpack(struct msghdr *header, int fds[DESCRIPTORS_MAX])
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(header);

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
	    control->cmsg_len < CMSG_LEN(sizeof(int)))
		return 0;
	size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	count = count < DESCRIPTORS_MAX ? count : DESCRIPTORS_MAX;
	memcpy(fds, CMSG_DATA(control), count * sizeof(int));
	return count;
}

int handover_receive(int socket, struct queue_parcel *parcel)
{
	struct handover_message message = { 0 };
	struct iovec part = { .iov_base = &message, .iov_len = sizeof message };
	union rights rights = { 0 };
	struct msghdr header = { .msg_iov = &part,
		                 .msg_iovlen = 1,
		                 .msg_control = rights.bytes,
		                 .msg_controllen = sizeof rights.bytes };
	int fds[DESCRIPTORS_MAX] = { -1, -1 };
	ssize_t got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	if (got == 0)
		return -EPIPE;
	if (got == 1)
		return *(char *)&message;
	size_t count = unpack(&header, fds);
	bool is_whole = got == sizeof message && message.version == HANDOVER_VERSION && count > 0 &&
	                !(header.msg_flags & MSG_CTRUNC);
	if (!is_whole) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return header.msg_flags & MSG_CTRUNC ? -EMFILE : -EPROTO;
	}
	*parcel = (struct queue_parcel){ .fd = fds[0],
		                         .spool = fds[1],
		                         .half_since_s = message.half_since_s,
		                         .discards = message.discards != 0 };
	return 1;
}

int handover_say(int socket, enum handover_word word)
{
	const char byte = (char)word;

	return send(socket, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int handover_hear(int socket, int wait_ms)
{
	struct pollfd wait = { .fd = socket, .events = POLLIN };
	char byte;

	if (poll(&wait, 1, wait_ms) <= 0)
		return 0;
	ssize_t got = recv(socket, &byte, 1, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return got == 1 ? byte : -EPIPE;
}
