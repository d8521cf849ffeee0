/* SPDX-License-Identifier: ISC */
/* log_writer - the helper that writes the access log: see access/access_writer.h. */
#include "pool/helpers.h"

#include "access/access_writer.h"

#include <string.h>

static const struct access_rings *rings_of(const struct helpers *h)
{
	return &h->exchange->access.rings;
}

static bool is_wanted(const struct helpers *h)
{
	return h->settings->access_log != NULL;
}

/* Whoever holds a lock on the memory takes the records out of it. */
static unsigned keep(const struct helpers *h, int fds[2])
{
	fds[0] = h->memory;
	return 1;
}

static int run(const struct helpers *h, const struct order_shm *order)
{
	const struct settings *s = h->settings;
	const struct access_writer_settings settings = { .rings = *rings_of(h),
		                                         .order = order,
		                                         .memory = h->memory,
		                                         .path = s->access_log,
		                                         .combined = strcmp(s->access_log_format,
		                                                            "combined") == 0 };

	return access_writer_run(&settings);
}

const struct helper_kind helper_log_writer = { .name = "access log's writer",
	                                       .process = "percore-log",
	                                       .is_wanted = is_wanted,
	                                       .keep = keep,
	                                       .run = run,
	                                       .may_stand_still = true }; /* its lines wait in memory */

void helpers_reopen_log(const struct helpers *h)
{
	atomic_fetch_add(&rings_of(h)->shm->reopens, 1);
	access_ring_wake(rings_of(h)->shm);
}

uint64_t helpers_unwritten_bytes(const struct helpers *h)
{
	const struct access_shm *shm = rings_of(h)->shm;
	unsigned count = access_ring_count(rings_of(h));
	uint64_t bytes = 0;

	if (!is_wanted(h) || atomic_load(&shm->failing))
		return 0;
	for (unsigned i = 0; i < count; i++)
		bytes += access_ring_filled(&shm->rings[i]);
	return bytes;
}
