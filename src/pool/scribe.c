/* scribe - see scribe.h. */
#include "pool/scribe.h"

#include "base/clock.h"
#include "base/proc.h"
#include "log/access_writer.h"
#include "log/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { QUICK_MS = 1000, DELAY_MS = 100, FINISH_MS = 5000, FINISH_TICK_NS = 1000000 };

static_assert((int)ACCESS_RINGS == (int)SLOTS_MAX, "a ring for each slot");

static struct access_shm *shm_of(const struct pool *pool)
{
	return pool->settings->exchange->access.shm;
}

static bool is_wanted(const struct pool *pool)
{
	return pool->settings->settings->access_log != NULL && !pool->log_is_away;
}

/* 0 may be the listening socket, 1 a connection: neither is ours. */
static void close_the_others(bool keeps_stdout)
{
	close_range(STDERR_FILENO + 1, ~0U, 0); /* the table may be full */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	if (!keeps_stdout)
		dup2(null, STDOUT_FILENO);
}

static _Noreturn void be_scribe(const struct pool *pool, pid_t master)
{
	const struct settings *s = pool->settings->settings;
	const struct access_writer_settings settings = {
		.shm = shm_of(pool),
		.path = s->access_log,
		.combined = strcmp(s->access_log_format, "combined") == 0,
	};

	prctl(PR_SET_NAME, "percore-log");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		raise(SIGTERM); /* blocked until access_writer_run */
	close_the_others(strcmp(s->access_log, "-") == 0);
	_exit(access_writer_run(&settings));
}

static void start(struct pool *pool, uint64_t now_ms)
{
	pid_t master = getpid();

	atomic_store(&shm_of(pool)->order, ACCESS_WRITE);
	pool->scribe_born_ms = now_ms;
	pid_t pid = fork(); /* a table of its own */
	if (pid == 0)
		be_scribe(pool, master);
	pool->scribe = pid > 0 ? pid : 0;
	if (pid > 0)
		return;
	log_error("cannot start the access log's writer: %s; trying again in %d ms", strerror(errno),
	          QUICK_MS);
	pool->scribe_due_ms = now_ms + QUICK_MS;
}

void scribe_look(struct pool *pool, uint64_t now_ms)
{
	if (!pool->scribe && is_wanted(pool) && now_ms >= pool->scribe_due_ms)
		start(pool, now_ms);
}

uint64_t scribe_next_ms(const struct pool *pool)
{
	return !pool->scribe && is_wanted(pool) ? pool->scribe_due_ms : UINT64_MAX;
}

void scribe_note_exit(struct pool *pool, pid_t pid, int status)
{
	uint64_t now_ms = clock_coarse_ms();

	if (pid != pool->scribe)
		return;
	pool->scribe = 0;
	if (status == 0 || pool->log_is_away)
		return;
	log_warning("the access log's writer (pid %d) died; another goes on where it was", (int)pid);
	pool->scribe_due_ms = now_ms - pool->scribe_born_ms < QUICK_MS ? now_ms + DELAY_MS : 0;
}

void scribe_reopen(struct pool *pool)
{
	atomic_fetch_add(&shm_of(pool)->reopens, 1);
	access_ring_wake(shm_of(pool));
}

static void order(struct pool *pool, enum access_order order)
{
	atomic_store(&shm_of(pool)->order, order);
	access_ring_wake(shm_of(pool));
}

void scribe_reload(struct pool *pool)
{
	if (pool->scribe)
		order(pool, is_wanted(pool) ? ACCESS_LEAVE : ACCESS_FINISH);
}

static uint64_t unwritten_bytes(const struct access_shm *shm)
{
	unsigned count = access_ring_count(shm);
	uint64_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += access_ring_filled(&shm->rings[i]);
	return bytes;
}

/* At an upgrade it is another's child. */
static bool has_left(pid_t scribe)
{
	int status;
	pid_t got = waitpid(scribe, &status, WNOHANG);

	return got == scribe || (got < 0 && proc_state(scribe, &status) == PROC_ENDED);
}

/* Until it has left, or died. */
static void await(struct pool *pool, uint64_t until_ms)
{
	while (pool->scribe && !has_left(pool->scribe)) {
		nanosleep(&(struct timespec){ .tv_nsec = FINISH_TICK_NS }, NULL);
		if (clock_coarse_ms() < until_ms)
			continue;
		kill(pool->scribe, SIGKILL);
		until_ms = UINT64_MAX;
	}
	pool->scribe = 0;
}

void scribe_leave(struct pool *pool)
{
	pool->log_is_away = true;
	if (pool->scribe)
		order(pool, ACCESS_LEAVE);
}

void scribe_dismiss(struct pool *pool)
{
	order(pool, ACCESS_LEAVE);
}

void scribe_step_aside(struct pool *pool)
{
	scribe_leave(pool);
	await(pool, clock_coarse_ms() + FINISH_MS);
}

void scribe_empty(struct pool *pool)
{
	struct access_shm *shm = shm_of(pool);
	uint64_t now_ms = clock_coarse_ms(), until_ms = now_ms + FINISH_MS;

	for (; unwritten_bytes(shm) > 0 && !atomic_load(&shm->failing) && now_ms < until_ms;
	     now_ms = clock_coarse_ms()) {
		if (pool->scribe && has_left(pool->scribe))
			pool->scribe = 0;
		scribe_look(pool, now_ms);
		access_ring_wake(shm);
		nanosleep(&(struct timespec){ .tv_nsec = FINISH_TICK_NS }, NULL);
	}
	scribe_step_aside(pool);
}

void scribe_finish(struct pool *pool)
{
	struct access_shm *shm = shm_of(pool);
	uint64_t until_ms = clock_coarse_ms() + FINISH_MS;

	do {
		if (!pool->scribe && is_wanted(pool) && unwritten_bytes(shm) > 0)
			start(pool, clock_coarse_ms());
		if (pool->scribe)
			order(pool, ACCESS_FINISH);
		await(pool, until_ms);
	} while (is_wanted(pool) && unwritten_bytes(shm) > 0 && !atomic_load(&shm->failing) &&
	         clock_coarse_ms() < until_ms);
	if (unwritten_bytes(shm) > 0)
		log_error("access log: %llu bytes of records could not be written",
		          (unsigned long long)unwritten_bytes(shm));
}
