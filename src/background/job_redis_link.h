/* SPDX-License-Identifier: ISC */
/* job_redis_link - a connection to Redis, and the scripts that are run over it. */
#ifndef PERCORE_JOB_REDIS_LINK_H
#define PERCORE_JOB_REDIS_LINK_H

#include "background/job.h"

#include <hiredis/hiredis.h>

enum { REDIS_TIMEOUT_MS = 2000 };

enum job_redis_script {
	REDIS_ADD,
	REDIS_TAKE,
	REDIS_END,
	REDIS_LATER,
	REDIS_LOOK,
	REDIS_SCRIPTS,
};

/* NULL: it cannot be reached. */
redisContext *job_redis_connect(const char *url);

/*
 * Runs a script on PREFIX with these arguments, NULL after the last.  NULL: it failed, and
 * the connection is of no use.  freeReplyObject().
 */
redisReply *job_redis_run(redisContext *redis, const struct background *background,
                          enum job_redis_script script, const char *const *arguments);

/* What the last of these failed for. */
const char *job_redis_problem(void);

/* {percore:SERVICE} and the rest of a key's name. */
void job_redis_key(const struct background *background, char *key, size_t size, const char *rest);

#endif
