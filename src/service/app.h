/* SPDX-License-Identifier: ISC */
/* app - what a program registers before percore_run. */
#ifndef PERCORE_APP_H
#define PERCORE_APP_H

#include "background/background.h"
#include "base/options.h"
#include "exchange/cors.h"
#include "exchange/hooks.h"
#include "exchange/route.h"
#include "percore.h"
#include "pool/worker_calls.h"
#include "state/limit.h"
#include "state/user_metrics.h"

enum { APP_OPTIONS_MAX = 64 };

/* Options that the program has in another form than the table of options. */
struct own_time {
	int64_t ms;
	double *seconds;
};
struct own_list {
	struct option_list list;
	struct percore_list *value;
};

struct percore_app {
	char *name, *version;
	struct routes routes;
	struct hooks hooks;
	struct cors cors;
	struct user_metrics user_metrics;
	struct option_spec options[APP_OPTIONS_MAX]; /* the service's own */
	size_t option_count;
	struct own_time times[APP_OPTIONS_MAX];
	struct own_list lists[APP_OPTIONS_MAX];
	size_t time_count, list_count;
	struct limit_rule limits[LIMITS_MAX];
	size_t limit_count;
	struct background background;
	struct worker_calls calls;
	struct openapi *openapi; /* NULL: none */
	char mistake[256];       /* the first one made in registering; "" */
};

/* Notes the first mistake, for percore_run to report. */
void app_mistake(struct percore_app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* After options_parse: gives the program its times and lists. */
void app_take_values(struct percore_app *app);

void app_free(struct percore_app *app);

#endif
