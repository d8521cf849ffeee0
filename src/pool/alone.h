/*
 * alone - --workers 0: this process serves, without a master.
 *
 * For spawn-fcgi -F N, where processes share nothing but the listening socket.  It
 * drains at SIGTERM, SIGINT and SIGQUIT, and --request-timeout holds.  Nobody
 * replaces it, answers for it when it dies, reloads or upgrades it; and it keeps
 * no connection, since only one process could serve that.
 */
#ifndef PERCORE_ALONE_H
#define PERCORE_ALONE_H

#include "base/settings.h"
#include "exchange/exchange.h"

struct alone {
	int listener;
	const struct settings *settings;
	const struct exchange *exchange;
	/* Of the admin process (admin.h), which tells of a pool and ends at SIGTERM only; else 0 and NULL. */
	unsigned index;
	const _Atomic uint32_t *draining;
};

/* Returns the exit status. */
int alone_run(const struct alone *alone);

#endif
