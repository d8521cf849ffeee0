/* demand - see demand.h. */
#include "pool/demand.h"

#include "pool/backlog.h"
#include "pool/publish.h"

static bool knows_starts(const struct pool *pool)
{
	return atomic_load(&pool->settings->exchange->shed.shm->knows_starts);
}

/* Requests served by any worker of the shared memory, those refused for overload apart. */
static uint64_t served(const struct pool *pool)
{
	unsigned top = publish_slot_top(pool);
	uint64_t requests = 0;

	for (unsigned i = 0; i < top; i++)
		requests += atomic_load(&pool->slots[i].requests);
	return requests - atomic_load(&pool->settings->exchange->shed.shm->refused);
}

void demand_look(struct pool *pool, uint64_t now_ms)
{
	unsigned waiting, most;
	uint64_t requests = served(pool);
	struct shed_backlog look = { .waited = atomic_load(&pool->shm->backlog),
		                     .served = requests - pool->looked_served,
		                     .elapsed_ms = now_ms - pool->looked_ms };

	if (backlog_look(pool->settings->listener, &waiting, &most) != 0)
		return;
	look.waiting = waiting;
	if (pool->looked_ms) /* else nothing tells what was served when */
		shed_watch_backlog(&pool->settings->exchange->shed, &look);
	pool->looked_served = requests;
	pool->looked_ms = now_ms;
	pool->is_busy = look.served > 0 || waiting > 0;
	/* Where starts are not known, what waits must stay where it can be counted. */
	atomic_store(&pool->queue->is_crowded, waiting > pool->workers && knows_starts(pool));
	atomic_store(&pool->shm->backlog, waiting);
	if (waiting > atomic_load(&pool->shm->backlog_max))
		atomic_store(&pool->shm->backlog_max, waiting);
}
