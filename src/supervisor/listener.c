/* SPDX-License-Identifier: ISC */
/*
 * listener - fd 0 from a spawner, descriptor 3 from systemd, or --listen.
 *
 * A Unix socket that percore makes is 0660: whoever may write to it may send any
 * FastCGI parameter, REMOTE_ADDR included, so that must be the web server alone.
 * unix:@NAME is a name without a file, as in systemd's ListenStream=: it has no mode, so
 * any process of the network namespace may connect.
 */
#include "supervisor/listener.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SYSTEMD_FIRST = 3, BACKLOG = 4096 };

bool listener_is_listening(int fd)
{
	int listening = 0;
	socklen_t size = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/* sd_listen_fds(3) */
static int from_systemd(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != getpid() || !listener_is_listening(SYSTEMD_FIRST))
		return -ENOTSOCK;
	if (strcmp(count, "1") != 0)
		log_warning("LISTEN_FDS=%s: only the first of these sockets is served", count);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	return SYSTEMD_FIRST;
}

static int failed(const char *address, int fd, int error, const char *reason)
{
	log_error("listen %s: %s", address, reason);
	if (fd >= 0)
		close(fd);
	return error ? -error : -EINVAL;
}

/* "@name" is abstract: a NUL, then the name without one at its end (unix(7)). */
static socklen_t unix_name(const char *path, struct sockaddr_un *name)
{
	size_t length = strlen(path);

	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (length == 0 || length >= sizeof name->sun_path || strcmp(path, "@") == 0)
		return 0;
	memcpy(name->sun_path, path, length);
	if (*path != '@')
		return sizeof *name;
	name->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* A socket file that nobody answers on is left over from an earlier run: remove it. */
static void remove_stale(const struct sockaddr_un *address)
{
	struct stat st;

	if (stat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(probe);
}

static int listen_unix(const char *address, const char *path)
{
	struct sockaddr_un name;
	socklen_t size = unix_name(path, &name);

	if (size == 0)
		return failed(address, -1, 0, "the path must have 1 to 107 bytes");
	if (*path != '@')
		remove_stale(&name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t before = umask(0117);
	bool bound = bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, BACKLOG) == 0;
	umask(before);
	return bound ? fd : failed(address, fd, errno, strerror(errno));
}

/* An address in numbers, or localhost: names would tie a static program to the resolver's libraries. */
static socklen_t parse_tcp(const char *address, struct sockaddr_storage *name)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)name;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
	const char *colon = strrchr(address, ':');
	char host[INET6_ADDRSTRLEN + 2], *end;

	if (!colon || (size_t)(colon - address) >= sizeof host)
		return 0;
	unsigned long port = strtoul(colon + 1, &end, 10);
	if (port == 0 || port > 65535 || *end || strspn(colon + 1, "0123456789") == 0)
		return 0;
	snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof *v4;
	}
	if (host[0] != '[' || colon[-1] != ']')
		return 0;
	host[strlen(host) - 1] = '\0';
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
}

static int listen_tcp(const char *address)
{
	struct sockaddr_storage name = { 0 };
	socklen_t size = parse_tcp(address, &name);
	int on = 1;

	if (size == 0)
		return failed(
			address, -1, 0,
			"must be unix:PATH, unix:@NAME, or ADDRESS:PORT as 127.0.0.1:9000 or [::1]:9000");
	int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bool bound = bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, BACKLOG) == 0;
	return bound ? fd : failed(address, fd, errno, strerror(errno));
}

int listener_open(const char *address)
{
	if (!address)
		return listener_is_listening(STDIN_FILENO) ? STDIN_FILENO : from_systemd();
	if (strncmp(address, "unix:", 5) == 0)
		return listen_unix(address, address + 5);
	return listen_tcp(address);
}

/* Straight from the file: a static program has no other way. */
static void user_name(uid_t uid, char *name, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *user;

	snprintf(name, size, "%u", uid);
	while (file && (user = fgetpwent(file)))
		if (user->pw_uid == uid)
			snprintf(name, size, "%s", user->pw_name);
	if (file)
		fclose(file);
}

static void group_name(gid_t gid, char *name, size_t size)
{
	FILE *file = fopen("/etc/group", "re");
	struct group *group;

	snprintf(name, size, "%u", gid);
	while (file && (group = fgetgrent(file)))
		if (group->gr_gid == gid)
			snprintf(name, size, "%s", group->gr_name);
	if (file)
		fclose(file);
}

static void describe_file(const char *path, char *text, size_t size)
{
	char user[33], group[33];
	struct stat st;

	if (stat(path, &st) != 0) {
		snprintf(text, size, "unix:%s", path);
		return;
	}
	user_name(st.st_uid, user, sizeof user);
	group_name(st.st_gid, group, sizeof group);
	snprintf(text, size, "unix:%s (%s:%s %04o)", path, user, group, (unsigned)st.st_mode & 07777);
}

static void describe_unix(const struct sockaddr_un *name, socklen_t length, char *text, size_t size)
{
	size_t bytes = length - offsetof(struct sockaddr_un, sun_path);

	if (bytes > 1 && !name->sun_path[0])
		snprintf(text, size, "unix:@%.*s (no file: whoever may connect)", (int)bytes - 1,
		         name->sun_path + 1);
	else
		describe_file(name->sun_path, text, size);
}

void listener_describe(int listener, char *text, size_t size)
{
	struct sockaddr_storage name = { 0 };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&name;
	socklen_t length = sizeof name;
	char host[INET6_ADDRSTRLEN] = "?";

	if (getsockname(listener, (struct sockaddr *)&name, &length) != 0)
		snprintf(text, size, "an unknown socket");
	else if (name.ss_family == AF_UNIX)
		describe_unix((const struct sockaddr_un *)&name, length, text, size);
	else if (name.ss_family == AF_INET)
		snprintf(text, size, "tcp:%s:%u", inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host),
		         ntohs(v4->sin_port));
	else
		snprintf(text, size, "tcp:[%s]:%u", inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host),
		         ntohs(v6->sin6_port));
}
