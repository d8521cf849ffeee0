/* SPDX-License-Identifier: ISC */
/* runtime_directory - see runtime_directory.h. */
#include "base/runtime_directory.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_locked(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

static void remove_tree(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(path);
}

/* Ours, its process is gone, and nobody holds its lock. */
static bool is_dead(const char *path, int pid, int *lock)
{
	struct stat st;

	if (pid != getpid() && (kill(pid, 0) == 0 || errno != ESRCH))
		return false;
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return false;
	*lock = open_locked(path);
	return *lock >= 0;
}

void runtime_directory_sweep(const char *parent)
{
	DIR *directory = opendir(parent);
	const struct dirent *entry;
	char path[RUNTIME_DIRECTORY_MAX];
	int pid, lock, end;

	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		end = 0;
		if (sscanf(entry->d_name, "percore.%d.%n", &pid, &end) != 1 || !end)
			continue;
		int n = snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
		if (n < 0 || (size_t)n >= sizeof path || !is_dead(path, pid, &lock))
			continue;
		remove_tree(path);
		close(lock);
	}
	closedir(directory);
}

int runtime_directory_open(char path[RUNTIME_DIRECTORY_MAX], const char *parent)
{
	path[RUNTIME_DIRECTORY_MAX - 1] = '\0';
	int lock = *path ? open_locked(path) : -ENOENT;

	if (lock >= 0)
		return lock;
	int n = snprintf(path, RUNTIME_DIRECTORY_MAX, "%s/percore.%d.XXXXXX", parent, (int)getpid());
	int error = n < 0 || n >= RUNTIME_DIRECTORY_MAX ? -ENAMETOOLONG : mkdtemp(path) ? 0 : -errno;
	lock = error ? error : open_locked(path);
	if (lock < 0)
		*path = '\0';
	return lock;
}

void runtime_directory_remove(const char *path, int lock)
{
	if (lock < 0)
		return;
	remove_tree(path);
	close(lock);
}
