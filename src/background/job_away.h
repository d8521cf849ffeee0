/* SPDX-License-Identifier: ISC */
/*
 * job_away - what is said of a store that cannot be used, and how long to leave it alone.
 *
 * It is said when it begins, when the reason is another, and then less and less often;
 * and when it is over.  /status and /metrics show it as long as it lasts.
 */
#ifndef PERCORE_JOB_AWAY_H
#define PERCORE_JOB_AWAY_H

#include "background/background.h"

/* {}: all is well.  Times are monotonic. */
struct job_away {
	char reason[BACKGROUND_REASON_MAX]; /* "": all is well */
	uint64_t say_at_ms, say_every_ms, pause_ms;
};

/* It cannot be used: `reason` names it.  Returns how long to wait: twice as long each time, 5 s at most. */
uint64_t job_away_note(struct job_away *away, struct jobs_shm *shm, const char *reason, uint64_t now_ms);

/* Not worth a word yet; the wait grows. */
uint64_t job_away_pause_ms(struct job_away *away);

/* It can be used. */
void job_away_end(struct job_away *away, struct jobs_shm *shm);

#endif
