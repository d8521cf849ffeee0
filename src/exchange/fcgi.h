/* fcgi - one request at a time over an adopted connection; the only file that knows libfcgi. */
#ifndef PERCORE_FCGI_H
#define PERCORE_FCGI_H

#include "exchange/inhand.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fcgi;

struct fcgi_settings {
	unsigned io_timeout_ms;   /* how long the web server may take over a read or a write */
	unsigned max_connections; /* what FCGI_GET_VALUES is told */
	struct inhand_shm *hand;  /* told how far the request is; never NULL */
};

/* What waits on a connection, from a peek that never blocks. */
enum fcgi_look {
	FCGI_LOOK_REQUEST, /* a whole and good request head */
	FCGI_LOOK_NOTHING, /* no input */
	FCGI_LOOK_PART,    /* the first part of a head; more must come */
	FCGI_LOOK_MANAGE,  /* a record for fcgi_manage */
	FCGI_LOOK_END,     /* the peer closed, or the socket failed */
	FCGI_LOOK_BROKEN,  /* bytes that are no FastCGI request: fcgi_reason says what */
};

struct fcgi *fcgi_new(const struct fcgi_settings *settings); /* NULL: no memory */
struct fcgi *fcgi_new_cgi(struct inhand_shm *hand);          /* the one request of a plain CGI process */
void fcgi_free(struct fcgi *fcgi);

/*
 * `spool` is the connection's own, shared by all who serve it: 1 + the descriptor
 * of a memory file that holds what was read of a head so far, or 0.  Where these
 * functions are done with it, it is closed.
 */
enum fcgi_look fcgi_look(struct fcgi *fcgi, int fd, const _Atomic uint32_t *spool);
const char *fcgi_reason(const struct fcgi *fcgi);

struct inhand_shm *fcgi_hand(const struct fcgi *fcgi);

/*
 * Moves what FCGI_LOOK_PART found from the socket to the spool: a socket's buffer
 * holds few tiny records.  False: it stays in the socket.
 */
bool fcgi_spool(struct fcgi *fcgi, int fd, _Atomic uint32_t *spool);

/* Takes the record that FCGI_LOOK_MANAGE found, answers it if it asks.  False: close the connection. */
bool fcgi_manage(struct fcgi *fcgi, int fd, _Atomic uint32_t *spool);

/* Takes the head that FCGI_LOOK_REQUEST found.  False, which libfcgi never should: its socket is closed. */
bool fcgi_begin(struct fcgi *fcgi, int fd, _Atomic uint32_t *spool);

const char *fcgi_param(const struct fcgi *fcgi, const char *name); /* lent until the end */

/* All that have this name, as web servers send a header that came twice: the last `max`; how many. */
size_t fcgi_params(const struct fcgi *fcgi, const char *name, const char **values, size_t max);

/* Bytes of the body: how many, 0 at FCGI_STDIN's end, -ETIMEDOUT, or -EPROTO when it broke off. */
ssize_t fcgi_read(struct fcgi *fcgi, void *buffer, size_t size);

/* 0, or -EPIPE when the web server is gone or took nothing for the timeout. */
int fcgi_write(struct fcgi *fcgi, const void *bytes, size_t size);

/*
 * Ends the answer; the descriptor stays open.  True when the connection may
 * carry another request: the web server asked for it and all input was read.
 */
bool fcgi_end(struct fcgi *fcgi);

/* Drops the request without FCGI_END_REQUEST, so that a cut answer cannot look whole. */
void fcgi_abandon(struct fcgi *fcgi);

#endif
