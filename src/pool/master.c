/*
 * master - one worker process a core, all on the master's descriptor table.
 *
 * Workers are made with clone(CLONE_FILES): own memory, shared descriptors.
 * The master serves nothing; it waits for signals only.
 */
#include "pool/master.h"

#include "log/log.h"
#include "pool/listener.h"
#include "pool/worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
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
	struct worker_shm *slots;
	const struct exchange *exchange;
	pid_t *pids;
	unsigned workers;
	bool adopting; /* a worker died: its connections without a claim are looked for */
};

static pid_t spawn(struct pool *pool, unsigned index)
{
	pid_t master = getpid();
	const struct worker worker = { .queue = pool->queue,
		                       .slot = &pool->slots[index],
		                       .exchange = pool->exchange,
		                       .index = index,
		                       .keeps_connections = true };

	atomic_store(&pool->slots[index].stage, WORKER_IDLE);
	atomic_store(&pool->slots[index].window, 0);
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != master)
			_exit(1);
		_exit(worker_run(&worker));
	}
	if (pid < 0)
		log_line("worker %u: cannot start: %s", index, strerror(errno));
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
			queue_recover(pool->queue, i, &pool->slots[i]);
			pool->adopting = true;
			if (WIFSIGNALED(status))
				log_line("worker %u (pid %d) died of signal %d%s", i, (int)pid,
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

	for (;;) {
		const struct timespec tick = { .tv_sec = !pool->adopting,
			                       .tv_nsec = pool->adopting ? 5000000 : 0 };
		int signal = sigtimedwait(events, NULL, &tick);
		if ((signal == SIGTERM || signal == SIGINT || signal == SIGQUIT) && !stopping) {
			stopping = true;
			queue_drain(pool->queue);
			tell(pool, SIGTERM);
		}
		if (reap(pool, stopping) == 0 && stopping)
			return;
		if (pool->adopting)
			pool->adopting = !queue_adopt(pool->queue, pool->slots);
		if (signal < 0)
			queue_tick(pool->queue);
	}
}

int master_run(const struct queue_settings *settings, const struct exchange *exchange)
{
	struct pool pool = { .exchange = exchange, .workers = settings->workers };
	unsigned workers = settings->workers;
	char socket[256];
	sigset_t events;

	sigemptyset(&events);
	for (const int *s = (const int[]){ SIGTERM, SIGINT, SIGQUIT, SIGCHLD, 0 }; *s; s++)
		sigaddset(&events, *s);
	sigprocmask(SIG_BLOCK, &events, NULL);
	signal(SIGPIPE, SIG_IGN);
	pool.queue = queue_open(settings);
	pool.slots = mmap(NULL, workers * sizeof *pool.slots, PROT_READ | PROT_WRITE,
	                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pool.pids = calloc(workers, sizeof *pool.pids);
	if (!pool.queue || pool.slots == MAP_FAILED || !pool.pids) {
		log_line("cannot set up the pool: %s", strerror(errno));
		return 1;
	}
	listener_describe(settings->listener, socket, sizeof socket);
	log_line("serving on %s with %u workers", socket, workers);
	for (unsigned i = 0; i < workers; i++)
		pool.pids[i] = spawn(&pool, i);
	wait_for_events(&pool, &events);
	free(pool.pids);
	return 0;
}
