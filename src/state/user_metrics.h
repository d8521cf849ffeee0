/* SPDX-License-Identifier: ISC */
/*
 * meters - the counters, gauges and histograms that handlers declare.
 *
 * A handle knows the place of its numbers in this process' slot, so an update is
 * a load and a store.  Before a worker is bound, and where nothing is counted,
 * that place is the handle's own.
 */
#ifndef PERCORE_METERS_H
#define PERCORE_METERS_H

#include "state/metrics.h"

#include <stddef.h>

/* Behind every handle of percore.h. */
struct user_metric {
	enum metrics_kind kind;
	char *name, *help; /* "shop_orders_total{kind=\"new\"}" */
	int place;         /* of its cell or entry; -1: none */
	_Atomic uint64_t *cell;
	struct metrics_slot_shm *slot; /* a histogram's; NULL: not bound */
	_Atomic uint64_t unbound;
};

struct user_metrics {
	struct user_metric **all;
	size_t count;
};

/* Strings are copied.  NULL with *wrong set: what is wrong with it. */
struct user_metric *user_metrics_add(struct user_metrics *user_metrics, enum metrics_kind kind,
                                     const char *name, const char *help, const char **wrong);
void user_metrics_fini(struct user_metrics *user_metrics);

size_t user_metrics_histograms(const struct user_metrics *user_metrics);

/* NULL beyond the last. */
struct user_metric *user_metrics_at(const struct user_metrics *user_metrics, size_t i);

/* The length of a name's first part, before its labels. */
size_t user_metrics_base(const char *name);

/* In each worker: to its slot.  Its gauges start at 0. */
void user_metrics_bind(const struct user_metrics *user_metrics, struct metrics *m);

#endif
