/* SPDX-License-Identifier: ISC */
/*
 * sandbox_calls - which system calls a worker may make.
 *
 * A list of what is allowed.  What is not in it fails with EPERM, as if the user had not the
 * right: libraries have ways around that.  It is counted: the kernel sends SIGSYS, whose handler makes the
 * call's result.  A program that a handler starts has no such handler, so where programs
 * are declared the kernel itself makes the result, and nothing is counted.  A call that
 * only an attacker makes ends the process: the request in hand gets its 500, and a new worker starts.
 *
 * Arguments are compared where the kernel reads no memory for them, so nobody can change
 * them behind the check.
 */
#include "sandbox/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#ifndef HAVE_SECCOMP

bool sandbox_is_built(void)
{
	return false;
}

int sandbox_close_calls(const struct sandbox *sandbox, struct pool_shm *pool)
{
	(void)sandbox;
	(void)pool;
	return -ENOSYS;
}

void sandbox_report(struct pool_shm *pool)
{
	(void)pool;
}

#else

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- The lists.  Some names exist on some machines only, and are passed over on others. */

static const char *const allowed[] = {
	/* Descriptors, and what is open. */
	"read",
	"readv",
	"pread64",
	"preadv",
	"preadv2",
	"write",
	"writev",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"fcntl",
	"fcntl64",
	"flock",
	"lseek",
	"_llseek",
	"sendfile",
	"sendfile64",
	"splice",
	"tee",
	"vmsplice",
	"copy_file_range",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"sync_file_range2",
	"ftruncate",
	"ftruncate64",
	"fallocate",
	"fadvise64",
	"fadvise64_64",
	"arm_fadvise64_64",
	"readahead",
	"memfd_create",
	"pipe",
	"pipe2",
	"eventfd",
	"eventfd2",
	"timerfd_create",
	"timerfd_settime",
	"timerfd_settime64",
	"timerfd_gettime",
	"timerfd_gettime64",
	"signalfd",
	"signalfd4",
	"inotify_init",
	"inotify_init1",
	"inotify_add_watch",
	"inotify_rm_watch",
	/* Looking at files. */
	"stat",
	"stat64",
	"lstat",
	"lstat64",
	"fstat",
	"fstat64",
	"fstatat64",
	"newfstatat",
	"statx",
	"statfs",
	"statfs64",
	"fstatfs",
	"fstatfs64",
	"getdents",
	"getdents64",
	"readlink",
	"readlinkat",
	"access",
	"faccessat",
	"faccessat2",
	"getcwd",
	"chdir",
	"fchdir",
	"getxattr",
	"lgetxattr",
	"fgetxattr",
	"listxattr",
	"llistxattr",
	"flistxattr",
	"umask",
	/* Waiting. */
	"poll",
	"ppoll",
	"ppoll_time64",
	"select",
	"_newselect",
	"pselect6",
	"pselect6_time64",
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"nanosleep",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"pause",
	"restart_syscall",
	"sched_yield",
	"futex",
	"futex_time64",
	"futex_waitv",
	/* Memory. */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"mincore",
	"msync",
	"mlock",
	"mlock2",
	"mlockall",
	"munlock",
	"munlockall",
	"membarrier",
	"get_mempolicy",
	"set_mempolicy",
	"mbind",
	/* Sockets that are there: those of connections, and pairs. */
	"accept",
	"accept4",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"recv",
	"recvfrom",
	"recvmsg",
	"recvmmsg",
	"recvmmsg_time64",
	"send",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"shutdown",
	/* Threads and children. */
	"fork",
	"vfork",
	"exit",
	"exit_group",
	"wait4",
	"waitid",
	"waitpid",
	"set_robust_list",
	"get_robust_list",
	"rseq",
	"set_tid_address",
	"set_thread_area",
	"get_thread_area",
	"arch_prctl",
	"set_tls",
	"pidfd_open",
	"gettid",
	"getpid",
	"getppid",
	"getpgid",
	"getpgrp",
	"getsid",
	"setsid",
	"setpgid",
	"sched_getaffinity",
	"sched_setaffinity",
	"sched_getparam",
	"sched_setparam",
	"sched_getscheduler",
	"sched_setscheduler",
	"sched_getattr",
	"sched_setattr",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_rr_get_interval",
	"sched_rr_get_interval_time64",
	"getpriority",
	"setpriority",
	"ioprio_get",
	"ioprio_set",
	"getcpu",
	/* Signals, to itself. */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigpending",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"sigaction",
	"sigprocmask",
	"sigreturn",
	"sigsuspend",
	"sigpending",
	"sigaltstack",
	"alarm",
	"getitimer",
	"setitimer",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_gettime64",
	"timer_settime",
	"timer_settime64",
	/* Who and where. */
	"getuid",
	"getuid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getegid",
	"getegid32",
	"getgroups",
	"getgroups32",
	"getresuid",
	"getresuid32",
	"getresgid",
	"getresgid32",
	"capget",
	"getrlimit",
	"ugetrlimit",
	"getrusage",
	"times",
	"time",
	"gettimeofday",
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"clock_getres_time64",
	"getrandom",
	"uname",
	"sysinfo",
};

/* Beside opening a file for writing: sandbox_landlock.c decides where. */
static const char *const writing[] = {
	"open",      "openat",    "creat",       "mkdir",        "mkdirat",          "mknod",     "mknodat",
	"unlink",    "unlinkat",  "rename",      "renameat",     "renameat2",        "rmdir",     "link",
	"linkat",    "symlink",   "symlinkat",   "truncate",     "truncate64",       "chmod",     "fchmod",
	"fchmodat",  "chown",     "chown32",     "fchown",       "fchown32",         "lchown",    "lchown32",
	"fchownat",  "utime",     "utimes",      "utimensat",    "utimensat_time64", "futimesat", "setxattr",
	"lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
};

/* For programs, beside what else is here. */
static const char *const executing[] = { "execve",        "execveat", "mmap",  "mmap2", "mprotect",
	                                 "pkey_mprotect", "kill",     "tkill", "tgkill" };

static const char *const fatal[] = {
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"pidfd_getfd",
	"kcmp",
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"init_module",
	"finit_module",
	"delete_module",
	"create_module",
	"kexec_load",
	"kexec_file_load",
	"mount",
	"umount",
	"umount2",
	"move_mount",
	"open_tree",
	"fsopen",
	"fsmount",
	"fspick",
	"fsconfig",
	"mount_setattr",
	"pivot_root",
	"chroot",
	"setns",
	"unshare",
	"reboot",
	"swapon",
	"swapoff",
	"iopl",
	"ioperm",
	"open_by_handle_at",
	"add_key",
	"request_key",
	"keyctl",
	"acct",
	"quotactl",
	"quotactl_fd",
	"settimeofday",
	"clock_settime",
	"clock_settime64",
	"clock_adjtime",
	"clock_adjtime64",
	"stime",
	"sethostname",
	"setdomainname",
	"modify_ldt",
	"vhangup",
	"lookup_dcookie",
	"nfsservctl",
	"uselib",
	"vm86",
	"vm86old",
};

/* The commands that libraries use; not TIOCSTI, which types into a terminal. */
static const unsigned long ioctls[] = { FIONREAD, FIONBIO, FIOCLEX,    FIONCLEX,  TCGETS,  TCSETS,
	                                TCSETSW,  TCSETSF, TIOCGWINSZ, TIOCGPGRP, TIOCOUTQ };

static const int prctls[] = { PR_SET_NAME,         PR_GET_NAME,     PR_SET_PDEATHSIG,
	                      PR_GET_PDEATHSIG,    PR_GET_DUMPABLE, PR_SET_TIMERSLACK,
	                      PR_GET_TIMERSLACK,   PR_GET_SECCOMP,  PR_GET_NO_NEW_PRIVS,
	                      PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ, 0x53564d41 /* PR_SET_VMA */ };

/* ---- The filter. */

struct filter {
	scmp_filter_ctx context;
	int error;
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void add(struct filter *f, uint32_t action, const char *name, unsigned count,
                const struct scmp_arg_cmp *args)
{
	int call = seccomp_syscall_resolve_name(name);

	if (call == __NR_SCMP_ERROR || f->error)
		return;
	f->error = seccomp_rule_add_array(f->context, action, call, count, args);
}

static void add_all(struct filter *f, uint32_t action, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(f, action, names[i], 0, NULL);
}

/* Of `argument` the bits of `mask` are `value`.  The kernel takes an int from 32 of the register's bits. */
static void allow_where(struct filter *f, const char *name, unsigned argument, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp is = { argument, SCMP_CMP_MASKED_EQ, mask, value };

	add(f, SCMP_ACT_ALLOW, name, 1, &is);
}

static const uint64_t whole = 0xffffffff;

static void allow_reading(struct filter *f)
{
	const uint64_t for_writing = O_ACCMODE | O_CREAT | O_TRUNC;

	allow_where(f, "open", 1, for_writing, O_RDONLY);
	allow_where(f, "openat", 2, for_writing, O_RDONLY);
}

static void allow_data(struct filter *f)
{
#ifdef __NR_mmap2
	allow_where(f, "mmap2", 2, PROT_EXEC, 0);
#else
	allow_where(f, "mmap", 2, PROT_EXEC, 0);
#endif
	allow_where(f, "mprotect", 2, PROT_EXEC, 0);
	allow_where(f, "pkey_mprotect", 2, PROT_EXEC, 0);
}

static void allow_signals_to_itself(struct filter *f)
{
	const uint64_t pid = (uint64_t)getpid();

	allow_where(f, "kill", 0, whole, pid);
	allow_where(f, "kill", 1, whole, 0); /* which sends none */
	allow_where(f, "tgkill", 0, whole, pid);
	allow_where(f, "rt_tgsigqueueinfo", 0, whole, pid);
	allow_where(f, "rt_sigqueueinfo", 0, whole, pid);
}

/* What glibc tries first it does without where it does not exist. */
static void allow_threads(struct filter *f)
{
	const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
	                            CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

	allow_where(f, "clone", 0, namespaces, 0);
	add(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL); /* its flags are in memory */
	allow_where(f, "prlimit64", 0, whole, 0);
	for (size_t i = 0; i < COUNT(prctls); i++)
		allow_where(f, "prctl", 0, whole, (uint64_t)prctls[i]);
	for (size_t i = 0; i < COUNT(ioctls); i++)
		allow_where(f, "ioctl", 1, whole, ioctls[i]);
}

static void allow_family(struct filter *f, int family, int type)
{
	const struct scmp_arg_cmp is[] = { { 0, SCMP_CMP_MASKED_EQ, whole, (uint64_t)family },
		                           { 1, SCMP_CMP_MASKED_EQ, 0xf, (uint64_t)type } };

	add(f, SCMP_ACT_ALLOW, "socket", type < 0 ? 1 : 2, is);
}

/* Not of datagrams: who has one may send to any address. */
static void allow_pairs(struct filter *f)
{
	allow_where(f, "socketpair", 1, 0xf, SOCK_STREAM);
	allow_where(f, "socketpair", 1, 0xf, SOCK_SEQPACKET);
}

static void allow_connecting(struct filter *f, const struct sandbox *sandbox)
{
	const bool connects = sandbox->connects_unix || sandbox->port_count > 0;

	if (connects)
		add(f, SCMP_ACT_ALLOW, "connect", 0, NULL);
	if (sandbox->connects_unix)
		allow_family(f, AF_UNIX, -1);
	if (sandbox->port_count > 0) {
		allow_family(f, AF_INET, SOCK_STREAM);
		allow_family(f, AF_INET6, SOCK_STREAM);
	}
	if (sandbox->looks_up_names) {
		allow_family(f, AF_INET, SOCK_DGRAM);
		allow_family(f, AF_INET6, SOCK_DGRAM);
	}
}

static void fill(struct filter *f, const struct sandbox *sandbox)
{
	add_all(f, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
	add_all(f, SCMP_ACT_KILL_PROCESS, fatal, COUNT(fatal));
	allow_threads(f);
	allow_pairs(f);
	allow_connecting(f, sandbox);
	if (sandbox_writes_nothing(sandbox))
		allow_reading(f);
	else
		add_all(f, SCMP_ACT_ALLOW, writing, COUNT(writing));
	if (sandbox->starts_programs) {
		add_all(f, SCMP_ACT_ALLOW, executing, COUNT(executing));
		return;
	}
	allow_data(f);
	allow_signals_to_itself(f);
	/* posix_spawn would not see its child's end by SIGSYS. */
	add(f, SCMP_ACT_ERRNO(EPERM), "execve", 0, NULL);
	add(f, SCMP_ACT_ERRNO(EPERM), "execveat", 0, NULL);
}

/* ---- What is refused. */

static struct pool_shm *refusals;

/* Of a call in a signal handler's context. */
static bool set_result(ucontext_t *at, long result)
{
#if defined __x86_64__
	at->uc_mcontext.gregs[REG_RAX] = result;
#elif defined __i386__
	at->uc_mcontext.gregs[REG_EAX] = (int)result;
#elif defined __aarch64__
	at->uc_mcontext.regs[0] = (unsigned long long)result;
#elif defined __arm__
	at->uc_mcontext.arm_r0 = (unsigned long)result;
#else
	(void)at;
	(void)result;
	return false;
#endif
	return true;
}

static void note(uint32_t call)
{
	atomic_fetch_add(&refusals->sandbox_refused, 1);
	for (unsigned i = 0; i < SANDBOX_CALLS_MAX; i++) {
		uint32_t seen = 0;
		if (atomic_compare_exchange_strong(&refusals->sandbox_calls[i], &seen, call) || seen == call)
			return;
	}
}

static void refuse(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	set_result(context, -EPERM);
	note((uint32_t)info->si_syscall + 1);
}

static uint32_t default_action(const struct sandbox *sandbox)
{
	ucontext_t any;

	return sandbox->starts_programs || !set_result(&any, 0) ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_TRAP;
}

static int take_signal(struct pool_shm *pool)
{
	const struct sigaction action = { .sa_sigaction = refuse,
		                          .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	refusals = pool;
	return sigaction(SIGSYS, &action, NULL) == 0 ? 0 : -errno;
}

bool sandbox_is_built(void)
{
	return true;
}

int sandbox_close_calls(const struct sandbox *sandbox, struct pool_shm *pool)
{
	struct filter f = { .context = seccomp_init(default_action(sandbox)), .error = take_signal(pool) };

	if (!f.context)
		return -ENOMEM;
	/* A tree of comparisons rather than a list; and for the threads that are there. */
	if (!f.error)
		f.error = seccomp_attr_set(f.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!f.error)
		f.error = seccomp_attr_set(f.context, SCMP_FLTATR_CTL_TSYNC, 1);
	fill(&f, sandbox);
	if (!f.error)
		f.error = seccomp_load(f.context);
	seccomp_release(f.context);
	return f.error;
}

void sandbox_report(struct pool_shm *pool)
{
	static uint32_t said[SANDBOX_CALLS_MAX];

	for (unsigned i = 0; i < SANDBOX_CALLS_MAX; i++) {
		uint32_t call = atomic_load(&pool->sandbox_calls[i]);
		if (call == said[i] || call == 0)
			continue;
		said[i] = call;
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)(call - 1));
		log_warning(
			"sandbox: a handler was refused the system call %s; where it needs what that is for, "
			"the program declares it (percore_allow_write and those below it in percore.h)",
			name ? name : "that has no name");
		free(name);
	}
}

#endif
