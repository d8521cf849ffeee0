/* SPDX-License-Identifier: ISC */
/* jobs - the helper that keeps the jobs and runs them: see background/job.h. */
#include "background/job.h"
#include "background/job_claim.h"
#include "background/work.h"
#include "pool/helpers.h"

enum { EXTRA_MS = 2000 }; /* it ends by itself, when it has given its jobs back */

static bool is_wanted(const struct helpers *h)
{
	const struct background *b = h->background;

	return b->job_count > 0 && h->settings->jobs && (*b->place || job_is_redis(h->settings->jobs));
}

static int run(const struct helpers *h, const struct order_shm *order)
{
	h->background->order = order;
	work_settle(h->settings->background_nice);
	return job_serve(h->background);
}

static void note_death(const struct helpers *h, const struct helper *helper, const char *reason)
{
	(void)reason;
	job_claim_drop_all(&h->background->shm->jobs, helper->pid);
}

const struct helper_kind helper_jobs = { .name = "jobs' process",
	                                 .process = "percore-jobs",
	                                 .is_wanted = is_wanted,
	                                 .run = run,
	                                 .note_death = note_death,
	                                 .extra_ms = EXTRA_MS };
