/* SPDX-License-Identifier: ISC */
/*
 * master - see master.h.
 *
 * It waits in one place, for its workers' words, the supervisor's, its children's ends and the
 * time; and never for anything else: no look-up of a name, no child, no write that can stall.
 * So a worker that asks it for a descriptor has it at once.
 */
#include "pool/master.h"

#include "background/job_claim.h"
#include "background/snapshot.h"
#include "background/task.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "exchange/request.h"
#include "pool/backlog_sampler.h"
#include "pool/handover.h"
#include "pool/helpers.h"
#include "pool/history_sampler.h"
#include "pool/publish.h"
#include "pool/registry.h"
#include "pool/worker.h"
#include "pool/workers.h"
#include "sandbox/sandbox.h"
#include "state/shared.h"
#include "status/background_view.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TICK_MS = 250,
	TICK_LEAST_MS = 10,
	TICKS_PER_TIMEOUT = 10,
	BUSY_TICK_MS = 50,
	LEAVING_TICK_MS = 5,  /* while somebody is to leave, or connections are to go over */
	GIVE_MOST = 64,       /* connections in one go */
	GIVE_UP_MS = 5000,    /* without anybody left who could serve what is not handed over */
	LOG_FINISH_MS = 5000, /* for the access log, when no worker is left */
	ADMIN_FINISH_MS = 1000,
	EVENTS_MAX = 64,
};

/* What an event in master.events is of; below: a worker's index. */
enum { EVENT_SIGNALS = 1 << 20, EVENT_CONTROL, EVENT_PARCELS };

enum state { STARTING, SERVING, RETIRING, DRAINING, DONE, FAILED };

struct master {
	const struct inheritance *inheritance;
	uint32_t supervisor_bytes;
	const struct settings *settings;
	struct exchange *exchange;
	struct background *background;
	enum state state;
	struct shared shared;
	struct pool_shm *shm;
	struct connections connections;
	struct registry registry;
	struct workers workers;
	struct helpers helpers;
	struct backlog_sampler sampler;
	struct history_sampler history;
	int events, signals;
	int masters[10];       /* descriptors that no worker gets */
	bool has_new_memory;   /* not that of the generation before */
	bool log_goes_on;      /* the next generation writes what is in the memory */
	bool waits_for_others; /* DRAINING: other generations may still hand something over */
	uint64_t tick_at_ms;
	uint64_t alone_since_ms; /* no worker is left since then; 0: one is */
};

/* ---- Words of the supervisor, and what they do. */

static void say_serves(struct master *m)
{
	struct supervision_message message = { .word = SUPERVISION_SERVES,
		                               .drain_timeout_ms = (uint64_t)m->settings->drain_timeout_ms,
		                               .start_timeout_ms = (uint64_t)m->settings->start_timeout_ms,
		                               .workers = m->workers.wanted,
		                               .supervisor_bytes = m->supervisor_bytes };

	if (m->settings->access_log)
		message.flags |= SUPERVISION_HAS_LOG;
	if (m->has_new_memory)
		message.flags |= SUPERVISION_NEW_MEMORY;
	if (m->settings->develop)
		message.flags |= SUPERVISION_DEVELOPS;
	strncpy(message.text, m->settings->state ? m->settings->state : "", sizeof message.text - 1);
	supervision_say(m->inheritance->control, &message, m->shared.fd);
}

static void watch(const struct master *m, int how, int fd, uint64_t what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = what };

	epoll_ctl(m->events, how, fd, &e);
}

/* The first worker is ready, and the others as far as they can. */
static void begin_to_serve(struct master *m)
{
	int error = shared_publish(&m->shared);

	if (!error)
		error = connections_listen(&m->connections);
	if (error) {
		log_error("cannot begin to serve: %s", strerror(-error));
		m->state = FAILED;
		return;
	}
	m->state = SERVING;
	task_wake_all(m->background);
	publish_generation(&m->workers, m->inheritance->number > 1);
	publish_service(m->shm, m->exchange->metrics->service, m->exchange->metrics->service_version);
	watch(m, EPOLL_CTL_ADD, m->inheritance->parcels_in, EVENT_PARCELS);
	say_serves(m);
}

/* What runs in the background goes on to its own limit; where it has none, to that of a request. */
static uint64_t leave_by_ms(const struct master *m, long limit_ms)
{
	return limit_ms > 0 ? UINT64_MAX : clock_coarse_ms() + (uint64_t)m->settings->drain_timeout_ms;
}

static void retire(struct master *m, uint32_t flags)
{
	if (m->state != SERVING)
		return;
	log_info("generation %u retires", m->inheritance->number);
	m->state = RETIRING;
	m->log_goes_on = flags & SUPERVISION_LOG_GOES_ON;
	atomic_store(&m->connections.shm->retired, 1);
	connections_deafen(&m->connections);
	watch(m, EPOLL_CTL_DEL, m->inheritance->parcels_in, EVENT_PARCELS);
	helpers_tell(&m->helpers, HELPER_LOG_WRITER, m->log_goes_on ? ORDER_LEAVE : ORDER_FINISH, UINT64_MAX);
	helpers_tell(&m->helpers, HELPER_ADMIN, ORDER_LEAVE, clock_coarse_ms() + ADMIN_FINISH_MS);
	helpers_tell(&m->helpers, HELPER_TASKS, ORDER_LEAVE, leave_by_ms(m, m->settings->task_timeout_ms));
	helpers_tell(&m->helpers, HELPER_JOBS, ORDER_LEAVE, leave_by_ms(m, m->settings->job_timeout_ms));
}

static void drain(struct master *m, uint32_t flags)
{
	uint64_t by_ms = leave_by_ms(m, 0);

	helpers_tell(&m->helpers, HELPER_TASKS, ORDER_FINISH, by_ms);
	helpers_tell(&m->helpers, HELPER_JOBS, ORDER_FINISH, by_ms);
	if (m->state == STARTING) {
		m->state = DRAINING;
		workers_cut_all(&m->workers);
	}
	if (m->state != SERVING)
		return;
	m->state = DRAINING;
	m->waits_for_others = flags & SUPERVISION_OTHERS;
	atomic_store(&m->shm->draining, 1);
	registry_drain(&m->registry);
	helpers_tell(&m->helpers, HELPER_LOG_WRITER, ORDER_FINISH, UINT64_MAX);
}

static void cut(struct master *m)
{
	workers_cut_all(&m->workers);
	helpers_tell(&m->helpers, HELPER_TASKS, ORDER_LEAVE, 0);
	helpers_tell(&m->helpers, HELPER_JOBS, ORDER_LEAVE, 0);
}

static void take_word(struct master *m, const struct supervision_message *message)
{
	switch (message->word) {
	case SUPERVISION_RETIRE:
		retire(m, message->flags);
		break;
	case SUPERVISION_STOP:
		drain(m, message->flags);
		break;
	case SUPERVISION_LAST:
		m->waits_for_others = false;
		break;
	case SUPERVISION_CUT:
		cut(m);
		break;
	case SUPERVISION_REOPEN:
		helpers_reopen_log(&m->helpers);
		break;
	case SUPERVISION_REFUSED:
		publish_refusal(m->shm, message->text);
		break;
	default: /* of a supervisor that knows more than we do */
		break;
	}
}

/*
 * The supervisor is gone: everything leaves after the requests in hand.  The socket of --listen
 * is nobody's but ours, so it is shut: a new start can take its address at once.  And what the
 * web server keeps is closed where nothing came on it, so that it turns to that start.
 */
static void lose_supervisor(struct master *m)
{
	bool has_served = m->state == SERVING;

	watch(m, EPOLL_CTL_DEL, m->inheritance->control, EVENT_CONTROL);
	log_error("the supervisor is gone: finishing the requests in hand");
	drain(m, 0);
	if (has_served && *m->inheritance->listen)
		shutdown(m->inheritance->listener, SHUT_RDWR);
	registry_close_idle(&m->registry, UINT_MAX);
	if (m->state == RETIRING) /* nobody takes what would be handed over */
		atomic_store(&m->connections.shm->draining, 1);
}

static void hear_supervisor(struct master *m)
{
	struct supervision_message message;
	int fd, got;

	while ((got = supervision_hear(m->inheritance->control, &message, &fd)) == 1) {
		if (fd >= 0)
			close(fd);
		take_word(m, &message);
	}
	if (got == 0)
		lose_supervisor(m);
}

/* ---- Events. */

static void reap(struct master *m)
{
	struct signalfd_siginfo signal;
	siginfo_t event = { 0 };

	while (read(m->signals, &signal, sizeof signal) > 0)
		;
	while (waitid(P_ALL, 0, &event, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) == 0 && event.si_pid > 0) {
		uint64_t now_ms = clock_coarse_ms();
		if (!workers_note(&m->workers, &event, now_ms))
			helpers_note(&m->helpers, &event, now_ms);
		event.si_pid = 0;
	}
}

static void take_event(struct master *m, uint64_t what)
{
	if (what == EVENT_SIGNALS)
		reap(m);
	else if (what == EVENT_CONTROL)
		hear_supervisor(m);
	else if (what == EVENT_PARCELS)
		handover_receive(m->inheritance->parcels_in, &m->registry);
	else
		workers_hear(&m->workers, (unsigned)what);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Fine enough for the shortest time that is watched. */
static uint64_t tick_ms(const struct master *m)
{
	const struct settings *s = m->settings;
	uint64_t time_limit_ms =
		routes_least_time_limit_ms(m->exchange->routes, (uint64_t)s->request_timeout_ms);
	uint64_t tick = least(TICK_MS, time_limit_ms / TICKS_PER_TIMEOUT);

	if (s->slow_log_ms > 0)
		tick = least(tick, (uint64_t)s->slow_log_ms / TICKS_PER_TIMEOUT);
	if (m->sampler.is_busy)
		tick = least(tick, BUSY_TICK_MS);
	if (m->inheritance->watchdog_ms > 0)
		tick = least(tick, m->inheritance->watchdog_ms);
	return tick > TICK_LEAST_MS ? tick : TICK_LEAST_MS;
}

static bool may_start_helpers(const struct master *m)
{
	return m->state == SERVING;
}

static void wait_for_events(struct master *m)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now_ms = clock_coarse_ms(), until_ms = m->tick_at_ms;

	if (m->state == STARTING || m->state == SERVING)
		until_ms = least(until_ms, workers_next_ms(&m->workers));
	if (may_start_helpers(m))
		until_ms = least(until_ms, helpers_next_ms(&m->helpers));
	if (m->state == RETIRING || m->state == DRAINING || workers_are_leaving(&m->workers))
		until_ms = least(until_ms, now_ms + LEAVING_TICK_MS);
	int n = epoll_wait(m->events, events, EVENTS_MAX,
	                   until_ms > now_ms ? (int)least(until_ms - now_ms, TICK_MS) : 0);
	for (int i = 0; i < n; i++)
		take_event(m, events[i].data.u64);
}

/* ---- Looking after the generation. */

static void tick(struct master *m, uint64_t now_ms)
{
	unsigned busy = 0;

	if (now_ms < m->tick_at_ms)
		return;
	registry_tick(&m->registry);
	workers_sweep_slots(&m->workers);
	sandbox_report(m->shm);
	if (m->state == SERVING || m->state == DRAINING)
		busy = publish_load(&m->workers);
	if (m->state == SERVING) {
		backlog_sampler_look(&m->sampler, now_ms);
		if (atomic_load(&m->shm->generation) == m->inheritance->number) /* one writer */
			history_sampler_look(&m->history, now_ms, busy);
		if (m->inheritance->watchdog_ms > 0)
			supervision_say(m->inheritance->control,
			                &(struct supervision_message){ .word = SUPERVISION_TICK }, -1);
	}
	m->tick_at_ms = now_ms + tick_ms(m);
}

static void refuse(struct master *m, const char *reason)
{
	log_error("%s", reason);
	supervision_refuse(m->inheritance, reason);
	m->state = FAILED;
}

static void look_after_start(struct master *m)
{
	if (workers_run_as_far_as_they_can(&m->workers))
		begin_to_serve(m);
	else if (workers_are_hopeless(&m->workers))
		refuse(m, "no worker could start: giving up");
}

/* What is busy now goes over after its request; its worker says so. */
static void look_after_retreat(struct master *m, uint64_t now_ms)
{
	bool has_more = handover_give_free(m->inheritance->parcels_out, &m->registry, GIVE_MOST);

	m->workers.was_freed = false;
	if (!has_more) /* until then they serve what is not handed over */
		workers_tell_all(&m->workers, POOL_EXIT_TOLD, now_ms);
	if (!m->alone_since_ms)
		return;
	if (m->registry.count > 0 && now_ms >= m->alone_since_ms + GIVE_UP_MS) {
		log_warning("%u connections could not be handed over: they are closed", m->registry.count);
		m->state = DONE;
	}
	if (m->registry.count == 0 && !helpers_has_any(&m->helpers))
		m->state = DONE;
}

/* The log last, since workers write into it to their end. */
static void look_after_end(struct master *m, uint64_t now_ms)
{
	if (!m->waits_for_others)
		workers_tell_all(&m->workers, POOL_EXIT_TOLD, now_ms);
	if (!m->alone_since_ms)
		return;
	uint64_t log_by_ms = m->alone_since_ms + LOG_FINISH_MS;
	helpers_tell(&m->helpers, HELPER_ADMIN, ORDER_LEAVE, m->alone_since_ms + ADMIN_FINISH_MS);
	/* No worker is left that could ask for anything: what runs ends, or is cut in time. */
	helpers_tell(&m->helpers, HELPER_TASKS, ORDER_LEAVE, UINT64_MAX);
	helpers_tell(&m->helpers, HELPER_JOBS, ORDER_LEAVE, UINT64_MAX);
	helpers_tell(&m->helpers, HELPER_LOG_WRITER, ORDER_FINISH, log_by_ms);
	if (!helpers_has(&m->helpers, HELPER_LOG_WRITER) && helpers_unwritten_bytes(&m->helpers) > 0 &&
	    now_ms < log_by_ms)
		helpers_start(&m->helpers, HELPER_LOG_WRITER, now_ms);
	if (!helpers_has_any(&m->helpers))
		m->state = DONE;
}

/* After any event. */
static void look_after(struct master *m)
{
	uint64_t now_ms = clock_coarse_ms();

	tick(m, now_ms);
	if (m->state == STARTING || m->state == SERVING)
		workers_start_due(&m->workers, now_ms);
	workers_end_overdue(&m->workers, now_ms);
	helpers_look(&m->helpers, now_ms, may_start_helpers(m));
	if (workers_alive(&m->workers) > 0)
		m->alone_since_ms = 0;
	else if (!m->alone_since_ms)
		m->alone_since_ms = now_ms;
	if (m->state == STARTING)
		look_after_start(m);
	if (m->state == RETIRING)
		look_after_retreat(m, now_ms);
	if (m->state == DRAINING)
		look_after_end(m, now_ms);
	publish_workers(&m->workers);
}

/* ---- The start. */

static void do_nothing(int signal)
{
	(void)signal;
}

/* What a terminal or a service manager sends to every process, the supervisor tells us in its own time. */
static int take_signals(struct master *m)
{
	static const int unwanted[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, 0 };
	const struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
	sigset_t set;

	for (const int *s = unwanted; *s; s++)
		sigaction(*s, &action, NULL);
	signal(SIGCHLD, SIG_DFL); /* a spawner may have left it ignored: then nobody could be reaped */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	m->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return m->signals < 0 ? -errno : 0;
}

/* As many as the generation before had, if not more: then its counters go on. */
static unsigned slots_for(const struct master *m)
{
	unsigned wanted = scoreboard_slots(settings_workers(m->settings));
	size_t had = shared_section_bytes(m->inheritance->memory, SHARED_SLOTS) / sizeof(struct worker_shm);

	return had > wanted && had <= SLOTS_MAX ? (unsigned)had : wanted;
}

static int open_shared(struct master *m)
{
	const struct settings *s = m->settings;
	unsigned slots = slots_for(m);

	metrics_measure(m->exchange->metrics, slots);
	const size_t sizes[SHARED_SECTIONS] = { [SHARED_POOL] = sizeof(struct pool_shm),
		                                [SHARED_OVERLOAD] = sizeof(struct overload_shm),
		                                [SHARED_SLOTS] = slots * sizeof(struct worker_shm),
		                                [SHARED_METRICS] = metrics_bytes(m->exchange->metrics),
		                                [SHARED_LIMIT] = sizeof(struct limit_shm),
		                                [SHARED_LIMIT_TABLE] =
		                                        limit_table_bytes((size_t)s->limit_table),
		                                [SHARED_ACCESS] = access_bytes(slots),
		                                [SHARED_BACKGROUND] = sizeof(struct background_shm),
		                                [SHARED_HISTORY] = sizeof(struct history_shm) };
	int memory = m->inheritance->memory;
	int error = memory >= 0 ? shared_attach(&m->shared, memory, s->state, sizes) : -ENOENT;

	if (error) {
		m->has_new_memory = true;
		if (memory >= 0) {
			log_notice("the shared memory is laid out anew: counters start at 0");
			close(memory);
		}
		error = shared_create(&m->shared, s->state, sizes);
	}
	if (error)
		log_error("state %s: %s", s->state ? s->state : "(memory)",
		          error == -EEXIST ? "another file has this name; remove it, or name another"
		                           : strerror(-error));
	return error;
}

static void attach(struct master *m)
{
	struct exchange *e = m->exchange;
	struct metrics *metrics = e->metrics;

	m->shm = shared_section(&m->shared, SHARED_POOL);
	e->overload.shm = shared_section(&m->shared, SHARED_OVERLOAD);
	limit_attach(&e->limit, shared_section(&m->shared, SHARED_LIMIT),
	             shared_section(&m->shared, SHARED_LIMIT_TABLE), (size_t)m->settings->limit_table);
	e->access.rings.shm = shared_section(&m->shared, SHARED_ACCESS);
	e->access.rings.count = metrics->slots;
	metrics->pool = m->shm;
	metrics->workers = shared_section(&m->shared, SHARED_SLOTS);
	metrics->overload = e->overload.shm;
	metrics->access = &e->access.rings;
	m->history = (struct history_sampler){ .shm = shared_section(&m->shared, SHARED_HISTORY),
		                               .metrics = metrics };
	metrics->history = m->history.shm;
	metrics_open(metrics, shared_section(&m->shared, SHARED_METRICS));
	metrics_take_slot(metrics, metrics_master_slot(metrics, m->inheritance->lane));
}

static void attach_background(struct master *m)
{
	struct background *b = m->background;

	b->shm = shared_section(&m->shared, SHARED_BACKGROUND);
	task_bind(b);
	job_claim_drop_dead(&b->shm->jobs);
	snapshot_use(b->shm, b->place);
	background_view_use(b);
}

/* How many connections may be kept: each is a descriptor here. */
static uint32_t capacity(unsigned workers)
{
	unsigned limit = descriptors_raise_limit(), used = descriptors_count() + 2 * workers + 8;

	return limit > used ? limit - used : 1;
}

static int open_connections(struct master *m)
{
	const struct connections_settings settings = { .listener = m->inheritance->listener,
		                                       .io_timeout_ms = (unsigned)m->settings->io_timeout_ms,
		                                       .capacity = capacity(settings_workers(m->settings)),
		                                       .is_pool = true };
	int error = connections_open(&m->connections, &settings);

	return error ? error : registry_open(&m->registry, &m->connections);
}

static int open_events(struct master *m)
{
	m->events = epoll_create1(EPOLL_CLOEXEC);
	if (m->events < 0)
		return -errno;
	watch(m, EPOLL_CTL_ADD, m->signals, EVENT_SIGNALS);
	watch(m, EPOLL_CTL_ADD, m->inheritance->control, EVENT_CONTROL);
	return 0;
}

static int open_workers(struct master *m)
{
	const struct inheritance *i = m->inheritance;
	const int masters[] = { m->events,     m->signals,   i->control,
		                i->parcels_in, m->shared.fd, i->admin_listener };
	unsigned n = 0;

	for (size_t fd = 0; fd < sizeof masters / sizeof masters[0]; fd++)
		if (masters[fd] >= 0)
			m->masters[n++] = masters[fd];
	m->masters[n] = -1;
	m->workers = (struct workers){ .settings = m->settings,
		                       .exchange = m->exchange,
		                       .input = worker_input(m->settings),
		                       .shm = m->shm,
		                       .slots = shared_section(&m->shared, SHARED_SLOTS),
		                       .slot_count = m->exchange->metrics->slots,
		                       .connections = &m->connections,
		                       .registry = &m->registry,
		                       .parcels = i->parcels_out,
		                       .events = m->events,
		                       .masters = m->masters,
		                       .generation = i->number };
	m->sampler = (struct backlog_sampler){ .connections = &m->connections,
		                               .shm = m->shm,
		                               .slots = m->workers.slots,
		                               .slot_count = m->workers.slot_count,
		                               .overload = &m->exchange->overload,
		                               .workers = settings_workers(m->settings) };
	return workers_open(&m->workers);
}

static int open_helpers(struct master *m)
{
	m->helpers =
		(struct helpers){ .settings = m->settings,
		                  .exchange = m->exchange,
		                  .background = m->background,
		                  .shm = m->shm,
		                  .admin_listener = m->settings->admin ? m->inheritance->admin_listener : -1,
		                  .memory = m->shared.fd,
		                  .lane = m->inheritance->lane };
	return helpers_open(&m->helpers);
}

/* 0 or -errno, and it was said. */
static int stand_up(struct master *m)
{
	int (*const steps[])(struct master *) = { take_signals, open_connections, open_events, NULL };
	int error = open_shared(m);

	if (error)
		return error;
	request_seed();
	for (int i = 0; !error && steps[i]; i++)
		error = steps[i](m);
	if (!error) {
		attach(m);
		attach_background(m);
		error = open_workers(m);
	}
	if (!error)
		error = open_helpers(m);
	if (error)
		log_error("cannot set up the pool: %s", strerror(-error));
	return error;
}

static void say_unwritten(const struct master *m)
{
	uint64_t bytes = helpers_unwritten_bytes(&m->helpers);

	if (m->state == DONE && !m->log_goes_on && bytes > 0)
		log_error("access log: %llu bytes of records could not be written",
		          (unsigned long long)bytes);
}

int master_run(const struct master_settings *settings)
{
	static struct master m;
	char reason[SUPERVISION_TEXT_MAX];

	m = (struct master){ .inheritance = settings->inheritance,
		             .supervisor_bytes = settings->supervisor_bytes,
		             .settings = settings->settings,
		             .exchange = settings->exchange,
		             .background = settings->background,
		             .state = STARTING };
	prctl(PR_SET_NAME, "percore-master");
	log_never_stall();
	if (stand_up(&m) != 0) {
		log_last(reason, sizeof reason);
		supervision_refuse(m.inheritance, reason);
		return 1;
	}
	while (m.state != DONE && m.state != FAILED) {
		look_after(&m);
		if (m.state != DONE && m.state != FAILED)
			wait_for_events(&m);
	}
	if (m.state == FAILED)
		workers_cut_all(&m.workers);
	say_unwritten(&m);
	workers_close(&m.workers);
	shared_close(&m.shared);
	return m.state == DONE ? 0 : 1;
}
