/*
 * master - the pool's life as a table of states and events.
 *
 * The master serves nothing.  It waits in one place, sigtimedwait(2): which needs no
 * descriptor, so no handler can blind it by closing one (workers share its table).
 * After each event it looks after its workers: reaps, rescues, starts, ends.
 * Nothing is allocated once the pool stands.
 */
#include "pool/master.h"

#include "base/clock.h"
#include "exchange/request.h"
#include "log/log.h"
#include "pool/admin.h"
#include "pool/background.h"
#include "pool/demand.h"
#include "pool/descriptors.h"
#include "pool/handover.h"
#include "pool/keeper.h"
#include "pool/listener.h"
#include "pool/notify.h"
#include "pool/pool.h"
#include "pool/predecessor.h"
#include "pool/publish.h"
#include "pool/scribe.h"
#include "pool/spawn.h"
#include "pool/standby.h"
#include "pool/upgrade.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 250,
	TICK_LEAST_MS = 10,
	ADOPT_MS = 5,
	TICKS_PER_TIMEOUT = 10,
	BACKLOG_TICK_MS = 50,
	BACKGROUND_GRACE_MS = 1000, /* at an upgrade */
};

enum state {
	SERVING,
	TRYING,  /* the new program is being tried; serving goes on */
	LEAVING, /* what runs in the background leaves, to make room for the new program */
	MENDING, /* the workers leave, for the queue has lost its descriptors */
	DRAINING,
	DONE,
	FAILED,
	STATES,
};

enum event {
	EVENT_NONE,
	EVENT_STOP,     /* SIGTERM, SIGINT, SIGQUIT */
	EVENT_RELOAD,   /* SIGHUP */
	EVENT_REOPEN,   /* SIGUSR1 */
	EVENT_UPGRADE,  /* SIGUSR2, or too many leaked descriptors */
	EVENT_GOOD,     /* the new program passed its trial */
	EVENT_BAD,      /* it did not */
	EVENT_UNSOUND,  /* the queue's descriptors do not work */
	EVENT_EMPTY,    /* nobody is left of those who are to leave */
	EVENT_HOPELESS, /* no worker could ever start */
	EVENTS,
};

/* ---- What events do; each returns the next state. */

static enum state drain(struct pool *pool)
{
	notify_send("STOPPING=1\nSTATUS=finishing the requests in hand");
	log_line("stopping: finishing the requests in hand");
	upgrade_end_trial(pool);
	pool->drain_since_ms = clock_coarse_ms();
	atomic_store(&pool->shm->draining, 1);
	if (predecessor_serves(pool) && !pool->was_ready) {
		queue_retire(pool->queue); /* what waits to be accepted is the predecessor's */
		spawn_end_starting(pool);
	} else {
		queue_drain(pool->queue);
	}
	predecessor_stop(pool);
	background_drain(pool);
	return DRAINING;
}

static enum state cut(struct pool *pool)
{
	if (clock_coarse_ms() < pool->drain_since_ms + SAME_SIGNAL_MS)
		return DRAINING;
	log_warning("told to stop again: requests in hand are cut");
	spawn_cut_all(pool);
	predecessor_cut(pool);
	background_cut(pool);
	return DRAINING;
}

static bool reload_settings(struct pool *pool)
{
	notify_reloading();
	if (pool->settings->reload(pool->settings->context)) {
		pool->shm->reload_error[0] = '\0';
		scribe_reload(pool);
		pool->queue->settings.io_timeout_ms = (unsigned)pool->settings->settings->io_timeout_ms;
		atomic_fetch_add(&pool->shm->reloads, 1);
		return true;
	}
	atomic_fetch_add(&pool->shm->reloads_failed, 1);
	log_last(pool->shm->reload_error, sizeof pool->shm->reload_error);
	log_error("reload: the configuration is wrong; the one before goes on");
	notify_send("READY=1\nSTATUS=the configuration is wrong; the one before goes on");
	return false;
}

static enum state reload(struct pool *pool)
{
	if (!reload_settings(pool))
		return SERVING;
	spawn_successors(pool);
	pool->said_stuck = false;
	pool->told_ready = false; /* systemd waits for the next READY */
	admin_renew(pool);
	background_reload(pool);
	log_line("reload: %u workers start with the new configuration, the others leave", pool->workers);
	return SERVING;
}

static enum state reload_while_trying(struct pool *pool)
{
	reload(pool);
	return TRYING;
}

/* In whatever state.  stderr is the spawner's. */
static void reopen(struct pool *pool)
{
	scribe_reopen(pool);
	predecessor_reopen(pool);
}

/* A predecessor's slowest request is not the next program's affair. */
static enum state wait_for_predecessor(struct pool *pool)
{
	if (!pool->upgrade_is_due)
		log_line("upgrade: begins when the program before has finished its requests in hand");
	pool->upgrade_is_due = true;
	return SERVING;
}

/* Where ours have not served yet, the predecessor's go on for the next program.  Else they leave first. */
static bool must_wait(struct pool *pool)
{
	if (pool->was_ready || queue_connections(pool->queue) > 0)
		predecessor_relieve(pool);
	return predecessor_is_there(pool) && !predecessor_serves(pool);
}

static enum state try_program(struct pool *pool)
{
	if (must_wait(pool))
		return wait_for_predecessor(pool);
	pool->upgrade_is_due = false;
	if (upgrade_try(pool))
		return TRYING;
	atomic_fetch_add(&pool->shm->upgrades_failed, 1);
	return SERVING;
}

/* The trial may hang, or be of a program that is mended meanwhile. */
static enum state try_anew(struct pool *pool)
{
	log_line("upgrade: the trial so far is ended; the program is tried anew");
	upgrade_end_trial(pool);
	return try_program(pool);
}

static enum state refuse_program(struct pool *pool)
{
	atomic_fetch_add(&pool->shm->upgrades_failed, 1);
	return SERVING;
}

static enum state make_room(struct pool *pool)
{
	if (must_wait(pool))
		return wait_for_predecessor(pool);
	log_line("upgrade: the new program takes over");
	notify_reloading();
	background_leave(pool, BACKGROUND_GRACE_MS);
	if (predecessor_serves(pool))
		spawn_end_starting(pool);
	return LEAVING;
}

static enum state execute(struct pool *pool)
{
	/* One of ours may have begun to serve just as it was to be ended. */
	if (must_wait(pool))
		return wait_for_predecessor(pool);
	upgrade_execute(pool);
	pool->told_ready = pool->said_stuck = false; /* systemd was told that it reloads */
	atomic_fetch_add(&pool->shm->upgrades_failed, 1);
	return SERVING;
}

static enum state begin_mending(struct pool *pool)
{
	log_warning("a handler closed descriptors that were not its own: starting anew");
	spawn_tell_all(pool, POOL_EXIT_TOLD, clock_coarse_ms());
	return MENDING;
}

static enum state mend(struct pool *pool)
{
	int error = keeper_restore(pool);

	if (!error)
		error = queue_init(pool->queue, pool->queue->size, &pool->queue->settings);
	if (!error)
		return SERVING;
	log_error("the listening socket is lost: %s", strerror(-error));
	return FAILED;
}

static enum state done(struct pool *pool)
{
	(void)pool;
	return DONE;
}

static enum state fail(struct pool *pool)
{
	(void)pool;
	return FAILED;
}

typedef enum state (*step)(struct pool *pool);

/* Where there is none, the event changes nothing. */
static const step steps[STATES][EVENTS] = {
	[SERVING] = { [EVENT_STOP] = drain,
	              [EVENT_RELOAD] = reload,
	              [EVENT_UPGRADE] = try_program,
	              [EVENT_UNSOUND] = begin_mending,
	              [EVENT_HOPELESS] = fail },
	[TRYING] = { [EVENT_STOP] = drain,
	             [EVENT_RELOAD] = reload_while_trying,
	             [EVENT_UPGRADE] = try_anew,
	             [EVENT_GOOD] = make_room,
	             [EVENT_BAD] = refuse_program,
	             [EVENT_UNSOUND] = begin_mending,
	             [EVENT_HOPELESS] = fail },
	[LEAVING] = { [EVENT_STOP] = drain, [EVENT_EMPTY] = execute, [EVENT_HOPELESS] = fail },
	[MENDING] = { [EVENT_STOP] = drain, [EVENT_EMPTY] = mend },
	[DRAINING] = { [EVENT_STOP] = cut, [EVENT_EMPTY] = done },
};

static enum state take_step(struct pool *pool, enum state state, enum event event)
{
	if (event == EVENT_REOPEN)
		reopen(pool);
	return steps[state][event] ? steps[state][event](pool) : state;
}

/* ---- The wait. */

static enum event event_of(int signal)
{
	switch (signal) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
		return EVENT_STOP;
	case SIGHUP:
		return EVENT_RELOAD;
	case SIGUSR1:
		return EVENT_REOPEN;
	case SIGUSR2:
		return EVENT_UPGRADE;
	default: /* SIGCHLD, SIGRTMIN: the workers are looked after in any case */
		return EVENT_NONE;
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Fine enough for the shortest time that is watched. */
static uint64_t tick_ms(const struct pool *pool)
{
	const struct settings *s = pool->settings->settings;
	uint64_t tick = TICK_MS, watchdog = notify_watchdog_ms();

	if (s->request_timeout_ms > 0)
		tick = least(tick, (uint64_t)s->request_timeout_ms / TICKS_PER_TIMEOUT);
	if (s->slow_log_ms > 0)
		tick = least(tick, (uint64_t)s->slow_log_ms / TICKS_PER_TIMEOUT);
	if (pool->is_busy)
		tick = least(tick, BACKLOG_TICK_MS);
	if (watchdog > 0)
		tick = least(tick, watchdog);
	return tick > TICK_LEAST_MS ? tick : TICK_LEAST_MS;
}

static enum event wait_for_event(const struct pool *pool, uint64_t until_ms)
{
	uint64_t now_ms = clock_coarse_ms();
	uint64_t wait_ms = until_ms > now_ms ? until_ms - now_ms : 0;
	const struct timespec wait = { .tv_sec = (time_t)(wait_ms / 1000),
		                       .tv_nsec = (long)(wait_ms % 1000) * 1000000 };

	return event_of(sigtimedwait(&pool->signals, NULL, &wait));
}

/* ---- Looking after the pool. */

static bool runs(const struct pool *pool, const struct seat *seat)
{
	return seat->process >= 0 && pool->processes[seat->process].state == PROCESS_RUNNING;
}

static bool all_run(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->workers; i++)
		if (!runs(pool, &pool->seats[i]))
			return false;
	return true;
}

/*
 * Descriptors that dead workers' handlers left open.  What the living hold cannot be
 * told from that, so what each held when the pool was first complete is taken for it.
 */
static enum event count_leaks(struct pool *pool)
{
	unsigned known = queue_connections(pool->queue) + 6; /* 0, 1, 2, listener, epoll, state: at most */
	known += limit_redis_descriptors(&pool->settings->exchange->limit.shm->store, pool->process_top);
	unsigned open = descriptors_open();
	unsigned unknown = open > known ? open - known : 0;

	if (!pool->has_baseline) {
		pool->baseline = unknown;
		pool->has_baseline = true;
	}
	unsigned leaked = unknown > pool->baseline ? unknown - pool->baseline : 0;
	atomic_store(&pool->shm->leaked_descriptors, leaked);
	pool->count_leaks = false;
	if (leaked <= pool->queue->size / 4 || pool->checker)
		return EVENT_NONE;
	log_warning("killed handlers left %u descriptors open: executing the program anew to be rid of them",
	            leaked);
	return EVENT_UPGRADE;
}

static enum event tick(struct pool *pool, uint64_t now_ms)
{
	queue_tick(pool->queue);
	if (!predecessor_serves(pool)) /* else that looks */
		demand_look(pool, now_ms);
	publish_load(pool);
	if (notify_watchdog_ms() > 0)
		notify_send("WATCHDOG=1");
	if (!queue_is_sound(pool->queue))
		return EVENT_UNSOUND;
	if (!all_run(pool) || (pool->has_baseline && !pool->count_leaks))
		return EVENT_NONE;
	return count_leaks(pool);
}

/* All; or one does, and others cannot start: maybe for want of what the predecessor's workers hold. */
static bool run_as_far_as_they_can(const struct pool *pool)
{
	bool any = false;

	for (unsigned i = 0; i < pool->workers; i++) {
		const struct seat *seat = &pool->seats[i];
		if (runs(pool, seat))
			any = true;
		else if (seat->quick_deaths == 0)
			return false;
	}
	return any;
}

/* What is wrong is mended sooner if it is said. */
static void say_if_stuck(struct pool *pool)
{
	if (!predecessor_serves(pool) || pool->was_ready || pool->said_stuck)
		return;
	for (unsigned i = 0; i < pool->workers; i++)
		if (pool->seats[i].quick_deaths == 0)
			return;
	pool->said_stuck = true;
	atomic_fetch_add(&pool->shm->upgrades_failed, 1);
	log_error("upgrade: no worker of this program can start; those of the one before serve on.  Mend it, "
	          "then send SIGUSR2, or SIGHUP where it was the configuration");
	notify_send(
		"READY=1\nSTATUS=no worker of the new program can start; those of the one before serve on");
}

static void tell_readiness(struct pool *pool)
{
	bool ready = all_run(pool) && !pool->reloading;

	if (run_as_far_as_they_can(pool))
		predecessor_relieve(pool);
	say_if_stuck(pool);
	if (ready && !pool->told_ready)
		notify_send("READY=1\nSTATUS=%u workers serve", pool->workers);
	pool->told_ready = ready;
}

static bool is_empty(const struct pool *pool, enum state state)
{
	switch (state) {
	case LEAVING:
		return !background_is_any(pool) &&
		       (!predecessor_serves(pool) || pool->was_ready || spawn_alive(pool) == 0);
	case MENDING:
		return spawn_alive(pool) == 0;
	case DRAINING:
		return spawn_alive(pool) == 0 && !predecessor_is_there(pool);
	default:
		return false;
	}
}

/* Workers that are missing are started. */
static bool fills_seats(const struct pool *pool, enum state state)
{
	return state == SERVING || state == TRYING || (state == LEAVING && !predecessor_serves(pool));
}

/* After any event.  What has come of it. */
static enum event look_after(struct pool *pool, enum state state)
{
	uint64_t now_ms = clock_coarse_ms();

	if (!spawn_reap(pool, now_ms))
		return EVENT_HOPELESS;
	predecessor_look(pool, now_ms);
	scribe_look(pool, now_ms);
	admin_due(pool, now_ms);
	spawn_look_for_ready(pool, now_ms);
	spawn_end_overdue(pool, now_ms);
	background_look(pool, now_ms, state == SERVING || state == TRYING);
	if (pool->adopting)
		pool->adopting = !queue_adopt(pool->queue, pool->slots, pool->process_top);
	if (fills_seats(pool, state)) {
		spawn_due(pool, now_ms);
		tell_readiness(pool);
	}
	/* Until then connections may come from there. */
	if (state == DRAINING && !predecessor_is_there(pool))
		spawn_tell_all(pool, POOL_EXIT_TOLD, now_ms);
	publish_size(pool);
	publish_workers(pool);
	if (is_empty(pool, state))
		return EVENT_EMPTY;
	if (state == TRYING && upgrade_verdict(pool) >= 0)
		return upgrade_verdict(pool) == 0 ? EVENT_GOOD : EVENT_BAD;
	if (state == SERVING && pool->upgrade_is_due && !predecessor_is_there(pool))
		return EVENT_UPGRADE;
	return EVENT_NONE;
}

static int live(struct pool *pool)
{
	enum state state = SERVING;
	uint64_t tick_at_ms = clock_coarse_ms();

	while (state != DONE && state != FAILED) {
		uint64_t now_ms = clock_coarse_ms();
		enum event event = look_after(pool, state);
		if (event == EVENT_NONE && now_ms >= tick_at_ms) {
			event = tick(pool, now_ms);
			tick_at_ms = now_ms + tick_ms(pool);
		}
		if (event == EVENT_NONE) {
			uint64_t until_ms = least(tick_at_ms, scribe_next_ms(pool));
			if (fills_seats(pool, state))
				until_ms = least(until_ms, spawn_next_ms(pool));
			if (state == SERVING || state == TRYING)
				until_ms = least(until_ms, background_next_ms(pool));
			event = wait_for_event(pool, pool->adopting ? least(until_ms, now_ms + ADOPT_MS)
			                                            : until_ms);
		}
		state = take_step(pool, state, event);
	}
	return state == DONE ? 0 : 1;
}

/* ---- The start. */

static void block_signals(struct pool *pool)
{
	const int waited[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, 0 };

	sigemptyset(&pool->signals);
	for (const int *s = waited; *s; s++)
		sigaddset(&pool->signals, *s);
	sigaddset(&pool->signals, SIGRTMIN); /* a worker is ready */
	sigprocmask(SIG_BLOCK, &pool->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* a spawner may have left it ignored: then nobody could be reaped */
}

static void set_metrics(const struct pool *pool)
{
	struct metrics *metrics = pool->settings->exchange->metrics;

	metrics->pool = pool->shm;
	metrics->workers = pool->slots;
	metrics->shed = pool->settings->exchange->shed.shm;
	metrics->access = pool->settings->exchange->access.shm;
	metrics_open(metrics, shared_section(&pool->shared, SHARED_METRICS));
	metrics_take_slot(metrics, METRICS_MASTER);
}

static int open_shared(struct pool *pool)
{
	const struct pool_settings *s = pool->settings;
	const size_t sizes[SHARED_SECTIONS] = { [SHARED_POOL] = sizeof(struct pool_shm),
		                                [SHARED_SHED] = sizeof(struct shed_shm),
		                                [SHARED_SLOTS] = SLOTS_MAX * sizeof(struct worker_shm),
		                                [SHARED_METRICS] = metrics_bytes(s->exchange->metrics),
		                                [SHARED_LIMIT] = sizeof(struct limit_shm),
		                                [SHARED_LIMIT_TABLE] =
		                                        limit_table_bytes((size_t)s->settings->limit_table),
		                                [SHARED_ACCESS] = sizeof(struct access_shm),
		                                [SHARED_BACKGROUND] = sizeof(struct background_shm) };
	int error = -EPROTO;

	if (s->inherited.state >= 0)
		error = shared_attach(&pool->shared, s->inherited.state, s->settings->state, sizes);
	if (s->inherited.state >= 0 && error)
		log_warning("upgrade: the shared memory is laid out anew: counters start at 0");
	if (error)
		error = shared_create(&pool->shared, s->settings->state, sizes);
	if (error)
		return error;
	pool->shm = shared_section(&pool->shared, SHARED_POOL);
	pool->slots = shared_section(&pool->shared, SHARED_SLOTS);
	atomic_store(&pool->shm->draining, 0);
	s->exchange->shed.shm = shared_section(&pool->shared, SHARED_SHED);
	limit_attach(&s->exchange->limit, shared_section(&pool->shared, SHARED_LIMIT),
	             shared_section(&pool->shared, SHARED_LIMIT_TABLE), (size_t)s->settings->limit_table);
	s->exchange->access.shm = shared_section(&pool->shared, SHARED_ACCESS);
	background_open(pool, shared_section(&pool->shared, SHARED_BACKGROUND));
	publish_master(pool);
	set_metrics(pool);
	return 0;
}

static int open_queue(struct pool *pool)
{
	const struct pool_settings *s = pool->settings;
	const struct queue_settings queue = { .listener = s->listener,
		                              .io_timeout_ms = (unsigned)s->settings->io_timeout_ms,
		                              .is_pool = true };
	uint32_t descriptors = queue_descriptors();

	pool->queue = queue_map(descriptors);
	return pool->queue ? queue_init(pool->queue, descriptors, &queue) : -errno;
}

static int stand_up(struct pool *pool)
{
	predecessor_meet(pool);
	pool->processes = calloc(SLOTS_MAX, sizeof *pool->processes);
	pool->seats = calloc(WORKERS_MAX, sizeof *pool->seats);
	if (!pool->processes || !pool->seats)
		return -ENOMEM;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		pool->seats[i].process = pool->seats[i].successor = -1;
	pool->workers = settings_workers(pool->settings->settings);
	request_seed();
	int error = admin_open(pool);
	if (!error)
		error = handover_open(&pool->handover);
	if (!error)
		error = open_shared(pool);
	return error ? error : open_queue(pool);
}

/* From the first worker to the end of the last. */
static int serve(struct pool *pool)
{
	const struct settings *settings = pool->settings->settings;
	char socket[256];

	listener_describe(pool->settings->listener, socket, sizeof socket);
	log_line("serving on %s with %u workers", socket, pool->workers);
	keeper_start(pool);
	int status = live(pool);
	background_finish(pool, (uint64_t)settings->drain_timeout_ms);
	background_close(pool);
	scribe_finish(pool);
	keeper_stop(pool);
	admin_stop(pool);
	if (settings->state)
		unlink(settings->state);
	shared_close(&pool->shared);
	return status;
}

int master_run(const struct pool_settings *settings)
{
	struct pool pool = { .settings = settings, .admin_listener = -1 };
	int status = 1;

	block_signals(&pool);
	int error = stand_up(&pool);
	if (predecessor_serves(&pool))
		notify_watchdog_resume();
	if (error)
		log_error("cannot set up the pool: %s", strerror(-error));
	if (!error)
		status = serve(&pool);
	else if (predecessor_serves(&pool))
		status = standby_run(&pool);
	free(pool.processes);
	free(pool.seats);
	return status;
}
