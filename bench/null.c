/* SPDX-License-Identifier: ISC */
/*
 * null - the yardstick that does nothing: what a FastCGI responder costs at least.
 *
 * Reads records and writes a canned whole answer: no libfcgi, no JSON, no work, no
 * parameter looked at.  It keeps the connection when asked.  One process with one
 * epoll of its own on fd 0; run N of it with spawn-fcgi -F N.  A connection so belongs to
 * one process: that is the cheapest way, and the one that queues.
 *
 * A request costs three system calls: epoll_wait, read, write.  With an argument N
 * a wait takes up to N events at once instead of one.
 *
 * It trusts the web server: a benchmark's tool, not to be served to anybody.
 */
#include <errno.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENER = 0, DESCRIPTORS = 4096, EVENTS_MAX = 64, BUFFER = 64 << 10 };

/* As percore's answer, byte for byte the same length. */
static const char text[] = "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 49\r\n"
			   "X-Request-ID: 0123456789abcdef0123456789abcdef\r\nCache-Control: no-store\r\n\r\n"
			   "{\"street\":\"10 Downing Street\",\"city\":\"Value: 99\"}";

/* What is known of a connection between two reads. */
struct state {
	unsigned skip;   /* bytes of a record's content and padding still to come */
	unsigned header; /* bytes of a header that are here */
	unsigned char bytes[FCGI_HEADER_LEN];
	bool is_begin;    /* the content is FCGI_BEGIN_REQUEST's */
	unsigned content; /* bytes of it that were seen */
	bool keep;
};

static struct state states[DESCRIPTORS];
static unsigned char answer[512];
static size_t answer_size;

static unsigned char *put_record(unsigned char *to, int type, const void *content, size_t size,
                                 size_t padding)
{
	const unsigned char header[FCGI_HEADER_LEN] = {
		FCGI_VERSION_1,      (unsigned char)type,   0, 1, (unsigned char)(size >> 8),
		(unsigned char)size, (unsigned char)padding
	};

	memcpy(to, header, sizeof header);
	if (size > 0)
		memcpy(to + sizeof header, content, size);
	memset(to + sizeof header + size, 0, padding);
	return to + sizeof header + size + padding;
}

static void make_answer(void)
{
	static const unsigned char end[sizeof(FCGI_EndRequestBody)];
	size_t size = sizeof text - 1;
	unsigned char *to = put_record(answer, FCGI_STDOUT, text, size, -size & 7);

	to = put_record(to, FCGI_STDOUT, NULL, 0, 0);
	to = put_record(to, FCGI_END_REQUEST, end, sizeof end, 0);
	answer_size = (size_t)(to - answer);
}

/* Goes over what was read; true when the request's FCGI_STDIN ended. */
static bool take(struct state *s, const unsigned char *next, size_t left)
{
	bool ended = false;

	while (left > 0) {
		if (s->skip > 0) {
			unsigned step = s->skip < left ? s->skip : (unsigned)left;
			if (s->is_begin && s->content <= 2 && s->content + step > 2)
				s->keep = next[2 - s->content] & FCGI_KEEP_CONN;
			s->content += step;
			s->skip -= step;
			next += step;
			left -= step;
			continue;
		}
		s->bytes[s->header++] = *next++;
		left--;
		if (s->header < FCGI_HEADER_LEN)
			continue;
		unsigned size = (unsigned)s->bytes[4] << 8 | s->bytes[5];
		s->skip = size + s->bytes[6];
		s->header = s->content = 0;
		s->is_begin = s->bytes[1] == FCGI_BEGIN_REQUEST;
		ended |= s->bytes[1] == FCGI_STDIN && size == 0;
	}
	return ended;
}

/* What waits on a connection; false when it was closed. */
static bool serve(int fd)
{
	static unsigned char buffer[BUFFER];
	ssize_t got = read(fd, buffer, sizeof buffer);

	if (got < 0 && errno == EAGAIN)
		return true;
	if (got > 0 && !take(&states[fd], buffer, (size_t)got))
		return true;
	if (got > 0 && write(fd, answer, answer_size) == (ssize_t)answer_size && states[fd].keep)
		return true;
	close(fd); /* which takes it from epoll too: there is no copy */
	return false;
}

/* Serves at once what came with the connection: epoll learns only of those that stay. */
static void take_new(int epoll)
{
	int fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0)
		return;
	if (fd >= DESCRIPTORS) {
		close(fd);
		return;
	}
	states[fd] = (struct state){ 0 };
	if (serve(fd) && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		close(fd);
}

int main(int argc, char **argv)
{
	int batch = argc > 1 ? atoi(argv[1]) : 1, epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event listener = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = LISTENER };
	struct epoll_event events[EVENTS_MAX];

	if (batch < 1 || batch > EVENTS_MAX)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	make_answer();
	if (epoll < 0 || fcntl(LISTENER, F_SETFL, O_NONBLOCK) != 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, LISTENER, &listener) != 0) {
		perror("null: fd 0 must be a listening socket");
		return 1;
	}
	for (;;) {
		int n = epoll_wait(epoll, events, batch, -1);
		for (int i = 0; i < n; i++)
			if (events[i].data.fd == LISTENER)
				take_new(epoll);
			else
				serve(events[i].data.fd);
		if (n < 0 && errno != EINTR)
			return 1;
	}
}
