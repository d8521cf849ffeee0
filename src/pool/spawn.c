/*
 * spawn - see spawn.h.
 *
 * A worker is made with clone(CLONE_FILES): memory of its own, the master's
 * descriptors.  One that dies before it has answered QUICK_REQUESTS requests, over
 * and over, is started again after a growing delay.
 */
#include "pool/spawn.h"

#include "base/clock.h"
#include "base/proc.h"
#include "log/log.h"
#include "pool/admin.h"
#include "pool/background.h"
#include "pool/keeper.h"
#include "pool/predecessor.h"
#include "pool/rescue.h"
#include "pool/scribe.h"
#include "pool/upgrade.h"
#include "pool/worker.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUICK_REQUESTS = 10, QUICK_FREE = 2, DELAY_FIRST_MS = 50, DELAY_MAX_MS = 2000, STOPPED_MS = 1000 };

static const struct settings *settings_of(const struct pool *pool)
{
	return pool->settings->settings;
}

/* ---- Birth. */

/* At an upgrade two programs look for one: each takes what the other has not. */
static bool take_slot(struct worker_shm *slot)
{
	uint32_t none = WORKER_NONE;

	return atomic_compare_exchange_strong(&slot->life, &none, WORKER_LIVES);
}

static int find_slot(struct pool *pool)
{
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		if (pool->processes[i].state == PROCESS_NONE && take_slot(&pool->slots[i])) {
			if (i >= pool->process_top)
				pool->process_top = i + 1;
			return (int)i;
		}
	return -1;
}

static _Noreturn void be_worker(const struct pool *pool, unsigned index, pid_t master)
{
	const struct settings *settings = settings_of(pool);
	const struct worker worker = { .queue = pool->queue,
		                       .slot = &pool->slots[index],
		                       .exchange = pool->settings->exchange,
		                       .index = index,
		                       .seat = pool->processes[index].seat,
		                       .keeps_connections = true,
		                       .max_requests = settings->max_requests,
		                       .max_memory = settings->max_memory,
		                       .backtraces = settings->slow_backtrace };

	prctl(PR_SET_NAME, "percore-worker");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		_exit(1);
	_exit(worker_run(&worker));
}

/* The index of the new process, or -1. */
static int spawn(struct pool *pool, unsigned seat)
{
	pid_t master = getpid();
	int index = find_slot(pool);

	if (index < 0) {
		pool->seats[seat].spawn_at_ms = clock_coarse_ms() + DELAY_MAX_MS;
		return -1;
	}
	struct worker_shm *slot = &pool->slots[index];
	atomic_store(&slot->stage, WORKER_STARTING);
	atomic_store(&slot->window, 0);
	atomic_store(&slot->told, 0);
	atomic_store(&slot->farewell, WORKER_DIED);
	pool->processes[index] = (struct process){ .state = PROCESS_STARTING,
		                                   .seat = seat,
		                                   .requests_at_birth = atomic_load(&slot->requests) };
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0)
		be_worker(pool, (unsigned)index, master);
	pool->processes[index].pid = pid;
	if (pid > 0)
		return index;
	pool->processes[index].state = PROCESS_NONE;
	atomic_store(&slot->life, WORKER_NONE);
	log_error("cannot start a worker: %s; trying again in %d ms", strerror(errno), DELAY_MAX_MS);
	pool->seats[seat].spawn_at_ms = clock_coarse_ms() + DELAY_MAX_MS;
	pool->seats[seat].quick_deaths++;
	return -1;
}

void spawn_due(struct pool *pool, uint64_t now_ms)
{
	for (unsigned i = 0; i < pool->workers; i++) {
		struct seat *seat = &pool->seats[i];
		if (seat->process < 0 && seat->successor < 0 && seat->spawn_at_ms <= now_ms)
			seat->process = spawn(pool, i);
	}
}

uint64_t spawn_next_ms(const struct pool *pool)
{
	uint64_t next_ms = UINT64_MAX;

	for (unsigned i = 0; i < pool->workers; i++)
		if (pool->seats[i].process < 0 && pool->seats[i].spawn_at_ms < next_ms)
			next_ms = pool->seats[i].spawn_at_ms;
	return next_ms;
}

/* ---- Leaving. */

static void tell(struct pool *pool, int index, enum pool_exit cause, uint64_t now_ms)
{
	struct process *p = &pool->processes[index];

	if (p->state != PROCESS_STARTING && p->state != PROCESS_RUNNING)
		return;
	p->state = PROCESS_LEAVING;
	p->cause = cause;
	p->leave_by_ms = now_ms + (uint64_t)settings_of(pool)->drain_timeout_ms;
	atomic_store(&pool->slots[index].told, 1);
	kill(p->pid, SIGTERM); /* out of the wait */
}

static void kill_for(struct process *p, enum pool_exit cause)
{
	p->state = PROCESS_KILLED;
	p->cause = cause;
	kill(p->pid, SIGKILL);
}

void spawn_successors(struct pool *pool)
{
	uint64_t now_ms = clock_coarse_ms();
	unsigned workers = settings_workers(settings_of(pool));

	for (unsigned i = 0; i < workers || i < pool->workers; i++) {
		struct seat *seat = &pool->seats[i];
		if (seat->successor >= 0)
			tell(pool, seat->successor, POOL_EXIT_TOLD, now_ms);
		seat->successor = -1;
		seat->quick_deaths = 0;
		seat->spawn_at_ms = 0;
		if (i >= workers) { /* fewer than before */
			if (seat->process >= 0)
				tell(pool, seat->process, POOL_EXIT_TOLD, now_ms);
			seat->process = -1;
			continue;
		}
		int *place = seat->process >= 0 ? &seat->successor : &seat->process;
		*place = spawn(pool, i);
	}
	pool->workers = workers;
	pool->reloading = true;
}

void spawn_look_for_ready(struct pool *pool, uint64_t now_ms)
{
	bool all = true;

	for (unsigned i = 0; i < pool->process_top; i++) {
		struct process *p = &pool->processes[i];
		struct seat *seat = &pool->seats[p->seat];
		if (p->state != PROCESS_STARTING)
			continue;
		if (atomic_load(&pool->slots[i].stage) == WORKER_STARTING) {
			all = false;
			continue;
		}
		p->state = PROCESS_RUNNING;
		pool->was_ready = true;
		if (seat->successor != (int)i)
			continue;
		if (seat->process >= 0)
			tell(pool, seat->process, POOL_EXIT_TOLD, now_ms);
		seat->process = seat->successor;
		seat->successor = -1;
	}
	pool->reloading &= !all;
}

void spawn_tell_all(struct pool *pool, enum pool_exit cause, uint64_t now_ms)
{
	for (unsigned i = 0; i < pool->process_top; i++)
		tell(pool, (int)i, cause, now_ms);
}

void spawn_end_starting(struct pool *pool)
{
	for (unsigned i = 0; i < pool->process_top; i++)
		if (pool->processes[i].state != PROCESS_NONE &&
		    atomic_load(&pool->slots[i].stage) == WORKER_STARTING)
			kill_for(&pool->processes[i], POOL_EXIT_TOLD);
}

void spawn_cut_all(struct pool *pool)
{
	for (unsigned i = 0; i < pool->process_top; i++)
		if (pool->processes[i].state != PROCESS_NONE)
			kill_for(&pool->processes[i], POOL_EXIT_CUT);
}

unsigned spawn_alive(const struct pool *pool)
{
	unsigned alive = 0;

	for (unsigned i = 0; i < pool->process_top; i++)
		alive += pool->processes[i].state != PROCESS_NONE;
	return alive;
}

/* ---- Death. */

static enum pool_exit cause_of(const struct pool *pool, unsigned index, const siginfo_t *death)
{
	const struct process *p = &pool->processes[index];

	switch (atomic_load(&pool->slots[index].farewell)) {
	case WORKER_RECYCLED:
		return POOL_EXIT_RECYCLED;
	case WORKER_NO_MEMORY:
		return POOL_EXIT_MEMORY;
	default:
		break;
	}
	if (p->state == PROCESS_KILLED)
		return p->cause;
	if (death->si_code != CLD_EXITED)
		return POOL_EXIT_SIGNAL;
	return p->state == PROCESS_LEAVING && death->si_status == 0 ? POOL_EXIT_TOLD : POOL_EXIT_STATUS;
}

/* The request in hand is answered, and counted. */
static void rescue(const struct pool *pool, unsigned index, enum pool_exit cause)
{
	static const struct {
		int status;
		const char *detail;
	} answers[POOL_EXITS] = {
		[POOL_EXIT_TIMEOUT] = { 504, "The request took longer than the service allows." },
		[POOL_EXIT_MEMORY] = { 503, "The service is short of memory now." },
		[POOL_EXIT_CUT] = { 503, "The service is restarting." },
	};
	const struct rescue rescue = {
		.queue = pool->queue,
		.pool = pool->shm,
		.access = &pool->settings->exchange->access,
		.slot = &pool->slots[index],
		.worker = index,
		.seat = pool->processes[index].seat,
		.status = answers[cause].status ? answers[cause].status : 500,
		.detail =
			answers[cause].detail ? answers[cause].detail : "The request could not be completed.",
	};

	const struct worker_shm *slot = &pool->slots[index];
	uint64_t since_ms = atomic_load(&slot->hand.since_ms), now_ms = clock_coarse_ms();
	int answered = rescue_worker(&rescue);
	if (atomic_load(&slot->stage) == WORKER_SERVING)
		metrics_settle(
			pool->settings->exchange->metrics,
			&(struct metrics_death){ .slot = index,
		                                 .answered = answered,
		                                 .was_read = atomic_load(&slot->hand.fcgi_id) != 0,
		                                 .elapsed_ms = now_ms > since_ms ? now_ms - since_ms : 0 });
}

static void say_death(const struct pool *pool, unsigned index, enum pool_exit cause, const siginfo_t *death)
{
	const struct process *p = &pool->processes[index];

	switch (cause) {
	case POOL_EXIT_TOLD:
		return;
	case POOL_EXIT_RECYCLED:
		log_line("worker %u (pid %d) reached --max-requests or --max-memory, and left", p->seat,
		         (int)p->pid);
		return;
	case POOL_EXIT_TIMEOUT:
		log_warning("worker %u (pid %d) was ended: its request took longer than --request-timeout",
		            p->seat, (int)p->pid);
		return;
	case POOL_EXIT_STOPPED:
		log_warning("worker %u (pid %d) was ended: a signal had stopped it", p->seat, (int)p->pid);
		return;
	case POOL_EXIT_CUT:
		log_warning(
			"worker %u (pid %d) was ended%s: the time to leave was over", p->seat, (int)p->pid,
			atomic_load(&pool->slots[index].stage) == WORKER_SERVING ? " with a request in hand"
										 : "");
		return;
	case POOL_EXIT_MEMORY:
		log_error("worker %u (pid %d) ran out of memory", p->seat, (int)p->pid);
		return;
	default:
		break;
	}
	if (death->si_status == 0 && death->si_code != CLD_EXITED)
		return; /* see death_of */
	if (death->si_code == CLD_EXITED)
		log_error("worker %u (pid %d) left with exit status %d", p->seat, (int)p->pid,
		          death->si_status);
	else
		log_error("worker %u (pid %d) died of signal %d (%s)", p->seat, (int)p->pid, death->si_status,
		          strsignal(death->si_status));
}

uint64_t spawn_delay_ms(unsigned quick_deaths)
{
	if (quick_deaths <= QUICK_FREE)
		return 0;
	unsigned doublings = quick_deaths - QUICK_FREE - 1;
	uint64_t delay_ms = doublings < 6 ? (uint64_t)DELAY_FIRST_MS << doublings : DELAY_MAX_MS;
	return delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
}

/* How long its successor waits, from how its life went. */
static void set_delay(struct pool *pool, const struct process *p, uint64_t served, uint64_t now_ms)
{
	struct seat *seat = &pool->seats[p->seat];

	seat->quick_deaths = served < QUICK_REQUESTS ? seat->quick_deaths + 1 : 0;
	seat->spawn_at_ms = now_ms + spawn_delay_ms(seat->quick_deaths);
	if (seat->quick_deaths == QUICK_FREE + 1)
		log_error("worker %u died %u times within its first %d requests: "
		          "it is started again after a growing delay, up to %d s",
		          p->seat, seat->quick_deaths, QUICK_REQUESTS, DELAY_MAX_MS / 1000);
}

static void leave_seat(struct pool *pool, int index)
{
	struct seat *seat = &pool->seats[pool->processes[index].seat];

	if (seat->process == index)
		seat->process = -1;
	if (seat->successor == index)
		seat->successor = -1;
	if (seat->process < 0 && seat->successor >= 0) { /* the predecessor died of itself */
		seat->process = seat->successor;
		seat->successor = -1;
	}
}

void spawn_free_slot(const struct pool *pool, unsigned index)
{
	limit_bury(&pool->settings->exchange->limit, index);
	atomic_store(&pool->slots[index].window, 0);
	atomic_store(&pool->slots[index].life, WORKER_NONE); /* the next may take it from here on */
}

/* False: no worker has ever started. */
static bool bury(struct pool *pool, unsigned index, const siginfo_t *death, uint64_t now_ms)
{
	struct process *p = &pool->processes[index];
	struct worker_shm *slot = &pool->slots[index];
	enum pool_exit cause = cause_of(pool, index, death);
	bool was_starting = p->state == PROCESS_STARTING && atomic_load(&slot->stage) == WORKER_STARTING;

	say_death(pool, index, cause, death);
	rescue(pool, index, cause);
	atomic_fetch_add(&pool->shm->exits[cause], 1);
	if (cause != POOL_EXIT_TOLD && cause != POOL_EXIT_RECYCLED) {
		pool->adopting = pool->count_leaks = true;
		set_delay(pool, p, atomic_load(&slot->requests) - p->requests_at_birth, now_ms);
	}
	leave_seat(pool, (int)index);
	p->state = PROCESS_NONE;
	spawn_free_slot(pool, index);
	if (!was_starting || pool->was_ready || predecessor_is_there(pool))
		return true;
	log_error("no worker could start: giving up");
	return false;
}

/* A stopped worker may hold an edge that it took and did not claim. */
static void note_stop(struct pool *pool, struct process *p, const siginfo_t *event, uint64_t now_ms)
{
	p->stopped_ms = event->si_code == CLD_STOPPED ? now_ms : 0;
	if (p->stopped_ms)
		queue_raise(pool->queue);
}

static int index_of(const struct pool *pool, pid_t pid)
{
	for (unsigned i = 0; i < pool->process_top; i++)
		if (pool->processes[i].state != PROCESS_NONE && pool->processes[i].pid == pid)
			return (int)i;
	return -1;
}

/* Of no worker of ours. */
static void note_exit(struct pool *pool, const siginfo_t *death, uint64_t now_ms)
{
	int status = death->si_code == CLD_EXITED ? death->si_status : -1;

	admin_note_exit(pool, death->si_pid, now_ms);
	scribe_note_exit(pool, death->si_pid, status);
	keeper_note_exit(pool, death->si_pid);
	upgrade_note_exit(pool, death->si_pid, status);
	background_note_exit(pool, death);
	predecessor_note_exit(pool, death);
}

bool spawn_reap(struct pool *pool, uint64_t now_ms)
{
	siginfo_t event = { 0 };
	bool good = true;

	while (waitid(P_ALL, 0, &event, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) == 0 && event.si_pid > 0) {
		int index = index_of(pool, event.si_pid);
		bool ended = event.si_code != CLD_STOPPED && event.si_code != CLD_CONTINUED;
		if (index >= 0 && ended)
			good &= bury(pool, (unsigned)index, &event, now_ms);
		else if (index >= 0)
			note_stop(pool, &pool->processes[index], &event, now_ms);
		else if (ended)
			note_exit(pool, &event, now_ms);
		else if (event.si_code == CLD_STOPPED && !background_note_stop(pool, event.si_pid))
			predecessor_note_stop(pool, event.si_pid);
		event.si_pid = 0;
	}
	return good;
}

/* Where only its parent knows how it ended, that says so. */
static siginfo_t death_of(const struct pool *pool, unsigned index, int status)
{
	bool was_told = pool->processes[index].state == PROCESS_LEAVING &&
	                atomic_load(&pool->slots[index].stage) != WORKER_SERVING;

	if (status < 0)
		return (siginfo_t){ .si_code = was_told ? CLD_EXITED : CLD_KILLED };
	if (WIFEXITED(status))
		return (siginfo_t){ .si_code = CLD_EXITED, .si_status = WEXITSTATUS(status) };
	return (siginfo_t){ .si_code = CLD_KILLED, .si_status = WTERMSIG(status) };
}

void spawn_look_at_all(struct pool *pool, uint64_t now_ms)
{
	for (unsigned i = 0; i < pool->process_top; i++) {
		struct process *p = &pool->processes[i];
		int status;
		if (p->state == PROCESS_NONE)
			continue;
		char state = proc_state(p->pid, &status);
		siginfo_t event = { .si_code = state == 'T' ? CLD_STOPPED : CLD_CONTINUED };
		if (state == PROC_ENDED) {
			event = death_of(pool, i, status);
			bury(pool, i, &event, now_ms);
		} else if ((state == 'T') != (p->stopped_ms != 0)) {
			note_stop(pool, p, &event, now_ms);
		}
	}
}

/* ---- Time. */

static void log_slow(const struct pool *pool, unsigned index, uint64_t elapsed_ms)
{
	const struct inhand_shm *hand = &pool->slots[index].hand;
	const struct process *p = &pool->processes[index];

	log_warning("slow: request %.*s: %.*s %.*s has taken %llu ms so far in worker %u (pid %d)",
	            INHAND_ID_MAX - 1, hand->id, INHAND_METHOD_MAX - 1, hand->method, INHAND_PATH_MAX - 1,
	            hand->path, (unsigned long long)elapsed_ms, p->seat, (int)p->pid);
	if (settings_of(pool)->slow_backtrace)
		kill(p->pid, WORKER_BACKTRACE_SIGNAL);
}

static void check_request(struct pool *pool, unsigned index, uint64_t now_ms)
{
	const struct settings *settings = settings_of(pool);
	struct process *p = &pool->processes[index];
	uint64_t since_ms = atomic_load(&pool->slots[index].hand.since_ms);
	uint64_t elapsed_ms = now_ms > since_ms ? now_ms - since_ms : 0;

	if (settings->slow_log_ms > 0 && elapsed_ms >= (uint64_t)settings->slow_log_ms &&
	    p->slow_since_ms != since_ms) {
		p->slow_since_ms = since_ms;
		log_slow(pool, index, elapsed_ms);
	}
	if (settings->request_timeout_ms > 0 && elapsed_ms >= (uint64_t)settings->request_timeout_ms)
		kill_for(p, POOL_EXIT_TIMEOUT);
}

void spawn_end_overdue(struct pool *pool, uint64_t now_ms)
{
	for (unsigned i = 0; i < pool->process_top; i++) {
		struct process *p = &pool->processes[i];
		if (p->state == PROCESS_NONE || p->state == PROCESS_KILLED)
			continue;
		if (p->stopped_ms && now_ms - p->stopped_ms >= STOPPED_MS)
			kill_for(p, POOL_EXIT_STOPPED);
		else if (p->state == PROCESS_LEAVING && now_ms >= p->leave_by_ms)
			kill_for(p, POOL_EXIT_CUT);
		else if (atomic_load(&pool->slots[i].stage) == WORKER_SERVING)
			check_request(pool, i, now_ms);
	}
}
