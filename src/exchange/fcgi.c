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
 * It is lent only when a peek (head.h) saw the whole head and found it good: so
 * FCGX_Accept_r neither blocks nor fails, and a worker never waits for a head.
 * A head that comes in parts waits in the socket, and then in a memory file (the
 * spool), because some hundred tiny writes fill a socket's buffer; libfcgi reads
 * the head from that file, the rest from the socket.
 *
 * FCGX_Request's fields are public but "not to be used": this file alone does,
 * configure checks that they exist, tests/system notices if they change meaning.
 */
#include "exchange/fcgi.h"

#include "base/clock.h"
#include "base/fault.h"
#include "exchange/head.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PEEK_MAX = 128 << 10 };

struct fcgi {
	FCGX_Request request;
	struct fcgi_settings settings;
	struct head head;
	bool cgi;       /* plain CGI: environment, stdin, stdout */
	bool limited;   /* the socket's timeouts are set */
	size_t spooled; /* bytes of peek[] that came from the spool */
	size_t peeked;  /* and all of them */
	unsigned char peek[PEEK_MAX];
};

struct fcgi *fcgi_new(const struct fcgi_settings *settings)
{
	struct fcgi *fcgi = malloc(sizeof *fcgi);

	if (!fcgi)
		return NULL;
	fcgi->settings = *settings;
	fcgi->cgi = false;
	if (FCGX_Init() != 0 || FCGX_InitRequest(&fcgi->request, -1, 0) != 0) {
		free(fcgi);
		return NULL;
	}
	return fcgi;
}

struct fcgi *fcgi_new_cgi(struct inhand_shm *hand)
{
	struct fcgi *fcgi = calloc(1, sizeof *fcgi);

	if (!fcgi)
		return NULL;
	fcgi->cgi = true;
	fcgi->settings.hand = hand;
	return fcgi;
}

void fcgi_free(struct fcgi *fcgi)
{
	free(fcgi);
}

const char *fcgi_reason(const struct fcgi *fcgi)
{
	return fcgi->head.reason;
}

struct inhand_shm *fcgi_hand(const struct fcgi *fcgi)
{
	return fcgi->settings.hand;
}

static int spool_fd(const _Atomic uint32_t *spool)
{
	return (int)atomic_load_explicit(spool, memory_order_relaxed) - 1;
}

/* The number first: should we die in between, a descriptor leaks, but none is closed twice. */
static void spool_close(_Atomic uint32_t *spool)
{
	int fd = spool_fd(spool);

	if (fd < 0)
		return;
	atomic_store(spool, 0);
	close(fd);
}

/* What the master answers from, should we die after the next read. */
static void take_in_hand(const struct fcgi *fcgi)
{
	struct inhand_shm *hand = fcgi->settings.hand;

	hand->id[0] = hand->method[0] = hand->path[0] = '\0';
	atomic_store_explicit(&hand->fcgi_id, fcgi->head.request_id, memory_order_relaxed);
	atomic_store_explicit(&hand->keep, fcgi->head.keep, memory_order_relaxed);
	atomic_store_explicit(&hand->has_whole_input, fcgi->head.has_whole_input, memory_order_relaxed);
	atomic_store_explicit(&hand->since_ms, clock_coarse_ms(), memory_order_relaxed);
	atomic_store_explicit(&hand->sent, INHAND_NOTHING, memory_order_release);
}

enum fcgi_look fcgi_look(struct fcgi *fcgi, int fd, const _Atomic uint32_t *spool)
{
	ssize_t held = 0;

	if (spool_fd(spool) >= 0)
		held = pread(spool_fd(spool), fcgi->peek, PEEK_MAX, 0);
	fcgi->spooled = held < 0 ? 0 : (size_t)held;
	ssize_t got = recv(fd, fcgi->peek + fcgi->spooled, PEEK_MAX - fcgi->spooled, MSG_PEEK | MSG_DONTWAIT);

	if (got == 0 || held < 0)
		return FCGI_LOOK_END;
	if (got < 0)
		return errno == EAGAIN ? FCGI_LOOK_NOTHING : FCGI_LOOK_END;
	fcgi->peeked = fcgi->spooled + (size_t)got;
	enum head_verdict verdict = head_check(fcgi->peek, fcgi->peeked, &fcgi->head);

	take_in_hand(fcgi);
	switch (verdict) {
	case HEAD_REQUEST:
		return FCGI_LOOK_REQUEST;
	case HEAD_VALUES:
	case HEAD_IGNORE:
		return FCGI_LOOK_MANAGE;
	case HEAD_PART:
		if (fcgi->peeked < PEEK_MAX)
			return FCGI_LOOK_PART;
		fcgi->head.reason = "parameters of more than 128 KiB";
		break;
	case HEAD_BROKEN:
		break;
	}
	return FCGI_LOOK_BROKEN;
}

/* Before anything that may block: most requests never come here. */
static void limit(struct fcgi *fcgi)
{
	struct timeval time = { .tv_sec = fcgi->settings.io_timeout_ms / 1000,
		                .tv_usec = fcgi->settings.io_timeout_ms % 1000 * 1000 };

	if (fcgi->limited)
		return;
	fcgi->limited = true;
	setsockopt(fcgi->request.ipcFd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
	setsockopt(fcgi->request.ipcFd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

/* Takes the first `bytes` of what was seen off the socket; those of the spool are off it already. */
static bool take_seen(struct fcgi *fcgi, int fd, size_t bytes)
{
	size_t want = bytes - fcgi->spooled;

	return recv(fd, fcgi->peek + fcgi->spooled, want, MSG_DONTWAIT) == (ssize_t)want;
}

static bool spool_append(struct fcgi *fcgi, int fd, int file, size_t bytes)
{
	size_t size = bytes - fcgi->spooled;

	return pwrite(file, fcgi->peek + fcgi->spooled, size, (off_t)fcgi->spooled) == (ssize_t)size &&
	       take_seen(fcgi, fd, bytes);
}

bool fcgi_spool(struct fcgi *fcgi, int fd, _Atomic uint32_t *spool)
{
	int file = spool_fd(spool);

	if (file < 0) {
		file = memfd_create("percore-head", MFD_CLOEXEC);
		if (file < 0)
			return false;
		atomic_store(spool, (uint32_t)file + 1);
	}
	return spool_append(fcgi, fd, file, fcgi->peeked);
}

bool fcgi_manage(struct fcgi *fcgi, int fd, _Atomic uint32_t *spool)
{
	unsigned char result[HEAD_RESULT_MAX];
	size_t bytes = fcgi->head.bytes;

	if (!take_seen(fcgi, fd, bytes))
		return false;
	spool_close(spool);
	if (head_check(fcgi->peek, bytes, &fcgi->head) == HEAD_IGNORE)
		return true;
	size_t n = head_values_result(fcgi->peek, bytes, fcgi->settings.max_connections, result);
	return send(fd, result, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

/* Where libfcgi is to read the head: its descriptor, or -1. */
static int head_source(struct fcgi *fcgi, int fd, const _Atomic uint32_t *spool)
{
	int file = spool_fd(spool);

	if (file < 0)
		return fd;
	return spool_append(fcgi, fd, file, fcgi->head.bytes) && lseek(file, 0, SEEK_SET) == 0 ? file : -1;
}

bool fcgi_begin(struct fcgi *fcgi, int fd, _Atomic uint32_t *spool)
{
	FCGX_Request *r = &fcgi->request;

	fcgi->limited = false;
	r->ipcFd = head_source(fcgi, fd, spool);
	r->keepConnection = 1; /* else FCGX_Accept_r starts by closing it */
	FCGX_Detach(r);        /* should it close all the same, then without the two seconds */
	if (r->ipcFd < 0 || FCGX_Accept_r(r) != 0)
		return false;
	r->ipcFd = fd;
	spool_close(spool);
	return true;
}

const char *fcgi_param(const struct fcgi *fcgi, const char *name)
{
	if (fcgi->cgi)
		return getenv(name);
	/* As FCGX_GetParam, but most names differ in their first bytes: no call for each. */
	for (char **param = fcgi->request.envp; *param; param++) {
		size_t i = 0;
		while (name[i] && (*param)[i] == name[i])
			i++;
		if (!name[i] && (*param)[i] == '=')
			return *param + i + 1;
	}
	return NULL;
}

size_t fcgi_params(const struct fcgi *fcgi, const char *name, const char **values, size_t max)
{
	size_t length = strlen(name), count = 0;

	if (fcgi->cgi)
		return (values[0] = getenv(name)) != NULL;
	for (char **p = fcgi->request.envp; p && *p; p++) {
		if (strncmp(*p, name, length) != 0 || (*p)[length] != '=')
			continue;
		if (count == max)
			memmove(values, values + 1, --count * sizeof *values);
		values[count++] = *p + length + 1;
	}
	return count;
}

static ssize_t read_error(int error)
{
	return error == EAGAIN ? -ETIMEDOUT : -EPROTO;
}

ssize_t fcgi_read(struct fcgi *fcgi, void *buffer, size_t size)
{
	if (fcgi->cgi) {
		ssize_t got = read(STDIN_FILENO, buffer, size);
		return got < 0 ? -EPROTO : got;
	}
	if (!fcgi->head.has_whole_input)
		limit(fcgi);
	int got = FCGX_GetStr(buffer, size > 1 << 20 ? 1 << 20 : (int)size, fcgi->request.in);
	int error = FCGX_GetError(fcgi->request.in);

	fault_point("mid-body");
	return error ? read_error(error) : got;
}

static void tell_sent(const struct fcgi *fcgi, enum inhand_sent sent)
{
	atomic_store_explicit(&fcgi->settings.hand->sent, sent, memory_order_release);
}

int fcgi_write(struct fcgi *fcgi, const void *bytes, size_t size)
{
	const char *next = bytes;
	FCGX_Stream *out = fcgi->request.out;

	if (fcgi->cgi)
		return fwrite(bytes, 1, size, stdout) == size ? 0 : -EPIPE;
	if (size > (size_t)(out->stop - out->wrNext)) { /* libfcgi will send what it has */
		limit(fcgi);
		tell_sent(fcgi, INHAND_PART);
	}
	while (size > 0) {
		int part = size > 1 << 20 ? 1 << 20 : (int)size;
		if (FCGX_PutStr(next, part, out) != part)
			return -EPIPE;
		next += part;
		size -= (size_t)part;
	}
	if (fcgi->settings.hand->sent == INHAND_PART)
		fault_point("mid-answer");
	return 0;
}

/*
 * FCGI_STDIN's end must be read before the answer ends: after END_REQUEST the web
 * server may send the next request, and libfcgi would read its bytes with that
 * record and drop them with the stream.
 */
static bool is_input_at_end(struct fcgi *fcgi)
{
	if (!fcgi->head.has_whole_input)
		limit(fcgi);
	return FCGX_GetChar(fcgi->request.in) == EOF && FCGX_GetError(fcgi->request.in) == 0;
}

bool fcgi_end(struct fcgi *fcgi)
{
	FCGX_Request *r = &fcgi->request;

	if (fcgi->cgi)
		return fflush(stdout) == 0;
	bool keep = is_input_at_end(fcgi) && fcgi->head.keep;

	keep &= FCGX_FClose(r->err) == 0;
	if (fcgi->settings.hand->sent == INHAND_NOTHING)
		tell_sent(fcgi, INHAND_ONE_WRITE);
	fault_point("before-answer");
	bool sent = FCGX_FClose(r->out) == 0;
	fault_point("after-write");
	if (sent)
		tell_sent(fcgi, INHAND_WHOLE);
	FCGX_Free(r, 0);
	r->ipcFd = -1;
	return sent && keep;
}

void fcgi_abandon(struct fcgi *fcgi)
{
	if (fcgi->cgi)
		return;
	FCGX_Free(&fcgi->request, 0);
	fcgi->request.ipcFd = -1;
}
