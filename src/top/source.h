/* SPDX-License-Identifier: ISC */
/* source - the service that is watched: found, read again and again, and noticed when it ends. */
#ifndef PERCORE_TOP_SOURCE_H
#define PERCORE_TOP_SOURCE_H

#include "top/copy.h"
#include "top/options.h"
#include "top/sample.h"
#include "top/service.h"

struct source {
	const char *file; /* NULL: by its process */
	bool has_service; /* its process is known */
	struct service service;
	struct copy copy;
	struct sample *now, *before; /* before: NULL where there is none of the same memory */
	bool has_ended;
};

/* Finds it.  0, or the status to exit with; all is said. */
int source_open(struct source *source, const struct options *options);

/* Takes another sample: now becomes before.  The reason why there is none as text; NULL: all is well. */
const char *source_look(struct source *source);

void source_fini(struct source *source);

#endif
