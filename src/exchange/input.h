/* SPDX-License-Identifier: ISC */
/*
 * input - the bytes of one connection, between the socket and libfcgi.
 *
 *   0        taken            checked          filled
 *   | given to | found good, to be | not checked yet |
 *   | libfcgi  | given to libfcgi  |                 |
 *
 * Bytes behind the end of a request are the next request of the connection: they stay
 * here until input_begin.  Management records and aborts are answered here and
 * taken out, so libfcgi never sees them.
 */
#ifndef PERCORE_INPUT_H
#define PERCORE_INPUT_H

#include "exchange/records.h"

#include <sys/types.h>

enum {
	INPUT_HEAD_MAX = 128 << 10,               /* bytes of a head */
	INPUT_BYTES = INPUT_HEAD_MAX + (68 << 10) /* and the largest record: 65,798 */
};

struct input_settings {
	struct records_limits limits;
	unsigned io_timeout_ms;   /* for the web server to send, or take, the next bytes */
	uint64_t body_timeout_ms; /* for a body, in all, from when it was first waited for; 0: no bound */
	unsigned max_connections; /* what FCGI_GET_VALUES is told */
};

struct input {
	struct input_settings settings;
	int fd;                   /* of the connection; -1: none */
	uint64_t body_timeout_ms; /* of this request */
	uint64_t body_by_ms;      /* when the time for the body ends; 0: nobody has waited for it */
	struct records records;
	size_t taken, checked, filled;
	bool has_head;   /* the head is whole */
	bool has_end;    /* the request is whole */
	bool is_aborted; /* the web server has given it up */
	bool is_long;    /* the body went on when input_drain had read its fill */
	bool is_broken;  /* nothing more is read from this connection: records.fault says why */
	unsigned char bytes[INPUT_BYTES];
};

/* The first part of a head, as it waits in shared memory until the rest comes. */
struct input_part {
	struct records records;
	uint32_t checked, filled;
	unsigned char bytes[INPUT_HEAD_MAX];
};

/* Another connection: nothing of it was read yet.  Or, where the last request ended whole, the next request
 * of the same one: what was read of it is here. */
void input_open(struct input *input, int fd);
void input_next(struct input *input);

/* True when bytes behind the last request are here. */
bool input_has_next(const struct input *input);

enum input_look {
	INPUT_REQUEST, /* a whole and good head */
	INPUT_NOTHING, /* no input */
	INPUT_PART,    /* the first part of a head; more must come */
	INPUT_END,     /* the peer closed, or the socket failed */
	INPUT_BROKEN,  /* records.fault says why */
};

/* Another time for the body of the request in hand, from now on; 0: no bound. */
void input_limit_body(struct input *input, uint64_t timeout_ms);

/* Reads what is there, without waiting. */
enum input_look input_look(struct input *input);

/* Keeps the first part of a head, or goes on from it.  False: it does not fit, or cannot be. */
bool input_save(const struct input *input, struct input_part *part);
bool input_restore(struct input *input, const struct input_part *part);

/*
 * Checked bytes of the request, head and body: how many; 0 at its end, or where it was
 * aborted; -1 and errno: EAGAIN when nothing came in time, EPROTO when it is broken or broke off.
 */
ssize_t input_read(struct input *input, void *buffer, size_t size);

/* Waits for the body's first byte, or its end, without reading it.  False as input_read's -1. */
bool input_await_body(struct input *input);

/*
 * Reads the rest of the body, at most `max` bytes, and drops it: a web server may send
 * all of it before it reads an answer.  True when the request is whole.
 */
bool input_drain(struct input *input, uint64_t max);

/*
 * True when the request is aborted, or the peer is gone.  Takes in what is here, without waiting, as
 * far as there is room: behind a body that nobody reads an abort is not seen.
 */
bool input_is_given_up(struct input *input);

/* Waits for so long, or until that is true. */
bool input_await_end(struct input *input, unsigned timeout_ms);

/* Sends all of it.  0, or -1 and errno. */
int input_write(const struct input *input, const void *bytes, size_t size);

#endif
