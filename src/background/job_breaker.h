/* SPDX-License-Identifier: ISC */
/*
 * job_breaker - whether workers ask a store that did not answer.
 *
 * A store that accepts and never answers costs whoever asks its whole timeout.  So once
 * it failed all workers leave it alone, and answer 503 at once; after a pause one of them
 * tries.  As long as the jobs' process tries by itself, none of them does.
 */
#ifndef PERCORE_JOB_BREAKER_H
#define PERCORE_JOB_BREAKER_H

#include "background/background.h"

enum { JOB_BREAKER_PAUSE_MS = 4000, JOB_BREAKER_HOLD_MAX_MS = 15000 };

/* Worker: may it ask?  While the breaker is open one of all may, each JOB_BREAKER_PAUSE_MS. */
bool job_breaker_admits(struct jobs_shm *shm, uint64_t now_ms);

/* Worker: it asked, and the store failed; or not. */
void job_breaker_note(struct jobs_shm *shm, bool has_failed, uint64_t now_ms);

/* The jobs' process: the store failed, and it tries again within `for_ms`; or the store answers. */
void job_breaker_hold(struct jobs_shm *shm, uint64_t for_ms, uint64_t now_ms);
void job_breaker_close(struct jobs_shm *shm);

#endif
