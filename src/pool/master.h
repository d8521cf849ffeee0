/* master - starts the workers, replaces the dead, reloads, upgrades and stops the pool. */
#ifndef PERCORE_MASTER_H
#define PERCORE_MASTER_H

#include "background/background.h"
#include "base/settings.h"
#include "exchange/exchange.h"

struct pool_settings {
	int listener;
	int inherited_state;             /* descriptor from the program before us, or -1 */
	const struct settings *settings; /* change when `reload` succeeds */
	struct exchange *exchange;       /* likewise */
	struct background *background;   /* likewise */
	bool (*reload)(void *context);   /* reads the configuration anew; false, and said: nothing changed */
	void *context;
	char **argv;
};

/* Returns the exit status once the pool has stopped. */
int master_run(const struct pool_settings *settings);

#endif
