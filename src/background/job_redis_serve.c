/* SPDX-License-Identifier: ISC */
/*
 * job_redis_serve - the jobs' process where Redis has the jobs.
 *
 * It is a consumer of the group, named after its pool.  One connection waits for new
 * entries; the other does the rest.  While a job runs, its entry is claimed again and
 * again (LEASE_MS / 3), so that no other host takes it; what was not claimed for
 * LEASE_MS is a dead host's, and whoever looks first takes it over.  What its own
 * predecessor held it takes over at once.
 */
#include "background/job_redis.h"

#ifdef HAVE_HIREDIS
#include "background/job_away.h"
#include "background/job_breaker.h"
#include "background/job_claim.h"
#include "background/job_pool.h"
#include "background/job_redis_link.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LEASE_MS = 15000,
	LOOK_MS = 250,
	OWN_AFTER_MS = 1000 /* what is being taken just now has its claim by then */,
	CLAIM_EVERY_MS = 1000,
	BLOCK_MS = 60000,
	TRY_MAX_MS = 4 * REDIS_TIMEOUT_MS, /* to connect, AUTH, SELECT, and ask */
	/* What has ended is forgotten by the queue's clock; by Redis' own, which may be set, where no pool is
	   left. */
	EXPIRE_AFTER_MS = 7 * 86400000
};

struct consumer {
	const struct background *background;
	redisContext *redis, *waiter; /* NULL: not connected */
	char stream[128], name[192];
	bool is_asking; /* the waiter was told to wait */
	struct job_away away;
	/* What the queue's clock showed, when that was (CLOCK_BOOTTIME), and its steps; 0: not known. */
	uint64_t clock_ms, clock_at_ms, steps;
	unsigned others; /* jobs that the generation before holds */
	bool is_new;     /* what the predecessor held is not yet looked at */
	uint64_t own_at_ms, look_at_ms, claim_at_ms, renew_at_ms, away_until_ms; /* monotonic */
	struct job_pool pool;
};

static uint64_t steady_ms(void)
{
	return clock_ns() / 1000000;
}

/* ---- The connection. */

static void hang_up(struct consumer *c)
{
	if (c->redis)
		redisFree(c->redis);
	if (c->waiter)
		redisFree(c->waiter);
	c->redis = c->waiter = NULL;
	c->is_asking = false;
}

static void note_away(struct consumer *c, const char *problem)
{
	uint64_t now_ms = steady_ms();

	struct jobs_shm *shm = &c->background->shm->jobs;
	uint64_t pause_ms = job_away_note(&c->away, shm, problem, now_ms);

	c->away_until_ms = now_ms + pause_ms;
	job_breaker_hold(shm, pause_ms + TRY_MAX_MS, now_ms);
	hang_up(c);
}

/* With what the connection says; it is to be hung up. */
static void note_lost(struct consumer *c, const char *text)
{
	char problem[BACKGROUND_REASON_MAX];

	snprintf(problem, sizeof problem, "Redis: %s", text);
	note_away(c, problem);
}

/* Pool and host: stable while the pool lives. */
static void name_consumer(struct consumer *c)
{
	const char *place = strrchr(c->background->place, '/');
	char host[64] = "";

	gethostname(host, sizeof host - 1);
	snprintf(c->name, sizeof c->name, "%s:%s", host, place ? place + 1 : "pool");
	job_redis_key(c->background, c->stream, sizeof c->stream, "stream");
}

static bool connect_both(struct consumer *c)
{
	const char *url = c->background->settings->jobs;
	const struct timeval none = { 0 };

	if (c->redis)
		return true;
	if (steady_ms() < c->away_until_ms)
		return false;
	c->redis = job_redis_connect(url);
	c->waiter = c->redis ? job_redis_connect(url) : NULL;
	if (!c->waiter) {
		note_away(c, job_redis_problem());
		return false;
	}
	redisSetTimeout(c->waiter, none);
	c->is_new = true;
	return true;
}

/* ---- The queue's clock. */

static uint64_t boot_ms(void)
{
	return clock_read_ns(CLOCK_BOOTTIME) / 1000000;
}

enum { CLOCK_TEXT_MAX = 24 };

static void write_clock(const struct consumer *c, char clock[CLOCK_TEXT_MAX], char steps[CLOCK_TEXT_MAX])
{
	*clock = '\0';
	if (c->clock_ms)
		snprintf(clock, CLOCK_TEXT_MAX, "%llu",
		         (unsigned long long)c->clock_ms + (boot_ms() - c->clock_at_ms));
	snprintf(steps, CLOCK_TEXT_MAX, "%llu", (unsigned long long)c->steps);
}

static void note_clock(struct consumer *c, const redisReply *ms, const redisReply *steps)
{
	c->clock_ms = (uint64_t)ms->integer;
	c->clock_at_ms = boot_ms();
	c->steps = (uint64_t)steps->integer;
}

/* NULL: the connection was lost. */
static redisReply *run(struct consumer *c, enum job_redis_script script, const char *const *arguments)
{
	redisReply *reply = c->redis ? job_redis_run(c->redis, c->background, script, arguments) : NULL;

	if (!reply && c->redis)
		note_away(c, job_redis_problem());
	return reply;
}

static redisReply *command(struct consumer *c, int count, const char **words)
{
	redisReply *reply = c->redis ? redisCommandArgv(c->redis, count, words, NULL) : NULL;

	if (c->redis && (!reply || reply->type == REDIS_REPLY_ERROR)) {
		note_lost(c, reply ? reply->str : c->redis->errstr);
		freeReplyObject(reply);
		return NULL;
	}
	return reply;
}

/* ---- Taking. */

static void fill(struct consumer *c, struct job_run *free_run, const char *id, const char *ticket,
                 const redisReply *taken)
{
	struct job_entry *entry = &free_run->entry;

	snprintf(entry->id, sizeof entry->id, "%s", id);
	snprintf(entry->ticket, sizeof entry->ticket, "%s", ticket);
	snprintf(entry->name, sizeof entry->name, "%s", taken->element[0]->str);
	entry->attempt = (unsigned)taken->element[1]->integer;
	entry->input = strdup(taken->element[2]->type == REDIS_REPLY_STRING ? taken->element[2]->str : "");
	if (!entry->input)
		percore_no_memory();
	job_pool_take(&c->pool, free_run);
	if (entry->attempt <= (unsigned long)c->background->settings->job_attempts)
		return;
	/* As if it had run, and ended so. */
	free_run->since_ms = steady_ms();
	snprintf(free_run->problem, sizeof free_run->problem, "the process that ran it was killed");
}

/* An entry of the stream: [ticket, ["id", ID]]. */
static void take(struct consumer *c, const redisReply *entry)
{
	struct job_run *free_run = job_pool_free(&c->pool);

	if (!free_run || entry->type != REDIS_REPLY_ARRAY || entry->elements != 2)
		return;
	const redisReply *fields = entry->element[1];
	const char *ticket = entry->element[0]->str;
	bool has_id = fields->type == REDIS_REPLY_ARRAY && fields->elements >= 2;
	if (has_id && job_claim_is_made(&c->background->shm->jobs, fields->element[1]->str))
		return;
	redisReply *taken =
		run(c, REDIS_TAKE, (const char *[]){ has_id ? fields->element[1]->str : "", ticket, NULL });
	if (taken && taken->type == REDIS_REPLY_ARRAY && taken->elements == 3)
		fill(c, free_run, fields->element[1]->str, ticket, taken);
	freeReplyObject(taken);
}

static void take_all(struct consumer *c, const redisReply *entries)
{
	if (entries && entries->type == REDIS_REPLY_ARRAY)
		for (size_t i = 0; i < entries->elements; i++)
			take(c, entries->element[i]);
}

/* [[stream, entries]], or nil. */
static const redisReply *entries_of(const redisReply *reply)
{
	if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
		return NULL;
	const redisReply *stream = reply->element[0];
	return stream->type == REDIS_REPLY_ARRAY && stream->elements == 2 ? stream->element[1] : NULL;
}

static bool is_held(const struct consumer *c, const char *ticket)
{
	for (unsigned i = 0; i < c->pool.size; i++)
		if (c->pool.runs[i].is_taken && strcmp(c->pool.runs[i].entry.ticket, ticket) == 0)
			return true;
	return false;
}

/* What this consumer's name holds and no run of ours does: its predecessor's. */
static void take_own(struct consumer *c)
{
	redisReply *reply = command(c, 9,
	                            (const char *[]){ "XREADGROUP", "GROUP", "percore", c->name, "COUNT",
	                                              "64", "STREAMS", c->stream, "0" });
	const redisReply *entries = entries_of(reply);

	c->is_new = false;
	for (size_t i = 0; entries && i < entries->elements; i++) {
		const redisReply *entry = entries->element[i];
		if (entry->elements != 2 || is_held(c, entry->element[0]->str))
			continue;
		if (job_pool_free(&c->pool))
			take(c, entry);
		else
			c->is_new = true; /* when there is room */
	}
	freeReplyObject(reply);
}

static void take_dead_hosts(struct consumer *c)
{
	char lease[16];

	snprintf(lease, sizeof lease, "%d", LEASE_MS);
	redisReply *reply = command(
		c, 8,
		(const char *[]){ "XAUTOCLAIM", c->stream, "percore", c->name, lease, "0-0", "COUNT", "1" });
	if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2)
		take_all(c, reply->element[1]);
	freeReplyObject(reply);
}

/* What the generation before let go of, dead or alive, is ours where it has not ended. */
static void look_at_others(struct consumer *c)
{
	unsigned others = job_claim_others(&c->background->shm->jobs);

	c->is_new |= others < c->others;
	c->others = others;
}

/* What is due again, and how many wait. */
static void look_at_later(struct consumer *c)
{
	struct jobs_shm *shm = &c->background->shm->jobs;
	char clock[CLOCK_TEXT_MAX], steps[CLOCK_TEXT_MAX], keep[24];

	write_clock(c, clock, steps);
	snprintf(keep, sizeof keep, "%" PRId64, c->background->settings->job_keep_ms);
	redisReply *told = run(c, REDIS_LATER, (const char *[]){ clock, steps, keep, NULL });
	if (told && told->type == REDIS_REPLY_ARRAY && told->elements == 4) {
		atomic_store(&shm->queued, (uint64_t)told->element[0]->integer);
		note_clock(c, told->element[2], told->element[3]);
	}
	if (told) {
		job_away_end(&c->away, shm);
		job_breaker_close(shm);
	}
	freeReplyObject(told);
}

/* Once in a while: also what dead hosts held, right after the clock was looked at, by which their leases run.
 */
static void look(struct consumer *c)
{
	struct jobs_shm *shm = &c->background->shm->jobs;
	uint64_t now_ms = steady_ms();
	bool may = job_pool_may_start(&c->pool), is_time = now_ms >= c->look_at_ms;

	if (c->redis && is_time) {
		look_at_later(c);
		c->look_at_ms = now_ms + LOOK_MS;
	}
	look_at_others(c);
	if (c->redis && c->is_new && now_ms >= c->own_at_ms && may && job_pool_free(&c->pool))
		take_own(c);
	if (c->redis && may && is_time && now_ms >= c->claim_at_ms && job_pool_free(&c->pool)) {
		take_dead_hosts(c);
		c->claim_at_ms = now_ms + CLAIM_EVERY_MS;
	}
	atomic_store(&shm->running, job_claim_count(shm));
}

/* Runs keep their entries from being taken for a dead host's. */
static void renew(struct consumer *c)
{
	if (steady_ms() < c->renew_at_ms)
		return;
	c->renew_at_ms = steady_ms() + LEASE_MS / 3;
	for (unsigned i = 0; i < c->pool.size; i++)
		if (c->pool.runs[i].is_taken && c->redis)
			freeReplyObject(
				command(c, 7,
			                (const char *[]){ "XCLAIM", c->stream, "percore", c->name, "0",
			                                  c->pool.runs[i].entry.ticket, "JUSTID" }));
}

/* ---- New entries: the waiter waits for one while a run is free. */

static void ask_for_new(struct consumer *c)
{
	char block[16];

	if (!c->waiter || c->is_asking || !job_pool_may_start(&c->pool) || !job_pool_free(&c->pool))
		return;
	snprintf(block, sizeof block, "%d", BLOCK_MS);
	redisAppendCommandArgv(c->waiter, 11,
	                       (const char *[]){ "XREADGROUP", "GROUP", "percore", c->name, "COUNT", "1",
	                                         "BLOCK", block, "STREAMS", c->stream, ">" },
	                       NULL);
	int done = 0;
	while (!done)
		if (redisBufferWrite(c->waiter, &done) != REDIS_OK) {
			note_lost(c, c->waiter->errstr);
			return;
		}
	c->is_asking = true;
}

static void read_new(struct consumer *c)
{
	void *reply = NULL;

	if (redisBufferRead(c->waiter) != REDIS_OK ||
	    redisGetReplyFromReader(c->waiter, &reply) != REDIS_OK) {
		note_lost(c, c->waiter->errstr);
		return;
	}
	if (!reply)
		return; /* a part */
	c->is_asking = false;
	take_all(c, entries_of(reply));
	freeReplyObject(reply);
}

/* Another generation asks: an entry that comes now would begin here. */
static void stop_asking(struct consumer *c)
{
	if (c->waiter)
		redisFree(c->waiter);
	c->waiter = NULL;
	c->is_asking = false;
}

/* ---- Ends. */

static bool write_end(struct consumer *c, const struct job_run *ended, const struct job_end *end)
{
	const struct settings *s = c->background->settings;
	char attempt[16], state[4], delay[24], expire[24], count[24], bytes[24], clock[CLOCK_TEXT_MAX],
		steps[CLOCK_TEXT_MAX];

	snprintf(attempt, sizeof attempt, "%u", ended->entry.attempt);
	snprintf(state, sizeof state, "%d", (int)end->state);
	snprintf(delay, sizeof delay, "%llu", (unsigned long long)end->delay_ms);
	snprintf(expire, sizeof expire, "%lld", (long long)s->job_keep_ms + EXPIRE_AFTER_MS);
	snprintf(count, sizeof count, "%" PRId64, s->job_keep_count);
	snprintf(bytes, sizeof bytes, "%" PRId64, s->job_keep_bytes);
	write_clock(c, clock, steps);
	redisReply *reply =
		run(c, REDIS_END,
	            (const char *[]){ clock, steps, ended->entry.id, ended->entry.ticket, attempt, state,
	                              delay, end->result ? end->result : "", end->reason ? end->reason : "",
	                              end->uncounted ? "1" : "0", expire, count, bytes, NULL });
	freeReplyObject(reply);
	return reply != NULL;
}

static void write_ends(struct consumer *c)
{
	for (unsigned i = 0; i < c->pool.size && c->redis; i++) {
		struct job_run *ended = &c->pool.runs[i];
		if (!job_pool_has_ended(ended))
			continue;
		const struct job_outcome outcome = job_run_outcome(ended);
		const struct job_end end = job_judge(c->background->settings, &ended->entry, &outcome);
		fault_point("job-written");
		if (!write_end(c, ended, &end))
			return;
		job_pool_clear(&c->pool, ended, &end);
	}
}

/* ---- The process. */

static void wait_for_work(struct consumer *c)
{
	static struct pollfd fds[1 + 1 + JOB_POOL_MAX];
	nfds_t count = 0;

	if (c->is_asking)
		fds[count++] = (struct pollfd){ .fd = c->waiter->fd, .events = POLLIN };
	job_pool_wait(&c->pool, fds, count, LOOK_MS);
	if (count > 0 && fds[0].revents)
		read_new(c);
}

int job_redis_serve(const struct background *b)
{
	static struct consumer c;

	c.background = b;
	name_consumer(&c);
	if (job_pool_init(&c.pool, b) != 0)
		return 1;
	c.own_at_ms = steady_ms() + OWN_AFTER_MS;
	/* Without Redis, what ended cannot be given back; its lease runs out. */
	while (!job_pool_leaves(&c.pool) ||
	       (job_pool_busy(&c.pool) > 0 && (c.redis || job_pool_runs(&c.pool)))) {
		connect_both(&c);
		write_ends(&c);
		renew(&c);
		look(&c);
		if (job_pool_leaves(&c.pool))
			stop_asking(&c);
		else
			ask_for_new(&c);
		job_pool_start(&c.pool);
		wait_for_work(&c);
	}
	hang_up(&c);
	return 0;
}
#endif
