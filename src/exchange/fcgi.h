/* fcgi - one request at a time over an adopted connection; all that knows libfcgi. */
#ifndef PERCORE_FCGI_H
#define PERCORE_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct fcgi;

/* What waits on a connection, from a peek that never blocks. */
enum fcgi_look {
	FCGI_LOOK_REQUEST, /* the start of a request */
	FCGI_LOOK_NOTHING, /* no input yet */
	FCGI_LOOK_END,     /* the peer closed, or the socket failed */
	FCGI_LOOK_BROKEN,  /* bytes that are no FastCGI request */
};

enum fcgi_look fcgi_look(int fd);

struct fcgi *fcgi_new(void);     /* NULL: no memory */
struct fcgi *fcgi_new_cgi(void); /* the one request of a plain CGI process; not begun */
void fcgi_free(struct fcgi *fcgi);

/*
 * Reads one request's parameters.  0, or -1 when the connection is of no more
 * use; *closed then says that libfcgi has closed the descriptor already.
 */
int fcgi_begin(struct fcgi *fcgi, int fd, bool *closed);
const char *fcgi_param(const struct fcgi *fcgi, const char *name);
ssize_t fcgi_read(struct fcgi *fcgi, void *buffer, size_t size);
int fcgi_write(struct fcgi *fcgi, const void *bytes, size_t size);
/* Ends the answer.  body_was_read: all of CONTENT_LENGTH was; true when the connection may carry another request.  The descriptor stays open. */
bool fcgi_end(struct fcgi *fcgi, bool body_was_read);
/* Drops the request without END_REQUEST, so that a cut answer cannot look whole. */
void fcgi_abandon(struct fcgi *fcgi);

#endif
