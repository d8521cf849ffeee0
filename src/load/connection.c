/* SPDX-License-Identifier: ISC */
/*
 * connection - connect, send, receive, without blocking and without allocating.
 *
 * A connection joins epoll once, for input; output is watched only while a connect
 * or a send is unfinished.  An outcome other than PENDING ends the request; after
 * it the connection is IDLE (it may be used again) or CLOSED.
 */
#include "load/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[OUTCOME_KINDS] = {
		[OUTCOME_PENDING] = "pending", [OUTCOME_GOOD] = "good",
		[OUTCOME_CONNECT] = "connect", [OUTCOME_RESET] = "reset",
		[OUTCOME_CLOSED] = "closed",   [OUTCOME_TRUNCATED] = "truncated",
		[OUTCOME_TIMEOUT] = "timeout", [OUTCOME_STATUS] = "status",
		[OUTCOME_BODY] = "body",       [OUTCOME_PROTOCOL] = "protocol",
		[OUTCOME_UNSENT] = "unsent",
	};

	return names[outcome];
}

void connection_close(struct connection *connection)
{
	if (connection->state != CONNECTION_CLOSED)
		close(connection->fd);
	connection->state = CONNECTION_CLOSED;
	connection->watches_output = false;
}

static enum outcome closed_with(struct connection *connection, enum outcome outcome)
{
	connection_close(connection);
	return outcome;
}

static bool watch(const struct connection_setup *setup, struct connection *connection, int how, bool output)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | (output ? EPOLLOUT : 0),
		                 .data.ptr = connection };

	connection->watches_output = output;
	return epoll_ctl(setup->epoll, how, connection->fd, &e) == 0;
}

static enum outcome no_connection(const struct connection_setup *setup, struct connection *connection,
                                  int why)
{
	*setup->connect_errno = why;
	return closed_with(connection, OUTCOME_CONNECT);
}

/* PENDING: connected, or connecting. */
static enum outcome open_socket(const struct connection_setup *setup, struct connection *connection)
{
	const struct address *address = setup->address;
	int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return no_connection(setup, connection, errno);
	if (address->family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	connection->fd = fd;
	connection->state = CONNECTION_CONNECTING;
	++*setup->connects;
	int failed = connect(fd, (const struct sockaddr *)&address->storage, address->size);
	if (failed && errno != EINPROGRESS)
		return no_connection(setup, connection, errno);
	if (!watch(setup, connection, EPOLL_CTL_ADD, failed != 0))
		return no_connection(setup, connection, errno);
	if (!failed)
		connection->state = CONNECTION_BUSY;
	return OUTCOME_PENDING;
}

/* Gone before the first byte of an answer. */
static enum outcome lost(const struct connection_setup *setup, struct connection *connection,
                         enum outcome outcome)
{
	connection_close(connection);
	if (!connection->was_idle || !setup->protocol->may_close_unsaid)
		return outcome;
	return connection_start(setup, connection, connection->target);
}

static enum outcome send_rest(const struct connection_setup *setup, struct connection *connection)
{
	const struct request_bytes *request = &setup->requests[connection->target];

	while (connection->sent_bytes < request->size) {
		ssize_t n = send(connection->fd, request->bytes + connection->sent_bytes,
		                 request->size - connection->sent_bytes, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return lost(setup, connection, errno == EPIPE ? OUTCOME_CLOSED : OUTCOME_RESET);
		connection->sent_bytes += (size_t)n;
	}
	bool unfinished = connection->sent_bytes < request->size;
	if (unfinished != connection->watches_output)
		watch(setup, connection, EPOLL_CTL_MOD, unfinished);
	return OUTCOME_PENDING;
}

enum outcome connection_start(const struct connection_setup *setup, struct connection *connection,
                              unsigned target)
{
	connection->target = target;
	connection->sent_bytes = 0;
	connection->was_idle = connection->state == CONNECTION_IDLE;
	answer_init(&connection->answer, &setup->expectations[target]);
	setup->protocol->start(&connection->answer);
	if (connection->state == CONNECTION_CLOSED) {
		enum outcome outcome = open_socket(setup, connection);
		if (outcome != OUTCOME_PENDING || connection->state == CONNECTION_CONNECTING)
			return outcome;
	}
	connection->state = CONNECTION_BUSY;
	return send_rest(setup, connection);
}

/* The answer is whole: is it the one that was expected, and does its connection stay? */
static enum outcome judge(const struct connection_setup *setup, struct connection *connection)
{
	const struct answer *answer = &connection->answer;

	/* Answered before the request was sent to its end: the rest would be taken for the next one. */
	if (answer->keep && connection->sent_bytes == setup->requests[connection->target].size)
		connection->state = CONNECTION_IDLE;
	else
		connection_close(connection);
	if (!answer_has_good_status(answer))
		return OUTCOME_STATUS;
	return answer_has_good_body(answer) ? OUTCOME_GOOD : OUTCOME_BODY;
}

static enum outcome progress(const struct connection_setup *setup, struct connection *connection,
                             enum answer_progress progress)
{
	switch (progress) {
	case ANSWER_DONE:
		return judge(setup, connection);
	case ANSWER_TRUNCATED:
		return closed_with(connection, OUTCOME_TRUNCATED);
	case ANSWER_BROKEN:
		return closed_with(connection, OUTCOME_PROTOCOL);
	case ANSWER_MORE:
		break;
	}
	return OUTCOME_PENDING;
}

static enum outcome ended(const struct connection_setup *setup, struct connection *connection)
{
	if (!connection->answer.begun)
		return lost(setup, connection, OUTCOME_CLOSED);
	return progress(setup, connection, setup->protocol->end(&connection->answer));
}

static enum outcome receive(const struct connection_setup *setup, struct connection *connection)
{
	for (;;) {
		ssize_t n = recv(connection->fd, setup->buffer, setup->buffer_bytes, 0);
		if (n < 0 && errno == EAGAIN)
			return OUTCOME_PENDING;
		if (n < 0 && !connection->answer.begun)
			return lost(setup, connection, OUTCOME_RESET);
		if (n < 0)
			return closed_with(connection, OUTCOME_RESET);
		if (n == 0)
			return ended(setup, connection);
		*setup->received_bytes += (uint64_t)n;
		connection->answer.begun = true;
		enum outcome outcome =
			progress(setup, connection,
		                 setup->protocol->feed(&connection->answer, setup->buffer, (size_t)n));
		if (outcome != OUTCOME_PENDING || (size_t)n < setup->buffer_bytes)
			return outcome;
	}
}

static enum outcome connected(const struct connection_setup *setup, struct connection *connection)
{
	int error = 0;
	socklen_t size = sizeof error;

	getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error)
		return no_connection(setup, connection, error);
	connection->state = CONNECTION_BUSY;
	return send_rest(setup, connection);
}

enum outcome connection_event(const struct connection_setup *setup, struct connection *connection,
                              uint32_t events)
{
	enum outcome outcome = OUTCOME_PENDING;

	switch (connection->state) {
	case CONNECTION_CONNECTING:
		return connected(setup, connection);
	case CONNECTION_IDLE: /* nothing was asked: the server closes it, or is broken */
		connection_close(connection);
		return OUTCOME_PENDING;
	case CONNECTION_BUSY:
		/* Input first: a server that answers early and closes makes the send fail. */
		if (events & ~(uint32_t)EPOLLOUT)
			outcome = receive(setup, connection);
		if (outcome == OUTCOME_PENDING && (events & EPOLLOUT))
			outcome = send_rest(setup, connection);
		return outcome;
	case CONNECTION_CLOSED:
		break;
	}
	return OUTCOME_PENDING;
}
