/* standby - see standby.h. */
#include "pool/standby.h"

#include "base/clock.h"
#include "log/log.h"
#include "pool/notify.h"
#include "pool/predecessor.h"
#include "pool/upgrade.h"

#include <sys/wait.h>
#include <time.h>

enum { TICK_MS = 250 };

/* False: the process that stays with the workers has ended, with *status. */
static bool reap(struct pool *pool, int *status)
{
	pid_t pid;

	while ((pid = waitpid(-1, status, WNOHANG)) > 0) {
		if (pid == pool->predecessor.pid)
			return false;
		upgrade_note_exit(pool, pid, WIFEXITED(*status) ? WEXITSTATUS(*status) : -1);
	}
	return true;
}

static void stop(struct pool *pool)
{
	uint64_t now_ms = clock_coarse_ms();

	if (!pool->drain_since_ms) {
		notify_send("STOPPING=1\nSTATUS=finishing the requests in hand");
		log_line("stopping: finishing the requests in hand");
		pool->drain_since_ms = now_ms;
		upgrade_end_trial(pool);
		predecessor_stop(pool);
	} else if (now_ms >= pool->drain_since_ms + SAME_SIGNAL_MS) {
		predecessor_cut(pool);
	}
}

static void take_signal(struct pool *pool, int signal)
{
	switch (signal) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
		stop(pool);
		break;
	case SIGUSR1:
		predecessor_reopen(pool);
		break;
	case SIGUSR2:
		upgrade_end_trial(pool);
		if (!pool->drain_since_ms)
			upgrade_try(pool);
		break;
	default: /* SIGHUP: there is nobody to read a configuration anew; SIGCHLD */
		break;
	}
}

int standby_run(struct pool *pool)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	int status;

	log_error("upgrade: this program cannot be set up; the workers of the one before serve on.  Mend it, "
	          "then send SIGUSR2");
	notify_send(
		"READY=1\nSTATUS=the new program cannot be set up; the workers of the one before serve on");
	while (reap(pool, &status)) {
		if (notify_watchdog_ms() > 0)
			notify_send("WATCHDOG=1");
		if (upgrade_verdict(pool) == 0)
			upgrade_pass_on(pool);
		take_signal(pool, sigtimedwait(&pool->signals, NULL, &tick));
	}
	if (pool->drain_since_ms && status == 0)
		return 0;
	log_error("upgrade: the process that stayed with the workers is gone: nobody serves any more");
	return 1;
}
