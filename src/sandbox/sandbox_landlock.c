/* SPDX-License-Identifier: ISC */
/*
 * sandbox_landlock - which paths a worker may write, and which ports of TCP it may connect to.
 *
 * A file that is open stays open, whatever is decided here.  Opening for reading is never
 * decided here.  The kernel's version says what it can decide (Documentation/userspace-api/landlock.rst):
 * moving between directories since 2, truncating since 3, ports since 4, signals since 6.
 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of later headers than Debian 12's. */
#define ACCESS_FS_TRUNCATE     (UINT64_C(1) << 14)
#define ACCESS_NET_BIND_TCP    (UINT64_C(1) << 0)
#define ACCESS_NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_SIGNAL           (UINT64_C(1) << 1)
enum { RULE_NET_PORT = 2 };

struct ruleset {
	uint64_t access_fs, access_net, scoped;
};

struct port_rule {
	uint64_t allowed_access, port;
};

/* That a file can have, rather than a directory. */
#define FILE_RIGHTS (LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE)

static uint64_t writing(int version)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
	                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
	                  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
	                  LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
	                  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

	if (version >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		rights |= ACCESS_FS_TRUNCATE;
	return rights;
}

static int allow_path(int ruleset, const char *path, uint64_t rights)
{
	struct stat status;
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };
	if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed_access &= FILE_RIGHTS;
	int error = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0
	                    ? 0
	                    : -errno;
	close(fd);
	return error;
}

static int allow_port(int ruleset, uint16_t port)
{
	const struct port_rule rule = { .allowed_access = ACCESS_NET_CONNECT_TCP, .port = port };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) == 0 ? 0 : -errno;
}

static int allow(const struct sandbox *sandbox, int ruleset, const struct ruleset *handled, const char **what)
{
	int error = allow_path(ruleset, *what = "/dev/null", handled->access_fs);

	if (error == -ENOENT) /* an empty root */
		error = 0;
	for (unsigned i = 0; i < sandbox->path_count && !error; i++)
		error = allow_path(ruleset, *what = sandbox->paths[i], handled->access_fs);
	for (unsigned i = 0; i < sandbox->port_count && !error && handled->access_net; i++) {
		*what = "Landlock's ports";
		error = allow_port(ruleset, sandbox->ports[i]);
	}
	return error;
}

int sandbox_close_paths(const struct sandbox *sandbox, const char **what)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	*what = "Landlock";
	if (version < 1)
		return -ENOSYS;
	const struct ruleset handled = {
		.access_fs = writing((int)version),
		.access_net = version >= 4 ? ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP : 0,
		.scoped = version >= 6 ? SCOPE_SIGNAL : 0,
	};
	/* An older kernel takes a longer struct whose rest is 0. */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
	if (ruleset < 0)
		return -errno;
	int error = allow(sandbox, ruleset, &handled, what);
	if (!error) {
		*what = "Landlock";
		error = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : -errno;
	}
	close(ruleset);
	return error;
}
