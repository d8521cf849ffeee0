/*
 * worker - one request after another from the shared queue.
 *
 * It says in its slot how far it is (scoreboard.h), before each step that could
 * not be undone: so whatever kills it, the master knows what to do with its
 * connection.
 */
#include "pool/worker.h"

#include "base/clock.h"
#include "base/fault.h"
#include "exchange/request.h"
#include "log/log.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ALONE_TICK_MS = 1000, DRAIN_QUIET_MS = 100, LOOK_EVERY = 64, MEMORY_EVERY = 16, EXIT_NO_MEMORY = 1 };

/* State of this process. */
struct duty {
	const struct worker *worker;
	struct fcgi *fcgi;
	sigset_t waiting_mask; /* what is blocked in the wait for work */
	long served;
};

static volatile sig_atomic_t told_to_stop;
static struct worker_shm *own_slot;

static void stop(int signal)
{
	(void)signal;
	told_to_stop = 1;
}

void percore_no_memory(void)
{
	if (own_slot)
		atomic_store(&own_slot->farewell, WORKER_NO_MEMORY);
	_exit(EXIT_NO_MEMORY);
}

static void print_backtrace(int signal)
{
	void *frames[64];

	(void)signal;
	backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
}

/* The first call loads a library: not in a signal handler. */
static void take_backtrace_signal(void)
{
	struct sigaction action = { .sa_handler = print_backtrace, .sa_flags = SA_RESTART };
	void *frame[1];

	backtrace(frame, 1);
	sigaction(WORKER_BACKTRACE_SIGNAL, &action, NULL);
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

static void set_stage(const struct duty *duty, enum worker_stage stage)
{
	atomic_store_explicit(&duty->worker->slot->stage, stage, memory_order_release);
}

/* From here on the master answers, should we die. */
static void begin_serving(const struct duty *duty)
{
	access_expect(&duty->worker->exchange->access);
	set_stage(duty, WORKER_SERVING);
}

/* True when the connection may carry another request. */
static bool serve(struct duty *duty, const struct connection *c)
{
	const struct worker *w = duty->worker;

	if (!fcgi_begin(duty->fcgi, c->fd, queue_spool(w->queue, c))) {
		log_error("libfcgi refused a request that was checked: this is a bug of percore");
		abort();
	}
	fault_point("after-head");
	bool open = exchange_run(w->exchange, duty->fcgi) && w->keeps_connections;
	fault_point("after-answer");
	uint64_t requests = atomic_load_explicit(&w->slot->requests, memory_order_relaxed);
	atomic_store_explicit(&w->slot->requests, requests + 1, memory_order_relaxed);
	duty->served++;
	return open && !queue_keeps_none(w->queue);
}

/* The end of the request whose answer a dead worker owed: true while more may come. */
static bool discard(const struct connection *c)
{
	char waste[16384];
	ssize_t got;

	while ((got = recv(c->fd, waste, sizeof waste, MSG_DONTWAIT)) > 0)
		;
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The claim ends before the stage does: a connection that is ours has a stage that fits. */
static bool close_after(const struct duty *duty, struct connection *c, bool open, bool cut)
{
	if (!open)
		queue_close(duty->worker->queue, duty->worker->slot, c, cut);
	else
		fault_point("before-park");
	set_stage(duty, WORKER_IDLE);
	metrics_rest(duty->worker->exchange->metrics);
	return open;
}

/*
 * Takes what is no request, or not yet one, off the socket, until nothing or a
 * request waits there: one event may have told of more than that, of the peer's
 * end too, and no other will.  False when it was closed.
 */
static bool take_rest(struct duty *duty, struct connection *c, enum fcgi_look *look)
{
	_Atomic uint32_t *spool = queue_spool(duty->worker->queue, c);
	bool open = true, taken = true;

	while ((*look = fcgi_look(duty->fcgi, c->fd, spool)) == FCGI_LOOK_MANAGE || *look == FCGI_LOOK_PART) {
		begin_serving(duty);
		if (*look == FCGI_LOOK_MANAGE)
			open = fcgi_manage(duty->fcgi, c->fd, spool);
		else
			taken = fcgi_spool(duty->fcgi, c->fd, spool);
		fault_point("after-part");
		if (!close_after(duty, c, open, true))
			return false;
		if (!taken)
			break;
	}
	return true;
}

/* One look at a claimed connection, and what follows from it.  False when it was closed; *half: see
 * queue_park_half. */
static bool attend_once(struct duty *duty, struct connection *c, bool *half)
{
	const struct worker *w = duty->worker;
	enum fcgi_look look;

	*half = false;
	if (queue_discards(w->queue, c)) {
		*half = true;
		return close_after(duty, c, discard(c), true);
	}
	if (!take_rest(duty, c, &look))
		return false;
	switch (look) {
	case FCGI_LOOK_REQUEST:
		begin_serving(duty);
		return close_after(duty, c, serve(duty, c), false);
	case FCGI_LOOK_NOTHING:
		*half = *queue_spool(w->queue, c) != 0;
		return true;
	case FCGI_LOOK_PART:
		*half = true;
		return true;
	case FCGI_LOOK_BROKEN:
		log_warning("the web server sent %s: its connection is closed", fcgi_reason(duty->fcgi));
		break;
	case FCGI_LOOK_MANAGE:
	case FCGI_LOOK_END:
		break;
	}
	return close_after(duty, c, false, true);
}

/* Serves what waits on a claimed connection, until it is parked or closed. */
static void attend(struct duty *duty, struct connection *c)
{
	const struct worker *w = duty->worker;
	bool half, claimed = true;

	while (claimed && attend_once(duty, c, &half))
		claimed = half ? queue_park_half(w->queue, w->index, c) : queue_park(w->queue, w->index, c);
}

static bool duty_init(struct duty *duty, const struct worker *worker, const int *stopping)
{
	const struct fcgi_settings settings = { .io_timeout_ms = worker->queue->settings.io_timeout_ms,
		                                .max_connections = worker->queue->size,
		                                .hand = &worker->slot->hand };

	*duty = (struct duty){ .worker = worker, .fcgi = fcgi_new(&settings) };
	if (!duty->fcgi) {
		log_error("worker: no memory to start");
		return false;
	}
	own_slot = worker->slot;
	told_to_stop = 0;
	request_seed();
	metrics_take_slot(worker->exchange->metrics, worker->index);
	exchange_watch_draining(worker->draining ? worker->draining : &worker->queue->draining);
	limit_start(&worker->exchange->limit, worker->index);
	access_enter(&worker->exchange->access, worker->index, worker->seat);
	take_signals(duty, stopping);
	if (worker->backtraces)
		take_backtrace_signal();
	return worker->exchange->worker_start ? worker->exchange->worker_start() : true;
}

static void duty_fini(struct duty *duty)
{
	if (duty->worker->exchange->worker_stop)
		duty->worker->exchange->worker_stop();
	limit_stop();
	fcgi_free(duty->fcgi);
	access_leave();
}

/* 1: served or nothing; 0: the time is over; -errno. */
static int work(struct duty *duty, int timeout_ms)
{
	const struct worker *w = duty->worker;
	struct connection c;
	int taken = queue_take(w->queue, w->index, w->slot, &c, timeout_ms, &duty->waiting_mask);

	if (taken > 0) {
		fault_point("after-claim");
		attend(duty, &c);
		queue_take_in(w->queue, w->slot);
	}
	if (taken < 0 && taken != -ETIMEDOUT) {
		log_error(
			"the queue does not work: %s; did a handler close a descriptor that was not its own?",
			strerror(-taken));
		atomic_store(&w->slot->farewell, WORKER_BLIND);
	}
	return taken == -ETIMEDOUT ? 0 : taken < 0 ? taken : 1;
}

/* Until what was accepted is answered: nothing has come for a while. */
static int work_until_quiet(struct duty *duty)
{
	int worked;

	while ((worked = work(duty, DRAIN_QUIET_MS)) > 0)
		;
	return worked;
}

static long resident_bytes(void)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	long size, resident = 0;

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) <= 0 || sscanf(text, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	close(fd);
	return resident * sysconf(_SC_PAGESIZE);
}

/* Between requests: is it time for another process in our place? */
static bool is_spent(const struct duty *duty)
{
	const struct worker *w = duty->worker;

	if (w->max_requests > 0 && duty->served >= w->max_requests)
		return true;
	return w->max_memory > 0 && duty->served % MEMORY_EVERY == 1 && resident_bytes() > w->max_memory;
}

/*
 * A signal gets through where the wait has to wait; under load it never has to
 * (epoll_pwait returns events first).  So the master leaves word in the slot, and
 * for signals that come from elsewhere (a dead master's) one looks now and then.
 */
static bool is_told(const struct duty *duty)
{
	sigset_t pending;

	if (told_to_stop || atomic_load_explicit(&duty->worker->slot->told, memory_order_relaxed))
		return true;
	return duty->served % LOOK_EVERY == 0 && sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT) ||
	        sigismember(&pending, SIGQUIT));
}

static const int *stopping_signals(const struct worker *worker)
{
	static const int of_pool[] = { SIGTERM, 0 }, alone[] = { SIGTERM, SIGINT, SIGQUIT, 0 };

	return worker->is_alone && !worker->draining ? alone : of_pool;
}

/* What the master does, where there is one. */
static void tick_alone(const struct worker *worker, uint64_t *next_ms)
{
	uint64_t now_ms = clock_coarse_ms();

	if (!worker->is_alone || now_ms < *next_ms)
		return;
	*next_ms = now_ms + ALONE_TICK_MS;
	queue_tick(worker->queue);
}

int worker_run(const struct worker *worker)
{
	struct duty duty;
	uint64_t tick_at_ms = 0;
	int worked = 1;

	if (!duty_init(&duty, worker, stopping_signals(worker)))
		return 1;
	set_stage(&duty, WORKER_IDLE);
	if (!worker->is_alone)
		kill(getppid(), SIGRTMIN);
	while (worked >= 0 && !is_told(&duty)) {
		worked = work(&duty, worker->is_alone ? ALONE_TICK_MS : -1);
		tick_alone(worker, &tick_at_ms);
		if (is_spent(&duty)) {
			atomic_store(&worker->slot->farewell, WORKER_RECYCLED);
			break;
		}
	}
	if (worker->is_alone)
		queue_drain(worker->queue);
	if (worked >= 0 && atomic_load(&worker->queue->draining))
		worked = work_until_quiet(&duty);
	duty_fini(&duty);
	return worked < 0;
}
