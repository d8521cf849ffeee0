/* SPDX-License-Identifier: ISC */
/* job_away - see job_away.h. */
#include "background/job_away.h"

#include "background/work.h"
#include "base/log.h"

#include <string.h>

enum { PAUSE_FIRST_MS = 50, PAUSE_MAX_MS = 5000, SAY_FIRST_MS = 60000, SAY_MAX_MS = 3600000 };

uint64_t job_away_pause_ms(struct job_away *away)
{
	uint64_t pause_ms = away->pause_ms ? away->pause_ms * 2 : PAUSE_FIRST_MS;

	away->pause_ms = pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
	return away->pause_ms;
}

uint64_t job_away_note(struct job_away *away, struct jobs_shm *shm, const char *reason, uint64_t now_ms)
{
	char text[BACKGROUND_REASON_MAX];

	work_copy_text(text, reason, sizeof text);
	if (strcmp(away->reason, text) != 0) {
		memcpy(away->reason, text, sizeof text);
		memcpy(shm->away_reason, text, sizeof text);
		away->say_at_ms = now_ms;
		away->say_every_ms = SAY_FIRST_MS;
	}
	atomic_store(&shm->is_away, 1);
	if (now_ms >= away->say_at_ms) {
		log_error("jobs: %s; jobs are refused until it can be used", text);
		away->say_at_ms = now_ms + away->say_every_ms;
		if (away->say_every_ms < SAY_MAX_MS)
			away->say_every_ms *= 2;
	}
	return job_away_pause_ms(away);
}

void job_away_end(struct job_away *away, struct jobs_shm *shm)
{
	if (*away->reason)
		log_notice("jobs: the store can be used again");
	*away = (struct job_away){ 0 };
	atomic_store(&shm->is_away, 0);
}
