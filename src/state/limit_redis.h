/* SPDX-License-Identifier: ISC */
/*
 * limit_redis - limits that several hosts share: the decision is a script in Redis, on Redis' clock.
 *
 * The worker waits for it, at most until a deadline.  When Redis fails, all workers
 * leave it alone for a pause that grows; then one of them tries.
 */
#ifndef PERCORE_LIMIT_REDIS_H
#define PERCORE_LIMIT_REDIS_H

#include "base/redis_url.h"
#include "state/limit_gcra.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Numbers in Lua are doubles: the script counts in these. */
enum { LIMIT_REDIS_TICK_NS = 100, LIMIT_REDIS_KEY_MAX = 128 };

struct limit_redis {
	char name[REDIS_URL_SHOWN_MAX]; /* for people, without the password; "": none */
	char service[32];               /* begins the keys */
	struct redis_url url;
	struct sockaddr_storage address;
	socklen_t address_bytes;
	uint64_t timeout_ms;
};

struct limit_redis_shm {
	_Atomic uint32_t is_away;     /* 2: and it is said that Redis refuses the password */
	_Atomic uint32_t pause_ms;    /* until the next try */
	_Atomic uint64_t next_try_ms; /* monotonic; whoever moves it on tries */
	_Atomic uint64_t since_ms;    /* of is_away */
	_Atomic uint64_t failures, local, outages;
};

/* As redis_url.h has it; a name is looked up here.  NULL, or what is wrong. */
const char *limit_redis_parse(const char *text, struct limit_redis *redis);

struct limit_redis_question {
	const char *key;
	struct limit_gcra gcra; /* interval_ns a multiple of LIMIT_REDIS_TICK_NS */
	uint64_t until_ns;      /* monotonic: not waited for longer */
};

/* Worker.  False: Redis did not decide, so the local table must. */
bool limit_redis_admits(const struct limit_redis *redis, struct limit_redis_shm *shm,
                        const struct limit_redis_question *question, bool *admitted, uint64_t *debt_ns);

/* Worker, at its end. */
void limit_redis_stop(void);

#endif
