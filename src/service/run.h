/* SPDX-License-Identifier: ISC */
/* run - an app and its settings, on the way to serving: for percore_run, and for tests in a program's own
 * process. */
#ifndef PERCORE_RUN_H
#define PERCORE_RUN_H

#include "base/options.h"
#include "base/settings.h"
#include "exchange/exchange.h"
#include "service/app.h"
#include "service/settings_table.h"
#include "supervisor/inheritance.h"

enum { EXIT_USAGE = 64, EXIT_CONFIGURATION = 78 }; /* sysexits.h */

/* All that lasts as long as the process. */
struct run {
	struct percore_app *app;
	struct settings settings;
	struct option_spec specs[SETTINGS_MAX + APP_OPTIONS_MAX];
	struct options *options;
	struct exchange exchange;
	struct metrics metrics;
	int argc;
	char **argv;
	struct inheritance inheritance;
	struct limit_policy limits; /* made by check, taken by set_exchange */
	void *limit_table;          /* of run_alone */
};

/* Makes the exchange from the app and the arguments.  -1: go on; else the exit status, and what is wrong was
 * said. */
int run_configure(struct run *run);

/* What is registered can be counted, by this process alone: with memory of its own. */
void run_alone(struct run *run);

/* Frees what both have made; the app is the caller's. */
void run_fini(struct run *run);

#endif
