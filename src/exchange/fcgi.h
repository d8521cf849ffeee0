/* SPDX-License-Identifier: ISC */
/* fcgi - one request at a time through libfcgi; the only file that calls it, beside its OS layer (fcgios.c).
 */
#ifndef PERCORE_FCGI_H
#define PERCORE_FCGI_H

#include "exchange/input.h"
#include "state/in_flight.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct fcgi;

/* Whence connections come, and where they go.  Called by libfcgi, through fcgi_accept and fcgi_finish. */
struct fcgi_source {
	struct input_settings input;
	struct in_flight_shm *in_flight; /* told how far the request is; never NULL */
	/* Waits for a connection and looks until it has a whole head: its descriptor, or -1 to leave. */
	int (*accept)(void *context, struct input *input);
	/* The request is over.  is_open: the connection may carry another one. */
	void (*close)(void *context, struct input *input, bool is_open);
	void *context;
};

/* NULL: no memory, or libfcgi does not call percore's OS layer, and it was said.  `source` is copied. */
struct fcgi *fcgi_new(const struct fcgi_source *source);

/* One request without FastCGI: of a plain CGI process, or of a test in a program's own process. */
struct fcgi_plain {
	char **environment; /* "NAME=VALUE", ended by NULL; lent.  NULL: the process' */
	FILE *in, *out;     /* lent */
	bool is_test;       /* who waits lets percore's time pass instead */
	bool is_given_up;   /* nobody waits for the answer */
};
struct fcgi *fcgi_new_plain(const struct fcgi_plain *plain, struct in_flight_shm *in_flight);
void fcgi_free(struct fcgi *fcgi);

/* The next request, its head read.  False: source->accept said to leave. */
bool fcgi_accept(struct fcgi *fcgi);

/* After fcgi_end or fcgi_abandon: gives the connection back to the source. */
void fcgi_finish(struct fcgi *fcgi);

/* Tells in `hand` what the master answers from, should we die from now on. */
void fcgi_note_in_flight(const struct input *input, struct in_flight_shm *in_flight);

struct in_flight_shm *fcgi_in_flight(const struct fcgi *fcgi);

/* Of several with this name the last, as php-fpm and Go have it; lent until the end. */
const char *fcgi_param(const struct fcgi *fcgi, const char *name);

/* All that have this name, as web servers send a header that came twice: the last `max`; how many. */
size_t fcgi_params(const struct fcgi *fcgi, const char *name, const char **values, size_t max);

/* All of them, as "NAME=VALUE", ended by NULL. */
const char *const *fcgi_all_params(const struct fcgi *fcgi);

/* Bytes of the body: how many, 0 at FCGI_STDIN's end, -ETIMEDOUT, or -EPROTO when it broke off. */
ssize_t fcgi_read(struct fcgi *fcgi, void *buffer, size_t size);

/* Whether the end of a body without CONTENT_LENGTH is told: by FCGI_STDIN's end, but not by that of a CGI's
 * stdin. */
bool fcgi_has_stdin(const struct fcgi *fcgi);

/* True when FCGI_STDIN's end is here, read or not: so long is the body. */
bool fcgi_length(const struct fcgi *fcgi, uint64_t *length);

/* Waits until the body begins, or its end is here: 0, or as fcgi_read. */
int fcgi_await_body(struct fcgi *fcgi);

/* Another time for the body, as input_limit_body. */
void fcgi_limit_body(struct fcgi *fcgi, uint64_t timeout_ms);

/* True when the web server has given the request up, or is gone.  Reads what is there, without waiting. */
bool fcgi_is_given_up(struct fcgi *fcgi);

/* Reads what is left of the body, at most `max` bytes, and drops it.  Returns how long the body was so far.
 */
uint64_t fcgi_drain(struct fcgi *fcgi, uint64_t max);

/* True when what came in the body was no FastCGI: the connection can only be closed. */
bool fcgi_is_broken(const struct fcgi *fcgi);

/* 0, or -EPIPE when the web server is gone or took nothing for the timeout. */
int fcgi_write(struct fcgi *fcgi, const void *bytes, size_t size);

/* Sends what was written so far.  0, or -EPIPE. */
int fcgi_flush(struct fcgi *fcgi);

/* Waits for so long, or until the request is given up: then true. */
bool fcgi_await_end(struct fcgi *fcgi, unsigned timeout_ms);

/* Ends the answer and sends it.  `hand` says what has left. */
void fcgi_end(struct fcgi *fcgi);

/* Drops the request without FCGI_END_REQUEST, so that a cut answer cannot look whole. */
void fcgi_abandon(struct fcgi *fcgi);

#endif
