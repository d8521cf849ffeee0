/* upgrade - see upgrade.h. */
#include "pool/upgrade.h"

#include "log/log.h"
#include "pool/admin.h"
#include "pool/background.h"
#include "pool/keeper.h"
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

#define INHERITED "PERCORE_INHERITED" /* PID:LISTENER:STATE */

/* What runs in the background has so long to end; else it is cut, and runs again under the new program. */
enum { BACKGROUND_GRACE_MS = 1000 };

enum { ARGUMENTS_MAX = 256, TRIAL_RUNS = -1 };

static char program[PATH_MAX];
static int trial = TRIAL_RUNS; /* its exit status, when it is over */

void upgrade_init(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	program[n < 0 ? 0 : n] = '\0';
}

bool upgrade_inherited(int *listener, int *state)
{
	const char *text = getenv(INHERITED);
	int pid, end = 0;

	if (!text)
		return false;
	bool good =
		sscanf(text, "%d:%d:%d%n", &pid, listener, state, &end) == 3 && !text[end] && pid == getpid();
	unsetenv(INHERITED);
	return good;
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

static void set_inherited(const struct pool *pool, bool inherited)
{
	if (inherited) /* handlers may have opened theirs without O_CLOEXEC */
		close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	queue_set_inherited(pool->queue, inherited);
	fcntl(pool->shared.fd, F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

void upgrade_execute(struct pool *pool)
{
	char text[64];

	snprintf(text, sizeof text, "%d:%d:%d", (int)getpid(), pool->settings->listener, pool->shared.fd);
	setenv(INHERITED, text, 1);
	set_inherited(pool, true);
	keeper_stop(pool);
	admin_stop(pool);
	admin_set_inherited(pool, true);
	background_finish(pool, BACKGROUND_GRACE_MS);
	scribe_finish(pool);
	atomic_fetch_add(&pool->shm->upgrades, 1);
	execv(program, pool->settings->argv);
	int error = errno;
	atomic_fetch_sub(&pool->shm->upgrades, 1);
	unsetenv(INHERITED);
	set_inherited(pool, false);
	admin_set_inherited(pool, false);
	keeper_start(pool);
	log_error("upgrade: %s: %s; the program that runs goes on", program, strerror(error));
}
