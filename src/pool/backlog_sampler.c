/* SPDX-License-Identifier: ISC */
/* backlog_sampler - see backlog_sampler.h. */
#include "pool/backlog_sampler.h"

#include "pool/backlog.h"

/* Requests served by any worker of the shared memory, those refused for overload apart. */
static uint64_t served(const struct backlog_sampler *s)
{
	unsigned top = atomic_load(&s->shm->slot_top);
	uint64_t requests = 0;

	for (unsigned i = 0; i < top && i < s->slot_count; i++)
		requests += atomic_load(&s->slots[i].requests);
	return requests - atomic_load(&s->overload->shm->refused);
}

void backlog_sampler_look(struct backlog_sampler *s, uint64_t now_ms)
{
	unsigned waiting, most;
	uint64_t requests = served(s);
	struct overload_backlog look = { .waited = atomic_load(&s->shm->backlog),
		                         .served = requests - s->looked_served,
		                         .elapsed_ms = now_ms - s->looked_ms };

	if (backlog_look(s->connections->listener, &waiting, &most) != 0)
		return;
	look.waiting = waiting;
	if (s->looked_ms) /* else nothing tells what was served when */
		overload_watch_backlog(s->overload, &look);
	s->looked_served = requests;
	s->looked_ms = now_ms;
	s->is_busy = look.served > 0 || waiting > 0;
	/* Where starts are not known, what waits must stay where it can be counted. */
	atomic_store(&s->connections->shm->is_crowded,
	             waiting > s->workers && atomic_load(&s->overload->shm->knows_starts));
	atomic_store(&s->shm->backlog, waiting);
	if (waiting > atomic_load(&s->shm->backlog_max))
		atomic_store(&s->shm->backlog_max, waiting);
}
