/*
 * job_redis - the jobs of several hosts in one Redis: a stream with a consumer group.
 *
 * PREFIX:stream        what is to be run now
 * PREFIX:later         a sorted set: what is to be run again, by time
 * PREFIX:job:ID        a hash: how it fares
 * PREFIX:key:NAME:KEY  the id of the job with that idempotency key
 *
 * PREFIX is {percore:jobs}, so that a cluster keeps them together.  Where Redis
 * loses what it said it has kept, so do we: appendfsync always is its setting for that.
 */
#ifndef PERCORE_JOB_REDIS_H
#define PERCORE_JOB_REDIS_H

#include "background/job.h"

/* Worker. */
enum job_verdict job_redis_add(const struct background *background, struct job_offer *offer);
enum job_verdict job_redis_look(const struct background *background, const char *id, char **text);

/* The jobs' process: see job_server.h. */
int job_redis_serve(const struct background *background);

#endif
