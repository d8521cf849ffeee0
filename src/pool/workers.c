/* SPDX-License-Identifier: ISC */
/*
 * workers - see workers.h.
 *
 * A worker that is told to leave finds the word in its slot after the request in hand.
 * One that is idle is woken by SIGTERM, again and again until it has left: the signal may
 * come just before it waits.  A busy one gets none, so no handler is disturbed.
 */
#include "pool/workers.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/message.h"
#include "pool/rescue.h"
#include "pool/worker.h"
#include "pool/worker_exit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUICK_REQUESTS = 10, STOPPED_MS = 1000, WORDS_MAX = 64 };

int workers_open(struct workers *w)
{
	w->wanted = settings_workers(w->settings);
	w->processes = calloc(w->slot_count, sizeof *w->processes);
	w->openings = calloc(w->wanted, sizeof *w->openings);
	if (!w->processes || !w->openings)
		return -ENOMEM;
	for (unsigned i = 0; i < w->wanted; i++)
		w->openings[i].process = -1;
	return 0;
}

void workers_close(struct workers *w)
{
	free(w->processes);
	free(w->openings);
}

/* ---- Birth. */

/* Two generations look for one: each takes what the other has not. */
static bool take_slot(struct worker_shm *slot)
{
	uint32_t none = WORKER_NONE;

	return atomic_compare_exchange_strong(&slot->life, &none, WORKER_LIVES);
}

static int find_slot(struct workers *w)
{
	for (unsigned i = 0; i < w->slot_count; i++)
		if (w->processes[i].state == PROCESS_NONE && take_slot(&w->slots[i])) {
			if (i >= w->top)
				w->top = i + 1;
			return (int)i;
		}
	return -1;
}

static void close_wires(struct process *p)
{
	if (p->wire >= 0)
		close(p->wire);
	if (p->lifeline >= 0)
		close(p->lifeline);
	p->wire = p->lifeline = -1;
}

/* What the program had opened before percore_run stays: it is in every worker. */
static void close_masters(struct workers *w)
{
	struct registry *r = w->registry;

	for (const int *fd = w->masters; *fd >= 0; fd++)
		close(*fd);
	for (unsigned i = 0; i < w->top; i++)
		if (w->processes[i].state != PROCESS_NONE && w->processes[i].pid)
			close_wires(&w->processes[i]);
	for (uint32_t slot = 0, top = connections_top(w->connections); slot < top; slot++)
		if (r->fds[slot] >= 0)
			close(r->fds[slot]);
}

static _Noreturn void be_worker(struct workers *w, unsigned index, const struct intake_wires *wires,
                                pid_t master)
{
	const struct worker worker = { .connections = w->connections,
		                       .wires = *wires,
		                       .slot = &w->slots[index],
		                       .pool = w->shm,
		                       .exchange = w->exchange,
		                       .input = &w->input,
		                       .index = index,
		                       .worker_id = w->processes[index].worker_id,
		                       .master = master,
		                       .draining = &w->connections->shm->draining,
		                       .max_requests = w->settings->max_requests,
		                       .max_memory = w->settings->max_memory,
		                       .request_timeout_ms = (uint64_t)w->settings->request_timeout_ms,
		                       .sandbox = w->settings->sandbox,
		                       .backtraces = w->settings->slow_backtrace };

	prctl(PR_SET_NAME, "percore-worker");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		_exit(1);
	close_masters(w);
	_exit(worker_run(&worker));
}

static void reset_slot(struct worker_shm *slot, uint32_t generation)
{
	atomic_store(&slot->stage, WORKER_STARTING);
	atomic_store(&slot->connection, 0);
	atomic_store(&slot->told, 0);
	atomic_store(&slot->exit_reason, WORKER_DIED);
	atomic_store(&slot->generation, generation);
	atomic_store(&slot->pid, 0);
}

/* 0 or -errno. */
static int open_wires(int wire[2], int lifeline[2])
{
	int error = message_pair(wire);

	if (error)
		return error;
	error = message_pair(lifeline);
	if (!error)
		return 0;
	close(wire[0]);
	close(wire[1]);
	return error;
}

static int watch_wire(const struct workers *w, int index)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)index };

	return epoll_ctl(w->events, EPOLL_CTL_ADD, w->processes[index].wire, &e) == 0 ? 0 : -errno;
}

/* 0 or -errno. */
static int fork_worker(struct workers *w, int index)
{
	struct process *p = &w->processes[index];
	int wire[2], lifeline[2], error = open_wires(wire, lifeline);
	pid_t master = getpid();

	if (error)
		return error;
	const struct intake_wires wires = { .master = wire[1],
		                            .lifeline = { lifeline[0], lifeline[1] },
		                            .parcels = w->parcels };
	fflush(NULL); /* else what waits in it would be written twice */
	pid_t pid = fork();
	if (pid == 0) {
		close(wire[0]);
		be_worker(w, (unsigned)index, &wires, master);
	}
	error = pid < 0 ? -errno : 0;
	close(wire[1]);
	close(lifeline[0]);
	p->pid = pid;
	p->wire = wire[0];
	p->lifeline = lifeline[1];
	if (!error)
		error = watch_wire(w, index);
	if (error)
		close_wires(p);
	return error;
}

/* For readers. */
static void publish_birth(const struct workers *w, struct opening *opening, int index, uint64_t now_ms)
{
	struct worker_shm *slot = &w->slots[index];

	atomic_store(&slot->restarts, opening->starts++);
	atomic_store(&slot->last_exit, opening->last_exit);
	atomic_store(&slot->started_ms, now_ms);
	atomic_store(&slot->pid, (uint32_t)w->processes[index].pid);
}

static void start(struct workers *w, unsigned number, uint64_t now_ms)
{
	struct opening *opening = &w->openings[number];
	int index = find_slot(w);

	opening->spawn_at_ms = now_ms + BACKOFF_MAX_MS;
	if (index < 0)
		return;
	reset_slot(&w->slots[index], w->generation);
	w->processes[index] = (struct process){ .state = PROCESS_STARTING,
		                                .worker_id = number,
		                                .wire = -1,
		                                .lifeline = -1,
		                                .requests_at_birth = atomic_load(&w->slots[index].requests) };
	int error = fork_worker(w, index);
	if (!error) {
		publish_birth(w, opening, index, now_ms);
		log_info("worker %u (pid %d) starts", number, (int)w->processes[index].pid);
		opening->process = index;
		return;
	}
	w->processes[index].state = PROCESS_NONE;
	atomic_store(&w->slots[index].life, WORKER_NONE);
	log_error("cannot start a worker: %s; trying again in %d ms", strerror(-error), BACKOFF_MAX_MS);
	opening->quick_deaths++;
}

void workers_start_due(struct workers *w, uint64_t now_ms)
{
	for (unsigned i = 0; i < w->wanted; i++)
		if (w->openings[i].process < 0 && w->openings[i].spawn_at_ms <= now_ms)
			start(w, i, now_ms);
}

uint64_t workers_next_ms(const struct workers *w)
{
	uint64_t next_ms = UINT64_MAX;

	for (unsigned i = 0; i < w->wanted; i++)
		if (w->openings[i].process < 0 && w->openings[i].spawn_at_ms < next_ms)
			next_ms = w->openings[i].spawn_at_ms;
	return next_ms;
}

/* ---- Hearing. */

static void answer_ask(const struct workers *w, unsigned index, const struct intake_message *m)
{
	int fd = connections_is_owned(w->connections, m->slot, m->generation, index)
	                 ? registry_fd(w->registry, m->slot)
	                 : -1;

	message_send(w->processes[index].wire, m, sizeof *m, &fd, fd >= 0 ? 1 : 0, false);
}

static void take_in(struct workers *w, unsigned index, const struct intake_message *m, int fd)
{
	if (fd >= 0)
		registry_add(w->registry, m->slot, m->generation, fd);
	if (!connections_is_owned(w->connections, m->slot, m->generation, index))
		return;
	if (registry_fd(w->registry, m->slot) >= 0)
		registry_release(w->registry, m->slot, m->generation);
	else
		registry_close(w->registry, m->slot);
}

static void take_word(struct workers *w, unsigned index, const struct intake_message *m, int fd)
{
	struct process *p = &w->processes[index];

	switch (m->word) {
	case INTAKE_READY:
		if (p->state == PROCESS_STARTING)
			p->state = PROCESS_RUNNING;
		return;
	case INTAKE_REGISTER:
		if (fd >= 0)
			registry_add(w->registry, m->slot, m->generation, fd);
		else
			registry_lose(w->registry, m->slot, m->generation);
		return;
	case INTAKE_TAKEN_IN:
		take_in(w, index, m, fd);
		return;
	case INTAKE_ASK:
		answer_ask(w, index, m);
		return;
	case INTAKE_CLOSED:
		if (connections_is_owned(w->connections, m->slot, m->generation, index))
			registry_close(w->registry, m->slot);
		return;
	case INTAKE_FREED:
		w->was_freed = true;
		return;
	default: /* a worker wrote where it should not have */
		return;
	}
}

/* False: nothing waits. */
static bool hear_one(struct workers *w, unsigned index)
{
	struct intake_message message;
	unsigned count = 1;
	int fd = -1;
	int got = message_receive(w->processes[index].wire, &message, sizeof message, &fd, &count, false);

	if (got == -EMFILE)
		log_warning("a connection that the web server keeps is lost: no descriptor is free; raise "
		            "ulimit -n");
	if (got == 1 || got == -EMFILE)
		take_word(w, index, &message, count ? fd : -1);
	return got == 1 || got == -EMFILE || got == -EPROTO;
}

void workers_hear(struct workers *w, unsigned index)
{
	struct process *p = &w->processes[index];

	if (index >= w->top || p->state == PROCESS_NONE || p->wire < 0)
		return;
	for (int i = 0; i < WORDS_MAX && hear_one(w, index); i++)
		;
	char byte; /* closed by a handler, or on the way out: no more events of it */
	if (recv(p->wire, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		epoll_ctl(w->events, EPOLL_CTL_DEL, p->wire, NULL);
}

/* ---- Leaving. */

static void tell(struct workers *w, unsigned index, enum pool_exit cause, uint64_t now_ms)
{
	struct process *p = &w->processes[index];

	if (p->state != PROCESS_STARTING && p->state != PROCESS_RUNNING)
		return;
	p->state = PROCESS_LEAVING;
	p->cause = cause;
	p->leave_by_ms = now_ms + (uint64_t)w->settings->drain_timeout_ms;
	atomic_store(&w->slots[index].told, 1);
	if (atomic_load(&w->slots[index].stage) != WORKER_SERVING)
		kill(p->pid, SIGTERM);
}

static void kill_for(struct process *p, enum pool_exit cause)
{
	p->state = PROCESS_KILLED;
	p->cause = cause;
	kill(p->pid, SIGKILL);
}

void workers_tell_all(struct workers *w, enum pool_exit cause, uint64_t now_ms)
{
	for (unsigned i = 0; i < w->top; i++)
		tell(w, i, cause, now_ms);
}

void workers_cut_all(struct workers *w)
{
	for (unsigned i = 0; i < w->top; i++)
		if (w->processes[i].state != PROCESS_NONE)
			kill_for(&w->processes[i], POOL_EXIT_CUT);
}

unsigned workers_alive(const struct workers *w)
{
	unsigned alive = 0;

	for (unsigned i = 0; i < w->top; i++)
		alive += w->processes[i].state != PROCESS_NONE;
	return alive;
}

bool workers_are_leaving(const struct workers *w)
{
	for (unsigned i = 0; i < w->top; i++)
		if (w->processes[i].state == PROCESS_LEAVING)
			return true;
	return false;
}

static bool runs(const struct workers *w, const struct opening *opening)
{
	return opening->process >= 0 && w->processes[opening->process].state == PROCESS_RUNNING;
}

bool workers_run_as_far_as_they_can(const struct workers *w)
{
	bool any = false;

	for (unsigned i = 0; i < w->wanted; i++) {
		if (runs(w, &w->openings[i]))
			any = true;
		else if (w->openings[i].quick_deaths == 0)
			return false;
	}
	return any;
}

bool workers_are_hopeless(const struct workers *w)
{
	for (unsigned i = 0; i < w->wanted; i++)
		if (w->openings[i].quick_deaths == 0)
			return false;
	return true;
}

/* ---- Death. */

static int take_from_lifeline(const struct process *p)
{
	unsigned count = 1;
	char byte;
	int fd = -1;

	if (message_receive(p->lifeline, &byte, 1, &fd, &count, false) != 1 || count != 1)
		return -1;
	return fd;
}

/* The request in hand is answered, and counted. */
static void rescue(const struct workers *w, unsigned index, enum pool_exit cause, const char *reason)
{
	const struct worker_exit_answer answer = worker_exit_answer(cause);
	const struct worker_shm *slot = &w->slots[index];
	const struct rescue rescue = {
		.registry = w->registry,
		.pool = w->shm,
		.access = &w->exchange->access,
		.slot = slot,
		.unregistered = take_from_lifeline(&w->processes[index]),
		.worker = index,
		.worker_id = w->processes[index].worker_id,
		.status = answer.status,
		.detail = answer.detail,
		.reason = w->settings->develop ? reason : NULL,
	};
	uint64_t since_ms = atomic_load(&slot->in_flight.since_ms), now_ms = clock_coarse_ms();
	int answered = rescue_worker(&rescue);

	if (atomic_load(&slot->stage) == WORKER_SERVING)
		metrics_reclaim(
			w->exchange->metrics,
			&(struct metrics_death){ .slot = index,
		                                 .answered = answered,
		                                 .was_read = atomic_load(&slot->in_flight.fcgi_id) != 0,
		                                 .elapsed_ms = now_ms > since_ms ? now_ms - since_ms : 0 });
}

/* How long its successor waits, from how its life went. */
static void set_delay(struct workers *w, const struct process *p, uint64_t served, uint64_t now_ms)
{
	struct opening *opening = &w->openings[p->worker_id];

	opening->quick_deaths = served < QUICK_REQUESTS ? opening->quick_deaths + 1 : 0;
	opening->spawn_at_ms = now_ms + backoff_ms(opening->quick_deaths);
	if (opening->quick_deaths == BACKOFF_FREE + 1)
		log_error("worker %u died %u times within its first %d requests: "
		          "it is started again after a growing delay, up to %d s",
		          p->worker_id, opening->quick_deaths, QUICK_REQUESTS, BACKOFF_MAX_MS / 1000);
}

static void note_exit(struct workers *w, unsigned index, const siginfo_t *death, uint64_t now_ms)
{
	struct process *p = &w->processes[index];
	struct opening *opening = &w->openings[p->worker_id];
	enum pool_exit cause = worker_exit_cause(p, &w->slots[index], death);
	char words[WORKER_EXIT_WORDS];

	while (hear_one(w, index)) /* what it said before it died */
		;
	enum log_level level = worker_exit_describe(p, &w->slots[index], cause, death, words);
	log_at(level, "%s", words);
	rescue(w, index, cause, words);
	close_wires(p);
	atomic_fetch_add(&w->shm->exits[cause], 1);
	if (opening->process == (int)index) {
		opening->process = -1;
		opening->spawn_at_ms = 0;
		opening->last_exit = 1 + (uint32_t)cause;
	}
	if (cause != POOL_EXIT_TOLD && cause != POOL_EXIT_RECYCLED)
		set_delay(w, p, atomic_load(&w->slots[index].requests) - p->requests_at_birth, now_ms);
	p->state = PROCESS_NONE;
	atomic_store(&w->slots[index].life, WORKER_NONE); /* the next may take it from here on */
}

/* A stopped worker may hold an edge that it took and did not claim. */
static void note_stop(struct workers *w, struct process *p, const siginfo_t *event, uint64_t now_ms)
{
	p->stopped_ms = event->si_code == CLD_STOPPED ? now_ms : 0;
	if (p->stopped_ms)
		registry_raise(w->registry);
}

static int index_of(const struct workers *w, pid_t pid)
{
	for (unsigned i = 0; i < w->top; i++)
		if (w->processes[i].state != PROCESS_NONE && w->processes[i].pid == pid)
			return (int)i;
	return -1;
}

bool workers_note(struct workers *w, const siginfo_t *event, uint64_t now_ms)
{
	int index = index_of(w, event->si_pid);

	if (index < 0)
		return false;
	if (event->si_code == CLD_STOPPED || event->si_code == CLD_CONTINUED)
		note_stop(w, &w->processes[index], event, now_ms);
	else
		note_exit(w, (unsigned)index, event, now_ms);
	return true;
}

/* A master that was killed could not free its workers' slots. */
void workers_sweep_slots(const struct workers *w)
{
	unsigned top = atomic_load(&w->shm->slot_top);

	for (unsigned i = 0; i < top && i < w->slot_count; i++) {
		struct worker_shm *slot = &w->slots[i];
		pid_t pid = (pid_t)atomic_load(&slot->pid);
		if (atomic_load(&slot->life) == WORKER_NONE || w->processes[i].state != PROCESS_NONE ||
		    !pid || kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		access_reclaim(&w->exchange->access, i);
		atomic_store(&slot->life, WORKER_NONE);
	}
}

/* ---- Time. */

static void log_slow(const struct workers *w, unsigned index, uint64_t elapsed_ms)
{
	const struct in_flight_shm *in_flight = &w->slots[index].in_flight;
	const struct process *p = &w->processes[index];

	log_warning("slow: request %.*s: %.*s %.*s has taken %llu ms so far in worker %u (pid %d)",
	            IN_FLIGHT_ID_MAX - 1, in_flight->id, IN_FLIGHT_METHOD_MAX - 1, in_flight->method,
	            IN_FLIGHT_PATH_MAX - 1, in_flight->path, (unsigned long long)elapsed_ms, p->worker_id,
	            (int)p->pid);
	if (w->settings->slow_backtrace)
		kill(p->pid, WORKER_BACKTRACE_SIGNAL);
}

static void check_request(struct workers *w, unsigned index, uint64_t now_ms)
{
	const struct settings *settings = w->settings;
	struct process *p = &w->processes[index];
	uint64_t since_ms = atomic_load(&w->slots[index].in_flight.since_ms);
	uint64_t elapsed_ms = now_ms > since_ms ? now_ms - since_ms : 0;

	if (settings->slow_log_ms > 0 && elapsed_ms >= (uint64_t)settings->slow_log_ms &&
	    p->slow_since_ms != since_ms) {
		p->slow_since_ms = since_ms;
		log_slow(w, index, elapsed_ms);
	}
	uint64_t deadline_ms = atomic_load(&w->slots[index].in_flight.deadline_ms);
	if (deadline_ms && now_ms >= deadline_ms)
		kill_for(p, POOL_EXIT_TIMEOUT);
}

void workers_end_overdue(struct workers *w, uint64_t now_ms)
{
	for (unsigned i = 0; i < w->top; i++) {
		struct process *p = &w->processes[i];
		if (p->state == PROCESS_NONE || p->state == PROCESS_KILLED)
			continue;
		if (p->stopped_ms && now_ms - p->stopped_ms >= STOPPED_MS)
			kill_for(p, POOL_EXIT_STOPPED);
		else if (p->state == PROCESS_LEAVING && now_ms >= p->leave_by_ms)
			kill_for(p, POOL_EXIT_CUT);
		else if (atomic_load(&w->slots[i].stage) == WORKER_SERVING)
			check_request(w, i, now_ms);
		else if (p->state == PROCESS_LEAVING)
			kill(p->pid, SIGTERM); /* out of its wait */
	}
}
