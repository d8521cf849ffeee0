/* SPDX-License-Identifier: ISC */
/*
 * load-server - an HTTP server of known behaviour, to test a load generator with.
 *
 * usage: load-server PORT [name=value]...
 *
 *   workers=N service_us=T   N workers take requests from one queue, T each; it only
 *                            computes when they would be done, so the capacity is
 *                            exactly N / T however busy the machine is
 *   every=N fault=KIND       each Nth request: reset, close, truncate, never, status,
 *                            body, garbage, slow (slow_us more), chunked, last (answers
 *                            well, then closes)
 *   stall_at_ms=T stall_ms=T once, T after the first request: does nothing at all
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 4096, MOST_WORKERS = 256 };
#define NEVER UINT64_MAX

static long workers = 1, service_us, every, slow_us, stall_at_ms = -1, stall_ms;
static const char *fault = "";

static int epoll;
static uint64_t free_at_ns[MOST_WORKERS], first_ns, due_ns[MOST_CONNECTIONS];
static uint64_t requests;
static unsigned seen_end[MOST_CONNECTIONS]; /* how much of "\r\n\r\n" has come */
static bool faulty[MOST_CONNECTIONS];

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* When the queue's next free worker will be done with a request that comes now. */
static uint64_t done_ns(uint64_t now)
{
	long first = 0;

	for (long w = 1; w < workers; w++)
		if (free_at_ns[w] < free_at_ns[first])
			first = w;
	uint64_t begin = free_at_ns[first] > now ? free_at_ns[first] : now;
	free_at_ns[first] = begin + (uint64_t)service_us * 1000;
	return free_at_ns[first];
}

static void hang_up(int fd)
{
	due_ns[fd] = NEVER;
	close(fd);
}

static void answer(int fd)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
	const char *text = good;
	const char *kind = faulty[fd] ? fault : "";
	struct linger at_once = { .l_onoff = 1 };

	due_ns[fd] = NEVER;
	if (strcmp(kind, "never") == 0)
		return;
	if (strcmp(kind, "reset") == 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	if (strcmp(kind, "reset") == 0 || strcmp(kind, "close") == 0) {
		hang_up(fd);
		return;
	}
	if (strcmp(kind, "truncate") == 0)
		text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhel";
	else if (strcmp(kind, "status") == 0)
		text = "HTTP/1.1 503 Busy\r\nContent-Length: 6\r\n\r\nhello\n";
	else if (strcmp(kind, "body") == 0)
		text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nHELLO\n";
	else if (strcmp(kind, "garbage") == 0)
		text = "hello\r\n\r\n";
	else if (strcmp(kind, "chunked") == 0)
		text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		       "chunked\r\n\r\n2\r\nhe\r\n4\r\nllo\n\r\n0\r\n\r\n";
	else if (strcmp(kind, "last") == 0)
		text = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n";
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 || strcmp(kind, "truncate") == 0 ||
	    strcmp(kind, "last") == 0)
		hang_up(fd);
}

static void take_request(int fd)
{
	uint64_t now = now_ns();

	if (first_ns == 0)
		first_ns = now;
	requests++;
	faulty[fd] = every > 0 && requests % (uint64_t)every == 0;
	due_ns[fd] = done_ns(now);
	if (faulty[fd] && strcmp(fault, "slow") == 0)
		due_ns[fd] += (uint64_t)slow_us * 1000;
}

static void read_from(int fd)
{
	char buffer[4096];
	ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		hang_up(fd);
	for (ssize_t i = 0; i < n; i++) {
		if (buffer[i] == "\r\n\r\n"[seen_end[fd]])
			seen_end[fd]++;
		else
			seen_end[fd] = buffer[i] == '\r';
		if (seen_end[fd] == 4) {
			seen_end[fd] = 0;
			take_request(fd);
		}
	}
}

static void take_connection(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0)
		return;
	if (fd >= MOST_CONNECTIONS) {
		close(fd);
		return;
	}
	due_ns[fd] = NEVER;
	seen_end[fd] = 0;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static uint64_t next_due_ns(void)
{
	uint64_t next = NEVER;

	for (int fd = 0; fd < MOST_CONNECTIONS; fd++)
		if (due_ns[fd] < next)
			next = due_ns[fd];
	return next;
}

static void stall_once(void)
{
	if (stall_at_ms < 0 || first_ns == 0 || now_ns() < first_ns + (uint64_t)stall_at_ms * 1000000)
		return;
	stall_at_ms = -1;
	usleep((useconds_t)stall_ms * 1000);
}

static void serve(int listener)
{
	struct epoll_event events[64];

	for (;;) {
		uint64_t now = now_ns(), next = next_due_ns();
		uint64_t wait = next == NEVER ? 100000000 : next > now ? next - now : 0;
		struct timespec timeout = { .tv_sec = (time_t)(wait / 1000000000),
			                    .tv_nsec = (long)(wait % 1000000000) };
		int n = epoll_pwait2(epoll, events, 64, &timeout, NULL);

		stall_once();
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				take_connection(listener);
			else
				read_from(events[i].data.fd);
		}
		now = now_ns();
		for (int fd = 0; fd < MOST_CONNECTIONS; fd++)
			if (due_ns[fd] <= now)
				answer(fd);
	}
}

static int listen_on(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons((uint16_t)atoi(port)),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0) {
		perror("load-server: listen");
		exit(1);
	}
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	return fd;
}

static void set(const char *text)
{
	static const struct {
		const char *name;
		long *value;
	} numbers[] = { { "workers=", &workers },   { "service_us=", &service_us },
		        { "every=", &every },       { "slow_us=", &slow_us },
		        { "stall_ms=", &stall_ms }, { "stall_at_ms=", &stall_at_ms } };

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (strncmp(text, numbers[i].name, strlen(numbers[i].name)) == 0) {
			*numbers[i].value = strtol(text + strlen(numbers[i].name), NULL, 10);
			return;
		}
	if (strncmp(text, "fault=", 6) != 0) {
		fprintf(stderr, "load-server: %s: unknown\n", text);
		exit(64);
	}
	fault = text + 6;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 64;
	for (int i = 2; i < argc; i++)
		set(argv[i]);
	for (int fd = 0; fd < MOST_CONNECTIONS; fd++)
		due_ns[fd] = NEVER;
	if (workers < 1 || workers > MOST_WORKERS)
		return 64;
	prctl(PR_SET_TIMERSLACK, 1UL);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	serve(listen_on(argv[1]));
	return 0;
}
