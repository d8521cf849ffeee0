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

	log_line("ended: the request in hand took longer than --request-timeout");
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
		log_line("--request-timeout does not hold: %s", strerror(error));
}

int alone_run(int listener, const struct settings *settings, const struct exchange *exchange)
{
	const struct queue_settings queue = { .listener = listener,
		                              .io_timeout_s = (unsigned)(settings->io_timeout_ms / 1000) };
	uint32_t descriptors = queue_descriptors();
	struct worker worker = { .slot = &own_slot,
		                 .exchange = exchange,
		                 .is_alone = true,
		                 .max_requests = settings->max_requests,
		                 .max_memory = settings->max_memory };

	worker.queue = mmap(NULL, queue_bytes(descriptors), PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (worker.queue == MAP_FAILED || queue_init(worker.queue, descriptors, &queue) != 0) {
		log_line("cannot set up the queue: %s", strerror(errno));
		return 1;
	}
	static struct watch watch;
	watch = (struct watch){ worker.queue, &own_slot, (uint64_t)settings->request_timeout_ms };
	start_watch(&watch);
	return worker_run(&worker);
}
