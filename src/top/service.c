/* SPDX-License-Identifier: ISC */
/* service - see service.h. */
#include "top/service.h"

#include "state/shared.h"
#include "top/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_NAME "/memfd:percore-state"

enum { PROC_PATH_MAX = 64, ANCESTORS_MAX = 64 };

/* A process that has the memory of a service open. */
struct holder {
	pid_t pid, parent;
	dev_t device;
	ino_t inode;
};

static bool is_number(const char *name)
{
	return *name && name[strspn(name, "0123456789")] == '\0';
}

/* ---- One process. */

/* What /proc/PID/NAME begins with; "" where it cannot be read.  How many bytes. */
static size_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[PROC_PATH_MAX];
	size_t length = 0;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && length + 1 < size && (n = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)n;
	if (fd >= 0)
		close(fd);
	text[length] = '\0';
	return length;
}

/* 0: it is not known. */
static pid_t parent_of(pid_t pid)
{
	char stat[512];
	int parent = 0;

	read_proc(pid, "stat", stat, sizeof stat);
	const char *after = strrchr(stat, ')'); /* the name may have any character */
	if (!after || sscanf(after, ") %*c %d", &parent) != 1)
		return 0;
	return parent;
}

/* Worth to be opened: its name says so, or it is a file of whole pages. */
static bool may_be_memory(int fds, const char *name)
{
	char target[sizeof MEMORY_NAME];
	struct stat st;
	ssize_t n = readlinkat(fds, name, target, sizeof target);

	if (n < 1 || target[0] != '/')
		return false;
	if (n >= (ssize_t)sizeof MEMORY_NAME - 1 && memcmp(target, MEMORY_NAME, sizeof MEMORY_NAME - 1) == 0)
		return true;
	return fstatat(fds, name, &st, 0) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	       st.st_size % 4096 == 0;
}

static bool is_memory(int fd)
{
	size_t sizes[SHARED_SECTIONS], offsets[SHARED_SECTIONS];
	int error = shared_inspect(fd, sizes, offsets);

	return error == 0 || error == -ENOTSUP;
}

static int open_memory_among(int fds, DIR *list)
{
	for (const struct dirent *entry; (entry = readdir(list));) {
		if (!is_number(entry->d_name) || !may_be_memory(fds, entry->d_name))
			continue;
		int fd = openat(fds, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd >= 0 && is_memory(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ESRCH;
}

/* The memory that a process has open; -ESRCH: none; -errno: nobody may look. */
static int open_memory(pid_t pid)
{
	char path[PROC_PATH_MAX];

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *list = opendir(path);
	if (!list)
		return errno == ENOENT ? -ESRCH : -errno;
	int fd = open_memory_among(dirfd(list), list);
	closedir(list);
	return fd;
}

/* 0 or as open_memory. */
static int look(pid_t pid, struct holder *holder)
{
	struct stat st;
	int fd = open_memory(pid);

	if (fd < 0)
		return fd;
	int failed = fstat(fd, &st);
	close(fd);
	*holder = (struct holder){ pid, parent_of(pid), st.st_dev, st.st_ino };
	return failed ? -ESRCH : 0;
}

static void describe(pid_t pid, struct service *service)
{
	char command[sizeof service->command];
	size_t length = read_proc(pid, "cmdline", command, sizeof command);

	for (size_t i = 0; i + 1 < length; i++)
		if (!command[i])
			command[i] = ' ';
	service->pid = pid;
	text_plain(service->command, sizeof service->command, command);
}

/* ---- All of them. */

static bool add_holder(struct holder **all, size_t *count, const struct holder *one)
{
	if (*count % 64 == 0) {
		struct holder *more = realloc(*all, (*count + 64) * sizeof *more);
		if (!more)
			return false;
		*all = more;
	}
	(*all)[(*count)++] = *one;
	return true;
}

static size_t find_holders(struct holder **all)
{
	size_t count = 0;
	struct holder one;
	DIR *proc = opendir("/proc");

	*all = NULL;
	for (const struct dirent *entry; proc && (entry = readdir(proc));) {
		pid_t pid = is_number(entry->d_name) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
		if (pid > 0 && pid != getpid() && look(pid, &one) == 0 && !add_holder(all, &count, &one))
			break;
	}
	if (proc)
		closedir(proc);
	return count;
}

/* It has the memory from none above it: it is the supervisor. */
static bool is_first(const struct holder *holders, size_t count, const struct holder *one)
{
	for (size_t i = 0; i < count; i++)
		if (holders[i].pid == one->parent)
			return false;
	return true;
}

size_t service_find_all(struct service **services)
{
	struct holder *holders;
	size_t count = find_holders(&holders), found = 0;

	*services = count ? calloc(count, sizeof **services) : NULL;
	for (size_t i = 0; *services && i < count; i++)
		if (is_first(holders, count, &holders[i]))
			describe(holders[i].pid, &(*services)[found++]);
	free(holders);
	return found;
}

bool service_find_file(int fd, struct service *service)
{
	struct holder *holders;
	size_t count = find_holders(&holders);
	struct stat st;
	bool found = false;

	for (size_t i = 0; fstat(fd, &st) == 0 && i < count && !found; i++) {
		found = holders[i].device == st.st_dev && holders[i].inode == st.st_ino &&
		        is_first(holders, count, &holders[i]);
		if (found)
			describe(holders[i].pid, service);
	}
	free(holders);
	return found;
}

/* A worker may have closed it, so those above are asked; then up to the last one that has it. */
int service_find(pid_t pid, struct service *service)
{
	struct holder holder;
	pid_t found = 0;
	int error = look(pid, &holder), first = error;

	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (error == 0)
			found = pid;
		else if (found)
			break;
		pid = parent_of(pid);
		error = pid > 1 ? look(pid, &holder) : -ESRCH;
	}
	if (!found)
		return first ? first : -ESRCH;
	describe(found, service);
	return 0;
}

int service_open(const struct service *service)
{
	return open_memory(service->pid);
}
