/* SPDX-License-Identifier: ISC */
/*
 * limit_redis - see limit_redis.h.
 *
 * hiredis makes the commands and reads the answers; the socket and the waiting are
 * ours, for its own timeouts are per system call and not per question.
 */
#include "state/limit_redis.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef HAVE_HIREDIS
#include <hiredis/hiredis.h>

enum { PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 2000 };

/* limit_redis_shm.is_away */
enum { HERE, AWAY, REFUSING };

/*
 * limit_gcra.h in Lua: KEYS[1] holds the debt's end, in ticks of 100 ns since June
 * 2025, exact in a double until 2053.  An end further ahead than can be means that
 * Redis' clock was set back.
 */
static const char script[] = "local t = redis.call('TIME')\n"
			     "local now = (t[1] - 1750000000) * 10000000 + t[2] * 10\n"
			     "local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
			     "local debt = (tonumber(redis.call('GET', KEYS[1]) or now) or now) - now\n"
			     "if debt < 0 or debt > window + 10000000 then debt = 0 end\n"
			     "if debt + interval > window then return {0, debt} end\n"
			     "debt = debt + interval\n"
			     "redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', "
			     "math.ceil(debt / 10000) + 1000)\n"
			     "return {1, debt}\n";

/* ---- The option. */

static const char *look_up(struct limit_redis *redis)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	static char wrong[128];
	struct addrinfo *found;
	char service[8];

	snprintf(service, sizeof service, "%u", redis->url.port);
	int error = getaddrinfo(redis->url.host, service, &hints, &found);
	if (error) {
		snprintf(wrong, sizeof wrong, "the host %.60s is not known: %.40s", redis->url.host,
		         gai_strerror(error));
		return wrong;
	}
	memcpy(&redis->address, found->ai_addr, found->ai_addrlen);
	redis->address_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return NULL;
}

const char *limit_redis_parse(const char *text, struct limit_redis *redis)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&redis->address;
	static_assert(sizeof redis->url.path == sizeof address->sun_path, "a path of any length allowed");

	*redis = (struct limit_redis){ 0 };
	const char *wrong = redis_url_parse(text, &redis->url);
	if (wrong)
		return wrong;
	redis_url_print(text, redis->name, sizeof redis->name);
	if (!*redis->url.path)
		return look_up(redis);
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, redis->url.path);
	redis->address_bytes = sizeof *address;
	return NULL;
}

/* ---- The connection: of this process. */

static redisContext *connection;
static char script_hash[64];
static char failure[160]; /* what went wrong last */
static bool is_refused;   /* it was the user or the password */

static bool fail(const char *what)
{
	snprintf(failure, sizeof failure, "%s", what);
	is_refused = false;
	return false;
}

static bool fail_with(const redisReply *reply)
{
	const char *refusal = reply->type == REDIS_REPLY_ERROR ? redis_url_refusal(reply->str) : NULL;

	fail(refusal ? refusal : reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of another kind");
	is_refused = refusal != NULL;
	return false;
}

static void disconnect(void)
{
	redisFree(connection);
	connection = NULL;
}

static bool wait_until(int fd, short events, uint64_t until_ns)
{
	struct pollfd poll = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now_ns = clock_ns();
		uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
		const struct timespec left = { .tv_sec = (time_t)(left_ns / 1000000000),
			                       .tv_nsec = (long)(left_ns % 1000000000) };
		int n = left_ns ? ppoll(&poll, 1, &left, NULL) : 0;
		if (n == 0)
			return fail("no answer in time");
		if (n > 0)
			return true;
		if (errno != EINTR)
			return fail(strerror(errno));
	}
}

static int connect_until(const struct limit_redis *redis, uint64_t until_ns)
{
	int fd = socket(redis->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;
	socklen_t size = sizeof error;

	if (fd < 0) {
		fail(strerror(errno));
		return -1;
	}
	if (connect(fd, (const struct sockaddr *)&redis->address, redis->address_bytes) != 0)
		error = errno;
	if (error == EINPROGRESS && wait_until(fd, POLLOUT, until_ns))
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error == 0) {
		if (redis->address.ss_family != AF_UNIX)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		return fd;
	}
	if (error != EINPROGRESS) /* that one is said already */
		fail(strerror(error));
	close(fd);
	return -1;
}

static bool send_command(uint64_t until_ns, int argc, const char **argv)
{
	int done = 0;

	if (redisAppendCommandArgv(connection, argc, argv, NULL) != REDIS_OK)
		return fail("no memory");
	while (!done) {
		if (redisBufferWrite(connection, &done) != REDIS_OK)
			return fail(connection->errstr);
		if (!done && !wait_until(connection->fd, POLLOUT, until_ns))
			return false;
	}
	return true;
}

/* NULL: failed, and the connection is of no more use.  An error that Redis answers is a reply. */
static redisReply *ask(uint64_t until_ns, int argc, const char **argv)
{
	void *reply = NULL;

	if (!send_command(until_ns, argc, argv))
		return NULL;
	for (;;) {
		if (redisGetReplyFromReader(connection, &reply) != REDIS_OK) {
			fail(connection->errstr);
			return NULL;
		}
		if (reply)
			return reply;
		if (!wait_until(connection->fd, POLLIN, until_ns))
			return NULL;
		if (redisBufferRead(connection) != REDIS_OK) {
			fail(connection->errstr);
			return NULL;
		}
	}
}

/* True when Redis answered with something of this type; *text, if any, takes its string. */
static bool ask_for(int type, uint64_t until_ns, int argc, const char **argv, char *text, size_t size)
{
	redisReply *reply = ask(until_ns, argc, argv);
	bool good = reply && reply->type == type;

	if (reply && !good)
		fail_with(reply);
	if (good && text)
		snprintf(text, size, "%s", reply->str);
	if (reply)
		freeReplyObject(reply);
	return good;
}

/* What Redis answers here is not said as it is: it may repeat the password. */
static bool log_in(const struct redis_url *url, uint64_t until_ns)
{
	const char *words[REDIS_URL_AUTH_MAX];
	int count = redis_url_auth(url, words);

	if (count == 0)
		return true;
	redisReply *reply = ask(until_ns, count, words);
	if (!reply)
		return false;
	bool good = reply->type == REDIS_REPLY_STATUS;
	if (!good) {
		const char *refusal = reply->type == REDIS_REPLY_ERROR ? redis_url_refusal(reply->str) : NULL;
		fail(refusal ? refusal : "Redis refuses AUTH");
		is_refused = true;
	}
	freeReplyObject(reply);
	return good;
}

/* The database, and the script into it. */
static bool prepare(const struct redis_url *url, uint64_t until_ns)
{
	char database[16];
	const char *select[] = { "SELECT", database }, *load[] = { "SCRIPT", "LOAD", script };

	snprintf(database, sizeof database, "%u", url->database);
	return (url->database == 0 || ask_for(REDIS_REPLY_STATUS, until_ns, 2, select, NULL, 0)) &&
	       ask_for(REDIS_REPLY_STRING, until_ns, 3, load, script_hash, sizeof script_hash);
}

static bool open_connection(const struct limit_redis *redis, uint64_t until_ns)
{
	int fd = connect_until(redis, until_ns);

	if (fd < 0)
		return false;
	connection = redisConnectFd(fd);
	if (!connection) {
		close(fd);
		return fail("no memory");
	}
	connection->flags &= ~REDIS_BLOCK;
	if (log_in(&redis->url, until_ns) && prepare(&redis->url, until_ns))
		return true;
	disconnect();
	return false;
}

/* ---- The decision. */

static bool read_decision(const redisReply *reply, bool *admitted, uint64_t *debt_ns)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    reply->element[0]->type != REDIS_REPLY_INTEGER ||
	    reply->element[1]->type != REDIS_REPLY_INTEGER || reply->element[1]->integer < 0)
		return fail_with(reply);
	*admitted = reply->element[0]->integer == 1;
	*debt_ns = (uint64_t)reply->element[1]->integer * LIMIT_REDIS_TICK_NS;
	return true;
}

/* By the script's hash; where Redis has forgotten the script, with all of it. */
static bool decide(const struct limit_redis_question *q, bool *admitted, uint64_t *debt_ns)
{
	char interval[24], window[24];
	const char *words[] = { "EVALSHA", script_hash, "1", q->key, interval, window };

	snprintf(interval, sizeof interval, "%llu",
	         (unsigned long long)(q->gcra.interval_ns / LIMIT_REDIS_TICK_NS));
	snprintf(window, sizeof window, "%llu",
	         (unsigned long long)(q->gcra.window_ns / LIMIT_REDIS_TICK_NS));
	redisReply *reply = ask(q->until_ns, 6, words);
	if (reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0) {
		freeReplyObject(reply);
		words[0] = "EVAL";
		words[1] = script;
		reply = ask(q->until_ns, 6, words);
	}
	bool good = reply && read_decision(reply, admitted, debt_ns);
	if (reply)
		freeReplyObject(reply);
	return good;
}

/*
 * A connection that was kept may have ended unnoticed, as when Redis was started
 * anew: then a new one is tried, within the same time.
 */
static bool try(const struct limit_redis *redis, const struct limit_redis_question *q, bool *admitted,
                uint64_t *debt_ns)
{
	bool was_kept = connection != NULL;

	if (!connection && !open_connection(redis, q->until_ns))
		return false;
	if (decide(q, admitted, debt_ns))
		return true;
	bool has_ended = connection->err == REDIS_ERR_EOF || connection->err == REDIS_ERR_IO;
	disconnect();
	if (!was_kept || !has_ended || !open_connection(redis, q->until_ns))
		return false;
	if (decide(q, admitted, debt_ns))
		return true;
	disconnect();
	return false;
}

/* ---- Outages: what the workers of the pool know of Redis together. */

/* While it is away: is it for us to try?  A time further ahead than any pause was written by nobody of ours.
 */
static bool is_our_turn(struct limit_redis_shm *shm)
{
	uint64_t now_ms = clock_coarse_ms();
	uint64_t next_ms = atomic_load(&shm->next_try_ms);

	return (now_ms >= next_ms || next_ms > now_ms + PAUSE_MAX_MS) &&
	       atomic_compare_exchange_strong(&shm->next_try_ms, &next_ms, now_ms + PAUSE_FIRST_MS);
}

/*
 * The try failed: the next one comes after twice the pause.  That it is the password
 * now is said, for unlike the rest it does not pass by itself.
 */
static void stay_away(const struct limit_redis *redis, struct limit_redis_shm *shm)
{
	uint32_t pause_ms = atomic_load(&shm->pause_ms), away = AWAY;

	pause_ms = pause_ms < PAUSE_MAX_MS / 2 ? pause_ms * 2 : PAUSE_MAX_MS;
	atomic_store(&shm->pause_ms, pause_ms);
	atomic_store(&shm->next_try_ms, clock_coarse_ms() + pause_ms);
	if (is_refused && atomic_compare_exchange_strong(&shm->is_away, &away, REFUSING))
		log_warning("limit-store %s: it can be reached, but %s", redis->name, failure);
}

static void go_away(const struct limit_redis *redis, struct limit_redis_shm *shm)
{
	uint64_t now_ms = clock_coarse_ms();
	uint32_t was_away = HERE;

	if (!atomic_compare_exchange_strong(&shm->is_away, &was_away, is_refused ? REFUSING : AWAY))
		return;
	atomic_store(&shm->pause_ms, PAUSE_FIRST_MS);
	atomic_store(&shm->next_try_ms, now_ms + PAUSE_FIRST_MS);
	atomic_store(&shm->since_ms, now_ms);
	atomic_fetch_add(&shm->outages, 1);
	log_warning("limit-store %s: %s; until it is back, this host counts for itself", redis->name,
	            failure);
}

static void note_success(const struct limit_redis *redis, struct limit_redis_shm *shm)
{
	if (atomic_load_explicit(&shm->is_away, memory_order_relaxed) != HERE &&
	    atomic_exchange(&shm->is_away, HERE) != HERE)
		log_notice("limit-store %s: it is back after %llu ms", redis->name,
		           (unsigned long long)(clock_coarse_ms() - atomic_load(&shm->since_ms)));
}

bool limit_redis_admits(const struct limit_redis *redis, struct limit_redis_shm *shm,
                        const struct limit_redis_question *question, bool *admitted, uint64_t *debt_ns)
{
	bool is_away = atomic_load_explicit(&shm->is_away, memory_order_relaxed) != 0;

	if (is_away && !is_our_turn(shm))
		return false;
	if (try(redis, question, admitted, debt_ns)) {
		note_success(redis, shm);
		return true;
	}
	atomic_fetch_add(&shm->failures, 1);
	if (is_away)
		stay_away(redis, shm);
	else
		go_away(redis, shm);
	return false;
}

void limit_redis_stop(void)
{
	if (connection)
		disconnect();
}

#else /* no hiredis */

const char *limit_redis_parse(const char *text, struct limit_redis *redis)
{
	(void)text;
	*redis = (struct limit_redis){ 0 };
	return "this program was built without Redis; install libhiredis-dev and build it --with-hiredis";
}

void limit_redis_stop(void)
{
}

bool limit_redis_admits(const struct limit_redis *redis, struct limit_redis_shm *shm,
                        const struct limit_redis_question *question, bool *admitted, uint64_t *debt_ns)
{
	(void)redis, (void)shm, (void)question, (void)admitted, (void)debt_ns;
	return false;
}

#endif
