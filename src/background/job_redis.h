/* SPDX-License-Identifier: ISC */
/*
 * job_redis - the jobs of several hosts in one Redis: a stream with a consumer group.
 *
 * PREFIX:stream        what is to be run now
 * PREFIX:later         a sorted set: what is to be run again, by time
 * PREFIX:job:ID        a hash: how it fares
 * PREFIX:key:NAME:KEY  the id of the job with that idempotency key
 * PREFIX:ended         a sorted set: those that have ended, ID:BYTES, by time; ended-bytes: their sum
 * PREFIX:clock         a hash: how far the queue's clock is from Redis' own
 *
 * PREFIX is {percore:SERVICE}, so that a cluster keeps them together.  Each step is one
 * script, so it is done as a whole or not at all.  What Redis forgets is forgotten:
 * appendonly yes and appendfsync always make it keep what it was given.
 *
 * Redis has the wall clock alone.  The jobs' processes, which call again and again, tell
 * by their steady clocks what it should show; where it was set, `offset` makes up for
 * it, so delays and leases pass in real time.  One of them does it, and the
 * others go on from there (`steps`); `seen` keeps the clock from going back while nobody looks.
 */
#ifndef PERCORE_JOB_REDIS_H
#define PERCORE_JOB_REDIS_H

#include "background/job.h"

/* False, and said: no URL of ours, or this build is without hiredis. */
bool job_redis_check(const char *url);

/* Worker; each connects anew: a descriptor kept would outlive its worker in the shared table. */
enum job_verdict job_redis_add(const struct background *background, struct job_offer *offer);
enum job_verdict job_redis_look(const struct background *background, const char *id, char **text);

/* The jobs' process: see job_store.h. */
int job_redis_serve(const struct background *background);

#endif
