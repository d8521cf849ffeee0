/* upgrade - see upgrade.h. */
#include "pool/upgrade.h"

#include "log/log.h"
#include "pool/admin.h"
#include "pool/background.h"
#include "pool/keeper.h"
#include "pool/retire.h"
#include "pool/scribe.h"

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

bool upgrade_try(struct pool *pool)
{
	char *arguments[ARGUMENTS_MAX + 2];
	extern char **environ;
	posix_spawnattr_t attributes;
	sigset_t none;
	size_t n = 0;

	for (; n < ARGUMENTS_MAX && pool->settings->argv[n]; n++)
		arguments[n] = pool->settings->argv[n];
	arguments[n++] = (char *)"-t";
	arguments[n] = NULL;
	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	int error = posix_spawn(&pool->checker, program, NULL, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	trial = TRIAL_RUNS;
	if (error == 0)
		return true;
	pool->checker = 0;
	log_error("upgrade: %s: %s; the program that runs goes on", program, strerror(error));
	return false;
}

void upgrade_note_exit(struct pool *pool, pid_t pid, int status)
{
	if (pid == pool->keeper)
		pool->keeper = 0;
	if (pid != pool->checker)
		return;
	pool->checker = 0;
	trial = status == 0 ? 0 : 1;
	if (trial != 0)
		log_error("upgrade: %s -t failed (exit status %d); the program that runs goes on", program,
		          status);
}

int upgrade_verdict(const struct pool *pool)
{
	return pool->checker ? TRIAL_RUNS : trial;
}

/* The table is the workers' too: what changes in it, is changed back (retire.c). */
static void set_inherited(const struct pool *pool, int socket, bool inherited)
{
	const int fds[] = { pool->settings->listener, pool->shared.fd, socket };

	if (inherited) /* handlers may have opened theirs without O_CLOEXEC */
		close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		fcntl(fds[i], F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

/* Only where it fails does it come back: -errno. */
static int execute(struct pool *pool, const struct retirement *retirement)
{
	int socket = retirement->ends[1];
	char text[80];

	snprintf(text, sizeof text, "%d:%d:%d:%d:%d", (int)getpid(), pool->settings->listener,
	         pool->shared.fd, socket, (int)retirement->pid);
	setenv(INHERITED, text, 1);
	set_inherited(pool, socket, true);
	admin_set_inherited(pool, true);
	execv(program, pool->settings->argv);
	int error = -errno;
	admin_set_inherited(pool, false);
	set_inherited(pool, socket, false);
	unsetenv(INHERITED);
	return error;
}

void upgrade_execute(struct pool *pool)
{
	struct retirement retirement;

	keeper_stop(pool);
	admin_stop(pool);
	scribe_step_aside(pool);
	background_let_go(pool);
	atomic_fetch_add(&pool->shm->upgrades, 1);
	int error = retire_start(pool, &retirement);
	if (!error) {
		error = execute(pool, &retirement);
		retire_cancel(&retirement);
	}
	atomic_fetch_sub(&pool->shm->upgrades, 1);
	background_take_up(pool);
	keeper_start(pool);
	log_error("upgrade: %s: %s; the program that runs goes on", program, strerror(-error));
}
