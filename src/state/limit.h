/* SPDX-License-Identifier: ISC */
/*
 * limit - rate limits: what they are, and the decision.
 *
 * Three layers: the policy is here, the arithmetic in limit_gcra.h, the memory in
 * limit_table.h (this host) and limit_redis.h (several).  What of a request makes
 * its key is known by exchange/rate_limit.c.
 */
#ifndef PERCORE_LIMIT_H
#define PERCORE_LIMIT_H

#include "base/cidr.h"
#include "base/options.h"
#include "state/limit_gcra.h"
#include "state/limit_redis.h"
#include "state/limit_table.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	LIMITS_MAX = 32,
	LIMIT_NAME_MAX = 32,
	LIMIT_KEY_BYTES = 16,
	LIMIT_TEXT_MAX = 64,
	LIMIT_ROUTE_MAX = 128,
	LIMIT_METHOD_MAX = 24,
};

/* What was decided about a request. */
enum limit_verdict {
	LIMIT_NONE,        /* no limit applies */
	LIMIT_EXEMPT,      /* --limit-exempt */
	LIMIT_ADMITTED,    /* by all that apply */
	LIMIT_REFUSED,     /* 429 */
	LIMIT_DRY_REFUSED, /* admitted, but a dry-run limit would have refused it */
	LIMIT_VERDICTS,
};

/* "none", "exempt", ...: for logs and metrics. */
const char *limit_verdict_name(enum limit_verdict verdict);

enum limit_by { LIMIT_BY_ADDRESS, LIMIT_BY_HEADER, LIMIT_BY_NONE };

struct limit_rule {
	char name[LIMIT_NAME_MAX];     /* as in RateLimit, logs and metrics */
	char header[LIMIT_TEXT_MAX];   /* of LIMIT_BY_HEADER */
	char route[LIMIT_ROUTE_MAX];   /* the pattern; "": every request */
	char method[LIMIT_METHOD_MAX]; /* "": any */
	char policy[LIMIT_TEXT_MAX];   /* "default";q=50;w=5 */
	struct limit_gcra gcra;
	enum limit_by by;
	bool is_dry;
	uint64_t id;      /* of name and numbers: a limit that was changed begins anew */
	unsigned counter; /* its place among the counters */
};

/* All that the configuration says of limits; made anew at each reload. */
struct limit_policy {
	struct limit_rule rules[LIMITS_MAX];
	size_t rules_count;
	struct cidr *exempt, *proxies;
	size_t exempt_count, proxies_count;
	bool trusts_unix;         /* --trusted-proxy unix */
	bool has_x_headers;       /* X-RateLimit-* too */
	struct limit_redis store; /* store.name "": none */
};

/* From where a policy is made. */
struct limit_sources {
	const char *service; /* begins the keys in Redis */
	const struct option_list *limits, *exempt, *proxies;
	const struct limit_rule *own; /* of the program's routes */
	size_t own_count;
	const char *store; /* NULL: none */
	uint64_t store_timeout_ms;
	bool has_x_headers;
};

/* "50/s burst=20 by=header:X-Key route=/data dry-run name=api".  NULL, or what is wrong. */
const char *limit_rule_parse(const char *text, struct limit_rule *rule);

/* The same, for the table of options; and for those of --limit-exempt, and of --trusted-proxy. */
const char *limit_wrong(const char *text);
const char *limit_cidr_wrong(const char *text);
const char *limit_proxy_wrong(const char *text);

/* False, and said, where the parts do not fit together.  limit_policy_fini frees what it holds. */
bool limit_policy_make(struct limit_policy *policy, const struct limit_sources *sources);
void limit_policy_fini(struct limit_policy *policy);

/* ---- What is counted, in shared memory. */

struct limit_count_shm {
	char name[LIMIT_NAME_MAX]; /* the master's to write; "": free */
	_Atomic uint64_t admitted, refused, dry_refused;
};

struct limit_shm {
	struct limit_count_shm counts[LIMITS_MAX + 1]; /* the last: when there are no more */
	_Atomic uint64_t exempt;
	struct limit_redis_shm store;
};

/* What a process needs for decisions. */
struct limit {
	struct limit_shm *shm; /* NULL: there are no limits (plain CGI) */
	struct limit_table table;
	struct limit_policy policy;
};

/* Master: takes its sections, of sizeof(struct limit_shm) and limit_table_bytes(keys). */
void limit_attach(struct limit *limit, struct limit_shm *shm, void *table, size_t keys);

/* Master: takes a new policy, for workers that start from now on. */
void limit_set_policy(struct limit *limit, const struct limit_policy *policy);

/* Worker, at its end. */
void limit_stop(void);

struct limit_decision {
	bool is_admitted;
	struct limit_quota quota;
};

/* `store_until_ns`: Redis is asked until then, so that one request waits for it once. */
struct limit_decision limit_decide(const struct limit *limit, const struct limit_rule *rule,
                                   const uint8_t key[LIMIT_KEY_BYTES], uint64_t now_ns,
                                   uint64_t store_until_ns);

void limit_count_exempt(const struct limit *limit);

/* ---- For those who show it: /metrics, /status.  Any process. */

struct limit_count {
	char name[LIMIT_NAME_MAX];               /* [A-Za-z0-9._/{}-]; good as a label */
	uint64_t admitted, refused, dry_refused; /* decisions */
};

struct limit_counters {
	struct limit_count limits[LIMITS_MAX + 1];
	size_t limits_count;
	uint64_t exempt;         /* requests */
	uint64_t evicted;        /* keys that the table forgot before their time */
	uint64_t store_failures; /* decisions that Redis did not make in time */
	uint64_t store_local;    /* decisions made by the local table for want of Redis, those included */
	uint64_t store_outages;  /* how often Redis went away */
	bool store_is_away;
};

void limit_counters(const struct limit *limit, struct limit_counters *counters);

#endif
