/* keeper - see keeper.h. */
#include "pool/keeper.h"

#include "log/log.h"
#include "pool/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void keep(int listener, pid_t master)
{
	sigset_t all;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "percore-keeper");
	if (getppid() != master)
		_exit(0);
	for (int fd = 0; fd < listener; fd++)
		if (fd != STDERR_FILENO)
			close(fd);
	close_range((unsigned)listener + 1 > STDERR_FILENO + 1 ? (unsigned)listener + 1 : STDERR_FILENO + 1,
	            ~0U, 0);
	sigfillset(&all);
	for (;;)
		sigwaitinfo(&all, NULL);
}

void keeper_start(struct pool *pool)
{
	pid_t master = getpid();
	pid_t pid = fork(); /* a table of its own */

	if (pid == 0)
		keep(pool->settings->listener, master);
	if (pid < 0)
		log_error("cannot start the keeper of the listening socket: %s", strerror(errno));
	pool->keeper = pid > 0 ? pid : 0;
}

void keeper_stop(struct pool *pool)
{
	if (!pool->keeper)
		return;
	kill(pool->keeper, SIGKILL);
	waitpid(pool->keeper, NULL, 0);
	pool->keeper = 0;
}

static int take_back(int pidfd, int fd)
{
	int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (copy < 0)
		return -errno;
	if (copy == fd)
		return 0;
	int error = dup2(copy, fd) < 0 ? -errno : 0;
	close(copy);
	return error;
}

/* Not on a number that is to be restored. */
static int open_out_of_the_way(pid_t keeper, int listener)
{
	int least = listener > STDERR_FILENO ? listener + 1 : STDERR_FILENO + 1;
	int pidfd = (int)syscall(SYS_pidfd_open, keeper, 0);
	int moved = pidfd < 0 ? -1 : fcntl(pidfd, F_DUPFD_CLOEXEC, least);

	if (pidfd >= 0)
		close(pidfd);
	return moved;
}

void keeper_note_exit(struct pool *pool, pid_t pid)
{
	if (!pool->keeper || pid != pool->keeper)
		return;
	log_warning("the keeper of the listening socket (pid %d) died; another takes its place", (int)pid);
	keeper_start(pool);
}

int keeper_restore(const struct pool *pool)
{
	int listener = pool->settings->listener, error = 0;
	bool lost_listener = !listener_is_listening(listener),
	     lost_stderr = fcntl(STDERR_FILENO, F_GETFD) < 0;

	if (!lost_listener && !lost_stderr)
		return 0;
	int pidfd = pool->keeper ? open_out_of_the_way(pool->keeper, listener) : -1;
	if (pidfd < 0)
		return pool->keeper ? -errno : -ESRCH;
	if (lost_stderr)
		error = take_back(pidfd, STDERR_FILENO);
	if (lost_listener && !error)
		error = take_back(pidfd, listener);
	close(pidfd);
	if (!error)
		log_warning("a handler had closed %s: restored",
		            lost_listener ? "the listening socket" : "stderr");
	return error;
}
