/* admin - see admin.h. */
#include "pool/admin.h"

#include "log/log.h"
#include "pool/alone.h"
#include "pool/listener.h"
#include "pool/predecessor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define INHERITED "PERCORE_INHERITED_ADMIN" /* PID:LISTENER:ADDRESS */

enum { AGAIN_MS = 1000 };

/* What the program before has, for us or, as long as it serves, for one after us. */
static struct {
	int fd; /* -1: nothing */
	char address[256];
} legacy = { .fd = -1 };

static void read_legacy(void)
{
	const char *text = getenv(INHERITED);
	int pid, fd, end = 0;

	if (text && sscanf(text, "%d:%d:%n", &pid, &fd, &end) == 2 && end && pid == getpid() &&
	    listener_is_listening(fd) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
		legacy.fd = fd;
		snprintf(legacy.address, sizeof legacy.address, "%s", text + end);
	}
	unsetenv(INHERITED);
}

void admin_drop_legacy(const struct pool *pool)
{
	if (legacy.fd >= 0 && legacy.fd != pool->admin_listener)
		close(legacy.fd);
	legacy.fd = -1;
}

void admin_set_inherited(const struct pool *pool, bool through)
{
	int fd = legacy.fd >= 0 ? legacy.fd : pool->admin_listener;
	const char *address = legacy.fd >= 0 ? legacy.address : pool->admin_address;
	char text[512];

	unsetenv(INHERITED);
	if (fd < 0)
		return;
	fcntl(fd, F_SETFD, through ? 0 : FD_CLOEXEC);
	snprintf(text, sizeof text, "%d:%d:%s", (int)getpid(), fd, address);
	if (through)
		setenv(INHERITED, text, 1);
}

static int open_listener(struct pool *pool)
{
	pool->admin_listener = listener_open(pool->admin_address);
	if (pool->admin_listener < 0)
		return pool->admin_listener;
	return fcntl(pool->admin_listener, F_SETFL, fcntl(pool->admin_listener, F_GETFL) | O_NONBLOCK) == 0
	               ? 0
	               : -errno;
}

int admin_open(struct pool *pool)
{
	char socket[256];
	const char *address = pool->settings->settings->admin;

	pool->admin_listener = -1;
	read_legacy();
	if (address && legacy.fd >= 0 && strcmp(legacy.address, address) == 0)
		pool->admin_listener = legacy.fd;
	if (!predecessor_serves(pool))
		admin_drop_legacy(pool);
	if (!address)
		return 0;
	snprintf(pool->admin_address, sizeof pool->admin_address, "%s", address);
	int error = pool->admin_listener >= 0 ? 0 : open_listener(pool);
	if (error)
		return error;
	listener_describe(pool->admin_listener, socket, sizeof socket);
	log_line("probes also on %s", socket);
	return 0;
}

/* All but stderr and the listening socket is the pool's. */
static void close_others(int listener)
{
	for (int fd = 0; fd < listener; fd++)
		if (fd != STDERR_FILENO)
			close(fd);
	close_range((unsigned)listener + 1, ~0U, 0);
	/* Whoever opens a file must not get a standard stream's number. */
	for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd < STDERR_FILENO; fd = dup(fd))
		;
}

static _Noreturn void be_admin(struct pool *pool, pid_t master)
{
	static struct exchange exchange;

	prctl(PR_SET_NAME, "percore-admin");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		_exit(1);
	close_others(pool->admin_listener);
	exchange = *pool->settings->exchange;
	exchange.only_probes = true;
	exchange.shed.shm = NULL;
	exchange.access.shm = NULL;
	_exit(alone_run(&(struct alone){ .listener = pool->admin_listener,
	                                 .settings = pool->settings->settings,
	                                 .exchange = &exchange,
	                                 .index = METRICS_ADMIN,
	                                 .draining = &pool->shm->draining }));
}

void admin_due(struct pool *pool, uint64_t now_ms)
{
	pid_t master = getpid();

	if (!*pool->admin_address || pool->admin || pool->probes_are_away || now_ms < pool->admin_at_ms)
		return;
	pool->admin_at_ms = now_ms + AGAIN_MS;
	/* A handler may have closed it: workers share our descriptors. */
	if (!listener_is_listening(pool->admin_listener) && open_listener(pool) != 0)
		return;
	pid_t pid = fork(); /* a table of its own */
	if (pid == 0)
		be_admin(pool, master);
	if (pid < 0)
		log_line("cannot start the admin process: %s; trying again in %d ms", strerror(errno),
		         AGAIN_MS);
	pool->admin = pid > 0 ? pid : 0;
}

void admin_note_exit(struct pool *pool, pid_t pid, uint64_t now_ms)
{
	if (!pool->admin || pid != pool->admin)
		return;
	pool->admin = 0;
	if (!pool->admin_told)
		log_line("the admin process (pid %d) ended; another takes its place", (int)pid);
	else
		pool->admin_at_ms = now_ms;
	pool->admin_told = false;
}

void admin_renew(struct pool *pool)
{
	if (!pool->admin)
		return;
	pool->admin_told = true;
	kill(pool->admin, SIGTERM);
}

void admin_leave(struct pool *pool)
{
	pool->probes_are_away = true;
	admin_renew(pool);
}

void admin_stop(struct pool *pool)
{
	if (!pool->admin)
		return;
	kill(pool->admin, SIGKILL);
	waitpid(pool->admin, NULL, 0);
	pool->admin = 0;
	pool->admin_at_ms = 0;
}
