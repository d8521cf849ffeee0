/*
 * master - one worker process a core, all on the master's descriptor table.
 *
 * Workers are made with clone(CLONE_FILES): own memory, shared descriptors.
 * The master serves nothing; it waits for signals only.
 */
#include "pool/master.h"

#include "pool/queue.h"
#include "pool/worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct pool {
	struct queue *queue;
	struct worker_slot *slots;
	const struct exchange *exchange;
	pid_t *pids;
	unsigned workers;
};

static pid_t spawn(struct pool *pool, unsigned index)
{
	pid_t master = getpid();
	atomic_store(&pool->slots[index].stage, WORKER_WAITING);
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != master)
			_exit(1);
		_exit(worker_run(pool->queue, index, &pool->slots[index], pool->exchange));
	}
	if (pid < 0)
		fprintf(stderr, "percore: worker %u: cannot start: %s\n", index, strerror(errno));
	return pid;
}

/* Reaps all that died; how many are left. */
static unsigned reap(struct pool *pool, bool stopping)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < pool->workers; i++) {
			if (pool->pids[i] != pid)
				continue;
			pool->pids[i] = 0;
			queue_recover(pool->queue, i,
			              atomic_load(&pool->slots[i].stage) == WORKER_SERVING);
			if (WIFSIGNALED(status))
				fprintf(stderr, "percore: worker %u (pid %d) died of signal %d%s\n", i, (int)pid,
				        WTERMSIG(status), stopping ? "" : "; starting another");
		}
	}
	unsigned alive = 0;
	for (unsigned i = 0; i < pool->workers; i++) {
		if (pool->pids[i] <= 0 && !stopping)
			pool->pids[i] = spawn(pool, i);
		alive += pool->pids[i] > 0;
	}
	return alive;
}

static void tell(const struct pool *pool, int signal)
{
	for (unsigned i = 0; i < pool->workers; i++)
		if (pool->pids[i] > 0)
			kill(pool->pids[i], signal);
}

static void wait_for_events(struct pool *pool, const sigset_t *events)
{
	bool stopping = false;
	const struct timespec tick = { .tv_nsec = 200000000 };

	for (;;) {
		/* A worker told to stop just before its wait would sleep on: tell again until all left. */
		int signal = sigtimedwait(events, NULL, stopping ? &tick : NULL);
		if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT)
			stopping = true;
		if (reap(pool, stopping) == 0 && stopping)
			return;
		if (stopping)
			tell(pool, SIGTERM);
	}
}

int master_run(int listener, unsigned workers, unsigned io_timeout_s, const struct exchange *exchange)
{
	struct pool pool = { .exchange = exchange, .workers = workers };
	sigset_t events;

	sigemptyset(&events);
	for (const int *s = (const int[]){ SIGTERM, SIGINT, SIGQUIT, SIGCHLD, 0 }; *s; s++)
		sigaddset(&events, *s);
	sigprocmask(SIG_BLOCK, &events, NULL);
	signal(SIGPIPE, SIG_IGN);
	pool.queue = queue_open(listener, io_timeout_s);
	pool.slots = mmap(NULL, workers * sizeof *pool.slots, PROT_READ | PROT_WRITE,
	                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pool.pids = calloc(workers, sizeof *pool.pids);
	if (!pool.queue || pool.slots == MAP_FAILED || !pool.pids) {
		fprintf(stderr, "percore: cannot set up the pool: %s\n", strerror(errno));
		return 1;
	}
	for (unsigned i = 0; i < workers; i++)
		pool.pids[i] = spawn(&pool, i);
	wait_for_events(&pool, &events);
	free(pool.pids);
	return 0;
}
