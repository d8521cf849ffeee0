/* retire - see retire.h. */
#include "pool/retire.h"

#include "base/clock.h"
#include "log/log.h"
#include "pool/handover.h"
#include "pool/publish.h"
#include "pool/scribe.h"
#include "pool/spawn.h"
#include "state/metrics.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 5, ROOM_MS = 100, LOG_MS = 1000 };

/* State of this process. */
struct post {
	struct pool *pool;
	const int *ends;
	bool has_begun;   /* the new program serves */
	bool has_log;     /* nobody else writes what our workers logged */
	bool has_stopped; /* the pool was told to stop */
	sigset_t stopping, all;
};

/* Out of its wait: it looks at what has come. */
static void wake_successor(void)
{
	kill(getppid(), SIGRTMIN);
}

/* ---- Handing over. */

static void give(struct post *post, const struct connection *c)
{
	const struct queue_parcel parcel = queue_parcel_of(post->pool->queue, c);
	struct pollfd room = { .fd = post->ends[0], .events = POLLOUT };
	int error;

	while ((error = handover_send(post->ends[0], &parcel)) == -EAGAIN) {
		wake_successor();
		poll(&room, 1, ROOM_MS);
	}
	if (error == 0)
		queue_forget(post->pool->queue, c);
	else
		queue_release(post->pool->queue, c);
}

static void give_all_free(struct post *post)
{
	struct connection c;
	bool any = false;

	for (uint32_t from = 0; queue_claim_free(post->pool->queue, &from, &c); any = true)
		give(post, &c);
	if (any)
		wake_successor();
}

/* What has input has somebody who waits for the answer: it goes at once. */
static void give_as_input_comes(struct post *post)
{
	static struct worker_shm slot;
	uint64_t until_ms = clock_coarse_ms() + LOOK_MS;
	struct connection c;

	while (clock_coarse_ms() < until_ms &&
	       queue_take(post->pool->queue, QUEUE_GIVER, &slot, &c, LOOK_MS, &post->all) > 0) {
		give(post, &c);
		wake_successor();
	}
}

/* ---- The end of the pool, of which we are a part. */

/* What is handed over already, the new program finishes. */
static void stop(struct post *post)
{
	struct pool *pool = post->pool;

	if (post->has_stopped)
		return;
	post->has_stopped = true;
	if (post->has_begun)
		atomic_store(&pool->queue->draining, 1); /* its backlog is the new program's */
	else
		queue_drain(pool->queue);
	spawn_tell_all(pool, POOL_EXIT_TOLD, clock_coarse_ms());
}

/* ---- The whole. */

static void begin(struct post *post, enum handover_word word)
{
	close(post->ends[1]);                                     /* the new program has its own */
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* what was let through to it, too */
	post->has_begun = true;
	post->has_log = word == HANDOVER_SERVES_WITHOUT_LOG;
	queue_retire(post->pool->queue);
	spawn_tell_all(post->pool, POOL_EXIT_TOLD, clock_coarse_ms());
	give_all_free(post);
}

/* As a master looks after its pool; but these are not our children. */
static void look_after(struct post *post)
{
	struct pool *pool = post->pool;
	uint64_t now_ms = clock_coarse_ms();

	spawn_note_gone(pool, now_ms);
	spawn_end_overdue(pool, now_ms);
	if (pool->adopting)
		pool->adopting = !queue_adopt(pool->queue, pool->slots, pool->process_top);
	publish_workers(pool);
	int signal = sigtimedwait(&post->stopping, NULL, &(struct timespec){ 0 });
	if (signal == SIGTERM)
		stop(post);
	else if (signal == RETIRE_CUT)
		spawn_cut_all(pool);
}

static void wait_for_word(struct post *post)
{
	int word = handover_hear(post->ends[0], LOOK_MS);

	if (word > 0)
		begin(post, (enum handover_word)word);
	else if (word < 0) /* a handler has closed our end */
		stop(post);
}

/* The file is one writer's at a time. */
static void write_log(const struct post *post)
{
	uint64_t until_ms = clock_coarse_ms() + LOG_MS;

	handover_say(post->ends[0], HANDOVER_ASKS_FOR_LOG);
	wake_successor();
	while (handover_hear(post->ends[0], LOOK_MS) == 0 && clock_coarse_ms() < until_ms)
		;
	scribe_finish(post->pool);
}

static bool is_over(const struct post *post)
{
	return spawn_alive(post->pool) == 0 && !post->pool->adopting &&
	       (post->has_begun || post->has_stopped);
}

static _Noreturn void retire(struct post *post)
{
	metrics_take_slot(post->pool->settings->exchange->metrics, METRICS_RETIRING);
	while (!is_over(post)) {
		if (post->has_begun)
			give_as_input_comes(post);
		else
			wait_for_word(post);
		look_after(post);
		if (post->has_begun)
			give_all_free(post);
	}
	if (post->has_log)
		write_log(post);
	_exit(0);
}

static _Noreturn void be_retiring(struct pool *pool, const int ends[2], pid_t master)
{
	struct post post = { .pool = pool, .ends = ends };

	prctl(PR_SET_NAME, "percore-retire");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != master)
		_exit(1);
	sigfillset(&post.all);
	sigemptyset(&post.stopping);
	sigaddset(&post.stopping, SIGTERM);
	sigaddset(&post.stopping, RETIRE_CUT);
	retire(&post);
}

static void close_ends(const struct retirement *retirement)
{
	close(retirement->ends[0]);
	close(retirement->ends[1]);
}

int retire_start(struct pool *pool, struct retirement *retirement)
{
	pid_t master = getpid();
	int error = handover_open(retirement->ends);

	if (error)
		return error;
	/* As a worker: memory of its own, the descriptors of all. */
	retirement->pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
	if (retirement->pid == 0)
		be_retiring(pool, retirement->ends, master);
	if (retirement->pid > 0)
		return 0;
	error = -errno;
	close_ends(retirement);
	return error;
}

void retire_cancel(const struct retirement *retirement)
{
	kill(retirement->pid, SIGKILL);
	waitpid(retirement->pid, NULL, 0);
	close_ends(retirement);
}
