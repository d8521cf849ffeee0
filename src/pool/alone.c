/*
 * alone - see alone.h.
 *
 * A stuck handler cannot answer, so a second thread watches the time: it does for the
 * request what a master would (rescue.h), and ends the process.
 */
#include "pool/alone.h"

#include "base/clock.h"
#include "log/log.h"
#include "pool/rescue.h"
#include "pool/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS_PER_TIMEOUT = 10, LOOK_LEAST_MS = 10 };

struct watch {
	struct queue *queue;
	const struct worker_shm *slot;
	uint64_t timeout_ms;
};

static struct worker_shm own_slot;
static struct pool_shm own_pool;

static _Noreturn void end_for(const struct watch *watch)
{
	const struct rescue rescue = { .queue = watch->queue,
		                       .pool = &own_pool,
		                       .slot = watch->slot,
		                       .status = 504,
		                       .detail = "The request took longer than the service allows." };

	log_error("ended: the request in hand took longer than --request-timeout");
	rescue_worker(&rescue);
	_exit(1);
}

static void *watch_time(void *context)
{
	const struct watch *watch = context;
	uint64_t look_ms = watch->timeout_ms / LOOKS_PER_TIMEOUT;

	look_ms = look_ms > LOOK_LEAST_MS ? look_ms : LOOK_LEAST_MS;
	const struct timespec pause = { .tv_sec = (time_t)(look_ms / 1000),
		                        .tv_nsec = (long)(look_ms % 1000) * 1000000 };
	for (;;) {
		nanosleep(&pause, NULL);
		uint64_t since_ms = atomic_load(&watch->slot->hand.since_ms), now_ms = clock_coarse_ms();
		if (atomic_load(&watch->slot->stage) == WORKER_SERVING &&
		    now_ms >= since_ms + watch->timeout_ms)
			end_for(watch);
	}
	return NULL;
}

static void start_watch(struct watch *watch)
{
	pthread_t thread;
	sigset_t all, before;

	if (watch->timeout_ms == 0)
		return;
	sigfillset(&all); /* signals are the serving thread's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&thread, NULL, watch_time, watch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		log_warning("--request-timeout does not hold: %s", strerror(error));
}

/* What it counts, it counts for itself. */
static void count(struct metrics *metrics)
{
	void *memory = mmap(NULL, metrics_bytes(metrics), PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return;
	atomic_store(&own_slot.life, WORKER_LIVES);
	atomic_store(&own_slot.pid, (uint32_t)getpid());
	atomic_store(&own_pool.workers, 1);
	atomic_store(&own_pool.slot_top, 1);
	atomic_store(&own_pool.master, (uint32_t)getpid());
	metrics->workers = &own_slot;
	metrics->pool = &own_pool;
	metrics_open(metrics, memory);
}

int alone_run(const struct alone *alone)
{
	const struct settings *settings = alone->settings;
	const struct queue_settings queue = { .listener = alone->listener,
		                              .io_timeout_ms = (unsigned)settings->io_timeout_ms };
	uint32_t descriptors = queue_descriptors();
	struct worker worker = { .slot = &own_slot,
		                 .exchange = alone->exchange,
		                 .index = alone->index,
		                 .is_alone = true,
		                 .draining = alone->draining,
		                 .max_requests = alone->draining ? 0 : settings->max_requests,
		                 .max_memory = settings->max_memory };

	worker.queue = queue_map(descriptors);
	if (!worker.queue || queue_init(worker.queue, descriptors, &queue) != 0) {
		log_error("cannot set up the queue: %s", strerror(errno));
		return 1;
	}
	if (!alone->draining)
		count(alone->exchange->metrics);
	static struct watch watch;
	watch = (struct watch){ worker.queue, &own_slot, (uint64_t)settings->request_timeout_ms };
	start_watch(&watch);
	return worker_run(&worker);
}
