/* SPDX-License-Identifier: ISC */
/* inheritance - see inheritance.h. */
#include "supervisor/inheritance.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define VARIABLE "PERCORE_SUPERVISOR" /* PID SIZE FD: a memory file that holds the struct */

void inheritance_find_program(struct supervisor *s)
{
	const char *executed = (const char *)getauxval(AT_EXECFN);
	char here[PATH_MAX / 2];
	ssize_t n;

	if (executed && *executed == '/')
		snprintf(s->program, sizeof s->program, "%s", executed);
	else if (executed && *executed && getcwd(here, sizeof here))
		snprintf(s->program, sizeof s->program, "%s/%s", here, executed);
	if (!*s->program || access(s->program, X_OK) != 0) {
		n = readlink("/proc/self/exe", s->program, sizeof s->program - 1);
		s->program[n > 0 ? n : 0] = '\0';
	}
	stat(s->program, &s->program_file);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void let_through(const struct supervisor *s, int state, int flags)
{
	const int fds[] = { s->listener, s->admin_listener, s->parcels[0], s->parcels[1],
		            s->memory,   s->place_lock,     s->watch.fd,   state };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFD, flags);
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state != GENERATION_NONE && s->generations[i].control >= 0)
			fcntl(s->generations[i].control, F_SETFD, flags);
}

void inheritance_execute(struct supervisor *s)
{
	struct stat now;
	char text[64];

	if (stat(s->program, &now) != 0 || is_same(&now, &s->program_file))
		return;
	struct stat before = s->program_file;
	s->program_file = now;
	int state = memfd_create("percore-supervisor", MFD_CLOEXEC);
	if (state >= 0 && pwrite(state, s, sizeof *s, 0) == (ssize_t)sizeof *s) {
		snprintf(text, sizeof text, "%d %zu %d", (int)getpid(), sizeof *s, state);
		setenv(VARIABLE, text, 1);
		let_through(s, state, 0);
		execv(s->program, s->argv);
		log_error("the supervisor stays the program before: %s: %s", s->program, strerror(errno));
		let_through(s, state, FD_CLOEXEC);
		unsetenv(VARIABLE);
	}
	if (state >= 0)
		close(state);
	s->program_file = before;
}

bool inheritance_resume(struct supervisor *s)
{
	const char *text = getenv(VARIABLE);
	int pid, state, end = 0;
	size_t size;

	bool is_ours = text && sscanf(text, "%d %zu %d%n", &pid, &size, &state, &end) == 3 && !text[end] &&
	               pid == getpid();
	unsetenv(VARIABLE);
	if (!is_ours)
		return false;
	if (size != sizeof *s || pread(state, s, sizeof *s, 0) != (ssize_t)sizeof *s)
		return false;
	close(state);
	let_through(s, -1, FD_CLOEXEC);
	return true;
}
