/* orphans - see orphans.h. */
#include "pool/orphans.h"

#include "base/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHILDREN_BYTES = 128 << 10 };

/* The pids of our children, one after another: see proc(5).  "" where the kernel does not tell. */
static const char *read_children(void)
{
	static char text[CHILDREN_BYTES];
	char path[64];
	size_t length = 0;
	ssize_t got;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (got = read(fd, text + length, sizeof text - 1 - length)) > 0)
		length += (size_t)got;
	if (fd >= 0)
		close(fd);
	text[length] = '\0';
	return text;
}

static bool is_ours(const struct pool *pool, pid_t pid)
{
	for (unsigned i = 0; i < pool->process_top; i++)
		if (pool->processes[i].state != PROCESS_NONE && pool->processes[i].pid == pid)
			return true;
	return pid == pool->scribe || pid == pool->admin;
}

static unsigned *count_of(struct orphans *orphans, const char *name)
{
	if (strcmp(name, "percore-worker") == 0)
		return &orphans->workers;
	if (strcmp(name, "percore-log") == 0)
		return &orphans->scribes;
	return strcmp(name, "percore-admin") == 0 ? &orphans->admins : NULL;
}

struct orphans orphans_signal(const struct pool *pool, int signal)
{
	struct orphans orphans = { 0 };
	char name[PROC_NAME_MAX], *end;

	for (const char *at = read_children(); *at; at = end + (*end == ' ')) {
		pid_t pid = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		proc_name(pid, name);
		unsigned *count = is_ours(pool, pid) ? NULL : count_of(&orphans, name);
		if (!count)
			continue;
		++*count;
		if (signal)
			kill(pid, signal);
	}
	return orphans;
}
