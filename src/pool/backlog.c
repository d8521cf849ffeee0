/* SPDX-License-Identifier: ISC */
/* backlog - see backlog.h.  Unix sockets by unix_diag (sock_diag(7)), TCP by TCP_INFO (tcp(7)). */
#include "pool/backlog.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int look_tcp(int listener, unsigned *waiting, unsigned *most)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return -errno;
	*waiting = info.tcpi_unacked; /* of a listening socket: sk_ack_backlog */
	*most = info.tcpi_sacked;     /* and sk_max_ack_backlog */
	return 0;
}

/* The answer's attributes, bounded by what came. */
static int read_lengths(const struct nlmsghdr *head, size_t size, unsigned *waiting, unsigned *most)
{
	if (!NLMSG_OK(head, size) || head->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return -ENOENT;
	const struct unix_diag_msg *answer = NLMSG_DATA(head);
	size_t left = head->nlmsg_len - NLMSG_LENGTH(sizeof *answer);
	for (const struct rtattr *a = (const struct rtattr *)(answer + 1); RTA_OK(a, left);
	     a = RTA_NEXT(a, left)) {
		const struct unix_diag_rqlen *lengths = RTA_DATA(a);
		if (a->rta_type != UNIX_DIAG_RQLEN)
			continue;
		*waiting = lengths->udiag_rqueue;
		*most = lengths->udiag_wqueue;
		return 0;
	}
	return -ENOENT;
}

static int look_unix(int listener, unsigned *waiting, unsigned *most)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req ask;
	} question = { .head = { .nlmsg_len = sizeof question,
		                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		                 .nlmsg_flags = NLM_F_REQUEST },
		       .ask = { .sdiag_family = AF_UNIX,
		                .udiag_states = ~0U,
		                .udiag_show = UDIAG_SHOW_RQLEN,
		                .udiag_cookie = { ~0U, ~0U } } };
	_Alignas(struct nlmsghdr) char answer[1024];
	struct stat st;

	if (fstat(listener, &st) != 0)
		return -errno;
	question.ask.udiag_ino = (unsigned)st.st_ino;
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -errno;
	ssize_t got = send(fd, &question, sizeof question, 0);
	if (got > 0)
		got = recv(fd, answer, sizeof answer, 0);
	int error = got < 0 ? -errno : 0;
	close(fd);
	return error ? error : read_lengths((struct nlmsghdr *)answer, (size_t)got, waiting, most);
}

int backlog_look(int listener, unsigned *waiting, unsigned *most)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof name;

	if (getsockname(listener, (struct sockaddr *)&name, &size) != 0)
		return -errno;
	return name.ss_family == AF_UNIX ? look_unix(listener, waiting, most)
	                                 : look_tcp(listener, waiting, most);
}
