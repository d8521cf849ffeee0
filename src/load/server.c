/* SPDX-License-Identifier: ISC */
/* server - the address, and one blocking request. */
#include "load/server.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_NS UINT64_C(10000000000)

static int connect_blocking(const struct address *address, uint64_t timeout_ns)
{
	int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = (time_t)(timeout_ns / 1000000000),
		                 .tv_usec = (suseconds_t)(timeout_ns % 1000000000 / 1000) };

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (const struct sockaddr *)&address->storage, address->size) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void take_address(const struct addrinfo *info, struct address *address)
{
	address->family = info->ai_family;
	address->size = info->ai_addrlen;
	memcpy(&address->storage, info->ai_addr, info->ai_addrlen);
}

bool server_resolve(const char *host, const char *port, struct address *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	int wrong = getaddrinfo(host, port, &hints, &found);

	if (wrong) {
		fprintf(stderr, "percore-load: %s: %s; check the host's name\n", host, gai_strerror(wrong));
		return false;
	}
	/* The first that answers: "localhost" is often ::1 before 127.0.0.1, and one of them is not served.
	 */
	*address = (struct address){ 0 };
	take_address(found, address);
	for (const struct addrinfo *info = found; info && found->ai_next; info = info->ai_next) {
		struct address tried = { 0 };
		take_address(info, &tried);
		int fd = connect_blocking(&tried, CONNECT_TIMEOUT_NS);
		if (fd < 0)
			continue;
		close(fd);
		take_address(info, address);
		break;
	}
	snprintf(address->text, sizeof address->text, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	freeaddrinfo(found);
	return true;
}

bool server_at_unix(const char *path, struct address *address)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->storage;

	*address = (struct address){ .family = AF_UNIX, .size = sizeof *un };
	if (strlen(path) >= sizeof un->sun_path) {
		fprintf(stderr, "percore-load: %s: longer than a socket's path may be, %zu bytes\n", path,
		        sizeof un->sun_path - 1);
		return false;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	snprintf(address->text, sizeof address->text, "unix:%s", path);
	return true;
}

static const char *remedy(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "; is the server running, and is this its port?";
	case ENOENT:
		return "; is the server running, and is this its socket?";
	case EACCES:
		return "; the socket's mode and group say who may connect";
	default:
		return "";
	}
}

static bool cannot(const struct address *address, const char *what, int error)
{
	if (error == EAGAIN)
		fprintf(stderr, "percore-load: %s: no answer within --timeout\n", address->text);
	else
		fprintf(stderr, "percore-load: %s: %s: %s%s\n", address->text, what, strerror(error),
		        remedy(error));
	return false;
}

bool server_is_there(const struct address *address)
{
	int fd = connect_blocking(address, CONNECT_TIMEOUT_NS);

	if (fd < 0)
		return cannot(address, "cannot connect", errno);
	close(fd);
	return true;
}

static bool read_answer(int fd, const struct address *address, const struct protocol *protocol,
                        struct answer *answer)
{
	enum answer_progress progress = ANSWER_MORE;
	char buffer[16384];

	while (progress == ANSWER_MORE) {
		ssize_t n = recv(fd, buffer, sizeof buffer, 0);
		if (n < 0)
			return cannot(address, "reading the first answer", errno);
		if (n == 0)
			progress = protocol->end(answer);
		else
			progress = protocol->feed(answer, buffer, (size_t)n);
	}
	if (progress == ANSWER_DONE)
		return true;
	fprintf(stderr, "percore-load: %s: the first answer is %s\n", address->text,
	        progress == ANSWER_TRUNCATED ? "cut short" : "not in the protocol");
	return false;
}

bool server_ask(const struct address *address, const struct protocol *protocol,
                const struct request_bytes *request, struct answer *answer, uint64_t timeout_ns)
{
	int fd = connect_blocking(address, timeout_ns);
	size_t sent = 0;

	if (fd < 0)
		return cannot(address, "cannot connect", errno);
	while (sent < request->size) {
		ssize_t n = send(fd, request->bytes + sent, request->size - sent, MSG_NOSIGNAL);
		if (n < 0)
			break; /* it may have answered early: the reading tells */
		sent += (size_t)n;
	}
	protocol->start(answer);
	bool done = read_answer(fd, address, protocol, answer);
	close(fd);
	return done;
}
