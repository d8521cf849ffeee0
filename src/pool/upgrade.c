/* upgrade - see upgrade.h. */
#include "pool/upgrade.h"

#include "log/log.h"
#include "pool/admin.h"
#include "pool/background.h"
#include "pool/handover.h"
#include "pool/keeper.h"
#include "pool/notify.h"
#include "pool/predecessor.h"
#include "pool/retire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INHERITED "PERCORE_INHERITED" /* PID:LISTENER:STATE:SOCKET:RETIRING */
#define TRIAL     "PERCORE_TRIAL"     /* where the pool listens */

enum { ARGUMENTS_MAX = 256, TRIAL_RUNS = -1 };

static char program[PATH_MAX];
static int trial = TRIAL_RUNS; /* its exit status, when it is over */

void upgrade_init(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	program[n < 0 ? 0 : n] = '\0';
}

struct inheritance upgrade_inherited(void)
{
	const struct inheritance none = { .listener = -1, .state = -1, .socket = -1 };
	struct inheritance i = none;
	const char *text = getenv(INHERITED);
	int pid, end = 0;

	bool good = text &&
	            sscanf(text, "%d:%d:%d:%d:%d%n", &pid, &i.listener, &i.state, &i.socket, &i.retiring,
	                   &end) == 5 &&
	            !text[end] && pid == getpid();
	unsetenv(INHERITED);
	if (!good)
		return none;
	fcntl(i.state, F_SETFD, FD_CLOEXEC);
	fcntl(i.socket, F_SETFD, FD_CLOEXEC);
	return i;
}

const char *upgrade_trial_listen(void)
{
	return getenv(TRIAL);
}

static int spawn_trial(pid_t *pid, char *const arguments[])
{
	extern char **environ;
	posix_spawnattr_t attributes;
	sigset_t none;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	int error = posix_spawn(pid, program, NULL, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	return error;
}

bool upgrade_try(struct pool *pool)
{
	const char *listen = pool->settings->settings->listen;
	char *arguments[ARGUMENTS_MAX + 2];
	size_t n = 0;

	for (; n < ARGUMENTS_MAX && pool->settings->argv[n]; n++)
		arguments[n] = pool->settings->argv[n];
	arguments[n++] = (char *)"-t";
	arguments[n] = NULL;
	setenv(TRIAL, listen ? listen : "", 1);
	int error = spawn_trial(&pool->checker, arguments);
	unsetenv(TRIAL);
	trial = TRIAL_RUNS;
	if (error == 0)
		return true;
	pool->checker = 0;
	log_error("upgrade: %s: %s; the program that runs goes on", program, strerror(error));
	return false;
}

void upgrade_note_exit(struct pool *pool, pid_t pid, int status)
{
	if (!pool->checker || pid != pool->checker)
		return;
	pool->checker = 0;
	trial = status == 0 ? 0 : 1;
	if (trial != 0)
		log_error("upgrade: %s -t failed (exit status %d); the program that runs goes on", program,
		          status);
}

void upgrade_end_trial(struct pool *pool)
{
	if (pool->checker)
		kill(pool->checker, SIGKILL);
	pool->checker = 0;
	trial = TRIAL_RUNS;
}

int upgrade_verdict(const struct pool *pool)
{
	return pool->checker ? TRIAL_RUNS : trial;
}

/* What the next program is to know. */
struct bequest {
	pid_t retiring; /* negative: there is none, for that reason */
	int socket;
	int state;
};

/*
 * The table is the workers' too: what changes in it, is changed back (retire.c).
 * Handlers may have opened theirs without O_CLOEXEC, and nobody would ever close
 * those.  One that opens such a descriptor just now, for a child that it is about
 * to start, fails at that.
 */
static void set_inherited(const struct pool *pool, const struct bequest *bequest, bool inherited)
{
	const int fds[] = { pool->settings->listener, bequest->state, bequest->socket };

	if (inherited)
		close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		fcntl(fds[i], F_SETFD, inherited ? 0 : FD_CLOEXEC);
	admin_set_inherited(pool, inherited);
}

/* Only where it fails does it come back: -errno. */
static int execute(const struct pool *pool, const struct bequest *bequest)
{
	char text[80];

	snprintf(text, sizeof text, "%d:%d:%d:%d:%d", (int)getpid(), pool->settings->listener, bequest->state,
	         bequest->socket, (int)bequest->retiring);
	setenv(INHERITED, text, 1);
	set_inherited(pool, bequest, true);
	notify_watchdog_pause();
	execv(program, pool->settings->argv);
	int error = -errno;
	notify_watchdog_resume();
	set_inherited(pool, bequest, false);
	unsetenv(INHERITED);
	return error;
}

static void say_failed(int error)
{
	log_error("upgrade: %s: %s; the program that runs goes on", program, strerror(-error));
}

void upgrade_pass_on(struct pool *pool)
{
	const struct bequest bequest = { .retiring = pool->predecessor.pid,
		                         .socket = pool->predecessor.socket,
		                         .state = pool->predecessor.state };

	trial = TRIAL_RUNS;
	say_failed(execute(pool, &bequest));
}

/* Our workers serve until the new program's do. */
static void hand_on(struct pool *pool)
{
	int error = handover_open(&pool->handover);
	const struct bequest bequest = { .retiring = error ? error : retire_start(pool),
		                         .socket = pool->handover.ends[1],
		                         .state = pool->shared.fd };

	if (bequest.retiring > 0) {
		error = execute(pool, &bequest);
		retire_cancel(bequest.retiring);
	} else {
		error = (int)bequest.retiring;
	}
	say_failed(error);
}

void upgrade_execute(struct pool *pool)
{
	keeper_stop(pool);
	background_let_go(pool);
	atomic_fetch_add(&pool->shm->upgrades, 1);
	if (predecessor_serves(pool))
		upgrade_pass_on(pool);
	else
		hand_on(pool);
	atomic_fetch_sub(&pool->shm->upgrades, 1);
	background_take_up(pool);
	keeper_start(pool);
}
