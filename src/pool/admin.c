/* SPDX-License-Identifier: ISC */
/*
 * admin - the helper that answers probes on an address of its own: --admin.
 *
 * So that /metrics, /status and /healthz can be reached when every worker is busy.
 */
#include "pool/helpers.h"
#include "pool/single.h"

static bool is_wanted(const struct helpers *h)
{
	return h->admin_listener >= 0;
}

static unsigned keep(const struct helpers *h, int fds[2])
{
	fds[0] = h->admin_listener;
	return 1;
}

static int run(const struct helpers *h, const struct order_shm *order)
{
	static struct exchange exchange;

	(void)order; /* SIGTERM says it */
	exchange = *h->exchange;
	exchange.only_probes = true;
	exchange.overload.shm = NULL;
	exchange.access.rings.shm = NULL;
	return single_run(&(struct single){ .listener = h->admin_listener,
	                                    .settings = h->settings,
	                                    .exchange = &exchange,
	                                    .index = metrics_admin_slot(h->exchange->metrics, h->lane),
	                                    .draining = &h->shm->draining,
	                                    .pool = h->shm });
}

const struct helper_kind helper_admin = { .name = "probes' process",
	                                  .process = "percore-admin",
	                                  .is_wanted = is_wanted,
	                                  .keep = keep,
	                                  .run = run };
