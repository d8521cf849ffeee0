/* SPDX-License-Identifier: ISC */
/* worker_calls - see worker_calls.h. */
#include "pool/worker_calls.h"

bool worker_calls_start(const struct worker_calls *calls)
{
	for (size_t i = 0; calls && i < calls->count; i++)
		if (calls->all[i].start && !calls->all[i].start(calls->all[i].arg))
			return false;
	return true;
}

void worker_calls_stop(const struct worker_calls *calls)
{
	for (size_t i = calls ? calls->count : 0; i > 0; i--)
		if (calls->all[i - 1].stop)
			calls->all[i - 1].stop(calls->all[i - 1].arg);
}
