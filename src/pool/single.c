/* SPDX-License-Identifier: ISC */
/*
 * single - see single.h.
 *
 * A stuck handler cannot answer, so a second thread watches the time: it does for the
 * request what a master would (rescue.h), and ends the process.
 */
#include "pool/single.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "pool/rescue.h"
#include "pool/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS_PER_TIMEOUT = 10, LOOK_LEAST_MS = 10, DESCRIPTORS_LEFT = 64 };

static struct worker_shm own_slot;
static struct pool_shm own_pool;
static struct connections connections;
static struct registry registry;
static unsigned own_index;
static uint64_t shortest_ms; /* of the time limits; UINT64_MAX: there are none */

/* ---- The second thread. */

static _Noreturn void end_for_time(void)
{
	int fd = worker_unregistered();
	const struct rescue rescue = { .registry = &registry,
		                       .pool = &own_pool,
		                       .slot = &own_slot,
		                       .unregistered = fd >= 0 ? dup(fd) : -1,
		                       .worker = own_index,
		                       .status = 504,
		                       .detail = "The request took longer than the service allows." };

	log_error("ended: the request in hand took longer than its time limit");
	rescue_worker(&rescue);
	_exit(1);
}

static void *watch_time(void *context)
{
	uint64_t look_ms = shortest_ms / LOOKS_PER_TIMEOUT;

	(void)context;
	look_ms = look_ms > LOOK_LEAST_MS ? look_ms : LOOK_LEAST_MS;
	const struct timespec pause = { .tv_sec = (time_t)(look_ms / 1000),
		                        .tv_nsec = (long)(look_ms % 1000) * 1000000 };
	for (;;) {
		nanosleep(&pause, NULL);
		uint64_t deadline_ms = atomic_load(&own_slot.in_flight.deadline_ms);
		if (deadline_ms && clock_coarse_ms() >= deadline_ms &&
		    atomic_load(&own_slot.stage) == WORKER_SERVING)
			end_for_time();
	}
	return NULL;
}

static void start_watch(void)
{
	pthread_t thread;
	sigset_t all, before;

	if (shortest_ms == UINT64_MAX)
		return;
	sigfillset(&all); /* signals are the serving thread's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&thread, NULL, watch_time, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		log_warning("no time limit holds: %s", strerror(error));
}

/* ---- The whole. */

void single_count(struct metrics *metrics)
{
	void *memory = mmap(NULL, metrics_bytes(metrics), PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return;
	atomic_store(&own_slot.life, WORKER_LIVES);
	atomic_store(&own_slot.pid, (uint32_t)getpid());
	atomic_store(&own_slot.started_ms, clock_coarse_ms());
	atomic_store(&own_pool.serves_since_ms, clock_coarse_ms());
	atomic_store(&own_pool.workers, 1);
	atomic_store(&own_pool.slot_top, 1);
	atomic_store(&own_pool.master, (uint32_t)getpid());
	metrics->workers = &own_slot;
	metrics->pool = &own_pool;
	metrics_open(metrics, memory);
}

void single_forget(struct metrics *metrics)
{
	if (metrics->shm)
		munmap(metrics->shm, metrics_bytes(metrics));
	metrics->shm = NULL;
}

static int open_connections(const struct single *single)
{
	unsigned descriptors = descriptors_raise_limit();
	const struct connections_settings settings = {
		.listener = single->listener,
		.io_timeout_ms = (unsigned)single->settings->io_timeout_ms,
		.capacity =
			descriptors > 2 * DESCRIPTORS_LEFT ? descriptors - DESCRIPTORS_LEFT : descriptors / 2,
	};
	int error = connections_open(&connections, &settings);

	if (!error)
		error = registry_open(&registry, &connections);
	return error ? error : connections_listen(&connections);
}

int single_run(const struct single *single)
{
	const struct settings *settings = single->settings;
	const struct input_settings input = worker_input(settings);
	const struct worker worker = {
		.connections = &connections,
		.registry = &registry,
		.wires = { .master = -1, .lifeline = { -1, -1 }, .parcels = -1 },
		.slot = &own_slot,
		.pool = single->pool ? single->pool : &own_pool,
		.exchange = single->exchange,
		.input = &input,
		.index = single->index,
		.is_helper = single->draining != NULL,
		.max_requests = single->draining ? 0 : settings->max_requests,
		.max_memory = settings->max_memory,
		.request_timeout_ms = (uint64_t)settings->request_timeout_ms,
		.sandbox = settings->sandbox,
		.start_thread = start_watch,
		.draining = single->draining,
	};
	int error = open_connections(single);

	own_index = single->index;
	shortest_ms =
		routes_least_time_limit_ms(single->exchange->routes, (uint64_t)settings->request_timeout_ms);
	if (error) {
		log_error("cannot set up the connections: %s", strerror(-error));
		return 1;
	}
	if (!single->draining)
		single_count(single->exchange->metrics);
	return worker_run(&worker);
}
