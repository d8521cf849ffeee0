/* SPDX-License-Identifier: ISC */
/* job_breaker - see job_breaker.h. */
#include "background/job_breaker.h"

bool job_breaker_admits(struct jobs_shm *shm, uint64_t now_ms)
{
	uint64_t next_ms = atomic_load(&shm->ask_again_ms);

	/* A time further ahead than any was written by nobody of ours. */
	if (next_ms > now_ms && next_ms <= now_ms + JOB_BREAKER_HOLD_MAX_MS)
		return false;
	return !next_ms ||
	       atomic_compare_exchange_strong(&shm->ask_again_ms, &next_ms, now_ms + JOB_BREAKER_PAUSE_MS);
}

/* Never sooner than it was: the jobs' process may have said more. */
static void open_until(struct jobs_shm *shm, uint64_t until_ms)
{
	uint64_t next_ms = atomic_load(&shm->ask_again_ms);

	while (next_ms < until_ms && !atomic_compare_exchange_weak(&shm->ask_again_ms, &next_ms, until_ms))
		;
}

void job_breaker_note(struct jobs_shm *shm, bool has_failed, uint64_t now_ms)
{
	if (has_failed)
		open_until(shm, now_ms + JOB_BREAKER_PAUSE_MS);
	else if (atomic_load(&shm->ask_again_ms))
		job_breaker_close(shm);
}

void job_breaker_hold(struct jobs_shm *shm, uint64_t for_ms, uint64_t now_ms)
{
	open_until(shm, now_ms + (for_ms < JOB_BREAKER_HOLD_MAX_MS ? for_ms : JOB_BREAKER_HOLD_MAX_MS));
}

void job_breaker_close(struct jobs_shm *shm)
{
	atomic_store(&shm->ask_again_ms, 0);
}
