/* SPDX-License-Identifier: ISC */
/* limit_gcra - see limit_gcra.h. */
#include "state/limit_gcra.h"

/* A worker may have read its clock long before another one's decision, but not so long. */
#define LIMIT_GCRA_SLACK_NS (UINT64_C(3600) * 1000000000)

struct limit_gcra limit_gcra_make(uint64_t rate, uint64_t period_ns, uint64_t burst)
{
	uint64_t interval_ns = (period_ns + rate - 1) / rate;

	return (struct limit_gcra){ .interval_ns = interval_ns,
		                    .burst = burst,
		                    .window_ns = burst * interval_ns };
}

uint64_t limit_gcra_debt(const struct limit_gcra *gcra, uint64_t end_ns, uint64_t now_ns)
{
	uint64_t ahead_ns = end_ns - now_ns;

	/* The far half of the circle is the past. */
	return (int64_t)ahead_ns <= 0 || ahead_ns > gcra->window_ns + LIMIT_GCRA_SLACK_NS ? 0 : ahead_ns;
}

bool limit_gcra_admits(const struct limit_gcra *gcra, uint64_t *end_ns, uint64_t now_ns)
{
	uint64_t debt_ns = limit_gcra_debt(gcra, *end_ns, now_ns) + gcra->interval_ns;

	if (debt_ns > gcra->window_ns)
		return false;
	*end_ns = now_ns + debt_ns;
	return true;
}

struct limit_quota limit_gcra_quota(const struct limit_gcra *gcra, uint64_t debt_ns)
{
	uint64_t room_ns = debt_ns < gcra->window_ns ? gcra->window_ns - debt_ns : 0;
	uint64_t remaining = room_ns / gcra->interval_ns;

	if (remaining >= gcra->burst)
		return (struct limit_quota){ .remaining = gcra->burst };
	/* One more: when the debt has shrunk to what leaves room for it. */
	return (struct limit_quota){ remaining,
		                     debt_ns - (gcra->window_ns - (remaining + 1) * gcra->interval_ns) };
}
