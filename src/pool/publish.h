/* SPDX-License-Identifier: ISC */
/* publish - what the master alone knows, put where readers of the shared memory see it. */
#ifndef PERCORE_PUBLISH_H
#define PERCORE_PUBLISH_H

#include "pool/workers.h"

/* A generation begins to serve. */
void publish_generation(const struct workers *w, bool is_reload);

/* Which service it is; with it. */
void publish_service(struct pool_shm *shm, const char *name, const char *version);

/* The next one did not come to serve, for this reason. */
void publish_refusal(struct pool_shm *shm, const char *reason);

/* After each event: which of our workers live.  Who buries one says so itself: others may have its slot next.
 */
void publish_workers(const struct workers *w);

/* At each look at the pool, by the generation that serves: how busy it is.  How many workers serve a request.
 */
unsigned publish_load(const struct workers *w);

#endif
