/* SPDX-License-Identifier: ISC */
/* task - see task.h. */
#include "background/task.h"

#include "background/snapshot.h"
#include "background/work.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { DOUBLINGS_MAX = 4, JITTER_PARTS = 10, SLEEP_MAX_MS = 60000, LATE_MS = 500, LOOK_MS = 100 };

/* ---- The arithmetic. */

uint64_t task_spacing_ms(uint64_t period_ms, unsigned in_row)
{
	unsigned doublings = in_row > 1 ? in_row - 1 : 0;

	return period_ms << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
}

uint64_t task_next_ms(const struct task_run *run)
{
	uint64_t spacing_ms = task_spacing_ms(run->period_ms, run->in_row);

	if (!run->grid_ms || run->grid_ms > run->now_ms)
		return run->now_ms + spacing_ms;
	uint64_t missed = (run->now_ms - run->grid_ms) / spacing_ms;
	return run->grid_ms + (missed + 1) * spacing_ms;
}

uint64_t task_jitter_ms(uint64_t period_ms, uint64_t random)
{
	return random % (period_ms / JITTER_PARTS + 1);
}

/* ---- Registration. */

void background_fini(struct background *background)
{
	for (size_t i = 0; i < background->task_count; i++)
		free(background->tasks[i].name);
	for (size_t i = 0; i < background->job_count; i++)
		free(background->jobs[i].name);
}

static bool is_named(const struct task_shm *shm, const char *name)
{
	return strncmp(shm->name, name, sizeof shm->name - 1) == 0;
}

static unsigned find_slot(const struct background_shm *shm, const char *name)
{
	unsigned slot = 0;

	while (slot < TASKS_MAX && !is_named(&shm->tasks[slot], name))
		slot++;
	return slot;
}

/* One that no task of this program has. */
static unsigned find_free(const struct background *b)
{
	for (unsigned slot = 0; slot < TASKS_MAX; slot++) {
		bool taken = false;
		for (size_t i = 0; i < b->task_count; i++)
			taken |= is_named(&b->shm->tasks[slot], b->tasks[i].name);
		if (!taken)
			return slot;
	}
	return TASKS_MAX;
}

/* A process of the generation before may run it still. */
static void let_go_of_dead(struct task_shm *shm)
{
	pid_t runner = (pid_t)atomic_load(&shm->runner);

	if (runner > 0 && (kill(runner, 0) == 0 || errno != ESRCH))
		return;
	atomic_store(&shm->since_ms, 0);
	atomic_store(&shm->runner, 0);
}

void task_bind(struct background *b)
{
	for (size_t i = 0; i < b->task_count; i++) {
		unsigned slot = find_slot(b->shm, b->tasks[i].name);
		if (slot == TASKS_MAX) {
			slot = find_free(b);
			if (slot == TASKS_MAX)
				abort(); /* there are as many as tasks */
			memset(&b->shm->tasks[slot], 0, sizeof b->shm->tasks[slot]);
			strcpy(b->shm->tasks[slot].name, b->tasks[i].name);
		}
		b->tasks[i].slot = slot;
		let_go_of_dead(&b->shm->tasks[slot]);
	}
}

static struct task_shm *shm_of(const struct background *b, const struct background_task *task)
{
	return &b->shm->tasks[task->slot];
}

void task_wake_all(struct background *b)
{
	for (size_t i = 0; i < b->task_count; i++) {
		struct task_shm *shm = shm_of(b, &b->tasks[i]);
		if (atomic_exchange(&shm->rests, 0))
			atomic_store(&shm->due_ms, 0);
	}
}

bool task_is_any(const struct background *b)
{
	for (size_t i = 0; i < b->task_count; i++)
		if (!atomic_load(&shm_of(b, &b->tasks[i])->rests))
			return true;
	return false;
}

const struct background_task *task_of(const struct background *b, pid_t runner)
{
	for (size_t i = 0; i < b->task_count; i++)
		if (atomic_load(&shm_of(b, &b->tasks[i])->runner) == (uint32_t)runner)
			return &b->tasks[i];
	return NULL;
}

uint64_t task_since_ms(const struct background *b, const struct background_task *task)
{
	return atomic_load(&shm_of(b, task)->since_ms);
}

static bool is_late(const struct task_shm *shm, uint64_t now_ms)
{
	return !atomic_load(&shm->rests) && !atomic_load(&shm->runner) &&
	       now_ms >= atomic_load(&shm->due_ms) + LATE_MS;
}

bool task_is_in_the_way(const struct background *b, pid_t runner, uint64_t now_ms)
{
	const struct background_task *task = task_of(b, runner);
	uint64_t since_ms = task ? task_since_ms(b, task) : 0;

	if (!since_ms || now_ms < since_ms + LATE_MS)
		return false;
	for (size_t i = 0; i < b->task_count; i++)
		if (is_late(shm_of(b, &b->tasks[i]), now_ms))
			return true;
	return false;
}

/* ---- The end of a run. */

static uint64_t next_random(void)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
		random = clock_ns(); /* it only spreads runs */
	return random;
}

static void plan_next(const struct background_task *task, struct task_shm *shm, uint64_t now_ms)
{
	const struct task_run run = { .grid_ms = atomic_load(&shm->grid_ms),
		                      .now_ms = now_ms,
		                      .period_ms = task->period_ms,
		                      .in_row = atomic_load(&shm->in_row) };
	uint64_t grid_ms = task_next_ms(&run);

	atomic_store(&shm->grid_ms, grid_ms);
	atomic_store(&shm->due_ms, grid_ms + task_jitter_ms(task->period_ms, next_random()));
}

/* Said when it begins, and when the reason is another: not each time. */
static void say(const struct background_task *task, const struct task_shm *shm, unsigned in_row_before,
                bool is_new_reason)
{
	unsigned in_row = atomic_load(&shm->in_row);
	uint64_t spacing_ms = task_spacing_ms(task->period_ms, in_row);

	if (in_row == 0 && in_row_before > 0)
		log_notice("task %s: good again after %u failures", task->name, in_row_before);
	if (in_row > 0 && (in_row_before == 0 || is_new_reason))
		log_warning("task %s failed: %.*s; it runs again in %llu.%llu s, less often while it fails",
		            task->name, BACKGROUND_REASON_MAX - 1, shm->reason,
		            (unsigned long long)spacing_ms / 1000,
		            (unsigned long long)spacing_ms % 1000 / 100);
}

static void conclude(const struct background_task *task, struct task_shm *shm, enum task_outcome outcome,
                     const char *reason)
{
	uint64_t now_ms = clock_read_ns(CLOCK_MONOTONIC) / 1000000, since_ms = atomic_load(&shm->since_ms);
	unsigned before = atomic_load(&shm->in_row);
	bool is_new_reason = strncmp(shm->reason, reason, sizeof shm->reason - 1) != 0;

	work_copy_text(shm->reason, reason, sizeof shm->reason);
	atomic_store(&shm->outcome, outcome);
	atomic_fetch_add(&shm->runs, 1);
	if (outcome == TASK_GOOD || outcome == TASK_CUT)
		atomic_store(&shm->in_row, outcome == TASK_GOOD ? 0 : before);
	else {
		atomic_fetch_add(&shm->failures, 1);
		atomic_store(&shm->in_row, before + 1);
	}
	if (outcome == TASK_CUT)
		atomic_store(&shm->due_ms, 0);
	else
		plan_next(task, shm, now_ms);
	atomic_store(&shm->duration_us, (now_ms > since_ms ? now_ms - since_ms : 0) * 1000);
	say(task, shm, before, is_new_reason);
}

void task_note_death(const struct background *b, const struct background_task *task,
                     enum task_outcome outcome, const char *reason)
{
	struct task_shm *shm = shm_of(b, task);

	if (atomic_load(&shm->since_ms)) /* else it had not begun, or had concluded it */
		conclude(task, shm, outcome, reason);
	atomic_store(&shm->since_ms, 0);
	atomic_store(&shm->runner, 0);
}

/* ---- The process. */

/* False: another process runs it, or has just done so. */
static bool claim(struct task_shm *shm, uint64_t now_ms)
{
	uint32_t none = 0;

	if (!atomic_compare_exchange_strong(&shm->runner, &none, (uint32_t)getpid()))
		return false;
	if (!atomic_load(&shm->rests) && atomic_load(&shm->due_ms) <= now_ms)
		return true;
	atomic_store(&shm->runner, 0);
	return false;
}

/* What a task starts has an empty mask. */
static void block_stop(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, NULL);
}

static void run(const struct background *b, const struct background_task *task)
{
	struct task_shm *shm = shm_of(b, task);
	struct percore_work work = { .attempt = 1 };
	uint64_t begin_ns = clock_ns();

	atomic_store(&shm->wall_ms, clock_read_ns(CLOCK_REALTIME) / 1000000);
	atomic_store(&shm->since_ms, begin_ns / 1000000);
	snapshot_begin();
	block_stop(SIG_UNBLOCK);
	bool good = task->run(&work, task->arg);
	block_stop(SIG_BLOCK);
	if (!good && !*work.reason)
		percore_fail(&work, "its function gave no reason");
	conclude(task, shm, good ? TASK_GOOD : TASK_FAILED, work.reason);
	atomic_store(&shm->duration_us, (clock_ns() - begin_ns) / 1000);
	atomic_store(&shm->rests, good && work.rests);
	json_object_put(work.result);
	atomic_store(&shm->since_ms, 0); /* until then it is the master's to conclude */
	atomic_store(&shm->runner, 0);
}

static bool is_run_elsewhere(const struct background *b)
{
	for (size_t i = 0; i < b->task_count; i++)
		if (atomic_load(&shm_of(b, &b->tasks[i])->runner))
			return true;
	return false;
}

/* The one that is due first; NULL: all rest, or run in other processes. */
static const struct background_task *find_next(const struct background *b, uint64_t *due_ms)
{
	const struct background_task *next = NULL;

	for (size_t i = 0; i < b->task_count; i++) {
		const struct task_shm *shm = shm_of(b, &b->tasks[i]);
		if (atomic_load(&shm->rests) || atomic_load(&shm->runner) ||
		    (next && atomic_load(&shm->due_ms) >= *due_ms))
			continue;
		next = &b->tasks[i];
		*due_ms = atomic_load(&shm->due_ms);
	}
	return next;
}

/* True when told to leave. */
static bool wait_ms(uint64_t ms)
{
	const struct timespec wait = { .tv_sec = (time_t)(ms / 1000),
		                       .tv_nsec = (long)(ms % 1000) * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	return sigtimedwait(&set, NULL, &wait) == SIGTERM;
}

int task_serve(const struct background *b)
{
	uint64_t due_ms = 0;

	while (atomic_load(&b->order->order) == ORDER_RUN && task_is_any(b)) {
		const struct background_task *task = find_next(b, &due_ms);
		uint64_t now_ms = clock_ns() / 1000000;
		uint64_t left_ms = !task ? SLEEP_MAX_MS : due_ms > now_ms ? due_ms - now_ms : 0;
		uint64_t most_ms = is_run_elsewhere(b) ? LOOK_MS : SLEEP_MAX_MS;
		if (wait_ms(left_ms < most_ms ? left_ms
		                              : most_ms)) /* looked at in any case: it may be set aside */
			break;
		if (task && left_ms <= most_ms && claim(shm_of(b, task), clock_ns() / 1000000))
			run(b, task);
	}
	return 0;
}
