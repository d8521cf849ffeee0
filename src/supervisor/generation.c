/* SPDX-License-Identifier: ISC */
/* generation - see generation.h. */
#include "supervisor/generation.h"

#include "base/message.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void execute(const char *program, char **argv, const struct inheritance *inheritance)
{
	sigset_t none;

	setpgid(0, 0);
	inheritance_pass(inheritance);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(program, argv);
	_exit(errno == ENOENT || errno == EACCES || errno == ENOEXEC ? 127 : 126);
}

int generation_start(struct generation *g, const char *program, char **argv,
                     const struct inheritance *inheritance)
{
	struct inheritance passed = *inheritance;
	int ends[2], error = message_pair(ends);

	if (error)
		return error;
	passed.control = ends[1];
	pid_t pid = fork();
	if (pid == 0)
		execute(program, argv, &passed);
	error = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (error) {
		close(ends[0]);
		return error;
	}
	setpgid(pid, pid); /* whoever comes first */
	g->pid = pid;
	g->control = ends[0];
	return 0;
}

void generation_say(const struct generation *g, enum supervision_word word, uint32_t flags, const char *text)
{
	struct supervision_message message = { .word = word, .flags = flags };

	if (g->control < 0)
		return;
	strncpy(message.text, text ? text : "", sizeof message.text - 1);
	supervision_say(g->control, &message, -1);
}

void generation_close(struct generation *g)
{
	if (g->control >= 0)
		close(g->control);
	g->control = -1;
}

bool generation_is_gone(const struct generation *g, uint64_t now_ms)
{
	if (kill(-g->pid, 0) != 0 && errno == ESRCH)
		return true;
	if (now_ms >= g->kill_at_ms)
		kill(-g->pid, SIGKILL);
	return false;
}
