/*
 * retire - see retire.h.
 *
 * The workers are not this process's children, nor are the log's and the admin
 * process, which go on through the upgrade: their parent is the master, a new
 * program by now, and maybe busy with its start.  So they are looked at through
 * /proc (base/proc.h), which tells of the dead that nobody has waited for.  Those
 * that this process has started itself it waits for as a master does.
 */
#include "pool/retire.h"

#include "base/clock.h"
#include "base/proc.h"
#include "log/log.h"
#include "pool/admin.h"
#include "pool/demand.h"
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

enum { WAIT_MS = 5, LOOK_MS = 50, TICK_MS = 250, ROOM_MS = 100, LOG_MS = 6000 };

/* State of this process. */
struct post {
	struct pool *pool;
	pid_t master;
	int socket;               /* our end of the handover */
	enum handover_word begun; /* how the new program serves; 0: it does not yet */
	bool has_stopped;         /* the pool was told to stop */
	bool has_stepped_aside;   /* and has said so */
	uint64_t look_at_ms, tick_at_ms;
	sigset_t stopping, all;
};

/* Out of its wait: it looks at what has come. */
static void wake_successor(const struct post *post)
{
	if (getppid() == post->master)
		kill(post->master, SIGRTMIN);
}

/* ---- Handing over. */

static void give(const struct post *post, const struct connection *c)
{
	const struct queue_parcel parcel = queue_parcel_of(post->pool->queue, c);
	struct pollfd room = { .fd = post->socket, .events = POLLOUT };
	int error;

	while ((error = handover_send(post->socket, &parcel)) == -EAGAIN) {
		wake_successor(post);
		poll(&room, 1, ROOM_MS);
	}
	if (error == 0)
		queue_forget(post->pool->queue, c);
	else
		queue_release(post->pool->queue, c);
}

static void give_all_free(const struct post *post)
{
	struct connection c;
	bool any = false;

	for (uint32_t from = 0; queue_claim_free(post->pool->queue, &from, &c); any = true)
		give(post, &c);
	if (any)
		wake_successor(post);
}

/* What has input has somebody who waits for the answer: it goes at once. */
static void give_as_input_comes(const struct post *post)
{
	static struct worker_shm slot;
	uint64_t until_ms = clock_coarse_ms() + WAIT_MS;
	struct connection c;

	while (clock_coarse_ms() < until_ms &&
	       queue_take(post->pool->queue, QUEUE_GIVER, &slot, &c, WAIT_MS, &post->all) > 0) {
		give(post, &c);
		wake_successor(post);
	}
}

/* ---- Looking after the workers. */

static void stop(struct post *post)
{
	struct pool *pool = post->pool;

	if (post->has_stopped)
		return;
	post->has_stopped = true;
	if (post->begun) /* what is handed over already, the new program finishes, and its backlog */
		atomic_store(&pool->queue->draining, 1);
	else
		queue_drain(pool->queue);
	spawn_tell_all(pool, POOL_EXIT_TOLD, clock_coarse_ms());
}

/* The log's or the admin process: is it there no more? */
static void look_at_helper(struct pool *pool, pid_t pid, uint64_t now_ms)
{
	int status;

	if (!pid || proc_state(pid, &status) != PROC_ENDED)
		return;
	scribe_note_exit(pool, pid, status);
	admin_note_exit(pool, pid, now_ms);
}

static void look_at_others_children(struct post *post, uint64_t now_ms)
{
	if (now_ms < post->look_at_ms)
		return;
	post->look_at_ms = now_ms + LOOK_MS;
	spawn_look_at_all(post->pool, now_ms);
	look_at_helper(post->pool, post->pool->scribe, now_ms);
	look_at_helper(post->pool, post->pool->admin, now_ms);
}

/* As long as nobody else serves. */
static void stand_in(struct post *post, uint64_t now_ms)
{
	struct pool *pool = post->pool;

	spawn_due(pool, now_ms);
	if (now_ms < post->tick_at_ms)
		return;
	post->tick_at_ms = now_ms + TICK_MS;
	queue_tick(pool->queue);
	demand_look(pool, now_ms);
}

static void step_aside(struct post *post)
{
	const struct pool *pool = post->pool;

	if (!post->begun || post->has_stepped_aside || pool->admin || (pool->scribe && pool->log_is_away))
		return;
	post->has_stepped_aside = handover_say(post->socket, HANDOVER_STEPS_ASIDE) == 0;
	wake_successor(post);
}

static void take_signals(struct post *post)
{
	siginfo_t info;
	int signal = sigtimedwait(&post->stopping, &info, &(struct timespec){ 0 });

	if (signal == SIGTERM)
		stop(post);
	else if (signal == RETIRE_CUT && info.si_pid == post->master)
		spawn_cut_all(post->pool);
}

static void look_after(struct post *post)
{
	struct pool *pool = post->pool;
	uint64_t now_ms = clock_coarse_ms();

	spawn_reap(pool, now_ms);
	look_at_others_children(post, now_ms);
	spawn_look_for_ready(pool, now_ms);
	spawn_end_overdue(pool, now_ms);
	if (pool->adopting)
		pool->adopting = !queue_adopt(pool->queue, pool->slots, pool->process_top);
	if (!post->begun && !post->has_stopped)
		stand_in(post, now_ms);
	scribe_look(pool, now_ms);
	admin_due(pool, now_ms);
	step_aside(post);
	publish_workers(pool);
	take_signals(post);
}

/* ---- The whole. */

static void begin(struct post *post, enum handover_word word)
{
	struct pool *pool = post->pool;

	post->begun = word;
	queue_retire(pool->queue);
	spawn_tell_all(pool, POOL_EXIT_TOLD, clock_coarse_ms());
	give_all_free(post);
	admin_leave(pool);
	if (word != HANDOVER_SERVES_WITHOUT_LOG)
		scribe_leave(pool);
}

/* What was let through to the new program is it to nobody else's any more. */
static void meet(const struct post *post)
{
	const struct handover *handover = &post->pool->handover;

	if (handover_has(handover, 1))
		close(handover->ends[1]);
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static void take_word(struct post *post, int word)
{
	switch (word) {
	case HANDOVER_MEETS:
		meet(post);
		break;
	case HANDOVER_REOPEN:
		scribe_reopen(post->pool);
		break;
	case HANDOVER_SERVES:
	case HANDOVER_SERVES_APART:
	case HANDOVER_SERVES_WITHOUT_LOG:
		begin(post, (enum handover_word)word);
		break;
	default: /* none came */
		break;
	}
}

static void wait_for_word(struct post *post)
{
	if (handover_has(&post->pool->handover, 0)) {
		take_word(post, handover_hear(post->socket, WAIT_MS));
		return;
	}
	if (!post->has_stopped)
		log_error("upgrade: a handler closed the way to the new program: the workers leave now, and "
		          "the connections that are kept are lost");
	stop(post);
	nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
}

/* A file has one writer at a time. */
static void ask_for_log(const struct post *post)
{
	uint64_t until_ms = clock_coarse_ms() + LOG_MS;

	handover_say(post->socket, HANDOVER_ASKS_FOR_LOG);
	wake_successor(post);
	while (handover_hear(post->socket, WAIT_MS) == 0 && clock_coarse_ms() < until_ms)
		;
}

/* Of what our workers logged nothing is left behind. */
static void finish_log(const struct post *post)
{
	struct pool *pool = post->pool;

	if (pool->log_is_away)
		scribe_step_aside(pool);
	if (post->begun == HANDOVER_SERVES)
		return;
	if (post->begun == HANDOVER_SERVES_APART)
		ask_for_log(post);
	pool->log_is_away = false;
	scribe_empty(pool);
}

static bool is_over(const struct post *post)
{
	return spawn_alive(post->pool) == 0 && !post->pool->adopting && (post->begun || post->has_stopped);
}

static _Noreturn void retire(struct post *post)
{
	metrics_take_slot(post->pool->settings->exchange->metrics, METRICS_RETIRING);
	while (!is_over(post)) {
		if (post->begun)
			give_as_input_comes(post);
		else
			wait_for_word(post);
		look_after(post);
		if (post->begun)
			give_all_free(post);
	}
	admin_stop(post->pool);
	finish_log(post);
	_exit(0);
}

static _Noreturn void be_retiring(struct pool *pool, pid_t master)
{
	struct post post = { .pool = pool, .master = master, .socket = pool->handover.ends[0] };

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

pid_t retire_start(struct pool *pool)
{
	pid_t master = getpid();

	prctl(PR_SET_CHILD_SUBREAPER, 1); /* see predecessor.c */
	/* As a worker: memory of its own, the descriptors of all. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		be_retiring(pool, master);
	if (pid > 0)
		return pid;
	int error = -errno;
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	return error;
}

void retire_cancel(pid_t retiring)
{
	kill(retiring, SIGKILL);
	waitpid(retiring, NULL, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}
