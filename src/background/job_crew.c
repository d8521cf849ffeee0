/* job_crew - see job_crew.h. */
#include "background/job_crew.h"

#include "background/job_claim.h"
#include "base/clock.h"
#include "log/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CREW_TICK_MS = 250 };

int job_crew_init(struct job_crew *crew, const struct background *b)
{
	sigset_t set;

	*crew = (struct job_crew){ .background = b, .size = (unsigned)b->settings->job_workers };
	for (unsigned i = 0; i < CREW_MAX; i++)
		crew->runs[i].pipe = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	crew->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return crew->signals >= 0 ? 0 : -errno;
}

static const struct order_shm *order_of(const struct job_crew *crew)
{
	return crew->background->order;
}

bool job_crew_may_start(const struct job_crew *crew)
{
	return !crew->is_told && atomic_load(&order_of(crew)->order) == ORDER_RUN;
}

bool job_crew_leaves(const struct job_crew *crew)
{
	return crew->is_told || atomic_load(&order_of(crew)->order) == ORDER_LEAVE;
}

struct job_run *job_crew_free(struct job_crew *crew)
{
	if (job_claim_count(&crew->background->shm->jobs) >= crew->size)
		return NULL;
	for (unsigned i = 0; i < crew->size; i++)
		if (!crew->runs[i].is_taken)
			return &crew->runs[i];
	return NULL;
}

void job_crew_take(struct job_crew *crew, struct job_run *run)
{
	run->is_taken = true;
	job_claim_make(&crew->background->shm->jobs, run->entry.id);
}

void job_crew_give_up(struct job_crew *crew, struct job_run *run)
{
	job_claim_drop(&crew->background->shm->jobs, run->entry.id);
	job_run_clear(run);
}

static bool has_begun(const struct job_run *run)
{
	return run->since_ms != 0;
}

void job_crew_start(struct job_crew *crew)
{
	for (unsigned i = 0; i < crew->size; i++)
		if (crew->runs[i].is_taken && !has_begun(&crew->runs[i]))
			job_run_start(&crew->runs[i], crew->background, clock_ns() / 1000000);
}

bool job_crew_has_ended(const struct job_run *run)
{
	return run->is_taken && has_begun(run) && run->pid == 0;
}

unsigned job_crew_busy(const struct job_crew *crew)
{
	unsigned busy = 0;

	for (unsigned i = 0; i < crew->size; i++)
		busy += crew->runs[i].is_taken;
	return busy;
}

bool job_crew_runs(const struct job_crew *crew)
{
	for (unsigned i = 0; i < crew->size; i++)
		if (crew->runs[i].pid)
			return true;
	return false;
}

void job_crew_clear(struct job_crew *crew, struct job_run *run, const struct job_end *end)
{
	struct jobs_shm *shm = &crew->background->shm->jobs;

	if (*run->problem)
		log_warning("job %s %s: attempt %u failed: %s%s", run->entry.name, run->entry.id,
		            run->entry.attempt, run->problem,
		            end->state == JOB_FAILED ? "; it is not tried again" : "");
	atomic_fetch_add(end->state == JOB_DONE     ? &shm->done
	                 : end->state == JOB_FAILED ? &shm->failed
	                                            : &shm->retried,
	                 1);
	job_crew_give_up(crew, run);
}

static void reap(struct job_crew *crew)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < crew->size; i++)
			if (crew->runs[i].pid == pid)
				job_run_note_exit(&crew->runs[i], status);
}

static void read_signals(struct job_crew *crew)
{
	struct signalfd_siginfo info;

	while (read(crew->signals, &info, sizeof info) == sizeof info)
		if (info.ssi_signo == SIGTERM && atomic_load(&order_of(crew)->order) == ORDER_RUN)
			crew->is_told = true;
}

static void end_overdue(struct job_crew *crew)
{
	uint64_t now_ms = clock_ns() / 1000000,
		 limit_ms = (uint64_t)crew->background->settings->job_timeout_ms;
	bool is_time = now_ms >= atomic_load(&order_of(crew)->leave_by_ms);

	for (unsigned i = 0; i < crew->size; i++) {
		struct job_run *run = &crew->runs[i];
		if (run->pid && is_time)
			job_run_kill(run, JOB_RUN_CUT);
		else if (run->pid && limit_ms && now_ms >= run->since_ms + limit_ms)
			job_run_kill(run, JOB_RUN_TIMEOUT);
	}
}

void job_crew_wait(struct job_crew *crew, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct pollfd *own = fds + count;
	nfds_t all = 0;

	own[all++] = (struct pollfd){ .fd = crew->signals, .events = POLLIN };
	for (unsigned i = 0; i < crew->size; i++)
		if (crew->runs[i].pipe >= 0)
			own[all++] = (struct pollfd){ .fd = crew->runs[i].pipe, .events = POLLIN };
	if (timeout_ms < 0 || timeout_ms > CREW_TICK_MS)
		timeout_ms = CREW_TICK_MS;
	if (poll(fds, count + all, timeout_ms) < 0)
		for (nfds_t i = 0; i < count; i++)
			fds[i].revents = 0;
	for (unsigned i = 0; i < crew->size; i++)
		job_run_read(&crew->runs[i]);
	read_signals(crew);
	reap(crew);
	end_overdue(crew);
}
