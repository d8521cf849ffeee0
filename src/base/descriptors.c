/* SPDX-License-Identifier: ISC */
/* descriptors - see descriptors.h. */
#include "base/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILES_MAX = 1 << 20 };

void descriptors_open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			open("/dev/null", O_RDWR); /* the lowest that is free: this one */
}

int descriptors_move_up(int fd)
{
	if (fd > STDERR_FILENO)
		return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -errno;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		return -errno;
	close(fd);
	descriptors_open_standard();
	return moved;
}

static unsigned next_above(const int *kept, unsigned count, unsigned from)
{
	unsigned next = ~0U;

	for (unsigned i = 0; i < count; i++)
		if (kept[i] >= 0 && (unsigned)kept[i] >= from && (unsigned)kept[i] < next)
			next = (unsigned)kept[i];
	return next;
}

void descriptors_close_others(const int *kept, unsigned count)
{
	unsigned from = STDERR_FILENO + 1, next;

	for (; (next = next_above(kept, count, from)) != ~0U; from = next + 1)
		if (next > from)
			close_range(from, next - 1, 0);
	close_range(from, ~0U, 0);
}

unsigned descriptors_raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return 1024;
	rlim_t most = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
	if (files.rlim_cur < most) {
		files.rlim_cur = most;
		if (setrlimit(RLIMIT_NOFILE, &files) != 0)
			getrlimit(RLIMIT_NOFILE, &files);
	}
	return files.rlim_cur < FILES_MAX ? (unsigned)files.rlim_cur : FILES_MAX;
}

unsigned descriptors_count(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1000; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}
