/* SPDX-License-Identifier: ISC */
/* sandbox - see sandbox.h. */
#include "sandbox/sandbox.h"

#include "base/log.h"
#include "base/redis_url.h"
#include "percore.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* Of this process: before percore_run, and in percore_on_worker. */
static struct sandbox own;
static char mistake[256]; /* the first; "" */

/* ---- Declaring. */

static void note_mistake(const char *call, const char *value, const char *wrong)
{
	if (!*mistake)
		snprintf(mistake, sizeof mistake, "%s %.150s: %s", call, value ? value : "NULL", wrong);
}

void percore_allow_write(const char *path)
{
	if (!path || !*path)
		note_mistake("percore_allow_write", path, "must be a path");
	else if (own.path_count == SANDBOX_PATHS_MAX)
		note_mistake("percore_allow_write", path, "there are too many");
	else if (!(own.paths[own.path_count] = strdup(path)))
		note_mistake("percore_allow_write", path, "no memory");
	else
		own.path_count++;
}

static void allow_port(uint16_t port)
{
	for (unsigned i = 0; i < own.port_count; i++)
		if (own.ports[i] == port)
			return;
	if (own.port_count < SANDBOX_PORTS_MAX)
		own.ports[own.port_count++] = port;
	else
		note_mistake("percore_allow_connect", "", "there are too many ports");
}

/* A host that is no number is looked up. */
static void allow_tcp(const char *host, size_t length, uint16_t port)
{
	bool is_number = memchr(host, ':', length) || strspn(host, "0123456789.") >= length;

	own.looks_up_names |= !is_number;
	allow_port(port);
}

void percore_allow_connect(const char *address)
{
	const char *colon = address ? strrchr(address, ':') : NULL;
	char *end = NULL;
	long port = colon ? strtol(colon + 1, &end, 10) : 0;

	if (address && strncmp(address, "unix:", 5) == 0) {
		sandbox_allow_unix();
	} else if (!colon || colon == address || *end || port < 1 || port > 65535) {
		note_mistake("percore_allow_connect", address, "must be HOST:PORT or unix:PATH");
	} else {
		allow_tcp(address, (size_t)(colon - address), (uint16_t)port);
	}
}

void percore_allow_programs(void)
{
	own.starts_programs = true;
}

void sandbox_allow_unix(void)
{
	own.connects_unix = true;
}

void sandbox_allow_redis(const char *url)
{
	struct redis_url parsed;

	if (!redis_url_is_meant(url) || redis_url_parse(url, &parsed) != NULL)
		return;
	if (*parsed.path)
		sandbox_allow_unix();
	else
		allow_tcp(parsed.host, strlen(parsed.host), (uint16_t)parsed.port);
}

/* ---- Closing. */

/* What glibc loads at its first use could not be loaded later: pthread_cancel, pthread_exit and backtrace
 * need it. */
static void load_unwinder(void)
{
	void *frame[1];

	backtrace(frame, 1);
}

static unsigned threads(void)
{
	DIR *directory = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned count = 0;

	while (directory && (entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return count;
}

/*
 * Landlock, always: it also keeps a worker out of other processes' memory.  Where nothing was declared
 * that it alone can decide, seccomp does without it.
 */
static bool close_paths(void)
{
	bool is_needed = !sandbox_writes_nothing(&own) || own.port_count > 0;
	const char *what = "";
	int error = sandbox_close_paths(&own, &what);

	if (error && error != -ENOSYS) {
		log_error("sandbox: %s: %s", what, strerror(-error));
		return false;
	}
	if (is_needed && error)
		log_warning(
			"sandbox: this kernel has no Landlock: a worker may write wherever its user may, and "
			"connect to any address; all else is refused");
	else if (is_needed && threads() > 1)
		log_warning("sandbox: threads of percore_on_worker may write wherever the user may: "
		            "Landlock holds for those that are started later");
	return true;
}

bool sandbox_enter(struct pool_shm *pool)
{
	if (*mistake) {
		log_error("sandbox: %s", mistake);
		return false;
	}
	load_unwinder();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		log_error("sandbox: no new privileges: %s", strerror(errno));
		return false;
	}
	if (!close_paths())
		return false;
	int error = sandbox_close_calls(&own, pool);
	if (error)
		log_error("sandbox: seccomp: %s; a kernel without it needs sandbox = no", strerror(-error));
	return error == 0;
}
