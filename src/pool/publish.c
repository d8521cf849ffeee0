/* SPDX-License-Identifier: ISC */
/* publish - see publish.h. */
#include "pool/publish.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

void publish_generation(const struct workers *w, bool is_reload)
{
	struct pool_shm *shm = w->shm;

	atomic_store(&shm->master, (uint32_t)getpid());
	atomic_store(&shm->generation, w->generation);
	atomic_store(&shm->workers, w->wanted);
	atomic_store(&shm->serves_since_ms, clock_coarse_ms());
	if (!atomic_load(&shm->counts_since_ms))
		atomic_store(&shm->counts_since_ms, clock_coarse_ms());
	atomic_store(&shm->draining, 0);
	shm->reload_error[0] = '\0';
	if (is_reload)
		atomic_fetch_add(&shm->reloads, 1);
}

void publish_service(struct pool_shm *shm, const char *name, const char *version)
{
	snprintf(shm->service, sizeof shm->service, "%s", name);
	snprintf(shm->service_version, sizeof shm->service_version, "%s", version);
	snprintf(shm->version, sizeof shm->version, "%s", PACKAGE_VERSION);
}

void publish_refusal(struct pool_shm *shm, const char *reason)
{
	snprintf(shm->reload_error, sizeof shm->reload_error, "%s", reason);
	atomic_store(&shm->reload_error_ms, clock_coarse_ms());
	atomic_fetch_add(&shm->reloads_failed, 1);
}

static enum worker_life life_of(const struct process *p)
{
	return p->state == PROCESS_STARTING || p->state == PROCESS_RUNNING ? WORKER_LIVES : WORKER_LEAVES;
}

static void raise_slot_top(struct pool_shm *shm, uint32_t top)
{
	uint32_t seen = atomic_load(&shm->slot_top);

	while (seen < top && !atomic_compare_exchange_weak(&shm->slot_top, &seen, top))
		;
}

void publish_workers(const struct workers *w)
{
	for (unsigned i = 0; i < w->top; i++) {
		const struct process *p = &w->processes[i];
		if (p->state == PROCESS_NONE)
			continue;
		atomic_store_explicit(&w->slots[i].worker_id, p->worker_id, memory_order_relaxed);
		atomic_store_explicit(&w->slots[i].life, life_of(p), memory_order_release);
	}
	raise_slot_top(w->shm, w->top);
}

unsigned publish_load(const struct workers *w)
{
	unsigned serving = 0, idle = 0;

	for (unsigned i = 0; i < w->top; i++) {
		if (w->processes[i].state == PROCESS_NONE)
			continue;
		serving += atomic_load(&w->slots[i].stage) == WORKER_SERVING;
		idle += atomic_load(&w->slots[i].stage) == WORKER_IDLE;
	}
	if (serving > atomic_load(&w->shm->active_max))
		atomic_store(&w->shm->active_max, serving);
	if (serving > 0 && idle == 0)
		atomic_fetch_add(&w->shm->all_busy, 1);
	atomic_store(&w->shm->connections, w->registry->count);
	return serving;
}
