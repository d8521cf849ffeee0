/*
 * fcgi - the adopted connection.
 *
 * libfcgi's own loop keeps one connection until it closes, and waits up to two
 * seconds in the close.  So the connection is lent to it for one request: with
 * ipcFd set and keepConnection true, FCGX_Accept_r reads from that descriptor
 * instead of accepting, and closing the two output streams ourselves (rather than
 * FCGX_Finish_r) ends the answer without touching the descriptor.  listen_sock
 * is -1, so a broken request fails instead of accepting something else.
 *
 * FCGX_Request's fields are public but "not to be used": this file alone does,
 * configure checks that they exist, tests/system notices if they change meaning.
 */
#include "exchange/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct fcgi {
	FCGX_Request request;
	bool keep;
	bool cgi; /* plain CGI: environment, stdin, stdout */
};

enum fcgi_look fcgi_look(int fd)
{
	unsigned char head[8];
	ssize_t got = recv(fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);

	if (got == 0)
		return FCGI_LOOK_END;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? FCGI_LOOK_NOTHING : FCGI_LOOK_END;
	if (head[0] != FCGI_VERSION_1 || (got > 1 && head[1] != FCGI_BEGIN_REQUEST))
		return FCGI_LOOK_BROKEN;
	return FCGI_LOOK_REQUEST;
}

struct fcgi *fcgi_new(void)
{
	struct fcgi *fcgi = calloc(1, sizeof *fcgi);

	if (!fcgi)
		return NULL;
	if (FCGX_Init() != 0 || FCGX_InitRequest(&fcgi->request, -1, 0) != 0) {
		free(fcgi);
		return NULL;
	}
	return fcgi;
}

void fcgi_free(struct fcgi *fcgi)
{
	free(fcgi);
}

struct fcgi *fcgi_new_cgi(void)
{
	struct fcgi *fcgi = calloc(1, sizeof *fcgi);

	if (fcgi)
		fcgi->cgi = true;
	return fcgi;
}

int fcgi_begin(struct fcgi *fcgi, int fd, bool *closed)
{
	FCGX_Request *r = &fcgi->request;

	*closed = false;
	r->ipcFd = fd;
	r->keepConnection = 1; /* else FCGX_Accept_r starts by closing it */
	FCGX_Detach(r);        /* its error path closes at once, without the two seconds */
	if (FCGX_Accept_r(r) < 0) {
		*closed = r->ipcFd < 0;
		r->ipcFd = -1;
		return -1;
	}
	fcgi->keep = r->keepConnection;
	/* A receive timeout inside PARAMS is reported as success with what came. */
	if (FCGX_GetError(r->in) != 0) {
		fcgi_abandon(fcgi);
		return -1;
	}
	return 0;
}

const char *fcgi_param(const struct fcgi *fcgi, const char *name)
{
	if (fcgi->cgi)
		return getenv(name);
	return FCGX_GetParam(name, fcgi->request.envp);
}

ssize_t fcgi_read(struct fcgi *fcgi, void *buffer, size_t size)
{
	if (fcgi->cgi)
		return read(STDIN_FILENO, buffer, size);
	int got = FCGX_GetStr(buffer, size > 1 << 20 ? 1 << 20 : (int)size, fcgi->request.in);

	return FCGX_GetError(fcgi->request.in) ? -1 : got;
}

int fcgi_write(struct fcgi *fcgi, const void *bytes, size_t size)
{
	const char *next = bytes;

	if (fcgi->cgi)
		return fwrite(bytes, 1, size, stdout) == size ? 0 : -1;

	while (size > 0) {
		int part = size > 1 << 20 ? 1 << 20 : (int)size;
		if (FCGX_PutStr(next, part, fcgi->request.out) != part)
			return -1;
		next += part;
		size -= (size_t)part;
	}
	return 0;
}

/*
 * FCGI_STDIN's end must be read before the answer ends: after END_REQUEST the web
 * server may send the next request, and libfcgi would read its bytes with that
 * record and drop them with the stream.
 */
static bool is_input_at_end(FCGX_Stream *in)
{
	return FCGX_GetChar(in) == EOF && FCGX_GetError(in) == 0;
}

bool fcgi_end(struct fcgi *fcgi, bool body_was_read)
{
	FCGX_Request *r = &fcgi->request;

	if (fcgi->cgi)
		return fflush(stdout) == 0;
	bool keep = fcgi->keep && body_was_read && is_input_at_end(r->in);

	keep &= FCGX_FClose(r->err) == 0;
	keep &= FCGX_FClose(r->out) == 0;
	FCGX_Free(r, 0);
	r->ipcFd = -1;
	return keep;
}

void fcgi_abandon(struct fcgi *fcgi)
{
	if (fcgi->cgi)
		return;
	FCGX_Free(&fcgi->request, 0);
	fcgi->request.ipcFd = -1;
}
