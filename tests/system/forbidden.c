/* SPDX-License-Identifier: ISC */
/*
 * forbidden - a service whose handlers try what --sandbox takes from them.
 *
 * /calls lists the calls, with what is to come of each: a number of errno, or "ends" where the
 * worker does not survive it.  /try?call=NAME makes one and answers with errno's name.
 * /open, /run, /connect do what an ordinary handler does, for what --may-... declares.
 */
#include <percore.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const no_arguments[] = { "true", NULL };
static char page[4096] __attribute__((aligned(4096)));
static int pair[2];
static struct sockaddr_in loopback = { .sin_family = AF_INET };
static struct rlimit files = { 64, 64 };

enum { ENDS = -1 };

static const struct forbidden {
	const char *name;
	int outcome; /* errno, or ENDS */
	long call;
	long arguments[6];
} calls[] = {
#define A(x) ((long)(x))
	/* Executing. */
	{ "execve", EPERM, SYS_execve, { A("/bin/true"), A(no_arguments), A(no_arguments + 1) } },
	{ "execveat",
	  EPERM,
	  SYS_execveat,
	  { AT_FDCWD, A("/bin/true"), A(no_arguments), A(no_arguments + 1), 0 } },
	{ "mmap-executable",
	  EPERM,
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "mprotect-executable", EPERM, SYS_mprotect, { A(page), 4096, PROT_READ | PROT_EXEC } },
	/* Writing. */
	{ "openat-write", EPERM, SYS_openat, { AT_FDCWD, A("file"), O_WRONLY } },
	{ "openat-create", EPERM, SYS_openat, { AT_FDCWD, A("new"), O_RDWR | O_CREAT, 0600 } },
	{ "openat-truncate", EPERM, SYS_openat, { AT_FDCWD, A("file"), O_RDONLY | O_TRUNC } },
	{ "openat-tmpfile", EPERM, SYS_openat, { AT_FDCWD, A("."), O_RDWR | O_TMPFILE, 0600 } },
	{ "openat-own-memory", EPERM, SYS_openat, { AT_FDCWD, A("/proc/self/mem"), O_RDWR } },
	{ "openat2", EPERM, SYS_openat2, { AT_FDCWD, A("file"), A(page), 24 } },
	{ "mkdirat", EPERM, SYS_mkdirat, { AT_FDCWD, A("new"), 0700 } },
	{ "mknodat", EPERM, SYS_mknodat, { AT_FDCWD, A("new"), S_IFIFO | 0600, 0 } },
	{ "unlinkat", EPERM, SYS_unlinkat, { AT_FDCWD, A("file"), 0 } },
	{ "renameat2", EPERM, SYS_renameat2, { AT_FDCWD, A("file"), AT_FDCWD, A("new"), 0 } },
	{ "linkat", EPERM, SYS_linkat, { AT_FDCWD, A("file"), AT_FDCWD, A("new"), 0 } },
	{ "symlinkat", EPERM, SYS_symlinkat, { A("file"), AT_FDCWD, A("new") } },
	{ "truncate", EPERM, SYS_truncate, { A("file"), 0 } },
	{ "fchmodat", EPERM, SYS_fchmodat, { AT_FDCWD, A("file"), 0777 } },
	{ "fchownat", EPERM, SYS_fchownat, { AT_FDCWD, A("file"), 1, 1, 0 } },
	{ "setxattr", EPERM, SYS_setxattr, { A("file"), A("user.a"), A("b"), 1, 0 } },
	/* Sockets. */
	{ "socket-inet", EPERM, SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "socket-inet6", EPERM, SYS_socket, { AF_INET6, SOCK_DGRAM, 0 } },
	{ "socket-unix", EPERM, SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "socket-netlink", EPERM, SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
	{ "socket-packet", EPERM, SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
	{ "socketpair-datagrams", EPERM, SYS_socketpair, { AF_UNIX, SOCK_DGRAM, 0, A(page) } },
	{ "connect", EPERM, SYS_connect, { 0, A(&loopback), sizeof loopback } },
	{ "bind", EPERM, SYS_bind, { 0, A(&loopback), sizeof loopback } },
	{ "listen", EPERM, SYS_listen, { 0, 1 } },
	/* Other processes.  0 stands for the master. */
	{ "kill-master", EPERM, SYS_kill, { 0, SIGTERM } },
	{ "kill-all", EPERM, SYS_kill, { -1, SIGTERM } },
	{ "tgkill-master", EPERM, SYS_tgkill, { 0, 0, SIGTERM } },
	{ "prlimit-master", EPERM, SYS_prlimit64, { 0, RLIMIT_NOFILE, A(&files), 0 } },
	{ "ptrace", ENDS, SYS_ptrace, { 16, 0, 0, 0 } },
	{ "process_vm_readv", ENDS, SYS_process_vm_readv, { 0, 0, 0, 0, 0, 0 } },
	{ "process_vm_writev", ENDS, SYS_process_vm_writev, { 0, 0, 0, 0, 0, 0 } },
	{ "pidfd_getfd", ENDS, SYS_pidfd_getfd, { 0, 0, 0 } },
	/* Privileges, and the kernel. */
	{ "setuid", EPERM, SYS_setuid, { 0 } },
	{ "setresgid", EPERM, SYS_setresgid, { 0, 0, 0 } },
	{ "capset", EPERM, SYS_capset, { 0, 0 } },
	{ "personality", EPERM, SYS_personality, { 0x0400000 } },
	{ "prctl-seccomp", EPERM, SYS_prctl, { PR_SET_SECCOMP, 0, 0, 0, 0 } },
	{ "clone-user-namespace", EPERM, SYS_clone, { CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0 } },
	{ "ioctl-type-into-terminal", EPERM, SYS_ioctl, { 0, TIOCSTI, A("x") } },
	{ "ioctl-with-high-bits", EPERM, SYS_ioctl, { 0, A(0x100000000 | TIOCSTI), A("x") } },
	{ "io_uring_setup", EPERM, SYS_io_uring_setup, { 8, A(page) } },
	{ "shmget", EPERM, SYS_shmget, { 0, 4096, 01600 } },
	{ "no-such-call", EPERM, 1000, { 0 } },
	{ "unshare", ENDS, SYS_unshare, { CLONE_NEWUSER } },
	{ "setns", ENDS, SYS_setns, { 0, 0 } },
	{ "mount", ENDS, SYS_mount, { A("none"), A("."), A("tmpfs"), 0, 0 } },
	{ "chroot", ENDS, SYS_chroot, { A(".") } },
	{ "bpf", ENDS, SYS_bpf, { 0, A(page), 64 } },
	{ "perf_event_open", ENDS, SYS_perf_event_open, { A(page), 0, -1, -1, 0 } },
	{ "userfaultfd", ENDS, SYS_userfaultfd, { 0 } },
	{ "keyctl", ENDS, SYS_keyctl, { 0, -3, 0 } },
	{ "init_module", ENDS, SYS_init_module, { 0, 0, A("") } },
	{ "kexec_load", ENDS, SYS_kexec_load, { 0, 0, 0, 0 } },
	{ "open_by_handle_at", ENDS, SYS_open_by_handle_at, { AT_FDCWD, A(page), 0 } },
#undef A
};

static const char *may_write = "", *may_connect = "", *may_start = "";

static void answer(struct percore_request *request, const char *what)
{
	char text[256];

	snprintf(text, sizeof text, "%s\n", what);
	percore_answer_text(request, 200, text);
}

static void list(struct percore_request *request)
{
	char text[8192] = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s %s\n", calls[i].name,
		                      calls[i].outcome == ENDS ? "ends" : strerrorname_np(calls[i].outcome));
	percore_answer_text(request, 200, text);
}

static void try(struct percore_request *request)
{
	const char *name = percore_query(request, "call");

	for (size_t i = 0; name && i < sizeof calls / sizeof calls[0]; i++) {
		const struct forbidden *c = &calls[i];
		const long *a = c->arguments;
		if (strcmp(name, c->name) != 0)
			continue;
		long first = strstr(name, "-master") ? (long)getppid() : a[0];
		long result = syscall(c->call, first, a[1], a[2], a[3], a[4], a[5]);
		answer(request, result == -1 ? strerrorname_np(errno) : "done");
		return;
	}
	percore_answer_problem(request, 404, "There is no such call.");
}

/* ---- What ordinary handlers do. */

static void open_file(struct percore_request *request)
{
	const char *path = percore_query(request, "path");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	answer(request, fd < 0 ? strerrorname_np(errno) : "done");
	if (fd >= 0)
		close(fd);
}

static void read_file(struct percore_request *request)
{
	const char *path = percore_query(request, "path");
	char byte;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	answer(request, fd < 0 || read(fd, &byte, 1) != 1 ? strerrorname_np(errno) : "done");
	if (fd >= 0)
		close(fd);
}

static void connect_to(struct percore_request *request)
{
	const char *port = percore_query(request, "port");
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)strtol(port ? port : "0", NULL, 10)),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		answer(request, strerrorname_np(errno));
	else
		answer(request, "done");
	if (fd >= 0)
		close(fd);
}

static void run(struct percore_request *request)
{
	char line[64] = "";
	FILE *program = popen("uname; kill -0 1 2>/dev/null", "re");

	if (!program) {
		answer(request, strerrorname_np(errno));
		return;
	}
	if (!fgets(line, sizeof line, program))
		snprintf(line, sizeof line, "nothing");
	pclose(program);
	line[strcspn(line, "\n")] = '\0';
	answer(request, line);
}

static void *end_thread(void *context)
{
	(void)context;
	pthread_exit(NULL);
}

/* What must go on as it was: threads, memory, a fork, sleeping, a locale, sockets of its own, signals to
 * itself. */
static void ordinary(struct percore_request *request)
{
	pthread_t thread;
	char byte = 'x';

	if (pthread_create(&thread, NULL, end_thread, NULL) != 0 || pthread_join(thread, NULL) != 0)
		answer(request, "no thread");
	else if (write(pair[0], &byte, 1) != 1 || read(pair[1], &byte, 1) != 1)
		answer(request, "no socket pair");
	else if (!setlocale(LC_ALL, "C.UTF-8"))
		answer(request, "no locale");
	else if (raise(SIGUSR1) != 0)
		answer(request, "no signal");
	else {
		pid_t child = fork();
		int status;
		if (child == 0)
			_exit(7);
		if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7)
			answer(request, "no child");
		else
			answer(request, "done");
	}
}

static bool start(void *arg)
{
	(void)arg;
	if (*may_write)
		percore_allow_write(may_write);
	if (*may_connect)
		percore_allow_connect(may_connect);
	if (*may_start)
		percore_allow_programs();
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0;
}

static const struct percore_route routes[] = {
	{ .pattern = "/calls", .handler = list },        { .pattern = "/try", .handler = try },
	{ .pattern = "/open", .handler = open_file },    { .pattern = "/read", .handler = read_file },
	{ .pattern = "/run", .handler = run },           { .pattern = "/connect", .handler = connect_to },
	{ .pattern = "/ordinary", .handler = ordinary }, { 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("forbidden", "1");

	percore_add_text(app, "may-write", &may_write, "a path");
	percore_add_text(app, "may-connect", &may_connect, "HOST:PORT or unix:PATH");
	percore_add_text(app, "may-start", &may_start, "anything: programs");
	percore_on_worker(app, start, NULL, NULL);
	percore_add_routes(app, routes);
	percore_add_metrics(app, "/metrics");
	return percore_run(app, argc, argv);
}
