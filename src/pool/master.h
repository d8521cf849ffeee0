/* master - starts the workers, replaces the dead, reloads, upgrades and stops the pool. */
#ifndef PERCORE_MASTER_H
#define PERCORE_MASTER_H

#include "background/background.h"
#include "base/settings.h"
#include "exchange/exchange.h"

#include <sys/types.h>

/* Descriptors that an upgrade passes on. */
struct inheritance {
	int listener;   /* -1: there was no program before us */
	int state;      /* its shared memory */
	int socket;     /* see handover.h */
	pid_t retiring; /* see retire.h */
};

struct pool_settings {
	int listener;
	struct inheritance inherited;    /* from the program before us */
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
