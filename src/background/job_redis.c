/* SPDX-License-Identifier: ISC */
/* job_redis - see job_redis.h. */
#include "background/job_redis.h"

#include "background/job_store.h"
#include "base/log.h"

#ifdef HAVE_HIREDIS
#include "background/job_breaker.h"
#include "background/job_redis_link.h"
#include "base/clock.h"
#include "base/redis_url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool job_redis_check(const char *url)
{
	char shown[REDIS_URL_SHOWN_MAX];
	struct redis_url parsed;
	const char *wrong = redis_url_parse(url, &parsed);

	if (!wrong)
		return true;
	redis_url_print(url, shown, sizeof shown);
	log_error("jobs %s: %s", shown, wrong);
	return false;
}

/* ---- The connection. */

/* True when Redis did it; *error, if it answered one, takes its text. */
static bool command(redisContext *redis, int count, const char **words, char *error, size_t size)
{
	redisReply *reply = redisCommandArgv(redis, count, words, NULL);
	bool good = reply && reply->type != REDIS_REPLY_ERROR;

	snprintf(error, size, "%s", !reply ? redis->errstr : good ? "" : reply->str);
	freeReplyObject(reply);
	return good;
}

/* NULL, or what is wrong.  What Redis answers to AUTH is not said as it is: it may repeat the password. */
static const char *enter(redisContext *redis, const struct redis_url *url)
{
	static char error[128];
	const char *words[REDIS_URL_AUTH_MAX];
	char database[16];
	int count = redis_url_auth(url, words);

	if (count > 0 && !command(redis, count, words, error, sizeof error)) {
		const char *refusal = redis_url_refusal(error);
		return redis->err ? redis->errstr : refusal ? refusal : "Redis refuses AUTH";
	}
	snprintf(database, sizeof database, "%u", url->database);
	if (url->database == 0 ||
	    command(redis, 2, (const char *[]){ "SELECT", database }, error, sizeof error))
		return NULL;
	const char *refusal = redis_url_refusal(error);
	return refusal ? refusal : error;
}

static char problem[BACKGROUND_REASON_MAX];

const char *job_redis_problem(void)
{
	return problem;
}

redisContext *job_redis_connect(const char *text)
{
	const struct timeval timeout = { .tv_sec = REDIS_TIMEOUT_MS / 1000 };
	struct redis_url url;

	strcpy(problem, "Redis: no connection");
	if (redis_url_parse(text, &url))
		return NULL;
	redisContext *redis = *url.path ? redisConnectUnixWithTimeout(url.path, timeout)
	                                : redisConnectWithTimeout(url.host, (int)url.port, timeout);
	if (!redis)
		return NULL;
	bool is_ready = !redis->err && redisSetTimeout(redis, timeout) == REDIS_OK;
	const char *wrong = is_ready ? enter(redis, &url) : redis->errstr;
	if (!wrong)
		return redis;
	snprintf(problem, sizeof problem, "Redis %.50s: %s", *url.path ? url.path : url.host, wrong);
	redisFree(redis);
	return NULL;
}

void job_redis_key(const struct background *b, char *key, size_t size, const char *rest)
{
	snprintf(key, size, "{percore:%s}:%s", b->name, rest);
}

/* ---- The scripts.  KEYS[1] is the stream; the other keys share its prefix and so its slot. */

#define SCRIPT_HEAD                                                                                          \
	"local p = string.sub(KEYS[1], 1, -7) "                                                              \
	"local t = redis.call('TIME') local wall = t[1] * 1000 + math.floor(t[2] / 1000) "                   \
	"local clock = redis.call('HMGET', p .. 'clock', 'offset', 'seen', 'steps') "                        \
	"local now = wall + (clock[1] or 0) "

/*
 * Arguments 1 and 2: what the clock should show ("": not known), and the steps as of then.  More than 5 s
 * off, it was set: then idle times of the group are of no use either, and begin anew.
 */
#define SCRIPT_STEADY                                                                                        \
	SCRIPT_HEAD                                                                                          \
	"local should = math.max(now, tonumber(clock[2] or 0)) "                                             \
	"if ARGV[1] ~= '' and ARGV[2] == (clock[3] or '0') then should = tonumber(ARGV[1]) end "             \
	"if math.abs(should - now) > 5000 then now = should "                                                \
	"redis.call('HSET', p .. 'clock', 'offset', string.format('%.0f', now - wall), "                     \
	"'seen', string.format('%.0f', now)) redis.call('HINCRBY', p .. 'clock', 'steps', 1) "               \
	"for _, e in ipairs(redis.pcall('XPENDING', KEYS[1], 'percore', '-', '+', 1000)) do "                \
	"redis.call('XCLAIM', KEYS[1], 'percore', e[2], 0, e[1], 'IDLE', 0, 'JUSTID') end end "

/* Forgets a job that has ended: drop('ID:BYTES'). */
#define SCRIPT_DROP                                                                                          \
	"local function drop(member) redis.call('ZREM', p .. 'ended', member) "                              \
	"redis.call('DECRBY', p .. 'ended-bytes', string.match(member, ':(%d+)$')) "                         \
	"local id = string.match(member, '^(.*):') local job = p .. 'job:' .. id "                           \
	"local had = redis.call('HMGET', job, 'name', 'key') redis.call('DEL', job) "                        \
	"local key = had[1] and had[2] and had[2] ~= '' and p .. 'key:' .. had[1] .. ':' .. had[2] "         \
	"if key and redis.call('GET', key) == id then redis.call('DEL', key) end end "

static const char *const scripts[REDIS_SCRIPTS] = {
	/* id, name, key, input, queue_max: the id that is kept, or false where the queue is full. */
	[REDIS_ADD] = SCRIPT_HEAD
	"redis.pcall('XGROUP', 'CREATE', KEYS[1], 'percore', '0', 'MKSTREAM') "
	"local job, key = p .. 'job:' .. ARGV[1], p .. 'key:' .. ARGV[2] .. ':' .. ARGV[3] "
	"if redis.call('EXISTS', job) == 1 then return ARGV[1] end "
	"local had = ARGV[3] ~= '' and redis.call('GET', key) "
	"if had and redis.call('EXISTS', p .. 'job:' .. had) == 1 then return had end "
	"local waiting = redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', p .. 'later') "
	"- redis.call('XPENDING', KEYS[1], 'percore')[1] "
	"if waiting >= tonumber(ARGV[5]) then return false end "
	"redis.call('HSET', job, 'name', ARGV[2], 'input', ARGV[4], 'state', 0, 'attempts', 0, 'created', "
	"now, "
	"'key', ARGV[3]) "
	"if ARGV[3] ~= '' then redis.call('SET', key, ARGV[1]) end "
	"redis.call('XADD', KEYS[1], '*', 'id', ARGV[1]) return ARGV[1]",
	/* id, ticket: name, attempt, input; or false where it is to be run no more. */
	[REDIS_TAKE] = SCRIPT_HEAD
	"local job = p .. 'job:' .. ARGV[1] local had = redis.call('HMGET', job, 'name', 'input', 'state') "
	"if not had[1] or tonumber(had[3]) > 1 then redis.call('XACK', KEYS[1], 'percore', ARGV[2]) "
	"redis.call('XDEL', KEYS[1], ARGV[2]) return false end "
	"redis.call('HSET', job, 'state', 1, 'started', now) "
	"return { had[1], redis.call('HINCRBY', job, 'attempts', 1), had[2] }",
	/* clock, steps, id, ticket, attempt, state, delay_ms, result, reason, uncounted, expire_ms,
	   keep_count, keep_bytes: 1, or 0 where it was another's. */
	[REDIS_END] = SCRIPT_STEADY SCRIPT_DROP
	"local job = p .. 'job:' .. ARGV[3] local had = redis.call('HMGET', job, 'attempts', 'state', "
	"'name', 'key') "
	"redis.call('XACK', KEYS[1], 'percore', ARGV[4]) redis.call('XDEL', KEYS[1], ARGV[4]) "
	"if had[1] ~= ARGV[5] or had[2] ~= '1' then return 0 end "
	"redis.call('HSET', job, 'state', ARGV[6], 'reason', ARGV[9]) "
	"if ARGV[6] == '0' then if ARGV[10] == '1' then redis.call('HINCRBY', job, 'attempts', -1) end "
	"redis.call('HSET', job, 'due', now + ARGV[7]) redis.call('ZADD', p .. 'later', now + ARGV[7], "
	"ARGV[3]) "
	"else redis.call('HSET', job, 'ended', now, 'result', ARGV[8]) redis.call('HDEL', job, 'input') "
	"redis.call('PEXPIRE', job, ARGV[11]) "
	"if had[4] ~= '' then redis.call('PEXPIRE', p .. 'key:' .. had[3] .. ':' .. had[4], ARGV[11]) end "
	"local bytes = #ARGV[8] + #ARGV[9] redis.call('ZADD', p .. 'ended', now, ARGV[3] .. ':' .. bytes) "
	"bytes = redis.call('INCRBY', p .. 'ended-bytes', bytes) "
	"for i = 1, 1000 do if redis.call('ZCARD', p .. 'ended') <= tonumber(ARGV[12]) "
	"and bytes <= tonumber(ARGV[13]) then break end "
	"drop(redis.call('ZRANGE', p .. 'ended', 0, 0)[1]) "
	"bytes = tonumber(redis.call('GET', p .. 'ended-bytes')) end end return 1",
	/* clock, steps, keep_ms: moves what is due from the set to the stream, forgets what is old; how many
	   wait and run, clock, steps. */
	[REDIS_LATER] = SCRIPT_STEADY SCRIPT_DROP
	"redis.pcall('XGROUP', 'CREATE', KEYS[1], 'percore', '0', 'MKSTREAM') "
	"if now >= tonumber(clock[2] or 0) + 1000 and redis.call('ZCARD', p .. 'later') > 0 then "
	"redis.call('HSET', p .. 'clock', 'seen', string.format('%.0f', now)) end "
	"for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'later', '-inf', now, 'LIMIT', 0, 100)) do "
	"redis.call('ZREM', p .. 'later', id) redis.call('XADD', KEYS[1], '*', 'id', id) end "
	"for _, member in ipairs(redis.call('ZRANGEBYSCORE', p .. 'ended', '-inf', now - ARGV[3], 'LIMIT', "
	"0, "
	"100)) do drop(member) end "
	"local running = redis.call('XPENDING', KEYS[1], 'percore')[1] "
	"return { redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', p .. 'later') - running, running, "
	"now, tonumber(redis.call('HGET', p .. 'clock', 'steps') or 0) }",
	/* id: how it fares, and the clock's offset. */
	[REDIS_LOOK] = SCRIPT_HEAD
	"local told = redis.call('HMGET', p .. 'job:' .. ARGV[1], 'name', 'state', 'attempts', 'created', "
	"'started', 'ended', 'due', 'result', 'reason') told[10] = clock[1] return told",
};

enum { WORDS_MAX = 20 };

redisReply *job_redis_run(redisContext *redis, const struct background *b, enum job_redis_script script,
                          const char *const *arguments)
{
	char stream[128];
	const char *words[WORDS_MAX] = { "EVAL", scripts[script], "1", stream };
	int count = 4;

	job_redis_key(b, stream, sizeof stream, "stream");
	for (; *arguments && count < WORDS_MAX; arguments++)
		words[count++] = *arguments;
	redisReply *reply = redisCommandArgv(redis, count, words, NULL);
	if (reply && reply->type != REDIS_REPLY_ERROR)
		return reply;
	const char *refusal = reply ? redis_url_refusal(reply->str) : NULL;
	snprintf(problem, sizeof problem, "Redis: %.160s",
	         refusal ? refusal
	         : reply ? reply->str
	                 : redis->errstr);
	freeReplyObject(reply);
	return NULL;
}

/* ---- The worker's side. */

/* NULL: it failed, now or before.  Said, unless the jobs' process has said it of the store. */
static redisContext *reach(const struct background *b)
{
	struct jobs_shm *shm = &b->shm->jobs;

	if (!job_breaker_admits(shm, clock_coarse_ms()))
		return NULL;
	redisContext *redis = job_redis_connect(b->settings->jobs);
	if (redis)
		return redis;
	job_breaker_note(shm, true, clock_coarse_ms());
	if (!atomic_load(&shm->is_away))
		log_error("jobs: %s", problem);
	return NULL;
}

/* An error that Redis answers is an answer. */
static void let_go(const struct background *b, redisContext *redis, redisReply *reply)
{
	job_breaker_note(&b->shm->jobs, redis->err != 0, clock_coarse_ms());
	freeReplyObject(reply);
	redisFree(redis);
}

enum job_verdict job_redis_add(const struct background *b, struct job_offer *offer)
{
	char queue_max[24];
	redisContext *redis = reach(b);
	enum job_verdict verdict = JOB_AWAY;

	if (!redis)
		return JOB_AWAY;
	snprintf(queue_max, sizeof queue_max, "%" PRId64, b->settings->job_queue);
	redisReply *reply = job_redis_run(
		redis, b, REDIS_ADD,
		(const char *[]){ offer->id, offer->name, offer->key, offer->input, queue_max, NULL });
	if (!reply)
		log_error("jobs: %s", problem);
	else if (reply->type == REDIS_REPLY_NIL)
		verdict = JOB_FULL;
	else if (reply->type == REDIS_REPLY_STRING) {
		snprintf(offer->id, sizeof offer->id, "%s", reply->str);
		verdict = JOB_OK;
	}
	let_go(b, redis, reply);
	return verdict;
}

static const char *text_at(const redisReply *reply, size_t at)
{
	return reply->element[at]->type == REDIS_REPLY_STRING ? reply->element[at]->str : "";
}

static uint64_t number_at(const redisReply *reply, size_t at)
{
	return strtoull(text_at(reply, at), NULL, 10);
}

/* For people: by Redis' own clock as it is now. */
static uint64_t time_at(const redisReply *reply, size_t at)
{
	uint64_t ms = number_at(reply, at);

	return ms ? ms - (uint64_t)strtoll(text_at(reply, 9), NULL, 10) : 0;
}

static char *describe(const char *id, const redisReply *reply)
{
	uint64_t state = number_at(reply, 1);
	const struct job_report report = { .id = id,
		                           .name = text_at(reply, 0),
		                           .state = state < JOB_STATES ? (enum job_state)state : JOB_FAILED,
		                           .attempts = (unsigned)number_at(reply, 2),
		                           .created_ms = time_at(reply, 3),
		                           .started_ms = time_at(reply, 4),
		                           .ended_ms = time_at(reply, 5),
		                           .due_ms = time_at(reply, 6),
		                           .result = *text_at(reply, 7) ? text_at(reply, 7) : NULL,
		                           .reason = text_at(reply, 8) };

	return job_report_text(&report);
}

enum job_verdict job_redis_look(const struct background *b, const char *id, char **text)
{
	redisContext *redis = reach(b);

	if (!redis)
		return JOB_AWAY;
	redisReply *reply = job_redis_run(redis, b, REDIS_LOOK, (const char *[]){ id, NULL });
	enum job_verdict verdict =
		reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 10 ? JOB_OK : JOB_AWAY;
	if (verdict == JOB_OK && reply->element[0]->type != REDIS_REPLY_STRING)
		verdict = JOB_NONE;
	if (verdict == JOB_OK)
		*text = describe(id, reply);
	let_go(b, redis, reply);
	return verdict;
}
#else
bool job_redis_check(const char *url)
{
	(void)url;
	log_error(
		"jobs: this percore was built without hiredis; name a file, or build it with libhiredis-dev");
	return false;
}

enum job_verdict job_redis_add(const struct background *b, struct job_offer *offer)
{
	(void)b;
	(void)offer;
	return JOB_AWAY;
}

enum job_verdict job_redis_look(const struct background *b, const char *id, char **text)
{
	(void)b;
	(void)id;
	(void)text;
	return JOB_AWAY;
}

int job_redis_serve(const struct background *b)
{
	(void)b;
	return 1;
}
#endif

const struct job_store job_store_redis = {
	.check = job_redis_check, .add = job_redis_add, .look = job_redis_look, .serve = job_redis_serve
};
