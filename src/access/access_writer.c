/* SPDX-License-Identifier: ISC */
/* access_writer - see access_writer.h. */
#include "access/access_writer.h"

#include "access/access_format.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH_BYTES = 256 << 10,
	GATHER_MS = 20,
	RETRY_MS = 1000,
	FILE_MODE = 0640,
	LOCK_MS = 5,
	BUSY_MS = 10000
};

struct writer {
	const struct access_writer_settings *settings;
	struct access_shm *shm;
	int fd;          /* -1: not open */
	bool has_length; /* a file that we append to: what was written can be seen, and undone */
	uint32_t reopens;
	unsigned first;         /* ring of the next batch */
	uint64_t busy_until_ms; /* until then another may have the file: a writer that is about to leave */
	struct access_format format;
	size_t bytes;
	uint64_t lines;
	bool has_more;
	char text[BATCH_BYTES];
};

static volatile sig_atomic_t told_to_finish;
static struct access_shm *bell_of;

static void finish(int signal)
{
	(void)signal;
	told_to_finish = 1;
	atomic_store(&bell_of->bell, ACCESS_AWAKE); /* else a wait that begins now would miss it */
}

/* What stops a terminal's job, or the unit, must not stop us before the workers. */
static void take_signals(struct access_shm *shm)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	sigset_t none;

	bell_of = shm;
	told_to_finish = 0;
	for (const int *s = (const int[]){ SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ, 0 };
	     *s; s++)
		sigaction(*s, &action, NULL);
	action.sa_handler = finish;
	sigaction(SIGTERM, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- The file. */

static bool is_stdout(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* Without waiting for a fifo's reader. */
static int open_path(const char *path)
{
	if (is_stdout(path))
		return fcntl(STDOUT_FILENO, F_GETFL) < 0 ? -errno : STDOUT_FILENO;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

static void close_path(const char *path, int fd)
{
	if (fd >= 0 && !is_stdout(path))
		close(fd);
}

int access_writer_try(const char *path)
{
	int fd = open_path(path);

	close_path(path, fd);
	return fd < 0 ? fd : 0;
}

/* Takes the file that the path names now.  0 or -errno, and the one before is kept. */
static int open_log(struct writer *w)
{
	const char *path = w->settings->path;
	int fd = open_path(path);
	struct stat st;

	if (fd < 0)
		return fd;
	bool has_length = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fcntl(fd, F_GETFL) & O_APPEND;
	if (has_length && !is_stdout(path) && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return -EBUSY;
	}
	close_path(path, w->fd);
	w->fd = fd;
	w->has_length = has_length;
	return 0;
}

static bool is_same_file(const struct writer *w)
{
	struct stat now, ours;

	return stat(w->settings->path, &now) == 0 && fstat(w->fd, &ours) == 0 && now.st_dev == ours.st_dev &&
	       now.st_ino == ours.st_ino;
}

static uint64_t dropped(const struct writer *w)
{
	struct log_counters counters;

	log_counters(&w->settings->rings, &counters);
	return counters.dropped;
}

static bool waits_for_other(const struct writer *w, int error)
{
	return error == EBUSY && clock_coarse_ms() < w->busy_until_ms;
}

/* Said once, however many processes find it so. */
static void fail(const struct writer *w, int error)
{
	if (waits_for_other(w, error))
		return;
	atomic_fetch_add(&w->shm->write_errors, 1);
	if (atomic_exchange(&w->shm->failing, 1))
		return;
	w->shm->dropped_before = dropped(w);
	log_error("access log %s: %s; lines wait in memory, and are dropped and counted when that is full; "
	          "it is tried again each second",
	          w->settings->path,
	          error == EBUSY ? "another process writes it, give each pool a file of its own"
	                         : strerror(error));
}

static void recover_from_failure(const struct writer *w)
{
	if (atomic_exchange(&w->shm->failing, 0))
		log_notice("access log %s: written again; %llu lines were dropped", w->settings->path,
		           (unsigned long long)(dropped(w) - w->shm->dropped_before));
}

static void reopen(struct writer *w)
{
	uint32_t reopens = atomic_load(&w->shm->reopens);

	if (w->fd >= 0 && reopens == w->reopens)
		return;
	w->reopens = reopens;
	if (w->fd >= 0 && (is_stdout(w->settings->path) || is_same_file(w)))
		return;
	int error = open_log(w);
	if (error && w->fd >= 0)
		log_error("access log %s: cannot be reopened: %s; the file before is written on",
		          w->settings->path, strerror(-error));
	else if (error)
		fail(w, -error);
}

/* ---- A batch. */

static void commit(const struct access_rings *rings)
{
	struct access_shm *shm = rings->shm;
	unsigned count = access_ring_count(rings);

	for (unsigned i = 0; i < count; i++)
		atomic_store_explicit(&shm->rings[i].read, shm->rings[i].pending, memory_order_release);
	atomic_store(&shm->lines, shm->batch.lines_after);
	fault_point("log-committed");
	atomic_store(&shm->batch.is_open, 0);
}

static void take_back(const struct access_rings *rings)
{
	struct access_shm *shm = rings->shm;
	unsigned count = access_ring_count(rings);

	for (unsigned i = 0; i < count; i++)
		atomic_store(&shm->rings[i].pending, atomic_load(&shm->rings[i].read));
	atomic_store(&shm->batch.is_open, 0);
}

/* A pipe takes PIPE_BUF bytes whole or not at all, so there that is a batch. */
static void gather_ring(struct writer *w, struct access_ring_shm *ring)
{
	size_t most = w->has_length ? BATCH_BYTES : PIPE_BUF;
	uint64_t position = atomic_load(&ring->read);
	union access_record copy;

	while (w->bytes + ACCESS_LINE_MAX <= most && access_ring_next(w->shm, ring, &position, &copy)) {
		w->bytes += access_format_line(&w->format, &copy.record, w->text + w->bytes);
		w->lines++;
	}
	w->has_more |= w->bytes + ACCESS_LINE_MAX > most;
	atomic_store(&ring->pending, position);
}

/* Batches begin with one ring after another, so that none waits for the others for ever. */
static void gather(struct writer *w)
{
	unsigned count = access_ring_count(&w->settings->rings);

	w->bytes = w->lines = 0;
	w->has_more = false;
	w->format.wall_offset_ns = clock_read_ns(CLOCK_REALTIME) - clock_ns();
	for (unsigned i = 0; i < count; i++)
		gather_ring(w, &w->shm->rings[(w->first + i) % count]);
	w->first = count ? (w->first + 1) % count : 0;
}

/* 0 or -errno; then some of it may have been written. */
static int write_all(int fd, const char *text, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, text + done, bytes - done);
		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, RETRY_MS);
		else if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void open_batch(const struct writer *w)
{
	struct access_batch_shm *batch = &w->shm->batch;
	struct stat st;

	fstat(w->fd, &st);
	batch->device = st.st_dev;
	batch->inode = st.st_ino;
	batch->offset = (uint64_t)st.st_size;
	batch->bytes = w->bytes;
	batch->lines_after = atomic_load(&w->shm->lines) + w->lines;
	atomic_store(&batch->is_open, 1);
	fault_point("log-opened");
}

/* What a full disk took of it is cut off again: no torn line. */
static void undo(const struct writer *w)
{
	if (w->has_length && ftruncate(w->fd, (off_t)w->shm->batch.offset) != 0)
		log_error("access log %s: a torn line cannot be cut off: %s", w->settings->path,
		          strerror(errno));
}

/* False: the file takes nothing. */
static bool write_batch(struct writer *w)
{
	if (w->fd < 0)
		return false;
	gather(w);
	open_batch(w);
	int error = write_all(w->fd, w->text, w->bytes);
	fault_point("log-written");
	if (error) {
		undo(w);
		take_back(&w->settings->rings);
		fail(w, -error);
		return false;
	}
	commit(&w->settings->rings);
	if (w->bytes)
		recover_from_failure(w);
	return true;
}

/* ---- What a killed one left. */

/* The file of the batch, which may have been renamed since, as logrotate does; -1: it is not to be found. */
static int find_file(const struct writer *w)
{
	const struct access_batch_shm *batch = &w->shm->batch;
	const char *path = w->settings->path, *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";
	struct dirent *entry;
	struct stat st;
	int fd = -1;

	if (slash)
		snprintf(directory, sizeof directory, "%.*s", (int)(slash - path + 1), path);
	DIR *entries = opendir(directory);
	while (entries && fd < 0 && (entry = readdir(entries)))
		if (fstatat(dirfd(entries), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_dev == batch->device && st.st_ino == batch->inode)
			fd = openat(dirfd(entries), entry->d_name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (entries)
		closedir(entries);
	return fd;
}

/* Was the batch written?  If in part, that part is cut off. */
static bool was_written(int fd, const struct access_batch_shm *batch)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	uint64_t size = (uint64_t)st.st_size;
	if (size >= batch->offset + batch->bytes)
		return true;
	if (size > batch->offset && ftruncate(fd, (off_t)batch->offset) != 0)
		log_error("access log: a torn line cannot be cut off: %s", strerror(errno));
	return false;
}

static void settle(struct writer *w)
{
	struct access_batch_shm *batch = &w->shm->batch;

	if (!atomic_load(&batch->is_open)) {
		take_back(&w->settings->rings); /* killed while it gathered */
		return;
	}
	int fd = is_stdout(w->settings->path) ? -1 : find_file(w);
	if (fd >= 0 && was_written(fd, batch))
		commit(&w->settings->rings);
	else
		take_back(&w->settings->rings);
	if (fd >= 0)
		close(fd);
}

/* ---- The process. */

static bool is_any_filled(const struct access_rings *rings, uint64_t above)
{
	unsigned count = access_ring_count(rings);

	for (unsigned i = 0; i < count; i++)
		if (access_ring_filled(&rings->shm->rings[i]) > above)
			return true;
	return false;
}

static bool has_workers(const struct access_rings *rings)
{
	unsigned count = access_ring_count(rings);

	for (unsigned i = 0; i < count; i++) {
		pid_t pid = (pid_t)atomic_load(&rings->shm->rings[i].worker_pid);
		if (pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH))
			return true;
	}
	return false;
}

static enum order order_of(const struct writer *w)
{
	enum order order = (enum order)atomic_load(&w->settings->order->order);

	return order == ORDER_RUN && told_to_finish ? ORDER_FINISH : order;
}

static void wait_bell(struct access_shm *shm, enum access_bell bell, unsigned timeout_ms)
{
	const struct timespec timeout = { .tv_sec = timeout_ms / 1000,
		                          .tv_nsec = timeout_ms % 1000 * 1000000L };

	syscall(SYS_futex, &shm->bell, FUTEX_WAIT, bell, timeout_ms ? &timeout : NULL, NULL, 0);
	atomic_store(&shm->bell, ACCESS_AWAKE);
}

/* Looks once more after the bell is set: who came before saw nobody to wake. */
static void rest(const struct writer *w, enum order order, bool wrote)
{
	struct access_shm *shm = w->shm;
	bool gathers = wrote || order == ORDER_FINISH; /* nobody rings when the last worker is gone */
	enum access_bell bell = gathers ? ACCESS_NAPPING : ACCESS_SLEEPING;

	atomic_store(&shm->bell, bell);
	if (order_of(w) != order || atomic_load(&shm->reopens) != w->reopens ||
	    is_any_filled(&w->settings->rings, gathers ? ACCESS_RING_BYTES / 2 : 0)) {
		atomic_store(&shm->bell, ACCESS_AWAKE);
		return;
	}
	wait_bell(shm, bell, gathers ? GATHER_MS : 0);
}

/* One round.  False: it is over. */
static bool work(struct writer *w)
{
	enum order order = order_of(w);

	reopen(w);
	if (order == ORDER_LEAVE)
		return false;
	bool works = write_batch(w);
	if (works && w->has_more)
		return true;
	bool is_empty = !is_any_filled(&w->settings->rings, 0);
	if (order == ORDER_FINISH && (is_empty || !works) && !has_workers(&w->settings->rings))
		return false;
	if (works || is_empty)
		rest(w, order, works && w->bytes > 0);
	else
		wait_bell(w->shm, ACCESS_AWAKE, waits_for_other(w, EBUSY) ? LOCK_MS : RETRY_MS);
	return true;
}

/*
 * Two generations may have a writer on one memory, for a moment.  A record lock is the
 * process's own, and goes with it.  False: told to leave meanwhile.
 */
static bool lock_memory(const struct writer *w)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	while (w->settings->memory >= 0 && fcntl(w->settings->memory, F_SETLK, &lock) != 0 &&
	       (errno == EAGAIN || errno == EACCES)) {
		if (order_of(w) != ORDER_RUN && !is_any_filled(&w->settings->rings, 0))
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_MS * 1000000L }, NULL);
	}
	return true;
}

int access_writer_run(const struct access_writer_settings *settings)
{
	static struct writer w;

	w.settings = settings;
	w.shm = settings->rings.shm;
	w.fd = -1;
	w.busy_until_ms = clock_coarse_ms() + BUSY_MS;
	w.format.combined = settings->combined;
	take_signals(w.shm);
	if (!lock_memory(&w))
		return 0;
	settle(&w);
	while (work(&w))
		;
	return 0;
}
