/* SPDX-License-Identifier: ISC */
/* live - the service on a terminal, until somebody has seen enough. */
#ifndef PERCORE_TOP_LIVE_H
#define PERCORE_TOP_LIVE_H

#include "top/source.h"

/* The source has its first sample.  The status to exit with. */
int live_run(struct source *source, const struct options *options);

#endif
