/* SPDX-License-Identifier: ISC */
/*
 * answer - one answer while it is read, whatever protocol it comes in, and what
 * was expected of it.  http.c and fcgi_client.c feed it.
 */
#ifndef LOAD_ANSWER_H
#define LOAD_ANSWER_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct expectation {
	unsigned status; /* 0: any from 200 to 399 */
	bool check_body;
	bool no_body; /* the request was a HEAD */
	const char *body;
	size_t body_bytes;
};

/* Where a body is kept whole, for the answer that the others are compared with. */
struct body_copy {
	char *bytes; /* heap; free it */
	size_t size;
	bool failed; /* no memory: the rest is missing */
};

enum answer_progress {
	ANSWER_MORE,
	ANSWER_DONE,
	ANSWER_TRUNCATED, /* whole by the protocol, but shorter than it said */
	ANSWER_BROKEN,    /* not the protocol */
};

/* The state of a FastCGI answer: see fcgi_client.c. */
struct fcgi_answer {
	unsigned char header[8];
	unsigned header_have;
	unsigned content_left;
	unsigned padding_left;
	unsigned char end_request[8];
	unsigned end_have;
	bool in_body;
	unsigned line_have;
	char line[256]; /* of the CGI header; what is longer is cut */
	uint64_t length;
	bool has_length;
};

struct answer {
	const struct expectation *expected;
	struct body_copy *copy; /* or NULL */
	unsigned status;
	uint64_t body_bytes;
	bool begun;   /* a byte of it came */
	bool differs; /* the body is not the expected one */
	bool keep;    /* the connection may serve again */
	bool complete;
	union {
		http_parser http;
		struct fcgi_answer fcgi;
	};
};

/* A protocol: how a fresh answer starts, takes bytes, and takes the end of the connection. */
struct protocol {
	void (*start)(struct answer *answer);
	enum answer_progress (*feed)(struct answer *answer, const char *bytes, size_t size);
	enum answer_progress (*end)(struct answer *answer);
	/* A kept connection may be closed after its answer, which does not say so: then the next request
	 * goes over a new one, as web servers do it. */
	bool may_close_unsaid;
};

static inline void answer_init(struct answer *answer, const struct expectation *expected)
{
	answer->expected = expected;
	answer->copy = NULL;
	answer->status = 0;
	answer->body_bytes = 0;
	answer->begun = answer->differs = answer->keep = answer->complete = false;
}

/* Adds bytes; without memory for them sets failed. */
void body_copy_add(struct body_copy *copy, const char *bytes, size_t size);

/* Part of the body has come. */
void answer_body(struct answer *answer, const char *bytes, size_t size);

static inline bool answer_has_good_status(const struct answer *answer)
{
	unsigned wanted = answer->expected->status;

	return wanted ? answer->status == wanted : answer->status >= 200 && answer->status < 400;
}

static inline bool answer_has_good_body(const struct answer *answer)
{
	const struct expectation *expected = answer->expected;

	return !expected->check_body || (!answer->differs && answer->body_bytes == expected->body_bytes);
}

#endif
