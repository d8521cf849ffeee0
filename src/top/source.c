/* SPDX-License-Identifier: ISC */
/* source - see source.h. */
#include "top/source.h"

#include "base/no_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Finding it. */

static int tell_several(const struct service *services, size_t count)
{
	fprintf(stderr, "percore-top: %zu services run here; say which one:\n", count);
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "  percore-top -p %d    %s\n", (int)services[i].pid, services[i].command);
	return EXIT_WRONG_USAGE;
}

static int find_only(struct source *source)
{
	struct service *services;
	size_t count = service_find_all(&services);
	int status = 0;

	if (count == 1)
		source->service = services[0];
	else if (count > 1)
		status = tell_several(services, count);
	free(services);
	if (count == 0) {
		fputs("percore-top: no service runs here that this user may look at; the service's own user "
		      "may, "
		      "and root: -p PID or -f FILE tell what is wrong with one\n",
		      stderr);
		status = 1;
	}
	return status;
}

static int find_process(struct source *source, pid_t pid)
{
	int error = service_find(pid, &source->service);

	if (!error)
		return 0;
	if (error == -ESRCH)
		fprintf(stderr,
		        "percore-top: process %d belongs to no service on libpercore; one with --workers 0 "
		        "has no "
		        "shared memory\n",
		        (int)pid);
	else
		fprintf(stderr, "percore-top: process %d: %s: be its user, or root\n", (int)pid,
		        strerror(-error));
	return 1;
}

int source_open(struct source *source, const struct options *options)
{
	int status = 0;

	*source = (struct source){ .file = options->file };
	if (!source->file) {
		status = options->pid ? find_process(source, options->pid) : find_only(source);
		source->has_service = status == 0;
	}
	return status;
}

/* ---- Looking. */

static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

/* One that has ended and is not yet reaped has none. */
static bool has_memory(const struct service *service)
{
	int fd = service_open(service);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int open_memory(const struct source *source)
{
	int fd = source->file ? open(source->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
	                      : service_open(&source->service);

	return fd < 0 && source->file ? -errno : fd;
}

static const char *explain(const struct source *source, int error)
{
	if (error == -EPROTO)
		return "this is no state of a service on libpercore, or it is damaged";
	if (error == -ENOTSUP)
		return "the service is of another version of percore: take the percore-top that came with it";
	if (error == -ESRCH || (error == -ENOENT && !source->file))
		return "the service has ended";
	return strerror(-error);
}

/* Of a file: which process has it?  Who may not see that asks the master that the memory names. */
static void find_owner(struct source *source, int fd)
{
	if (!source->file)
		return;
	if (source->copy.is_other || (source->has_service && !has_memory(&source->service)))
		source->has_service = service_find_file(fd, &source->service);
	pid_t master = (pid_t)atomic_load(&source->copy.metrics.pool->master);
	source->has_ended = !source->has_service && (master <= 0 || !is_alive(master));
}

static void take(struct source *source)
{
	sample_free(source->before);
	source->before = source->now;
	if (source->copy.is_other) {
		sample_free(source->before);
		source->before = NULL;
	}
	source->now = sample_new(&source->copy);
	if (!source->now)
		percore_no_memory();
}

const char *source_look(struct source *source)
{
	int fd = open_memory(source), error = fd < 0 ? fd : copy_take(&source->copy, fd);

	if (!error)
		find_owner(source, fd);
	if (fd >= 0)
		close(fd);
	if (error) {
		source->has_ended = error == -ESRCH || error == -ENOENT;
		return explain(source, error);
	}
	if (!source->file)
		source->has_ended = false;
	take(source);
	return NULL;
}

void source_fini(struct source *source)
{
	sample_free(source->now);
	sample_free(source->before);
	copy_fini(&source->copy);
}
