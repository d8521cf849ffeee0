/* SPDX-License-Identifier: ISC */
/*
 * ordinary - a service whose handlers do what any program may do: databases, locks, children, threads, stdio,
 * exit.
 *
 * What holds for a process of its own must hold in a worker: what it locks is locked, what it opens is its
 * own, and all of it is given back when it dies.  See the tests 190 to 197.
 */
#include "ordinary.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

long number(struct percore_request *request, const char *name)
{
	const char *text = percore_query(request, name);

	return text ? strtol(text, NULL, 10) : 0;
}

void raise_if_asked(struct percore_request *request)
{
	int signal = (int)number(request, "signal");

	if (signal > 0)
		raise(signal);
}

long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void answer_pid(struct percore_request *request)
{
	char text[32];

	snprintf(text, sizeof text, "%d\n", (int)getpid());
	percore_answer_text(request, 200, text);
}

static void pid(struct percore_request *request)
{
	answer_pid(request);
}

/* After ?ms=, dies of ?signal= or answers. */
static void wait_ms(struct percore_request *request)
{
	long ms = number(request, "ms");

	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0)
		;
	raise_if_asked(request);
	answer_pid(request);
}

static void end(struct percore_request *request)
{
	exit((int)number(request, "status"));
}

/* Into the buffer of a stream that nothing else flushes. */
static void print(struct percore_request *request)
{
	printf("printed %ld\n", number(request, "n"));
	percore_answer_empty(request);
}

/* A connection of the worker's own, as one to a database, that is never closed. */
static void dial(struct percore_request *request)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)number(request, "port")),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		percore_answer_problem(request, 502, NULL);
	else
		answer_pid(request);
}

static void *thread(void *arg)
{
	*(pid_t *)arg = gettid();
	return NULL;
}

/* True when pthread_self() means this process: a processor chosen for it is then this one's. */
static bool is_itself(void)
{
	cpu_set_t before, one, now;
	int cpu = 0;

	if (pthread_getaffinity_np(pthread_self(), sizeof before, &before) != 0)
		return false;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	bool is_set = pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0 &&
	              sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&one, &now);
	pthread_setaffinity_np(pthread_self(), sizeof before, &before);
	return is_set;
}

static void threads(struct percore_request *request)
{
	char text[64];
	pid_t other = 0;
	pthread_t id;
	bool runs = pthread_create(&id, NULL, thread, &other) == 0 && pthread_join(id, NULL) == 0 &&
	            other > 0 && other != getpid();

	snprintf(text, sizeof text, "main=%d itself=%d thread=%d\n", gettid() == getpid(), is_itself(), runs);
	percore_answer_text(request, 200, text);
}

static bool start(void *arg)
{
	(void)arg;
	bool is_ready = locks_start();

#ifdef HAVE_SQLITE
	is_ready = is_ready && sqlite_start();
#endif
#ifdef HAVE_LIBPQ
	is_ready = is_ready && postgresql_start();
#endif
	return is_ready;
}

static void stop(void *arg)
{
	(void)arg;
	printf("stopped\n");
#ifdef HAVE_SQLITE
	sqlite_stop();
#endif
#ifdef HAVE_LIBPQ
	postgresql_stop();
#endif
}

static const struct percore_route routes[] = {
	{ .pattern = "/pid", .handler = pid },
	{ .pattern = "/wait", .handler = wait_ms },
	{ .pattern = "/exit", .handler = end },
	{ .pattern = "/print", .handler = print },
	{ .pattern = "/dial", .handler = dial },
	{ .pattern = "/threads", .handler = threads },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("ordinary", "1");

	printf("begun\n");
	percore_allow_programs();
	percore_on_worker(app, start, stop, NULL);
	percore_add_routes(app, routes);
#ifdef HAVE_SQLITE
	sqlite_add(app);
#endif
#ifdef HAVE_LIBPQ
	postgresql_add(app);
#endif
	locks_add(app);
	children_add(app);
	return percore_run(app, argc, argv);
}
