/* publish - see publish.h. */
#include "pool/publish.h"

#include <unistd.h>

unsigned publish_slot_top(const struct pool *pool)
{
	unsigned top = atomic_load(&pool->shm->slot_top);

	return top < SLOTS_MAX ? top : SLOTS_MAX;
}

void publish_master(const struct pool *pool)
{
	atomic_store(&pool->shm->master, (uint32_t)getpid());
}

void publish_size(const struct pool *pool)
{
	atomic_store_explicit(&pool->shm->workers, pool->workers, memory_order_relaxed);
}

static enum worker_life life_of(const struct process *p)
{
	return p->state == PROCESS_STARTING || p->state == PROCESS_RUNNING ? WORKER_LIVES : WORKER_LEAVES;
}

void publish_workers(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->process_top; i++) {
		const struct process *p = &pool->processes[i];
		if (p->state == PROCESS_NONE)
			continue;
		atomic_store_explicit(&pool->slots[i].seat, p->seat, memory_order_relaxed);
		atomic_store_explicit(&pool->slots[i].pid, (uint32_t)p->pid, memory_order_relaxed);
		atomic_store_explicit(&pool->slots[i].life, life_of(p), memory_order_release);
	}
	if (pool->process_top > publish_slot_top(pool))
		atomic_store(&pool->shm->slot_top, pool->process_top);
}

void publish_load(const struct pool *pool)
{
	unsigned serving = 0, idle = 0;

	for (unsigned i = 0; i < pool->process_top; i++) {
		if (pool->processes[i].state == PROCESS_NONE)
			continue;
		serving += atomic_load(&pool->slots[i].stage) == WORKER_SERVING;
		idle += atomic_load(&pool->slots[i].stage) == WORKER_IDLE;
	}
	if (serving > atomic_load(&pool->shm->active_max))
		atomic_store(&pool->shm->active_max, serving);
	if (serving > 0 && idle == 0)
		atomic_fetch_add(&pool->shm->all_busy, 1);
	atomic_store(&pool->shm->connections, queue_connections(pool->queue));
}
