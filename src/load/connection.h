/* SPDX-License-Identifier: ISC */
/*
 * connection - one socket, with at most one request on it.
 *
 *   CLOSED -> CONNECTING -> BUSY <-> IDLE        any -> CLOSED
 *
 * The functions say what happened by an enum; who counts it and what comes next is
 * the loop's affair (run.c).
 */
#ifndef LOAD_CONNECTION_H
#define LOAD_CONNECTION_H

#include "load/answer.h"
#include "load/request.h"

#include <sys/socket.h>

enum connection_state { CONNECTION_CLOSED, CONNECTION_CONNECTING, CONNECTION_BUSY, CONNECTION_IDLE };

enum outcome {
	OUTCOME_PENDING,   /* nothing to count yet */
	OUTCOME_GOOD,      /* answered as expected */
	OUTCOME_CONNECT,   /* no connection: refused, no route, no descriptor */
	OUTCOME_RESET,     /* reset by the peer */
	OUTCOME_CLOSED,    /* closed before the first byte of an answer */
	OUTCOME_TRUNCATED, /* closed in the middle of an answer, or shorter than it said */
	OUTCOME_TIMEOUT,
	OUTCOME_STATUS,   /* answered whole, with another status */
	OUTCOME_BODY,     /* answered whole, with other bytes */
	OUTCOME_PROTOCOL, /* not HTTP, not FastCGI */
	OUTCOME_UNSENT,   /* its start came, but no connection was free before the end */
	OUTCOME_KINDS,
};

/* "connect", "reset", ...; the word in the table and in JSON. */
const char *outcome_name(enum outcome outcome);

struct address {
	struct sockaddr_storage storage;
	socklen_t size;
	int family;
	char text[300]; /* for messages */
};

struct connection {
	int fd;
	enum connection_state state;
	bool watches_output;
	bool was_idle;   /* when its request came */
	unsigned target; /* index of the request */
	size_t sent_bytes;
	uint64_t intended_ns;
	uint64_t started_ns; /* when its first byte, or its connect, was due to leave */
	struct answer answer;
};

/* What all connections of a run share. */
struct connection_setup {
	const struct address *address;
	const struct protocol *protocol;
	const struct request_bytes *requests;
	const struct expectation *expectations;
	int epoll;
	char *buffer; /* for reading */
	size_t buffer_bytes;
	uint64_t *received_bytes;
	uint64_t *connects;
	int *connect_errno; /* why the last connect failed */
};

/* Sends request `target`, on a new connection if this one is closed. */
enum outcome connection_start(const struct connection_setup *setup, struct connection *connection,
                              unsigned target);

/* Deals with epoll's events; PENDING may leave it IDLE, BUSY or, for an idle one, CLOSED. */
enum outcome connection_event(const struct connection_setup *setup, struct connection *connection,
                              uint32_t events);

void connection_close(struct connection *connection);

#endif
