/* background - see background.h. */
#include "pool/background.h"

#include "background/job.h"
#include "background/job_claim.h"
#include "background/place.h"
#include "background/snapshot.h"
#include "background/task.h"
#include "background/work.h"
#include "base/clock.h"
#include "log/log.h"
#include "pool/predecessor.h"
#include "pool/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { QUICK_MS = 1000, AGAIN_MS = 2000, FINISH_TICK_NS = 1000000, FINISH_EXTRA_MS = 2000 };

static const char *const names[BACKGROUND_ROLES] = {
	[BACKGROUND_TASKS] = "tasks", [BACKGROUND_JOBS] = "jobs"
};

static struct background *background_of(const struct pool *pool)
{
	return pool->settings->background;
}

static struct order_shm *order_of(const struct pool *pool, const struct attendant *a)
{
	return &background_of(pool)->shm->orders[a - pool->attendants];
}

static bool is_current(const struct pool *pool, const struct attendant *a)
{
	return pool->duties[a->role].current == a - pool->attendants;
}

static bool is_wanted(const struct pool *pool, enum background_role role)
{
	const struct background *b = background_of(pool);

	if (role == BACKGROUND_TASKS)
		return task_is_any(b);
	return b->job_count > 0 && b->settings->jobs && (*b->shm->place || job_is_redis(b->settings->jobs));
}

void background_open(struct pool *pool, struct background_shm *shm)
{
	struct background *b = background_of(pool);

	b->shm = shm;
	for (int role = 0; role < BACKGROUND_ROLES; role++)
		pool->duties[role].current = -1;
	if (!predecessor_is_there(pool)) /* its workers may use what looks left over */
		background_sweep(pool);
	background_take_up(pool);
	task_bind(b);
	job_claim_drop_all(&shm->jobs, 0);
	snapshot_use(shm);
	background_use(b);
}

/* ---- Birth. */

static _Noreturn void be_background(const struct pool *pool, const struct attendant *a, pid_t master)
{
	struct background *b = background_of(pool);

	b->order = order_of(pool, a);
	prctl(PR_SET_NAME, a->role == BACKGROUND_TASKS ? "percore-tasks" : "percore-jobs");
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would watch over it */
	if (getppid() != master)
		_exit(1);
	work_settle(b->settings->background_nice);
	_exit(a->role == BACKGROUND_TASKS ? task_serve(b) : job_serve(b));
}

/* A place for one more; NULL: none, as long as those set aside have not ended. */
static struct attendant *find_free(struct pool *pool)
{
	for (int i = 0; i < ATTENDANTS_MAX; i++)
		if (!pool->attendants[i].pid)
			return &pool->attendants[i];
	return NULL;
}

static void start(struct pool *pool, enum background_role role, uint64_t now_ms)
{
	struct duty *duty = &pool->duties[role];
	struct attendant *a = find_free(pool);
	pid_t master = getpid();

	if (!a)
		return;
	*a = (struct attendant){ .role = role, .born_ms = now_ms };
	atomic_store(&order_of(pool, a)->order, BACKGROUND_RUN);
	atomic_store(&order_of(pool, a)->leave_by_ms, UINT64_MAX);
	pid_t pid = fork(); /* a table of its own */
	if (pid == 0)
		be_background(pool, a, master);
	if (pid > 0) {
		a->pid = pid;
		duty->current = (int)(a - pool->attendants);
		return;
	}
	log_error("cannot start the %s' process: %s; trying again in %d ms", names[role], strerror(errno),
	          AGAIN_MS);
	duty->start_at_ms = now_ms + AGAIN_MS;
}

/* ---- Time. */

static void kill_for(struct attendant *a, enum background_cause cause)
{
	if (!a->pid || a->cause != BACKGROUND_OF_ITSELF)
		return;
	a->cause = cause;
	kill(a->pid, SIGKILL);
}

static void end_overdue(struct pool *pool, struct attendant *a, uint64_t now_ms)
{
	const struct background *b = background_of(pool);
	const struct background_task *task = a->role == BACKGROUND_TASKS ? task_of(b, a->pid) : NULL;
	uint64_t limit_ms = (uint64_t)b->settings->task_timeout_ms;
	uint64_t since_ms = task ? task_since_ms(b, task) : 0;
	uint64_t leave_by_ms = atomic_load(&order_of(pool, a)->leave_by_ms);

	if (since_ms && limit_ms && now_ms >= since_ms + limit_ms)
		kill_for(a, BACKGROUND_TIMEOUT);
	/* The jobs' process ends by itself, when it has given its jobs back; it gets time for that. */
	if (a->role == BACKGROUND_JOBS && leave_by_ms < UINT64_MAX)
		leave_by_ms += FINISH_EXTRA_MS;
	if (now_ms >= leave_by_ms)
		kill_for(a, BACKGROUND_CUT);
}

static void end_all_overdue(struct pool *pool, uint64_t now_ms)
{
	for (int i = 0; i < ATTENDANTS_MAX; i++)
		if (pool->attendants[i].pid)
			end_overdue(pool, &pool->attendants[i], now_ms);
}

/* It ends what it has begun, and leaves; another takes its place at once. */
static void set_aside(struct pool *pool, enum background_role role)
{
	struct duty *duty = &pool->duties[role];

	if (duty->current < 0 || !find_free(pool))
		return;
	kill(pool->attendants[duty->current].pid, SIGTERM);
	duty->current = -1;
	duty->start_at_ms = 0;
}

void background_look(struct pool *pool, uint64_t now_ms, bool may_start)
{
	const struct duty *tasks = &pool->duties[BACKGROUND_TASKS];

	end_all_overdue(pool, now_ms);
	if (may_start && tasks->current >= 0 &&
	    task_is_in_the_way(background_of(pool), pool->attendants[tasks->current].pid, now_ms))
		set_aside(pool, BACKGROUND_TASKS);
	for (int role = 0; role < BACKGROUND_ROLES; role++) {
		const struct duty *duty = &pool->duties[role];
		if (may_start && duty->current < 0 && now_ms >= duty->start_at_ms && is_wanted(pool, role))
			start(pool, role, now_ms);
	}
}

uint64_t background_next_ms(const struct pool *pool)
{
	uint64_t next_ms = UINT64_MAX;

	for (int role = 0; role < BACKGROUND_ROLES; role++) {
		const struct duty *duty = &pool->duties[role];
		if (duty->current < 0 && duty->start_at_ms < next_ms && is_wanted(pool, role))
			next_ms = duty->start_at_ms;
	}
	return next_ms;
}

/* ---- Death. */

static void describe(const struct attendant *a, const siginfo_t *death, char *text, size_t size)
{
	if (a->cause == BACKGROUND_TIMEOUT)
		snprintf(text, size, "it took longer than --task-timeout");
	else if (a->cause == BACKGROUND_CUT)
		snprintf(text, size, "it did not end within --drain-timeout");
	else if (a->cause == BACKGROUND_STOPPED)
		snprintf(text, size, "a signal had stopped it");
	else if (death->si_code == CLD_EXITED)
		snprintf(text, size, "it left with exit status %d", death->si_status);
	else
		snprintf(text, size, "it died of signal %d (%s)", death->si_status,
		         strsignal(death->si_status));
}

static void note_task(const struct pool *pool, const struct attendant *a, const char *reason)
{
	static const enum task_outcome outcomes[] = { [BACKGROUND_OF_ITSELF] = TASK_CRASHED,
		                                      [BACKGROUND_STOPPED] = TASK_CRASHED,
		                                      [BACKGROUND_TIMEOUT] = TASK_TIMEOUT,
		                                      [BACKGROUND_CUT] = TASK_CUT };
	const struct background *b = background_of(pool);
	const struct background_task *task = task_of(b, a->pid);

	if (task)
		task_note_death(b, task, outcomes[a->cause], reason);
}

static void bury(struct pool *pool, struct attendant *a, const siginfo_t *death, uint64_t now_ms)
{
	struct duty *duty = &pool->duties[a->role];
	bool is_good = death->si_code == CLD_EXITED && death->si_status == 0;
	char reason[128];

	describe(a, death, reason, sizeof reason);
	if (!is_good)
		log_warning("the %s' process (pid %d) is replaced: %s", names[a->role], (int)a->pid, reason);
	if (a->role == BACKGROUND_TASKS)
		note_task(pool, a, reason);
	else
		job_claim_drop_all(&background_of(pool)->shm->jobs, a->pid);
	if (is_current(pool, a)) {
		duty->current = -1;
		duty->quick_deaths = !is_good && now_ms - a->born_ms < QUICK_MS ? duty->quick_deaths + 1 : 0;
		duty->start_at_ms = now_ms + spawn_delay_ms(duty->quick_deaths);
	}
	a->pid = 0;
}

static struct attendant *find(struct pool *pool, pid_t pid)
{
	for (int i = 0; i < ATTENDANTS_MAX; i++)
		if (pool->attendants[i].pid == pid)
			return &pool->attendants[i];
	return NULL;
}

void background_note_exit(struct pool *pool, const siginfo_t *death)
{
	struct attendant *a = find(pool, death->si_pid);

	if (a)
		bury(pool, a, death, clock_coarse_ms());
}

bool background_note_stop(struct pool *pool, pid_t pid)
{
	struct attendant *a = find(pool, pid);

	if (a)
		kill_for(a, BACKGROUND_STOPPED);
	return a != NULL;
}

/* ---- Leaving. */

static void tell(struct pool *pool, const struct attendant *a, enum background_order order,
                 uint64_t leave_by_ms)
{
	struct order_shm *shm = order_of(pool, a);

	if (leave_by_ms < atomic_load(&shm->leave_by_ms))
		atomic_store(&shm->leave_by_ms, leave_by_ms);
	atomic_store(&shm->order, order);
	kill(a->pid, SIGTERM); /* out of the wait */
}

static void tell_all(struct pool *pool, enum background_order order, uint64_t leave_by_ms)
{
	for (int i = 0; i < ATTENDANTS_MAX; i++)
		if (pool->attendants[i].pid)
			tell(pool, &pool->attendants[i], order, leave_by_ms);
}

static uint64_t drain_by_ms(const struct pool *pool)
{
	return clock_coarse_ms() + (uint64_t)background_of(pool)->settings->drain_timeout_ms;
}

void background_reload(struct pool *pool)
{
	task_wake_all(background_of(pool));
	tell_all(pool, BACKGROUND_LEAVE, drain_by_ms(pool));
	for (int role = 0; role < BACKGROUND_ROLES; role++) {
		set_aside(pool, role);
		pool->duties[role].quick_deaths = 0;
	}
}

void background_drain(struct pool *pool)
{
	tell_all(pool, BACKGROUND_FINISH, drain_by_ms(pool));
}

void background_cut(struct pool *pool)
{
	tell_all(pool, BACKGROUND_LEAVE, 0);
}

bool background_is_any(const struct pool *pool)
{
	for (int i = 0; i < ATTENDANTS_MAX; i++)
		if (pool->attendants[i].pid)
			return true;
	return false;
}

void background_leave(struct pool *pool, uint64_t grace_ms)
{
	tell_all(pool, BACKGROUND_LEAVE, clock_coarse_ms() + grace_ms);
}

/* Descriptors are the workers' too: closing it is what ends the lock. */
void background_let_go(struct pool *pool)
{
	if (pool->place_lock >= 0)
		close(pool->place_lock);
	pool->place_lock = -1;
}

void background_sweep(const struct pool *pool)
{
	place_sweep(background_of(pool)->settings->runtime_dir);
}

void background_take_up(struct pool *pool)
{
	const struct background *b = background_of(pool);

	pool->place_lock = place_open(b->shm->place, b->settings->runtime_dir);
	if (pool->place_lock < 0)
		log_error("runtime-dir %s: %s; there are no snapshots and no jobs", b->settings->runtime_dir,
		          strerror(-pool->place_lock));
}

static void reap(struct pool *pool)
{
	for (int i = 0; i < ATTENDANTS_MAX; i++) {
		siginfo_t death = { 0 };
		pid_t pid = pool->attendants[i].pid;
		if (pid && waitid(P_PID, (id_t)pid, &death, WEXITED | WNOHANG) == 0 && death.si_pid == pid)
			bury(pool, &pool->attendants[i], &death, clock_coarse_ms());
	}
}

void background_finish(struct pool *pool, uint64_t grace_ms)
{
	background_leave(pool, grace_ms);
	while (background_is_any(pool)) {
		nanosleep(&(struct timespec){ .tv_nsec = FINISH_TICK_NS }, NULL);
		reap(pool);
		end_all_overdue(pool, clock_coarse_ms());
	}
}

void background_close(struct pool *pool)
{
	place_remove(background_of(pool)->shm->place, pool->place_lock);
}
