/* SPDX-License-Identifier: ISC */
/* history - see history.h. */
#include "state/history.h"

bool history_read(const struct history_shm *shm, uint64_t number, uint64_t values[HISTORY_VALUES])
{
	const struct history_sample_shm *sample = &shm->samples[number % HISTORY_SAMPLES];

	if (!number || atomic_load_explicit(&sample->number, memory_order_acquire) != number)
		return false;
	for (int i = 0; i < HISTORY_VALUES; i++)
		values[i] = atomic_load_explicit(&sample->values[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&sample->number, memory_order_relaxed) == number;
}
