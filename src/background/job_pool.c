/* SPDX-License-Identifier: ISC */
/* job_pool - see job_pool.h. */
#include "background/job_pool.h"

#include "background/job_claim.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOB_POOL_TICK_MS = 250 };

int job_pool_init(struct job_pool *pool, const struct background *b)
{
	sigset_t set;

	*pool = (struct job_pool){ .background = b, .size = (unsigned)b->settings->job_workers };
	for (unsigned i = 0; i < JOB_POOL_MAX; i++)
		pool->runs[i].pipe = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	pool->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return pool->signals >= 0 ? 0 : -errno;
}

static const struct order_shm *order_of(const struct job_pool *pool)
{
	return pool->background->order;
}

bool job_pool_may_start(const struct job_pool *pool)
{
	return !pool->is_told && atomic_load(&order_of(pool)->order) == ORDER_RUN;
}

bool job_pool_leaves(const struct job_pool *pool)
{
	return pool->is_told || atomic_load(&order_of(pool)->order) == ORDER_LEAVE;
}

struct job_run *job_pool_free(struct job_pool *pool)
{
	if (job_claim_count(&pool->background->shm->jobs) >= pool->size)
		return NULL;
	for (unsigned i = 0; i < pool->size; i++)
		if (!pool->runs[i].is_taken)
			return &pool->runs[i];
	return NULL;
}

void job_pool_take(struct job_pool *pool, struct job_run *run)
{
	run->is_taken = true;
	job_claim_make(&pool->background->shm->jobs, run->entry.id);
}

void job_pool_give_up(struct job_pool *pool, struct job_run *run)
{
	job_claim_drop(&pool->background->shm->jobs, run->entry.id);
	job_run_clear(run);
}

static bool has_begun(const struct job_run *run)
{
	return run->since_ms != 0;
}

void job_pool_start(struct job_pool *pool)
{
	for (unsigned i = 0; i < pool->size; i++)
		if (pool->runs[i].is_taken && !has_begun(&pool->runs[i]))
			job_run_start(&pool->runs[i], pool->background, clock_ns() / 1000000);
}

bool job_pool_has_ended(const struct job_run *run)
{
	return run->is_taken && has_begun(run) && run->pid == 0;
}

unsigned job_pool_busy(const struct job_pool *pool)
{
	unsigned busy = 0;

	for (unsigned i = 0; i < pool->size; i++)
		busy += pool->runs[i].is_taken;
	return busy;
}

bool job_pool_runs(const struct job_pool *pool)
{
	for (unsigned i = 0; i < pool->size; i++)
		if (pool->runs[i].pid)
			return true;
	return false;
}

void job_pool_clear(struct job_pool *pool, struct job_run *run, const struct job_end *end)
{
	struct jobs_shm *shm = &pool->background->shm->jobs;

	if (*run->problem)
		log_warning("job %s %s: attempt %u failed: %s%s", run->entry.name, run->entry.id,
		            run->entry.attempt, run->problem,
		            end->state == JOB_FAILED ? "; it is not tried again" : "");
	atomic_fetch_add(end->state == JOB_DONE     ? &shm->done
	                 : end->state == JOB_FAILED ? &shm->failed
	                                            : &shm->retried,
	                 1);
	job_pool_give_up(pool, run);
}

static void reap(struct job_pool *pool)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < pool->size; i++)
			if (pool->runs[i].pid == pid)
				job_run_note_exit(&pool->runs[i], status);
}

static void read_signals(struct job_pool *pool)
{
	struct signalfd_siginfo info;

	while (read(pool->signals, &info, sizeof info) == sizeof info)
		if (info.ssi_signo == SIGTERM && atomic_load(&order_of(pool)->order) == ORDER_RUN)
			pool->is_told = true;
}

static void end_overdue(struct job_pool *pool)
{
	uint64_t now_ms = clock_ns() / 1000000,
		 limit_ms = (uint64_t)pool->background->settings->job_timeout_ms;
	bool is_time = now_ms >= atomic_load(&order_of(pool)->leave_by_ms);

	for (unsigned i = 0; i < pool->size; i++) {
		struct job_run *run = &pool->runs[i];
		if (run->pid && is_time)
			job_run_kill(run, JOB_RUN_CUT);
		else if (run->pid && limit_ms && now_ms >= run->since_ms + limit_ms)
			job_run_kill(run, JOB_RUN_TIMEOUT);
	}
}

void job_pool_wait(struct job_pool *pool, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct pollfd *own = fds + count;
	nfds_t all = 0;

	own[all++] = (struct pollfd){ .fd = pool->signals, .events = POLLIN };
	for (unsigned i = 0; i < pool->size; i++)
		if (pool->runs[i].pipe >= 0)
			own[all++] = (struct pollfd){ .fd = pool->runs[i].pipe, .events = POLLIN };
	if (timeout_ms < 0 || timeout_ms > JOB_POOL_TICK_MS)
		timeout_ms = JOB_POOL_TICK_MS;
	if (poll(fds, count + all, timeout_ms) < 0)
		for (nfds_t i = 0; i < count; i++)
			fds[i].revents = 0;
	for (unsigned i = 0; i < pool->size; i++)
		job_run_read(&pool->runs[i]);
	read_signals(pool);
	reap(pool);
	end_overdue(pool);
}
