/* worker - one request after another from the shared queue. */
#include "pool/worker.h"

#include "exchange/fcgi.h"
#include "log/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ALONE_TICK_MS = 1000, DRAIN_QUIET_MS = 100 };

/* State of this process. */
struct duty {
	const struct worker *worker;
	struct fcgi *fcgi;
	sigset_t waiting_mask; /* what is blocked in the wait for work */
};

static volatile sig_atomic_t told_to_stop;

static void stop(int signal)
{
	(void)signal;
	told_to_stop = 1;
}

/* After FCGX_Init, which installs handlers of its own. */
static void take_signals(struct duty *duty, const int *stopping)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	sigset_t all;

	for (const int *s = (const int[]){ SIGPIPE, SIGUSR1, SIGUSR2, SIGHUP, SIGINT, SIGQUIT, 0 }; *s; s++)
		sigaction(*s, &action, NULL);
	action.sa_handler = stop;
	sigemptyset(&all);
	for (; *stopping; stopping++) {
		sigaction(*stopping, &action, NULL);
		sigaddset(&all, *stopping);
	}
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&duty->waiting_mask);
}

/* True when the connection may carry another request. */
static bool serve(const struct duty *duty, const struct connection *c)
{
	if (!fcgi_begin(duty->fcgi, c->fd, queue_spool(duty->worker->queue, c))) {
		log_line("libfcgi refused a request that was checked: this is a bug of percore");
		abort();
	}
	return exchange_run(duty->worker->exchange, duty->fcgi) && duty->worker->keeps_connections;
}

/* One look at a claimed connection, and what follows from it.  False when it was closed; *half: see
 * queue_park_half. */
static bool attend_once(const struct duty *duty, struct connection *c, bool *half)
{
	const struct worker *w = duty->worker;
	bool open = true;

	*half = false;
	switch (fcgi_look(duty->fcgi, c->fd, queue_spool(w->queue, c))) {
	case FCGI_LOOK_REQUEST:
		atomic_store(&w->slot->sent, 0);
		atomic_store(&w->slot->stage, WORKER_SERVING);
		open = serve(duty, c) && !atomic_load_explicit(&w->queue->draining, memory_order_relaxed);
		if (!open)
			queue_close(w->queue, w->slot, c, false);
		atomic_store(&w->slot->stage, WORKER_IDLE);
		return open;
	case FCGI_LOOK_MANAGE:
		atomic_store(&w->slot->stage, WORKER_SERVING);
		open = fcgi_manage(duty->fcgi, c->fd, queue_spool(w->queue, c));
		if (!open)
			queue_close(w->queue, w->slot, c, true);
		atomic_store(&w->slot->stage, WORKER_IDLE);
		return open;
	case FCGI_LOOK_NOTHING:
		return true;
	case FCGI_LOOK_PART:
		atomic_store(&w->slot->stage, WORKER_SERVING);
		fcgi_spool(duty->fcgi, c->fd, queue_spool(w->queue, c));
		atomic_store(&w->slot->stage, WORKER_IDLE);
		*half = true;
		return true;
	case FCGI_LOOK_BROKEN:
		log_line("the web server sent %s: its connection is closed", fcgi_reason(duty->fcgi));
		break;
	case FCGI_LOOK_END:
		break;
	}
	queue_close(w->queue, w->slot, c, true);
	return false;
}

/* Serves what waits on a claimed connection, until it is parked or closed. */
static void attend(const struct duty *duty, struct connection *c)
{
	const struct worker *w = duty->worker;
	bool half, claimed = true;

	while (claimed && attend_once(duty, c, &half))
		claimed = half ? queue_park_half(w->queue, w->index, c) : queue_park(w->queue, w->index, c);
}

static bool duty_init(struct duty *duty, const struct worker *worker, const int *stopping)
{
	const struct fcgi_settings settings = { .io_timeout_s = worker->queue->settings.io_timeout_s,
		                                .max_connections = worker->queue->size,
		                                .sent = &worker->slot->sent };

	*duty = (struct duty){ .worker = worker, .fcgi = fcgi_new(&settings) };
	if (!duty->fcgi) {
		log_line("worker: no memory to start");
		return false;
	}
	take_signals(duty, stopping);
	return worker->exchange->worker_start ? worker->exchange->worker_start() : true;
}

static void duty_fini(struct duty *duty)
{
	if (duty->worker->exchange->worker_stop)
		duty->worker->exchange->worker_stop();
	fcgi_free(duty->fcgi);
}

/* 1: served or nothing; 0: the time is over; -errno. */
static int work(const struct duty *duty, int timeout_ms)
{
	const struct worker *w = duty->worker;
	struct connection c;
	int taken = queue_take(w->queue, w->index, w->slot, &c, timeout_ms, &duty->waiting_mask);

	if (taken > 0)
		attend(duty, &c);
	if (taken < 0 && taken != -ETIMEDOUT)
		log_line("the queue is lost: %s", strerror(-taken));
	return taken == -ETIMEDOUT ? 0 : taken < 0 ? taken : 1;
}

/* Until what was accepted is answered: nothing has come for a while. */
static int work_until_quiet(struct duty *duty)
{
	int worked;

	told_to_stop = 0;
	while ((worked = work(duty, DRAIN_QUIET_MS)) > 0)
		;
	return worked;
}

int worker_run(const struct worker *worker)
{
	struct duty duty;
	int worked = 1;

	if (!duty_init(&duty, worker, (const int[]){ SIGTERM, 0 }))
		return 1;
	while (worked >= 0 && !told_to_stop)
		worked = work(&duty, -1);
	if (worked >= 0 && atomic_load(&worker->queue->draining))
		worked = work_until_quiet(&duty);
	duty_fini(&duty);
	return worked < 0;
}

int worker_run_alone(const struct queue_settings *settings, const struct exchange *exchange)
{
	static struct worker_shm slot;
	struct worker worker = { .slot = &slot, .exchange = exchange, .queue = queue_open(settings) };
	struct duty duty;
	int worked = 1;

	if (!worker.queue) {
		log_line("cannot set up the queue: %s", strerror(errno));
		return 1;
	}
	if (!duty_init(&duty, &worker, (const int[]){ SIGTERM, SIGINT, SIGQUIT, 0 }))
		return 1;
	while (worked >= 0 && !told_to_stop) {
		worked = work(&duty, ALONE_TICK_MS);
		if (worked == 0)
			queue_tick(worker.queue);
	}
	queue_drain(worker.queue);
	if (worked >= 0)
		worked = work_until_quiet(&duty);
	duty_fini(&duty);
	return worked < 0;
}
