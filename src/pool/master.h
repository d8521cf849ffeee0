/* SPDX-License-Identifier: ISC */
/*
 * master - one generation: its workers and helpers, from their start until another generation has taken over.
 *
 * STARTING until the workers are ready; SERVING; RETIRING when the next generation serves:
 * accepts no more, hands over each connection as soon as it is free, leaves; DRAINING when
 * the service is stopped.  Its parent is the supervisor (supervisor/supervisor.h).
 */
#ifndef PERCORE_MASTER_H
#define PERCORE_MASTER_H

#include "background/background.h"
#include "base/settings.h"
#include "exchange/exchange.h"
#include "pool/supervision.h"

struct master_settings {
	const struct inheritance *inheritance;
	uint32_t supervisor_bytes; /* of struct supervisor */
	const struct settings *settings;
	struct exchange *exchange;
	struct background *background;
};

/* Returns the exit status. */
int master_run(const struct master_settings *settings);

#endif
