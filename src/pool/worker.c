/* SPDX-License-Identifier: ISC */
/*
 * worker - one request after another: the loop of every FastCGI program, on percore's queue.
 *
 * It says in its slot how far it is (state/scoreboard.h), before each step that could not
 * be undone: so whatever kills it, the master knows what to do with its connection.
 *
 * The world of a handler is an ordinary one: no signal is blocked, and those that percore
 * does not want are caught by an empty function rather than ignored, so that a program which the
 * handler starts has its default actions.
 */
#include "pool/worker.h"

#include "pool/worker_calls.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/no_memory.h"
#include "base/resident.h"
#include "exchange/request.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SINGLE_TICK_MS = 1000,
	DRAIN_QUIET_MS = 100,
	FIRST_BYTES_MS = 5, /* a web server writes right after it has connected */
	MEMORY_EVERY = 16,
	DISCARD_READS = 64, /* then others have their turn */
};

/* State of this process. */
struct duty {
	const struct worker *worker;
	struct fcgi *fcgi;
	struct intake intake;
	struct connection connection; /* in hand */
	bool has_connection;
	bool is_spent; /* --max-requests, --max-memory */
	int error;     /* the descriptors that it serves from do not work: -errno */
	long served;
	uint64_t tick_at_ms, quiet_at_ms;
};

static struct duty own_duty;
static volatile sig_atomic_t told_to_stop;

/* ---- Signals. */

static void stop(int signal)
{
	(void)signal;
	told_to_stop = 1;
}

static void do_nothing(int signal)
{
	(void)signal;
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

static void take_signals(const struct worker *w)
{
	static const int all[] = { SIGPIPE, SIGUSR1, SIGUSR2, SIGHUP, SIGINT, SIGQUIT, 0 };
	struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
	sigset_t none;

	for (const int *s = all; *s; s++)
		sigaction(*s, &action, NULL);
	action.sa_handler = stop;
	sigaction(SIGTERM, &action, NULL);
	if (!w->master && !w->is_helper)
		for (const int *s = (const int[]){ SIGINT, SIGQUIT, 0 }; *s; s++)
			sigaction(*s, &action, NULL);
	if (w->backtraces)
		take_backtrace_signal();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- Stages. */

static void set_stage(const struct duty *duty, enum worker_stage stage)
{
	atomic_store(&duty->worker->slot->stage, stage);
}

/* Before the first byte is read: from here on the master answers, should we die. */
static void begin_serving(const struct duty *duty)
{
	struct in_flight_shm *in_flight = &duty->worker->slot->in_flight;

	in_flight->id[0] = in_flight->method[0] = in_flight->path[0] = '\0';
	atomic_store_explicit(&in_flight->fcgi_id, 0, memory_order_relaxed);
	atomic_store_explicit(&in_flight->sent, IN_FLIGHT_HEAD, memory_order_relaxed);
	access_expect(&duty->worker->exchange->access); /* may wait for the log, on nobody's time */
	uint64_t now_ms = clock_coarse_ms(), timeout_ms = duty->worker->request_timeout_ms;
	atomic_store_explicit(&in_flight->since_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&in_flight->deadline_ms, timeout_ms ? now_ms + timeout_ms : 0,
	                      memory_order_relaxed);
	set_stage(duty, WORKER_SERVING);
}

/* Nothing is in hand any more, or not yet. */
static void end_serving(const struct duty *duty)
{
	set_stage(duty, WORKER_IDLE);
	metrics_idle(duty->worker->exchange->metrics);
}

/* ---- The connection in hand. */

static void drop(struct duty *duty, struct input *in, bool cut)
{
	intake_close(&duty->intake, &duty->connection, cut);
	end_serving(duty);
	duty->has_connection = false;
	in->fd = -1;
}

/* Its request, if it had one, is over: whoever is told of its next input has it. */
static void park(struct duty *duty, struct input *in, bool is_waited_for)
{
	struct connection *c = &duty->connection;

	end_serving(duty);
	fault_point("before-park");
	if (!c->is_registered && !intake_register(&duty->intake, c, is_waited_for))
		duty->has_connection = false;
	else
		duty->has_connection = !intake_park(&duty->intake, c);
	if (!duty->has_connection)
		in->fd = -1;
}

static struct connection_shm *shm_of(const struct duty *duty)
{
	return &duty->worker->connections->shm->slots[duty->connection.slot];
}

/*
 * Its request is answered, by the master for a dead worker or before its body had ended: what still comes is
 * thrown away, until the peer closes, for --io-timeout at most.
 */
static bool discards(const struct duty *duty)
{
	return duty->connection.is_registered && atomic_load(&shm_of(duty)->discards);
}

static bool is_overdue(const struct duty *duty)
{
	int32_t since_s = (int32_t)(connections_now_s() - atomic_load(&shm_of(duty)->part_since_s));

	return (int64_t)since_s * 1000 >= (int64_t)duty->worker->connections->io_timeout_ms;
}

/* A peer that has more to send than is read in one turn makes another edge by sending it. */
static void discard(struct duty *duty, struct input *in)
{
	char waste[16384];
	ssize_t got = 1;

	for (int reads = 0; got > 0 && reads < DISCARD_READS; reads++)
		got = recv(duty->connection.fd, waste, sizeof waste, MSG_DONTWAIT);
	if (got > 0 ? is_overdue(duty) : got == 0 || (errno != EAGAIN && errno != EINTR))
		drop(duty, in, true);
	else
		park(duty, in, false);
}

/*
 * The web server still sends a body that is answered.  A close now would be a failure to it, and it might
 * never read the answer (RFC 9112, 9.6); so it sees the end behind the answer, and no worker waits for the
 * rest.
 */
static void park_to_discard(struct duty *duty, struct input *in)
{
	struct connection *c = &duty->connection;

	if (!c->is_registered && !intake_register(&duty->intake, c, false)) {
		end_serving(duty);
		duty->has_connection = false;
		in->fd = -1;
		return;
	}
	shutdown(c->fd, SHUT_WR);
	atomic_store(&shm_of(duty)->part_since_s, connections_now_s());
	atomic_store(&shm_of(duty)->discards, 1);
	park(duty, in, false);
}

/* The first part of a head waits with its connection, not in a worker. */
static void park_part(struct duty *duty, struct input *in)
{
	struct connection *c = &duty->connection;
	struct connections *table = duty->worker->connections;

	if (!c->is_registered && !intake_register(&duty->intake, c, true)) {
		duty->has_connection = false;
		in->fd = -1;
		end_serving(duty);
		return;
	}
	if (!c->is_registered) /* no room, but input came */
		return;
	struct input_part *part = connections_make_part(table, c->slot);
	if (!part || !input_save(in, part)) {
		drop(duty, in, true);
		return;
	}
	if (!atomic_load(&shm_of(duty)->part_since_s))
		atomic_store(&shm_of(duty)->part_since_s, connections_now_s());
	park(duty, in, true);
	input_open(in, in->fd);
}

static void say_broken(const struct duty *duty, const struct input *in)
{
	enum record_fault fault = in->records.fault;

	log_warning("the web server sent %s: its connection is closed", record_fault_text(fault));
	metrics_note_fault(duty->worker->exchange->metrics, fault);
}

/* From where another worker has come to. */
static void go_on(const struct duty *duty, struct input *in)
{
	const struct input_part *part = NULL;

	if (duty->connection.is_registered && in->filled == 0)
		part = connections_part(duty->worker->connections, duty->connection.slot);
	if (part && !input_restore(in, part))
		input_open(in, in->fd);
}

static void forget_part(const struct duty *duty)
{
	if (!duty->connection.is_registered || !atomic_load(&shm_of(duty)->part_since_s))
		return;
	connections_drop_part(duty->worker->connections, duty->connection.slot);
	atomic_store(&shm_of(duty)->part_since_s, 0);
}

/* A web server has connected just now: it is about to write. */
static bool has_first_bytes(const struct duty *duty)
{
	struct pollfd poll_fd = { .fd = duty->connection.fd, .events = POLLIN };

	return !duty->connection.is_registered && poll(&poll_fd, 1, FIRST_BYTES_MS) > 0;
}

/* One look at the connection in hand.  True: a request, whose head is whole. */
static bool look(struct duty *duty, struct input *in)
{
	if (discards(duty)) {
		discard(duty, in);
		return false;
	}
	begin_serving(duty);
	go_on(duty, in);
	enum input_look found = input_look(in);
	if (found == INPUT_NOTHING && has_first_bytes(duty))
		found = input_look(in);
	switch (found) {
	case INPUT_REQUEST:
		fcgi_note_in_flight(in, &duty->worker->slot->in_flight);
		forget_part(duty);
		return true;
	case INPUT_NOTHING:
		forget_part(duty);
		park(duty, in, true);
		break;
	case INPUT_PART:
		park_part(duty, in);
		break;
	case INPUT_BROKEN:
		say_broken(duty, in);
		drop(duty, in, true);
		break;
	case INPUT_END:
		drop(duty, in, true);
		break;
	}
	return false;
}

/* ---- Waiting for work. */

/* Between requests: is it time for another process in our place? */
static bool is_spent(const struct duty *duty)
{
	const struct worker *w = duty->worker;

	if (w->max_requests > 0 && duty->served >= w->max_requests)
		return true;
	return w->max_memory > 0 && duty->served % MEMORY_EVERY == 1 && resident_bytes(0) > w->max_memory;
}

/*
 * The master leaves word in the slot, and sends SIGTERM to who is idle, again and
 * again: a signal that comes just before the wait would not end it.
 */
static bool is_told(const struct duty *duty)
{
	return told_to_stop || atomic_load_explicit(&duty->worker->slot->told, memory_order_relaxed) ||
	       duty->intake.is_orphan;
}

/* What the master does, where there is one. */
static void tick_single(struct duty *duty)
{
	uint64_t now_ms = clock_coarse_ms();

	if (!duty->worker->registry || now_ms < duty->tick_at_ms)
		return;
	duty->tick_at_ms = now_ms + SINGLE_TICK_MS;
	registry_tick(duty->worker->registry);
	if (duty->worker->master == 0 && !duty->worker->is_helper)
		sandbox_report(duty->worker->pool);
}

/* At the end of the pool what was accepted is answered, until nothing has come for a while. */
static int timeout_ms(struct duty *duty, bool leaves)
{
	uint64_t now_ms = clock_coarse_ms();

	if (!leaves)
		return duty->worker->registry ? SINGLE_TICK_MS : -1;
	if (!duty->quiet_at_ms)
		duty->quiet_at_ms = now_ms + DRAIN_QUIET_MS;
	return duty->quiet_at_ms > now_ms ? (int)(duty->quiet_at_ms - now_ms) : 0;
}

/* False: it is time to leave. */
static bool take_connection(struct duty *duty, struct input *in)
{
	if (duty->intake.is_spoilt)
		duty->error = -EBADF;
	while (!duty->error) {
		duty->is_spent = duty->is_spent || is_spent(duty);
		bool leaves = duty->is_spent || is_told(duty);
		if (leaves && duty->worker->registry)
			registry_drain(duty->worker->registry);
		if (leaves && !intake_keeps_none(&duty->intake))
			return false;
		int taken = intake_take(&duty->intake, &duty->connection, timeout_ms(duty, leaves));
		tick_single(duty);
		if (taken > 0) {
			duty->has_connection = true;
			duty->quiet_at_ms = 0;
			input_open(in, duty->connection.fd);
			return true;
		}
		if (taken < 0 && taken != -ETIMEDOUT)
			duty->error = taken;
		if (leaves && taken == -ETIMEDOUT)
			return false;
	}
	return false;
}

/* For libfcgi: the next connection with a request. */
static int accept_request(void *context, struct input *in)
{
	struct duty *duty = context;

	for (;;) {
		if (!duty->has_connection && !take_connection(duty, in))
			return -1;
		if (look(duty, in))
			return duty->connection.fd;
	}
}

/* For libfcgi: the request is over. */
static void close_request(void *context, struct input *in, bool is_open)
{
	struct duty *duty = context;

	if (in->is_broken)
		say_broken(duty, in);
	if (in->is_long && duty->worker->slot->in_flight.sent == IN_FLIGHT_WHOLE &&
	    !intake_keeps_none(&duty->intake)) {
		park_to_discard(duty, in);
	} else if (!is_open || intake_keeps_none(&duty->intake)) {
		drop(duty, in, !is_open && duty->worker->slot->in_flight.sent != IN_FLIGHT_WHOLE);
	} else {
		input_next(in);
		if (in->filled > 0) /* the next request is here already */
			end_serving(duty);
		else
			park(duty, in, false);
	}
	if (!duty->has_connection)
		intake_take_in(&duty->intake);
}

/* ---- The whole. */

static bool duty_init(struct duty *duty, const struct worker *w)
{
	const struct fcgi_source source = { .input = *w->input,
		                            .in_flight = &w->slot->in_flight,
		                            .accept = accept_request,
		                            .close = close_request,
		                            .context = duty };

	*duty = (struct duty){ .worker = w, .fcgi = fcgi_new(&source) };
	if (!duty->fcgi || intake_open(&duty->intake, w->connections, &w->wires, w->slot, w->index) != 0) {
		log_error("worker: no memory to start");
		return false;
	}
	duty->intake.registry = w->registry;
	no_memory_tell(&w->slot->exit_reason, WORKER_NO_MEMORY);
	told_to_stop = 0;
	request_seed();
	metrics_take_slot(w->exchange->metrics, w->index);
	exchange_watch(w->draining ? w->draining : &w->connections->shm->draining, &w->slot->told);
	access_enter(&w->exchange->access, w->index, w->worker_id);
	take_signals(w);
	if (!worker_calls_start(w->exchange->calls))
		return false;
	if (w->sandbox && !sandbox_enter(w->pool))
		return false;
	if (w->start_thread)
		w->start_thread();
	return true;
}

static void duty_fini(struct duty *duty)
{
	const struct worker *w = duty->worker;

	if (w->master && (duty->intake.is_orphan || getppid() != w->master))
		intake_give_all(&duty->intake);
	worker_calls_stop(w->exchange->calls);
	limit_stop();
	intake_close_all(&duty->intake);
	fcgi_free(duty->fcgi);
	access_leave();
	fflush(NULL);
}

static void serve(struct duty *duty)
{
	const struct worker *w = duty->worker;

	fault_point("after-head");
	exchange_run(w->exchange, duty->fcgi);
	fault_point("after-answer");
	uint64_t requests = atomic_load_explicit(&w->slot->requests, memory_order_relaxed);
	atomic_store_explicit(&w->slot->requests, requests + 1, memory_order_relaxed);
	duty->served++;
	fcgi_finish(duty->fcgi);
}

int worker_run(const struct worker *w)
{
	struct duty *duty = &own_duty;

	if (!duty_init(duty, w))
		return 1;
	set_stage(duty, WORKER_IDLE);
	if (w->master)
		intake_say_ready(&duty->intake);
	while (fcgi_accept(duty->fcgi))
		serve(duty);
	if (duty->error && !w->master)
		log_error("cannot serve: %s; did a handler close a descriptor that was not its own?",
		          strerror(-duty->error));
	atomic_store(&w->slot->exit_reason, duty->error      ? WORKER_BLIND
	                                    : duty->is_spent ? WORKER_RECYCLED
	                                                     : WORKER_LEFT);
	duty_fini(duty);
	return duty->error != 0;
}

struct input_settings worker_input(const struct settings *s)
{
	return (struct input_settings){ .limits = { .head_bytes = (uint32_t)s->max_head,
		                                    .params = (uint32_t)s->max_params },
		                        .io_timeout_ms = (unsigned)s->io_timeout_ms,
		                        .body_timeout_ms = (uint64_t)s->request_timeout_ms / 4 * 3,
		                        .max_connections = CONNECTIONS_SLOTS_MAX };
}

int worker_unregistered(void)
{
	const struct duty *duty = &own_duty;

	return duty->has_connection && !duty->connection.is_registered ? duty->connection.fd : -1;
}
