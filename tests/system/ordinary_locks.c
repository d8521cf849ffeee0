/* SPDX-License-Identifier: ISC */
/*
 * ordinary_locks - GET /lock/{kind}?times=N goes N times through a section that one worker at a time may be
 * in.
 *
 * The kinds: record locks (fcntl, lockf), locks of an open file (flock, ofd), mutexes shared by processes
 * (robust, recursive).  ?signal= comes while the lock is held.  GET /section/{kind} tells how often the
 * section was entered, what its plain counter counted, and how often two were in it.
 * The files of the locks are in --locks; the memory is the file ORDINARY_MEMORY, for processes that are not
 * forked from one, or nobody else's.
 */
#include "ordinary.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

enum kind { FCNTL, LOCKF, FLOCK, OFD, ROBUST, RECURSIVE, KINDS };
static const char *const names[KINDS] = { "fcntl", "lockf", "flock", "ofd", "robust", "recursive" };

struct section {
	_Atomic pid_t inside;
	_Atomic long entries, overlaps;
	long counter;
};

struct shared {
	pthread_mutex_t robust, recursive;
	struct section sections[KINDS];
};

static struct shared *shared;
static const char *dir = "";
static int files[KINDS];

static bool lock_record(int fd, int command, short type)
{
	struct flock whole = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, command, &whole) == 0;
}

static bool lock_robust(void)
{
	int error = pthread_mutex_lock(&shared->robust);

	return error == 0 || (error == EOWNERDEAD && pthread_mutex_consistent(&shared->robust) == 0);
}

static bool take(enum kind kind)
{
	switch (kind) {
	case FCNTL:
		return lock_record(files[kind], F_SETLKW, F_WRLCK);
	case OFD:
		return lock_record(files[kind], F_OFD_SETLKW, F_WRLCK);
	case LOCKF:
		return lockf(files[kind], F_LOCK, 0) == 0;
	case FLOCK:
		return flock(files[kind], LOCK_EX) == 0;
	case ROBUST:
		return lock_robust();
	case RECURSIVE:
		return pthread_mutex_lock(&shared->recursive) == 0 &&
		       pthread_mutex_lock(&shared->recursive) == 0;
	case KINDS:
		break;
	}
	return false;
}

static bool give(enum kind kind)
{
	switch (kind) {
	case FCNTL:
		return lock_record(files[kind], F_SETLK, F_UNLCK);
	case OFD:
		return lock_record(files[kind], F_OFD_SETLK, F_UNLCK);
	case LOCKF:
		return lockf(files[kind], F_ULOCK, 0) == 0;
	case FLOCK:
		return flock(files[kind], LOCK_UN) == 0;
	case ROBUST:
		return pthread_mutex_unlock(&shared->robust) == 0;
	case RECURSIVE:
		return pthread_mutex_unlock(&shared->recursive) == 0 &&
		       pthread_mutex_unlock(&shared->recursive) == 0;
	case KINDS:
		break;
	}
	return false;
}

/* Long enough for another to be let in. */
static void pass(struct section *section)
{
	long before = section->counter;

	if (atomic_exchange(&section->inside, getpid()) != 0)
		atomic_fetch_add(&section->overlaps, 1);
	atomic_fetch_add(&section->entries, 1);
	usleep(50);
	section->counter = before + 1;
	atomic_store(&section->inside, 0);
}

static enum kind kind_of(struct percore_request *request)
{
	const char *name = percore_path_value(request, "kind");
	int kind = 0;

	while (kind < KINDS && !(name && strcmp(name, names[kind]) == 0))
		kind++;
	return (enum kind)kind;
}

static void lock(struct percore_request *request)
{
	enum kind kind = kind_of(request);
	bool is_done = kind != KINDS;

	for (long i = number(request, "times"); is_done && i > 0; i--) {
		is_done = take(kind);
		if (is_done) {
			raise_if_asked(request);
			pass(&shared->sections[kind]);
			is_done = give(kind);
		}
	}
	if (is_done)
		percore_answer_empty(request);
	else
		percore_answer_problem(request, 503, NULL);
}

static void section(struct percore_request *request)
{
	enum kind kind = kind_of(request);
	char text[128];

	if (kind == KINDS) {
		percore_answer_problem(request, 404, NULL);
		return;
	}
	const struct section *s = &shared->sections[kind];
	snprintf(text, sizeof text, "entries=%ld counter=%ld overlaps=%ld\n", s->entries, s->counter,
	         s->overlaps);
	percore_answer_text(request, 200, text);
}

static void mutex_init(pthread_mutex_t *mutex, int type, int robust)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

static void shared_init(void)
{
	mutex_init(&shared->robust, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	mutex_init(&shared->recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
}

/* Whoever makes the file makes the mutexes. */
static void map(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	int flags = fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS;
	bool is_new = fd < 0 || (flock(fd, LOCK_EX) == 0 && lseek(fd, 0, SEEK_END) == 0);

	if (fd >= 0 && is_new && ftruncate(fd, sizeof *shared) != 0)
		abort();
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (shared == MAP_FAILED)
		abort();
	if (is_new)
		shared_init();
	if (fd >= 0) {
		flock(fd, LOCK_UN); /* the mapping keeps the open file */
		close(fd);
	}
}

bool locks_start(void)
{
	if (*dir)
		percore_allow_write(dir);
	for (int i = 0; *dir && i < KINDS; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		files[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (files[i] < 0)
			return false;
	}
	return true;
}

static const struct percore_route routes[] = {
	{ .pattern = "/lock/{kind}", .handler = lock },
	{ .pattern = "/section/{kind}", .handler = section },
	{ 0 },
};

void locks_add(struct percore_app *app)
{
	map(getenv("ORDINARY_MEMORY"));
	percore_add_text(app, "locks", &dir, "folder of the files that are locked");
	percore_add_routes(app, routes);
}
