/* worker - one request after another from the shared queue. */
#include "pool/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

/* After FCGX_Init, which installs handlers of its own.  No SA_RESTART: the wait must end. */
static void take_signals(void)
{
	struct sigaction act = { .sa_handler = stop };

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
	sigaction(SIGUSR1, &act, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* True while the connection may carry more. */
static bool serve(int fd, const struct exchange *exchange, struct fcgi *fcgi, bool *closed)
{
	if (fcgi_begin(fcgi, fd, closed) != 0)
		return false;
	return exchange_run(exchange, fcgi);
}

/* Serves what waits on a claimed connection, until it is parked or closed. */
static void attend(struct queue *q, unsigned index, struct worker_slot *slot,
                   const struct exchange *exchange, struct fcgi *fcgi, struct connection *c)
{
	for (;;) {
		bool closed = false;
		switch (fcgi_look(c->fd)) {
		case FCGI_LOOK_REQUEST:
			atomic_store(&slot->stage, WORKER_SERVING);
			bool keep = serve(c->fd, exchange, fcgi, &closed);
			if (!keep) {
				queue_close(q, index, c, closed);
				atomic_store(&slot->stage, WORKER_WAITING);
				return;
			}
			atomic_store(&slot->stage, WORKER_WAITING);
			break;
		case FCGI_LOOK_NOTHING:
			break;
		case FCGI_LOOK_END:
		case FCGI_LOOK_BROKEN:
			queue_close(q, index, c, false);
			return;
		}
		if (!queue_park(q, index, c))
			return;
	}
}

int worker_run(struct queue *q, unsigned index, struct worker_slot *slot, const struct exchange *exchange)
{
	struct fcgi *fcgi = fcgi_new();
	if (!fcgi)
		return 1;
	take_signals();
	while (!stopping) {
		struct connection c;
		int taken = queue_take(q, index, &c);
		if (taken < 0)
			return 1;
		if (taken > 0)
			attend(q, index, slot, exchange, fcgi, &c);
	}
	return 0;
}

int worker_run_alone(int listener, unsigned io_timeout_s, const struct exchange *exchange)
{
	struct fcgi *fcgi = fcgi_new();
	if (!fcgi)
		return 1;
	take_signals();
	while (!stopping) {
		struct pollfd wait = { .fd = listener, .events = POLLIN };
		if (poll(&wait, 1, -1) < 0)
			continue;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		struct timeval limit = { .tv_sec = io_timeout_s };
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		bool closed = false;
		serve(fd, exchange, fcgi, &closed);
		if (!closed)
			close(fd);
	}
	return 0;
}
