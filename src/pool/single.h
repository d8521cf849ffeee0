/* SPDX-License-Identifier: ISC */
/*
 * single - --workers 0: this process serves, without a master.
 *
 * For spawn-fcgi -F N, where processes share nothing but the listening socket.  It drains
 * at SIGTERM, SIGINT and SIGQUIT, and --request-timeout holds.  Nobody replaces it,
 * answers for it when it dies, or reloads it.  Connections that the web server keeps are
 * this process' alone.
 */
#ifndef PERCORE_SINGLE_H
#define PERCORE_SINGLE_H

#include "base/settings.h"
#include "exchange/exchange.h"

struct single {
	int listener;
	const struct settings *settings;
	const struct exchange *exchange;
	/* Of the admin process (admin.c), which tells of a pool and ends at SIGTERM only; else 0 and NULL. */
	unsigned index;
	const _Atomic uint32_t *draining;
	struct pool_shm *pool;
};

/* What this process counts, it counts for itself: in memory of its own. */
void single_count(struct metrics *metrics);
void single_forget(struct metrics *metrics);

/* Returns the exit status. */
int single_run(const struct single *alone);

#endif
