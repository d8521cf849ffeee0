/* SPDX-License-Identifier: ISC */
/*
 * shared - see shared.h.
 *
 * | magic | version | count | total | offset and bytes of each section | sections ...
 *
 * The magic is written last: who finds it finds the rest.
 */
#include "state/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARED_MAGIC UINT64_C(0x3145524f43524550) /* "PERCORE1" */

enum { SHARED_VERSION = 4, SECTION_ALIGN = 4096 };

struct shared_header_shm {
	_Atomic uint64_t magic;
	uint32_t version, sections;
	uint64_t total;
	struct {
		uint64_t offset, bytes;
	} section[SHARED_SECTIONS];
};

static void lay_out(struct shared_header_shm *header, const size_t sizes[SHARED_SECTIONS])
{
	uint64_t offset = SECTION_ALIGN;

	*header = (struct shared_header_shm){ .version = SHARED_VERSION, .sections = SHARED_SECTIONS };
	for (int i = 0; i < SHARED_SECTIONS; i++) {
		header->section[i].offset = offset;
		header->section[i].bytes = sizes[i];
		offset += (sizes[i] + SECTION_ALIGN - 1) / SECTION_ALIGN * SECTION_ALIGN;
	}
	header->total = offset;
}

static bool unnamed_path(const char *path, char unnamed[PATH_MAX])
{
	int n = snprintf(unnamed, PATH_MAX, "%s.%d", path, (int)getpid());

	return n > 0 && n < PATH_MAX;
}

/* Something else than a state file, which may be dear to somebody. */
static bool is_foreign(const char *path)
{
	uint64_t magic = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno != ENOENT;
	bool is_ours = read(fd, &magic, sizeof magic) == sizeof magic && magic == SHARED_MAGIC;
	close(fd);
	return !is_ours;
}

static int open_file(const char *path)
{
	char unnamed[PATH_MAX];

	if (!path)
		return memfd_create("percore-state", MFD_CLOEXEC);
	if (!unnamed_path(path, unnamed)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (is_foreign(path)) {
		errno = EEXIST;
		return -1;
	}
	unlink(unnamed); /* left over from a process that had our number */
	return open(unnamed, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* Who reads the old one keeps it. */
int shared_publish(struct shared *shared)
{
	char unnamed[PATH_MAX];

	if (!shared->path || !shared->is_new)
		return 0;
	shared->is_new = false;
	return unnamed_path(shared->path, unnamed) && rename(unnamed, shared->path) == 0 ? 0 : -errno;
}

static int map(struct shared *shared, const struct shared_header_shm *header)
{
	for (int i = 0; i < SHARED_SECTIONS; i++)
		shared->offsets[i] = header->section[i].offset;
	shared->base =
		mmap(NULL, shared->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, shared->fd, 0);
	return shared->base == MAP_FAILED ? -errno : 0;
}

int shared_create(struct shared *shared, const char *path, const size_t sizes[SHARED_SECTIONS])
{
	struct shared_header_shm header;

	lay_out(&header, sizes);
	*shared =
		(struct shared){ .fd = open_file(path), .path = path, .bytes = header.total, .is_new = true };
	if (shared->fd < 0 || ftruncate(shared->fd, (off_t)header.total) != 0)
		return -errno;
	int error = map(shared, &header);
	if (error)
		return error;
	memcpy(shared->base, &header, sizeof header);
	atomic_store_explicit(&((struct shared_header_shm *)shared->base)->magic, SHARED_MAGIC,
	                      memory_order_release);
	return 0;
}

static bool is_file(const char *path, const struct stat *file)
{
	struct stat st;

	return !path || (stat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino);
}

int shared_attach(struct shared *shared, int fd, const char *path, const size_t sizes[SHARED_SECTIONS])
{
	struct shared_header_shm header;
	struct stat st;

	lay_out(&header, sizes);
	*shared = (struct shared){ .fd = fd, .bytes = header.total };
	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != header.total || !is_file(path, &st))
		return -EPROTO;
	int error = map(shared, &header);
	if (error)
		return error;
	atomic_store(&header.magic, SHARED_MAGIC);
	if (memcmp(shared->base, &header, sizeof header) != 0) {
		munmap(shared->base, shared->bytes);
		return -EPROTO;
	}
	return 0;
}

size_t shared_section_bytes(int fd, enum shared_section section)
{
	struct shared_header_shm header;

	if (fd < 0 || pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
		return 0;
	return header.section[section].bytes;
}

int shared_inspect(int fd, size_t sizes[SHARED_SECTIONS], size_t offsets[SHARED_SECTIONS])
{
	struct shared_header_shm header, ours;
	struct stat st;
	ssize_t n = pread(fd, &header, sizeof header, 0);

	if (n < (ssize_t)(sizeof header.magic + sizeof header.version) || header.magic != SHARED_MAGIC)
		return -EPROTO;
	if (header.version != SHARED_VERSION || header.sections != SHARED_SECTIONS)
		return -ENOTSUP;
	if (n != (ssize_t)sizeof header || fstat(fd, &st) != 0)
		return -EPROTO;
	for (int i = 0; i < SHARED_SECTIONS; i++) {
		if (header.section[i].bytes > (uint64_t)st.st_size)
			return -EPROTO;
		sizes[i] = (size_t)header.section[i].bytes;
		offsets[i] = (size_t)header.section[i].offset;
	}
	lay_out(&ours, sizes);
	atomic_store(&ours.magic, SHARED_MAGIC);
	return memcmp(&header, &ours, sizeof header) == 0 && (uint64_t)st.st_size == header.total ? 0
	                                                                                          : -EPROTO;
}

void *shared_section(const struct shared *shared, enum shared_section section)
{
	return (char *)shared->base + shared->offsets[section];
}

void shared_close(struct shared *shared)
{
	char unnamed[PATH_MAX];

	if (shared->path && shared->is_new && unnamed_path(shared->path, unnamed))
		unlink(unnamed);
	munmap(shared->base, shared->bytes);
	close(shared->fd);
}
