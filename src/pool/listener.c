/* listener - fd 0 from a spawner, or --listen. */
#include "pool/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int inherited(void)
{
	int listening = 0;
	socklen_t size = sizeof listening;

	if (getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening)
		return 0;
	return -1;
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

static int listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) {
		fprintf(stderr, "percore: --listen: the path is longer than %zu bytes\n",
		        sizeof address.sun_path - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	remove_stale(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t before = umask(0117);
	int failed = bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024);
	umask(before);
	if (failed) {
		fprintf(stderr, "percore: --listen unix:%s: %s\n", path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static int listen_tcp(const char *address)
{
	char host[256];
	const char *colon = strrchr(address, ':');
	if (!colon || colon == address || (size_t)(colon - address) >= sizeof host) {
		fprintf(stderr, "percore: --listen %s: must be unix:PATH or HOST:PORT\n", address);
		return -1;
	}
	snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
	int wrong = getaddrinfo(host, colon + 1, &hints, &found);
	if (wrong) {
		fprintf(stderr, "percore: --listen %s: %s\n", address, gai_strerror(wrong));
		return -1;
	}
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, 1024)) {
		fprintf(stderr, "percore: --listen %s: %s\n", address, strerror(errno));
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int listener_open(const char *address)
{
	if (!address)
		return inherited();
	if (strncmp(address, "unix:", 5) == 0)
		return listen_unix(address + 5);
	return listen_tcp(address);
}
