/* SPDX-License-Identifier: ISC */
/* upload - see upload.h. */
#include "exchange/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* since Linux 6.3, which may insist on it */
#endif

static int open_in_memory(void)
{
	int fd = memfd_create("upload", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("upload", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* For a file system without O_TMPFILE: it has a name for a moment. */
static int open_and_unlink(const char *directory)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/percore-upload-XXXXXX", directory);

	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (unlink(path) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

int upload_open(const char *directory)
{
	if (!directory)
		return open_in_memory();
	int fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	/* EISDIR: a kernel that knows no O_TMPFILE. */
	bool has_none = errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL;
	return has_none ? open_and_unlink(directory) : -errno;
}

int upload_write(int fd, const void *bytes, size_t length)
{
	for (const char *at = bytes; length > 0;) {
		ssize_t written = write(fd, at, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		length -= (size_t)written;
	}
	return 0;
}
