/* SPDX-License-Identifier: ISC */
/* exchange - one request from its parameters to the end of its answer. */
#ifndef PERCORE_EXCHANGE_H
#define PERCORE_EXCHANGE_H

#include "exchange/access.h"
#include "exchange/fcgi.h"
#include "exchange/route.h"
#include "state/limit.h"
#include "state/metrics.h"
#include "state/overload.h"

struct hooks;
struct cors;
struct worker_calls; /* pool/worker_calls.h */

/* What holds for every request; made before the workers start. */
struct exchange {
	const struct routes *routes;
	const struct hooks *hooks; /* NULL: none, as of cors */
	const struct cors *cors;
	const char *prefix;     /* "" or "/api" */
	size_t max_body;        /* bytes */
	size_t max_json_memory; /* bytes that a body's document may take */
	const char *upload_dir; /* for files of forms; NULL: they are in memory */
	struct overload overload;
	struct limit limit;
	struct metrics *metrics; /* counts nothing where it has no memory */
	bool only_probes;        /* the admin address */
	bool develops;           /* problems carry the reason that the log has */
	struct access access;
	const struct background *background;
	const struct worker_calls *calls;
};

/* In each worker at its start: the words that say whether the pool is being stopped, and whether this worker
 * is to leave.  NULL: never. */
void exchange_watch(const _Atomic uint32_t *draining, const _Atomic uint32_t *told);

/* What lasts should end. */
bool exchange_is_leaving(void);

/* Answers the request that fcgi_accept read. */
void exchange_run(const struct exchange *exchange, struct fcgi *fcgi);

#endif
